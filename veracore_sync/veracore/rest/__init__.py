"""The REST dialect that the brief assumes (docs/wire.md)."""
