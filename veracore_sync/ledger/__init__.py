"""SQLite: what was intended, sent, seen and failed."""
