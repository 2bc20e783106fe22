"""How many requests the comparison costs the shop, and how soon each change is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from changes_kit import ChangesBed
from pydantic import SecretStr

from veracore_sync.config.schema import VendureSettings
from veracore_sync.domain.comparisons import Facets
from veracore_sync.domain.order_records import Discovery, Intent, ShopVersion
from veracore_sync.jobs.orders.facets import facets
from veracore_sync.ledger import open_ledger
from veracore_sync.transport.retry import RetryPolicy
from veracore_sync.vendure.shop import VendureShop

MOST_REQUESTS = 12
RUNS = 3


def hand_over(bed: ChangesBed, count: int) -> list[str]:
    """Place orders, and record them as accepted: sending them is not what is measured."""
    [one] = bed.place()
    before = datetime.now(UTC) - timedelta(days=2)
    shops = bed.shop.state
    codes = [shops.place_order([("MUG", 3)], placed_at=before).code for _ in range(count - 1)]
    ledger = open_ledger(bed.ledger_path)
    settings = VendureSettings(
        admin_api_url=bed.shop_url, username=bed.username, password=SecretStr(bed.password)
    )
    shop = VendureShop(settings, retry=RetryPolicy(tries=1))
    key = ledger.meta.hash_key
    for order in shop.contents(codes):
        sent: Facets = facets(order, "gross", key)
        seen = ShopVersion("", order.updated_at, sent)
        intent = Intent(order.code, (("MUG", 3),), "payload", "settings", seen)
        with ledger.unit_of_work():
            ledger.transitions.discover([Discovery(order.code, order.id, order.placed_at)])
            attempt = ledger.transitions.intend(order.code, intent)
            assert attempt is not None
            ledger.transitions.accept(order.code, attempt, None)
    shop.close()
    ledger.close()
    return [one.code, *codes]


@pytest.mark.parametrize(("count", "runs"), [(200, 1), (5000, RUNS)])
def test_each_change_is_told_in_time_and_in_few_requests(
    bed: ChangesBed, count: int, runs: int
) -> None:
    codes = hand_over(bed, count)
    changed: set[str] = set()
    # The second time, some of them were compared a moment before they change.
    for first in (0, 1):
        changed |= set(codes[first :: count // 100])
        for code in changed:
            city = ("Potsdam", "Werder")[first]
            bed.shop.state.set_address(bed.shop.state.order(code), city=city)
        for _ in range(runs):
            asked = len(bed.shop.requests)
            assert bed.run("sync-orders").code in (0, 3)
            operations = [one["operation"] for one in bed.shop.requests[asked:]]
            assert len(operations) <= MOST_REQUESTS, operations
        assert bed.alerts_of("order.drift") == changed


def test_what_has_ended_costs_an_idle_run_no_request(bed: ChangesBed) -> None:
    hand_over(bed, 20)

    def requests() -> int:
        asked = len(bed.shop.requests)
        assert bed.run("sync-orders").code in (0, 3)
        return len(bed.shop.requests) - asked

    # The first run looks further back than those after it.
    requests()
    before = requests()
    ledger = open_ledger(bed.ledger_path)
    ended = [f"OLD{n}" for n in range(200)]
    placed = datetime.now(UTC) - timedelta(days=200)
    with ledger.unit_of_work():
        ledger.transitions.discover(Discovery(code, f"9{code}", placed) for code in ended)
        for code in ended:
            intent = Intent(code, (("MUG", 1),), "payload", "settings", ShopVersion("", placed))
            attempt = ledger.transitions.intend(code, intent)
            assert attempt is not None
            ledger.transitions.accept(code, attempt, None)
            ledger.transitions.ship(code)
    ledger.close()
    assert requests() <= before
