"""A scripted server, and a client of it in each dialect."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from veracore_kit import Scripted, oms, rest, scripted

from veracore_sync.veracore.oms.client import OmsWarehouse
from veracore_sync.veracore.rest.client import RestWarehouse


@pytest.fixture(scope="module")
def listener() -> Iterator[Scripted]:
    with scripted() as running:
        yield running


@pytest.fixture
def server(listener: Scripted) -> Scripted:
    listener.seen.clear()
    listener.script.clear()
    return listener


@pytest.fixture
def soap(server: Scripted) -> Iterator[OmsWarehouse]:
    client = oms(server.url)
    yield client
    client.close()


@pytest.fixture
def json_api(server: Scripted) -> Iterator[RestWarehouse]:
    client = rest(server.url)
    yield client
    client.close()
