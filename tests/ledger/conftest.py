"""Ledgers in PostgreSQL, each in a schema of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import ledger_server
import pytest

from veracore_sync.ledger.opening import open_ledger
from veracore_sync.ledger.postgres.place import PostgresPlace
from veracore_sync.ledger.stores import SqlLedger


@pytest.fixture
def server_place() -> PostgresPlace:
    """A schema that is not there yet."""
    return ledger_server.new_place()


@pytest.fixture
def server_ledger(server_place: PostgresPlace) -> Iterator[SqlLedger]:
    """The ledger in that schema."""
    with closing(open_ledger(server_place)) as made:
        yield made
