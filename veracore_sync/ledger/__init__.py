"""The ledger: stores for what was intended, sent, seen and failed, over a backend (SQLite)."""

from __future__ import annotations

from veracore_sync.ledger.opening import open_ledger

__all__ = ["open_ledger"]
