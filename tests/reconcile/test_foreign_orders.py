"""Orders that VeraCore shipped and nobody here knows; and those that only the shop knows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from fakes import TELLS_LITTLE, make_order
from runs_kit import ReconcileBench, found

from veracore_sync.domain.differences import DifferenceType
from veracore_sync.domain.errors import ProtocolError, Unavailable
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.warehouse import RecordLine, ShippedRow, WarehouseRecord
from veracore_sync.domain.whole_orders import WholeOrder
from veracore_sync.jobs.orders.ids import renewed_id, warehouse_id
from veracore_sync.jobs.reconcile.run import Wanted
from veracore_sync.jobs.reconcile.telling import accept

FOREIGN = DifferenceType.FOREIGN_AT_WAREHOUSE


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[ReconcileBench]:
    made = ReconcileBench(tmp_path / "ledger.db")
    yield made
    made.ledger.close()


def leaves(
    bench: ReconcileBench, id: str, reference: str = "", slip: str = "S-1", days: float = 2
) -> datetime:
    at = bench.clock.now() - timedelta(days=days)
    bench.warehouse.left.append(ShippedRow(id, reference, slip, "UPS", "Ground", "1Z", at))
    return at


def standing(bench: ReconcileBench) -> set[str]:
    rows = bench.ledger.differences.standing()
    return {row.difference.name for row in rows if row.difference.type is FOREIGN}


def test_it_is_told_once_with_what_finds_it_and_can_be_accepted(bench: ReconcileBench) -> None:
    bench.sell(3)
    at = leaves(bench, "AMZ-1001", "EXT-77")
    leaves(bench, "AMZ-1001", "EXT-77", "S-2")
    report = bench.reconcile()
    assert found(report) == {"AMZ-1001": FOREIGN}
    (one,) = (one.difference for one in report.found)
    assert one.warehouse == f"shipped on {at.date()} with slip S-1, reference EXT-77"
    assert (one.since, one.veracore_id) == (at, "AMZ-1001")
    assert len(report.needs_person) == 1
    assert [alert.kind for alert in bench.ledger.alerts.standing()] == [AlertKind.VERACORE_FOREIGN]
    assert bench.reconcile().needs_person == []
    accept(bench.ledger, FOREIGN, "AMZ-1001", "the marketplace")
    assert bench.ledger.alerts.standing() == []
    leaves(bench, "AMZ-1001", "EXT-77", "S-3", days=1)
    assert bench.reconcile().needs_person == []


def test_what_the_ledger_knows_is_not_foreign(bench: ReconcileBench) -> None:
    first, second, third = bench.sell(3)
    leaves(bench, first.lower(), "")
    leaves(bench, "ANOTHER", second)
    row = bench.ledger.orders.get(third)
    assert row is not None
    bench.ledger.transitions.set_aside(row, f"{third}~1", None)
    leaves(bench, "OF-BEFORE", third)
    bench.shop.by_code.clear()
    bench.reconcile()
    assert standing(bench) == set()


def test_an_id_that_an_attempt_was_sent_under_is_not_foreign(bench: ReconcileBench) -> None:
    (code,) = bench.sell(1)
    old = bench.ledger.orders.attempts(code)[0].veracore_id
    bench.ledger.transitions.cancel(code, old, "cancelled there")
    bench.ledger.transitions.renew_id(code, "NEW-1")
    leaves(bench, old)
    bench.shop.by_code.clear()
    bench.reconcile()
    assert standing(bench) == set()


@pytest.mark.parametrize("reference", ["OLD-1", "", "old-1"])
def test_an_order_that_only_the_shop_knows_is_compared_whatever_its_age(
    bench: ReconcileBench, reference: str
) -> None:
    bench.sell(1)
    bench.clock.forward(days=60)
    order = replace(make_order("OLD-1"), placed_at=bench.clock.now() - timedelta(days=40))
    order = replace(order, state="Shipped")
    bench.shop.add(order)
    lines = tuple(RecordLine(one.sku, one.quantity) for one in order.lines)
    bench.warehouse.held["old-1"] = WarehouseRecord("OLD-1", "OLD-1", lines, "shipped")
    leaves(bench, "OLD-1", reference)
    report = bench.reconcile()
    assert found(report) == {"OLD-1": DifferenceType.SENT_NOT_IN_LEDGER}
    assert report.in_scope == 2
    assert standing(bench) == set()


@pytest.mark.parametrize("kind", ["hashed", "renewed"])
def test_an_id_that_only_its_code_explains_is_not_foreign(bench: ReconcileBench, kind: str) -> None:
    code = "A-VERY-LONG-CODE-OF-AN-ORDER-1"
    bench.sell(1)
    bench.shop.add(replace(make_order(code), placed_at=bench.clock.now() - timedelta(days=2)))
    id = warehouse_id(code, "", lambda _: True) if kind == "hashed" else renewed_id(code, "", 1)
    leaves(bench, id)
    leaves(bench, "STRANGE-ABCDEFGH")
    bench.reconcile()
    assert standing(bench) == {"STRANGE-ABCDEFGH"}


def test_an_id_that_may_be_ours_is_unseen_where_not_all_codes_are_known(
    bench: ReconcileBench,
) -> None:
    bench.sell(1)
    leaves(bench, "STRANGE-ABCDEFGH")
    leaves(bench, "AMZ-1")
    report = bench.reconcile(Wanted(types=frozenset({FOREIGN})))
    assert standing(bench) == {"AMZ-1"}
    (unseen,) = report.unseen.values()
    assert unseen.names == ["STRANGE-ABCDEFGH"]


@pytest.mark.parametrize(
    ("id", "reference", "name", "shown"),
    [
        ("X-1", "WEB-100234", "X-1", "reference WEB-100234"),
        ("X-1", "10023", "X-1", "reference 10023"),
        ("X-1", "", "X-1", "no reference"),
        ("X-1", "Ann Smith", "X-1", "a reference of 9 characters"),
        ("X-1", "ann@example.com", "X-1", "a reference of 15 characters"),
        ("X-1", "555-123-4567", "X-1", "a reference of 12 characters"),
        ("X-1", "5551234567", "X-1", "a reference of 10 characters"),
        ("X-1", "SMITH", "X-1", "a reference of 5 characters"),
        ("Ann Smith 1", "", "slip S-1", "no reference"),
        ("ann@example.com", "", "slip S-1", "no reference"),
    ],
)
def test_what_may_be_a_persons_data_is_not_shown(
    bench: ReconcileBench, id: str, reference: str, name: str, shown: str
) -> None:
    bench.sell(1)
    leaves(bench, id, reference)
    report = bench.reconcile()
    (one,) = (one.difference for one in report.found)
    assert (one.name, one.warehouse.rpartition(", ")[2]) == (name, shown)


def many(bench: ReconcileBench, count: int) -> None:
    bench.warehouse.left.clear()
    for number in range(count):
        leaves(bench, f"AMZ-{number}")


def test_many_are_counted_and_few_again_are_told(bench: ReconcileBench) -> None:
    bench.sell(1)
    many(bench, 3)
    assert len(bench.reconcile().found) == 3
    many(bench, 25)
    report = bench.reconcile()
    assert (report.found, report.needs_person, standing(bench)) == ([], [], set())
    assert "VeraCore shipped 25 orders that neither" in " ".join(report.notices)
    assert bench.ledger.alerts.standing() == []
    many(bench, 15)
    assert bench.reconcile().found == []
    many(bench, 5)
    assert len(bench.reconcile().found) == 5


@pytest.mark.parametrize(
    ("foreign", "told", "said"), [("tell", 25, 0), ("count", 0, 1), ("off", 0, 0)]
)
def test_the_settings_decide(bench: ReconcileBench, foreign: str, told: int, said: int) -> None:
    bench.sell(1)
    many(bench, 25)
    bench.set(foreign=foreign)
    report = bench.reconcile()
    assert len(report.found) == told
    assert len([one for one in report.notices if "neither" in one]) == said


def test_those_of_other_systems_are_named_by_patterns(bench: ReconcileBench) -> None:
    bench.sell(1)
    many(bench, 30)
    leaves(bench, "X-1", "EDI-5")
    leaves(bench, "X-2", "QQ-5")
    bench.set(other_systems=("amz-*", "EDI*"))
    bench.reconcile()
    assert standing(bench) == {"X-2"}


def test_a_reference_in_another_case_is_known(bench: ReconcileBench) -> None:
    bench.sell(1)
    bench.shop.add(replace(make_order("NEW-7"), placed_at=bench.clock.now() - timedelta(days=3)))
    leaves(bench, "EXT-9", "new-7")
    bench.reconcile()
    assert standing(bench) == set()


def test_it_ends_when_it_is_known_or_leaves_the_days_that_are_listed(
    bench: ReconcileBench,
) -> None:
    bench.sell(1)
    leaves(bench, "OLD-7", days=20)
    leaves(bench, "NEW-7")
    bench.reconcile()
    assert standing(bench) == {"OLD-7", "NEW-7"}
    bench.reconcile(Wanted(since=bench.clock.now() - timedelta(days=5)))
    assert standing(bench) == {"OLD-7", "NEW-7"}
    bench.shop.add(replace(make_order("NEW-7"), placed_at=bench.clock.now() - timedelta(days=3)))
    bench.reconcile()
    assert standing(bench) == {"OLD-7"}
    bench.clock.forward(days=12)
    bench.reconcile()
    assert standing(bench) == set()


def test_a_code_that_the_shop_cannot_show_is_unseen(
    bench: ReconcileBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.sell(1)
    leaves(bench, "AMZ-1", "BAD-1")
    leaves(bench, "AMZ-2", "GOOD-1")
    audit = bench.shop.audit
    named = type(audit).named

    def some(self: object, codes: Sequence[str]) -> list[WholeOrder]:
        if "BAD-1" in codes:
            raise ProtocolError("it cannot be read", upstream="vendure")
        return named(self, codes)  # type: ignore[arg-type]

    monkeypatch.setattr(type(audit), "named", some)
    report = bench.reconcile()
    assert standing(bench) == {"AMZ-2"}
    assert report.unseen["it cannot be read"].names == ["AMZ-1"]


def test_without_a_list_nothing_is_concluded(bench: ReconcileBench) -> None:
    bench.sell(1)
    leaves(bench, "AMZ-1")
    bench.reconcile()

    def fails(read: str) -> None:
        if read == "list":
            raise Unavailable("cut short", upstream="veracore")

    bench.watch(fails)
    bench.warehouse.left.clear()
    report = bench.reconcile_run().try_run()
    assert report.stopped_by is not None
    assert standing(bench) == {"AMZ-1"}


def test_rest_has_no_list_and_says_so(bench: ReconcileBench) -> None:
    bench.sell(1)
    leaves(bench, "AMZ-1")
    bench.warehouse.capabilities = TELLS_LITTLE
    report = bench.reconcile()
    assert report.found == []
    assert "orders that the shop does not know, go unnoticed" in " ".join(report.notices)
