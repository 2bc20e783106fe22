"""The inventory's job: read both sides, plan, write."""
