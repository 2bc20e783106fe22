"""What was intended, sent, seen and failed: stores over a backend, which is SQLite."""

from __future__ import annotations

from veracore_sync.ledger.opening import open_ledger

__all__ = ["open_ledger"]
