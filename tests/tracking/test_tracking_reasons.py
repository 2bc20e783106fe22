"""Each order that ``sync-tracking`` looked up has its reason, and what waits says until when."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tracking_world import World

from veracore_sync.cli.run_tracking import show
from veracore_sync.jobs.reasons import Reason
from veracore_sync.jobs.tracking.document import tracking_document
from veracore_sync.jobs.tracking.report import TrackingReport


def reasons(report: TrackingReport) -> dict[str, Reason]:
    return {one.names[0]: one for one in report.reasons if one.names}


def test_packages_that_may_change_say_until_when(
    bed: World, capsys: pytest.CaptureFixture[str]
) -> None:
    bed.reopen(VERACORE_SYNC_TRACKING__SETTLE_MINUTES="30")
    order = bed.place(("MUG", 2))
    bed.send()
    bed.ship(order, tracking="1Z999AA10123456784")
    report = bed.track()
    found = reasons(report)[order.code]
    assert found.what == "waiting"
    assert found.at is not None
    assert timedelta(minutes=29) < found.at - bed.clock.now() <= timedelta(minutes=30)
    until = f"until {found.at:%Y-%m-%d %H:%M} UTC (tracking.settle_minutes)"
    assert found.reason == f"its packages may still change {until}"
    [outcome] = tracking_document(report)["orders"]
    assert outcome["until"].startswith(f"{found.at:%Y-%m-%dT%H:%M}")
    show(report)
    out = " ".join(capsys.readouterr().out.split())
    assert f"{order.code}: waiting: its packages may still change {until}" in out
    planned = bed.track(dry_run=True)
    [action] = tracking_document(planned)["plan"]
    assert action["until"] == outcome["until"]


def test_an_order_with_nothing_to_do_says_why(bed: World) -> None:
    order = bed.place(("MUG", 2))
    bed.send()
    report = bed.track(order.code)
    assert reasons(report)[order.code].reason == "VeraCore has shipped nothing of it yet"
    bed.ship(order, [("MUG", 1)], "1Z999AA10123456784")
    assert reasons(bed.track(order.code))[order.code].what == "fulfilled"
    again = bed.track(order.code)
    assert reasons(again)[order.code].reason == "the shop has what VeraCore shipped of it"


def test_an_order_that_cannot_ship_says_so(bed: World) -> None:
    order = bed.place(("MUG", 1), address={"city": ""})
    bed.run_orders()
    found = reasons(bed.track(order.code))[order.code]
    assert found.what == "not looked up"
    assert "it is parked" in found.reason
    assert f"sync-orders --order {order.code}`" in found.next


def test_one_that_is_gone_at_veracore_is_a_number_with_its_reason(bed: World) -> None:
    order = bed.place(("MUG", 1))
    other = bed.place(("MUG", 1))
    bed.send()
    faults = {"kinds": ["false_absent"], "count": 1, "order": order.code}
    bed.control("faults", faults)
    report = bed.track(order.code, other.code)
    assert report.errors == 1
    found = reasons(report)[order.code]
    assert (found.what, found.count) == ("missing at VeraCore", 1)
