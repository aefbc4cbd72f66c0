"""What happened: events and where they go."""
