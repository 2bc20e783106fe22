"""The warehouses that the contract suite runs against, and the hand that acts inside them.

Every dialect that `veracore_sync.veracore.connect.DIALECTS` names is run against the simulator as
soon as it is registered there, without an entry here. A dialect whose address has a path of its
own adds it to `_PATHS`.
"""

from __future__ import annotations

import json
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from fakes import TELLS_ALL, TELLS_LITTLE, FakeWarehouse
from held_answers import held_answers_time_out

from veracore_sync.config import VeracoreSettings
from veracore_sync.domain.returns import ReturnedRow
from veracore_sync.domain.warehouse import (
    Classification,
    Package,
    Party,
    RecordLine,
    Shipment,
    ShippedRow,
    StockLevel,
    WarehouseLine,
    WarehouseOrder,
)
from veracore_sync.ports.warehouse import Capabilities, Warehouse
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.transport.retry import RetryPolicy
from veracore_sync.veracore.connect import DIALECTS, connect

ID = "WEB-100234"
PROBE = "PROBE0123456789ABCDE"
ONCE = RetryPolicy(tries=1)
CREATES = ("AddOrder", "create")
LOOK_UPS = ("GetOrderInfo", "status")
Lines = Sequence[tuple[str, int]]
TWO: Lines = (("MUG-BLUE", 2), ("TEE-M", 1))
CARRIER = "UPS"


def an_order(identity: str = ID, lines: Lines = TWO, reference: str = "") -> WarehouseOrder:
    """An order of these lines, as it is sent."""
    pat = Party("Pat", "Example", "", "12 Sample Street", "", "Austin", "TX", "78701", "US")
    return WarehouseOrder(
        id=identity,
        reference=reference or f"{identity}-FULL",
        po_number="",
        placed_at=datetime(2026, 2, 3, 15, 14, tzinfo=UTC),
        comment="",
        classification=Classification(),
        ordered_by=pat,
        ship_to=pat,
        bill_to=None,
        freight=None,
        shipping_charge=None,
        lines=tuple(
            WarehouseLine(number, sku, units, None)
            for number, (sku, units) in enumerate(lines, start=1)
        ),
    )


FIELDS = ("ship_comments", "needed_by", "release_date", "rush", "discount_code", "variables")


class WarehouseBed(ABC):
    """A warehouse under test. `warehouse` is the client; all else happens behind its back."""

    warehouse: Warehouse

    @abstractmethod
    def held(self) -> dict[str, list[tuple[str, int]]]:
        """The lines of each order that is there, by id."""

    @abstractmethod
    def fields_of(self, identity: str) -> dict[str, Any]:
        """What an order there has besides who, where to and what."""

    @abstractmethod
    def creates(self) -> int:
        """How many requests to create have left the client and reached the warehouse."""

    @abstractmethod
    def next_create(self, fate: str) -> None:
        """The next create is ``lost before`` or ``lost after`` it is stored, or told to wait
        (``slow down``)."""

    @abstractmethod
    def cancels(self) -> int:
        """How many requests to cancel have left the client and reached the warehouse."""

    @abstractmethod
    def next_cancel(self, fate: str) -> None:
        """The next request to cancel is ``lost before`` or ``lost after`` it works, told to wait
        (``slow down``), refused to this account (``no permission``), or answered with a lie (``yes,
        but no``, ``no, but yes``)."""

    @abstractmethod
    def stop(self) -> None:
        """From now on nobody answers."""

    @abstractmethod
    def ship(self, identity: str, lines: Lines | None, tracking: str) -> None:
        """These units, or all, leave in one package."""

    @abstractmethod
    def cancel(self, identity: str, lines: Lines | None = None) -> None:
        """These units, or all, are cancelled."""

    @abstractmethod
    def come_back(self, identity: str, sku: str, units: int) -> None:
        """Units of an order that has left come back now."""

    @abstractmethod
    def set_stock(self, sku: str, units: int, warehouse: str) -> None:
        """So many lie in that warehouse, and none is promised."""


@dataclass
class Simulated(WarehouseBed):
    """A client of one dialect over a socket."""

    sandbox: Sandbox
    dialect: str
    face: str

    def __post_init__(self) -> None:
        self.warehouse = self.connect()

    def connect(self, **changes: Any) -> Warehouse:
        fields = {
            "api": self.dialect,
            "api_url": f"{self.sandbox.url}{_PATHS.get(self.dialect, '')}",
            "client_id": "sandbox",
            "client_secret": "sandbox",
            "company_id": "SANDBOX",
            "face": self.face,
            "timeout_seconds": 60,
        }
        chosen = VeracoreSettings.model_validate(fields | changes)
        return connect(chosen, probe_id=PROBE, retry=ONCE)

    def control(self, name: str, **document: Any) -> Any:
        data = json.dumps(document).encode() if document else None
        request = urllib.request.Request(f"{self.sandbox.url}/_sandbox/{name}", data=data)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    def fault(self, *kinds: str, operations: Sequence[str], count: int = 1) -> None:
        self.control("faults", kinds=list(kinds), count=count, operations=list(operations))

    def asked(self, operations: Sequence[str]) -> int:
        requests = self.control("requests")["requests"]
        return sum(one["operation"] in operations for one in requests)

    def held(self) -> dict[str, list[tuple[str, int]]]:
        return {
            one["id"]: [(line["sku"], line["quantity"]) for line in one["lines"]]
            for one in self.control("orders")["orders"]
        }

    def fields_of(self, identity: str) -> dict[str, Any]:
        one = self.sandbox.world.find(identity)
        return {name: getattr(one, name) for name in FIELDS}

    def creates(self) -> int:
        return self.asked(CREATES)

    def next_create(self, fate: str) -> None:
        kinds = {"lost before": "reset_before", "lost after": "reset_after"}
        self.fault(kinds.get(fate, "http_429"), operations=CREATES)

    def cancels(self) -> int:
        return self.asked(["CancelOrder"])

    def next_cancel(self, fate: str) -> None:
        kinds = {"lost before": "reset_before", "lost after": "reset_after"}
        kinds["slow down"] = "http_429"
        if fate in kinds:
            self.fault(kinds[fate], operations=["CancelOrder"])
        else:
            self.control("behaviour", cancel=_SWITCHES[fate])

    def stop(self) -> None:
        self.sandbox.stop()

    def ship(self, identity: str, lines: Lines | None, tracking: str) -> None:
        packages = [{"tracking": tracking, "carrier": CARRIER, "service": "Ground"}]
        self.control("ship", order=identity, packages=packages, **_named(lines))

    def cancel(self, identity: str, lines: Lines | None = None) -> None:
        self.control("cancel", order=identity, **_named(lines))

    def come_back(self, identity: str, sku: str, units: int) -> None:
        lines = [{"sku": sku, "quantity": units, "reason": "DMG"}]
        self.control("returns", order=identity, lines=lines)

    def set_stock(self, sku: str, units: int, warehouse: str) -> None:
        self.control("stock", stock=[{"sku": sku, "on_hand": units, "warehouse": warehouse}])


_SWITCHES = {
    "no permission": "no_permission",
    "yes, but no": "says_yes_does_nothing",
    "no, but yes": "says_no_does_it",
}


def _named(lines: Lines | None) -> dict[str, Any]:
    if lines is None:
        return {}
    return {"lines": [{"sku": sku, "quantity": units} for sku, units in lines]}


@dataclass
class InMemory(WarehouseBed):
    """The fake that the tests of the jobs run over."""

    warehouse: FakeWarehouse = field(default_factory=FakeWarehouse)

    def held(self) -> dict[str, list[tuple[str, int]]]:
        return {
            one.id: [(line.sku, line.quantity) for line in one.lines or ()]
            for one in self.warehouse.held.values()
        }

    def fields_of(self, identity: str) -> dict[str, Any]:
        one = self.warehouse.sent[identity.casefold()]
        return {
            "ship_comments": one.ship_comments,
            "needed_by": str(one.needed_by or ""),
            "release_date": f"{one.release_date}T00:00:00+00:00" if one.release_date else None,
            "rush": one.rush,
            "discount_code": one.discount_code,
            "variables": {each.name: each.value for each in one.variables},
        }

    def creates(self) -> int:
        return sum(self.warehouse.submissions.values())

    def next_create(self, fate: str) -> None:
        self.warehouse.script.append({"slow down": "429"}.get(fate, fate))

    def cancels(self) -> int:
        return len(self.warehouse.asked_to_cancel)

    def next_cancel(self, fate: str) -> None:
        self.warehouse.cancels.append({"slow down": "429"}.get(fate, fate))

    def stop(self) -> None:
        self.warehouse.down = True

    def ship(self, identity: str, lines: Lines | None, tracking: str) -> None:
        record = self.warehouse.held[identity.casefold()]
        ordered = [(line.sku, line.quantity) for line in record.lines or ()]
        gone = tuple(RecordLine(*line) for line in lines or ordered)
        at = datetime.now(UTC)
        slip = str(len(self.warehouse.left) + 1)
        shipment = Shipment(slip, gone, (Package(CARRIER, "Ground", tracking, at, None),))
        shipments = (*record.shipments, shipment)
        is_complete = lines is None
        self.warehouse.held[identity.casefold()] = replace(
            record,
            shipments=shipments,
            is_complete=is_complete,
            status="shipped" if is_complete else "processed",
        )
        reference = record.reference or ""
        row = ShippedRow(record.id, reference, slip, CARRIER, "Ground", tracking, at)
        self.warehouse.left.append(row)

    def cancel(self, identity: str, lines: Lines | None = None) -> None:
        record = self.warehouse.held[identity.casefold()]
        changed = (
            replace(record, partially_cancelled=True)
            if lines
            else replace(record, status="cancelled")
        )
        self.warehouse.held[identity.casefold()] = changed

    def come_back(self, identity: str, sku: str, units: int) -> None:
        record = self.warehouse.held[identity.casefold()]
        slip, at = record.shipments[-1].slip, datetime.now(UTC)
        reference = record.reference or ""
        row = ReturnedRow(record.id, reference, slip, sku, units, at, product_reason="DMG")
        self.warehouse.back.append(row)

    def set_stock(self, sku: str, units: int, warehouse: str) -> None:
        self.warehouse.levels.append(StockLevel(sku, warehouse, units, units))


# ---- which there are ------------------------------------------------------------------------

_PATHS = {"rest": "/v1"}
_FACES = {"oms": ("oms", "order")}
SIMULATED = [
    bed
    for name in DIALECTS
    for bed in ([f"{name}/{face}" for face in _FACES.get(name, ())] or [name])
]
FAKES: dict[str, Capabilities] = {"fake": TELLS_ALL, "fake that tells little": TELLS_LITTLE}


@contextmanager
def simulated(name: str) -> Iterator[Simulated]:
    """A dialect (and, of oms, a face of it) against a simulator of its own."""
    dialect, _, face = name.partition("/")
    with Sandbox() as sandbox, held_answers_time_out():
        bed = Simulated(sandbox, dialect, face or "oms")
        try:
            yield bed
        finally:
            with suppress(NotImplementedError):  # a dialect that is begun fails once a case
                bed.warehouse.close()


@contextmanager
def in_memory(name: str) -> Iterator[InMemory]:
    """A fake with the capabilities of that name."""
    yield InMemory(FakeWarehouse(FAKES[name]))


BEDS: dict[str, Callable[[str], AbstractContextManager[WarehouseBed]]] = {
    **dict.fromkeys(SIMULATED, simulated),
    **dict.fromkeys(FAKES, in_memory),
}
