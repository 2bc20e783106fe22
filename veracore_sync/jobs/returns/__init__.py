"""`sync-returns`: goods that came back, as events and notes."""
