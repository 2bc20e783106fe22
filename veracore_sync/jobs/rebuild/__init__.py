"""A ledger from nothing: what both sides can show of each order."""
