"""What a run costs: list calls, look-ups and requests to the shop, counted at both ends."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tracking_world import World, world

from veracore_sync.domain.order_records import Discovery
from veracore_sync.domain.warehouse import RecordLine, WarehouseRecord
from veracore_sync.sandbox.records import Line, Order

OPEN, SHIPPED, LOOKUPS = 1000, 100, 25


def hand_over(bed: World, count: int) -> list[object]:
    """Orders that both sides and the ledger hold, without the requests that it would take."""
    orders = [bed.place(("MUG", 1)) for _ in range(count)]
    held = WarehouseRecord("", None, (RecordLine("MUG", 1),), "processed")
    with bed.parts.ledger.database.transaction():
        bed.parts.ledger.transitions.discover(
            Discovery(one.code, one.id, bed.clock.now()) for one in orders
        )
        for one in orders:
            bed.parts.ledger.transitions.adopt(one.code, one.code, held)
    accepted_at = bed.clock.now().isoformat()
    for one in orders:
        lines = [Line("MUG", 1)]
        made = Order(one.code, 0, "oms", lines, accepted_at, reference=one.code)
        bed.sandbox.world.place(made)
    return orders


def operations(bed: World) -> Counter[str]:
    return Counter(one["operation"] for one in bed.control("requests")["requests"])


def test_a_thousand_open_and_a_hundred_shipped(tmp_path: Path) -> None:
    with world(tmp_path, VERACORE_SYNC_TRACKING__SETTLE_MINUTES="20") as bed:
        orders = hand_over(bed, OPEN)
        for index, order in enumerate(orders[:SHIPPED]):
            bed.ship(order, tracking=f"1Z999AA1012345{index:04}")
        bed.track()
        first = operations(bed)
        assert first["GetShippingCharge"] <= 10
        assert first["GetOrderInfo"] == SHIPPED + LOOKUPS
        bed.clock.forward(minutes=21)
        result = bed.track()
        assert result.updated == SHIPPED
        both = operations(bed)
        assert both["GetShippingCharge"] - first["GetShippingCharge"] == 1
        assert both["GetOrderInfo"] == 2 * (SHIPPED + LOOKUPS)
        asked = Counter(one["operation"] for one in bed.shop.requests)
        assert asked["AddFulfilment"] == asked["ShipFulfilment"] == SHIPPED
        assert asked["ReadFulfilments"] <= 2 * SHIPPED + 2
        bed.track()
        assert operations(bed)["GetOrderInfo"] == 2 * (SHIPPED + LOOKUPS) + LOOKUPS


def commits(bed: World) -> int:
    """How many durable commits a run makes, of look-ups of 40 orders that have not shipped."""
    made: list[str] = []
    connection = bed.parts.ledger.database.connection
    connection.set_trace_callback(made.append)
    bed.track()
    connection.set_trace_callback(None)
    return sum(one.startswith("COMMIT") for one in made)


def test_a_shipped_order_costs_three_commits_and_a_look_up_a_tenth(tmp_path: Path) -> None:
    with world(tmp_path, VERACORE_SYNC_TRACKING__LOOKUPS_PER_RUN="40") as bed:
        orders = hand_over(bed, 60)
        bed.track()
        idle = commits(bed)
        # Of the 40 orders that are looked up; the lock is not taken, and nothing is fulfilled.
        assert idle <= 4 + 3
        for index, order in enumerate(orders[:20]):
            bed.ship(order, tracking=f"1Z999AA1012345{index:04}")
        busy = commits(bed)
        # Seen with nine others; intended; added; done, with its end. And one for the lock.
        assert busy <= idle + 20 * 3 + 20 // 10 + 1
        assert bed.parts.ledger.database.value("SELECT count(*) FROM slips") == 20


def test_in_rest_the_budget_is_the_cost(tmp_path: Path) -> None:
    with world(tmp_path, dialect="rest", VERACORE_SYNC_TRACKING__STATUS_CALLS_PER_RUN="40") as bed:
        hand_over(bed, 100)
        for _ in range(3):
            assert bed.track().checked == 40
        looked = bed.parts.ledger.database.value(
            "SELECT count(*) FROM tracked WHERE looked_at IS NOT NULL"
        )
        assert looked == 100
