"""Counts what a ledger is asked: durable commits, and reads outside of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass
class Counts:
    """What a ledger was asked."""

    commits: int = 0
    reads: int = 0


@contextmanager
def counted(ledger: Any) -> Iterator[Counts]:
    """Count within the block, for whichever backend, by all threads of this process."""
    counts, database = Counts(), ledger.database
    transaction, rows = database.transaction, database.rows
    depth = 0

    @contextmanager
    def counting() -> Iterator[Any]:
        nonlocal depth
        with transaction() as connection:
            depth += 1
            try:
                yield connection
            finally:
                depth -= 1
                counts.commits += not depth

    def reading(*given: Any) -> Any:
        counts.reads += not depth
        return rows(*given)

    database.transaction, database.rows = counting, reading
    try:
        yield counts
    finally:
        del database.transaction, database.rows
