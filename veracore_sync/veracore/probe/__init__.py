"""What a tenant really has: read only, and shown without its values (docs/wire.md 9)."""
