"""The SQLite backend: the file, its schema, its locks, and putting a backup in its place."""
