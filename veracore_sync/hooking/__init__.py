"""Runs order hooks in a process of their own (docs/order-hooks.md)."""
