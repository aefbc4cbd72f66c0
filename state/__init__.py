"""What flows through the graphs: JSON-valued types, reducers and errors. Imports only the standard library."""
