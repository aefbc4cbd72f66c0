"""The relational home: engine, tables, content store, migrations. The only place that imports SQLAlchemy's engine."""
