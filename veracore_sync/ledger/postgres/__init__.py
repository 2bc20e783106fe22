"""The PostgreSQL backend: its connection, schema, leases and errors; loaded with ``ledger.url``."""
