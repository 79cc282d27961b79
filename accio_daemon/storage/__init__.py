"""SQLite: the schema, the writer, the readers."""
