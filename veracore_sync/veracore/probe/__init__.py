"""What a tenant really has: read only, and told without its values (docs/wire.md 9)."""
