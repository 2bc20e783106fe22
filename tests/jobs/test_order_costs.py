"""What an order costs in the ledger: commits and reads, counted and not timed."""

from __future__ import annotations

from bench import Bench
from commit_counts import Counts, counted
from fakes import make_order

from veracore_sync.domain.warehouse import WarehouseOrder
from veracore_sync.ledger import open_ledger


def costs(bench: Bench, count: int, name: str) -> Counts:
    bench.shop.add(*(make_order(f"{name}{n}") for n in range(count)))
    with counted(bench.ledger) as counts:
        assert bench.run().count("submitted") == count
    return counts


def test_an_order_costs_two_commits_and_few_reads(bench: Bench) -> None:
    few, many = costs(bench, 10, "A"), costs(bench, 40, "B")
    # An intent and an acceptance, of which several workers may share one; and reads of the order
    # before it is sent and of its id.
    assert many.commits - few.commits <= 2 * 30
    assert many.reads - few.reads <= 4 * 30


def test_each_order_leaves_after_its_own_intent_however_many_share_the_commit(
    bench: Bench,
) -> None:
    seen: list[str | None] = []

    def as_another_process_sees_it(order: WarehouseOrder) -> None:
        other = open_ledger(bench.path, read_only=True, clock=bench.clock)
        row = other.orders.get(order.reference)
        seen.append(row.state if row else None)
        other.close()

    bench.warehouse.before_submit = as_another_process_sees_it
    bench.shop.add(*(make_order(f"A{n}") for n in range(40)))
    assert bench.run().count("submitted") == 40
    assert seen == ["sending"] * 40


def test_what_a_run_sent_is_compared_by_the_next_one(bench: Bench) -> None:
    bench.shop.add(*(make_order(f"A{n}") for n in range(3)))
    bench.run()
    assert bench.ledger.comparisons.of(["A0", "A1", "A2"]) == {}
    bench.run()
    assert len(bench.ledger.comparisons.of(["A0", "A1", "A2"])) == 3


def test_a_run_with_nothing_to_do_commits_hardly_anything(bench: Bench) -> None:
    bench.shop.add(*(make_order(f"A{n}") for n in range(3)))
    bench.run()
    bench.run()
    with counted(bench.ledger) as counts:
        bench.run()
    assert counts.commits <= 10
