"""``sync-inventory``: read both sides, plan, write levels."""
