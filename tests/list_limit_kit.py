"""A day of a shop that lists few records in a request, and has more of each kind than that."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rig import Rig

ORDERS = 45
VARIANTS = 65
LOCATIONS = 27
METHODS = 26
CHANGED = 25
LAST_PLACE = f"Warehouse {LOCATIONS}"
LONG = 30
"""Lines of the longest order: a list inside a record is never cut."""


@dataclass(frozen=True)
class FewAtOnce:
    """The shop of a day: VARIANTS, LOCATIONS and METHODS are there, the last place LAST_PLACE.

    `skus` are its variants'. `place` takes an order and returns its code, `change` sets the city
    of its address, `states` are the states of orders by code, and `on_hand` the units at
    LAST_PLACE by SKU.
    """

    rig: Rig
    skus: Sequence[str]
    place: Callable[[Sequence[tuple[str, int]]], str]
    change: Callable[[str], None]
    states: Callable[[], Mapping[str, str]]
    on_hand: Callable[[], Mapping[str, int]]

    def run(self, *arguments: str, code: int = 0) -> Any:
        ended = self.rig.run(*arguments, "--json")
        assert ended.code == code, (arguments, ended.code, ended.out[-3000:], ended.err[-3000:])
        return ended.json


def settings() -> dict[str, str]:
    """What the day needs of the environment."""
    return {
        "VERACORE_SYNC_INVENTORY__LOCATIONS": f'{{"MAIN": "{LAST_PLACE}"}}',
        "VERACORE_SYNC_ORDERS__FREIGHT": '{"standard-shipping": {"carrier": "UPS"}}',
        "VERACORE_SYNC_TRACKING__SETTLE_MINUTES": "0",
        "VERACORE_SYNC_RETURNS__NOTE": "true",
        "VERACORE_SYNC_RETRY__TRIES": "1",
        "VERACORE_SYNC_HOOKS__COMMAND": "true",
    }


def live_a_day(day: FewAtOnce, limit: int) -> None:
    """Every job, and what each has to have done."""
    rig = day.rig
    rows = [{"sku": sku, "on_hand": 500} for sku in day.skus]
    rig.control("stock", {"stock": rows})
    codes = [day.place([(day.skus[at % len(day.skus)], 2)]) for at in range(ORDERS - 1)]
    codes.append(day.place([(sku, 1) for sku in day.skus[:LONG]]))
    sent = day.run("sync-orders", "--allow-first-run")
    assert {one["vendureOrderCode"] for one in sent["orders"]} == set(codes)
    assert rig.placed().keys() == set(codes)

    for code in codes[:CHANGED]:
        day.change(code)
    day.run("sync-orders", code=3)
    alerts = day.run("stats")["alerts"]
    drifted = {one["vendureOrderCode"] for one in alerts if one["kind"] == "order.drift"}
    assert drifted == set(codes[:CHANGED])

    day.run("sync-inventory", "--allow-mass-change")
    # Units that were sold count as on hand until they are fulfilled.
    held = day.on_hand()
    assert held.keys() == set(day.skus)
    assert min(held.values()) >= 490
    day.run("sync-inventory")

    for code in codes:
        rig.control("ship", {"order": code, "packages": [{"tracking": f"1Z{code}"}]})
    tracked = day.run("sync-tracking")
    states = day.states()
    assert {code for code in codes if states[code] != "Shipped"} == set(), tracked

    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    returned = [{"sku": day.skus[0], "quantity": 1}]
    rig.control("returns", {"order": codes[0], "lines": returned, "at": now})
    day.run("sync-returns")

    findings = day.run("doctor")["findings"]
    said = {one["name"]: one["message"] for one in findings}
    assert f"lists at most {limit} records in a request" in said["Vendure's lists"]
    assert LAST_PLACE in said["stock locations"]
    unmapped = said["shipping methods"].split(":")[0]
    assert {f"method-{number}" for number in range(METHODS)} <= set(unmapped.split(", "))
