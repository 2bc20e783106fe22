"""The status sentence and the folded alerts: pure, from the document of `stats`."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from veracore_sync.clock import to_text
from veracore_sync.domain.alert_words import ALERT_WORDS, SEVERITY_LABELS, Severity, next_step, rank
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.jobs.stats import overall
from veracore_sync.jobs.status import (
    StatusLevel,
    alert_groups,
    is_unused,
    status_of,
    stock_read_of,
)
from veracore_sync.ledger.opening import open_ledger

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
AGO = to_text(NOW - timedelta(minutes=3))
EARLIER = to_text(NOW - timedelta(hours=5))


def document(*alerts: tuple[str, str | None, str], **totals: Any) -> dict[str, Any]:
    """What `stats` says of a ledger with these alerts, after a run that went well."""
    with closing(open_ledger(None)) as ledger:
        found = overall(ledger)
    found["orders"] |= {"lastSyncTime": AGO, "lastSuccessTime": AGO, "lastExitCode": 0, **totals}
    found["alerts"] = [
        {"kind": kind, "vendureOrderCode": code, "message": message, "openedAt": AGO}
        for kind, code, message in alerts
    ]
    return found


@pytest.mark.parametrize(
    ("state", "level", "sentence"),
    [
        ({}, "ok", "no order is to be sent; nothing needs you"),
        ({"totalSynced": 3, "totalShipped": 2}, "ok", "all orders are at VeraCore; nothing needs"),
        (
            {"totalSynced": 3, "totalPending": 2, "totalFailed": 1},
            "busy",
            "3 orders to go: 2 waiting to be sent, 1 failed, tried again; nothing needs you",
        ),
        (
            {"totalSynced": 3, "lastSuccessTime": EARLIER, "lastError": "VeraCore is away"},
            "busy",
            "nothing needs you yet; sync-orders failed 3 min ago: VeraCore is away; all orders",
        ),
        ({"lastSyncTime": None, "lastSuccessTime": None}, "unused", "no sync has ended here yet"),
        # Orders of a ledger that was rebuilt say nothing about whether anything runs.
        (
            {"lastSyncTime": None, "lastSuccessTime": None, "totalSynced": 1},
            "unused",
            "no sync has ended here yet",
        ),
        # A ledger that lost its alerts still says what needs a person.
        ({"totalParked": 1}, "attention", "1 order needs you: 1 parked"),
    ],
)
def test_the_sentence_of_a_state(state: dict[str, Any], level: str, sentence: str) -> None:
    found = status_of(document(**state), NOW)
    assert found.sentence.startswith(sentence)
    assert found.level == level
    assert found.is_good == (level in ("ok", "busy"))


def test_an_order_counts_once_for_its_gravest_alert() -> None:
    found = status_of(
        document(
            ("order.parked", "T-1", "unknown SKU"),
            ("order.parked", "T-2", "unknown SKU"),
            ("order.old", "T-2", "has waited for an hour"),
            ("order.drift", "T-3", "a line was added"),
            totalParked=2,
        ),
        NOW,
    )
    assert found.orders == 3
    assert found.sentence == ("3 orders need you: 1 changed in the shop after sending, 2 parked")
    assert found.level is StatusLevel.TROUBLE


def test_other_things_come_after_the_orders_and_alone_are_counted() -> None:
    down = ("veracore.down", None, "VeraCore is away")
    guarded = ("stock.guarded", None, "38 increases withheld")
    both = status_of(document(guarded, down, ("order.parked", "T-1", "unknown SKU")), NOW)
    assert both.sentence == (
        "1 order needs you: 1 parked; also: VeraCore is down, stock changes withheld"
    )
    alone = status_of(document(guarded), NOW)
    assert (alone.orders, alone.others) == (0, 1)
    assert alone.sentence == "1 thing needs you: stock changes withheld"
    assert alone.level is StatusLevel.ATTENTION


def test_jobs_and_credentials_are_trouble() -> None:
    state = document()
    state["jobs"] = [{"job": "inventory", "kind": "overdue", "since": EARLIER, "message": "late"}]
    state["upstreams"]["vendure"]["credentialsRefused"] = True
    found = status_of(state, NOW)
    assert found.level is StatusLevel.TROUBLE
    assert found.sentence == (
        "2 things need you: Vendure refuses the credentials, sync-inventory is overdue"
    )


def test_a_ledger_that_is_being_rebuilt_says_only_that() -> None:
    state = document(("order.parked", "T-1", "unknown SKU")) | {"rebuilding": True}
    assert "being rebuilt" in status_of(state, NOW).sentence


def test_equal_alerts_are_one_group_and_the_gravest_comes_first() -> None:
    alerts = [
        {"kind": kind, "vendureOrderCode": code, "message": message, "openedAt": at}
        for kind, code, message, at in (
            ("stock.drift", None, "2 units", EARLIER),
            ("order.parked", "T-1", "T-1 has an unknown SKU", AGO),
            ("order.parked", "T-2", "T-2 has an unknown SKU", EARLIER),
            ("order.parked", "T-3", "no address", AGO),
            ("order.cancelled_in_shop", "T 4", "cancelled", AGO),
        )
    ]
    groups = alert_groups(alerts)
    assert [(one.kind, one.count, one.codes) for one in groups] == [
        ("order.cancelled_in_shop", 1, ("T 4",)),
        ("order.parked", 2, ("T-1", "T-2")),
        ("order.parked", 1, ("T-3",)),
        ("stock.drift", 1, ()),
    ]
    assert (
        groups[0].next
        == "`veracore-sync cancel 'T 4'`, or cancel it at VeraCore by hand, or it ships"
    )
    assert groups[1].since == EARLIER
    assert "CODE" in groups[1].next


def test_a_kind_of_another_version_is_shown_as_it_is() -> None:
    found = status_of(document(("order.future", "T-1", "what is this")), NOW)
    assert found.sentence == "1 order needs you: 1 order.future"


def test_every_kind_has_words_and_every_severity_a_label() -> None:
    assert set(ALERT_WORDS) == set(AlertKind)
    assert set(SEVERITY_LABELS) == set(Severity)
    assert all(len(next_step(kind, None)) <= 150 for kind in AlertKind)
    assert len({rank(kind) for kind in AlertKind}) == len(AlertKind)


def test_a_shop_that_syncs_stock_alone_is_well() -> None:
    state = document(lastSyncTime=None, lastSuccessTime=None)
    state["inventory"] |= {"lastSyncTime": AGO, "lastSuccessTime": AGO}
    found = status_of(state, NOW)
    assert found.is_good
    assert found.sentence == "sync-orders has not run here yet; nothing needs you"


def test_a_ledger_without_a_run_is_unused() -> None:
    with closing(open_ledger(None)) as ledger:
        assert is_unused(overall(ledger))
        ledger.runs.end(ledger.runs.begin("sync-orders"), 0, {})
        assert not is_unused(overall(ledger))


FULL = {"lastFullTime": EARLIER, "lastFullBecause": "--full"}
IN_AN_HOUR = to_text(NOW + timedelta(hours=1))


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        ({"lastMode": None, "nextFullTime": None}, ""),
        (
            {"lastMode": "changes", **FULL, "nextFullTime": IN_AN_HOUR},
            "in the last sync-inventory only levels that may have changed were read; last full "
            "read 5 h ago (--full); the next full read is due in 1 h at the latest",
        ),
        (
            {"lastMode": "full", **FULL, "lastFullBecause": None, "nextFullTime": None},
            "in the last sync-inventory all levels of the shop were read; last full "
            "read 5 h ago; the next full read is the next run",
        ),
        (
            {"lastMode": "named", "lastFullTime": None, "nextFullTime": AGO},
            "in the last sync-inventory only what was named was read; "
            "the next full read is the next run",
        ),
        (
            {"lastMode": "changes", "lastFullTime": None},
            "in the last sync-inventory only levels that may have changed were read",
        ),
    ],
)
def test_what_of_the_stock_was_read(part: dict[str, Any], sentence: str) -> None:
    assert stock_read_of(part, NOW) == sentence
