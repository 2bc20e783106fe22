"""The API while the ledger's server is away."""

from __future__ import annotations

import json
from typing import Any

import pytest

from veracore_sync.admin.api import AdminApi
from veracore_sync.domain.audit import Actor
from veracore_sync.domain.errors import LedgerAway

QUERY = "{ veracoreOrderSyncStats { totalSynced } again: veracoreOrderSyncStats { totalFailed } }"


class Away:
    """Actions on a ledger that cannot be asked."""

    def by(self, _: object) -> Away:
        return self

    @property
    def ledger(self) -> Any:
        return self

    @property
    def orders(self) -> Any:
        raise LedgerAway("the ledger shop1 on db: refused", hint="the next run continues")


def test_it_says_why_and_that_it_is_no_bug(caplog: pytest.LogCaptureFixture) -> None:
    actions: Any = Away()
    body = json.dumps({"query": QUERY}).encode()
    status, found = AdminApi(actions).answer(body, "act", Actor("page", "api", "127.0.0.1"))
    assert status == 200
    assert {one["extensions"]["code"] for one in found["errors"]} == {"LEDGER_UNAVAILABLE"}
    for one in found["errors"]:
        assert "shop1 on db: refused; the next run continues" in one["message"]
    assert len(caplog.records) == 1
    assert caplog.records[0].exc_info is None
