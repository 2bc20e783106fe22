"""The small shop and the simulator on sockets, with a ledger on disk and a clock of the test's."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from veracore_sync.composition.container import Container
from veracore_sync.config import Loaded, load
from veracore_sync.jobs.kernel import RunOptions
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.jobs.orders.run import OrdersRun
from veracore_sync.jobs.tracking.report import TrackingReport
from veracore_sync.jobs.tracking.run import TrackingRun
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop


class TestClock:
    """Moves only when told to."""

    __test__ = False

    def __init__(self, start: datetime) -> None:
        self.at = self.start = start

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return (self.at - self.start).total_seconds()

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    def forward(self, **span: float) -> None:
        self.at += timedelta(**span)


@dataclass
class World:
    """Both ends, and the runs between them."""

    folder: Path
    sandbox: Sandbox
    shop: SmallShop
    clock: TestClock
    env: dict[str, str]
    _parts: Container | None = None

    @property
    def parts(self) -> Container:
        if self._parts is None:
            self._parts = self.container()
            self._parts.bind()
        return self._parts

    def container(self) -> Container:
        """The parts of another process, whose ledger is not open yet."""
        return Container(self.loaded(), self.clock, family="tracking")

    def environment(self) -> dict[str, str]:
        """The settings of a process."""
        veracore = f"{self.sandbox.url}/v1" if self.dialect == "rest" else self.sandbox.url
        environment = {
            "VENDURE_ADMIN_API_URL": self.shop.admin_url,
            "VENDURE_USERNAME": self.shop.username,
            "VENDURE_PASSWORD": self.shop.password,
            "VERACORE_API_URL": veracore,
            "VERACORE_CLIENT_ID": "sandbox",
            "VERACORE_CLIENT_SECRET": "sandbox",
            "VERACORE_COMPANY_ID": "SANDBOX",
            "VERACORE_SYNC_VERACORE__RATE_PER_MINUTE": "0",
            "VERACORE_SYNC_RETRY__READ_BASE_SECONDS": "0.001",
            "VERACORE_SYNC_LEDGER__PATH": str(self.folder / "ledger.db"),
            "VERACORE_SYNC_ORDERS__NOT_BEFORE": "2020-01-01T00:00:00Z",
            "VERACORE_SYNC_HOOKS__COMMAND": "true",
        }
        environment |= self.env
        if "VERACORE_SYNC_LEDGER__URL" in environment:
            del environment["VERACORE_SYNC_LEDGER__PATH"]
        return environment

    def loaded(self) -> Loaded:
        """The configuration of a process."""
        return load(None, self.environment(), cwd=self.folder)

    @property
    def dialect(self) -> str:
        return self.env.get("dialect", "oms")

    def reopen(self, **env: str) -> None:
        """Another process, perhaps with other settings."""
        self.close()
        self.env |= env

    def close(self) -> None:
        if self._parts is not None:
            self._parts.close()
            self._parts = None

    # ---- the shop

    def place(self, *lines: tuple[str, int], **more: Any) -> Any:
        return self.shop.state.place_order(list(lines), **more)

    def order(self, order: Any) -> Any:
        return self.shop.state.orders[order.id]

    def fulfilments(self, order: Any) -> list[tuple[str, str, dict[str, int]]]:
        """(state, tracking code, units by SKU) of each live fulfilment."""
        found = []
        for one in self.order(order).fulfilments:
            if one.state == "Cancelled":
                continue
            units: dict[str, int] = {}
            for part in one.lines:
                units[part.line.variant.sku] = units.get(part.line.variant.sku, 0) + part.quantity
            found.append((one.state, one.tracking_code, units))
        return found

    # ---- the warehouse

    def control(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self.sandbox.url}/_sandbox/{path}", data=data)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")

    def ship(
        self,
        order: Any,
        lines: Sequence[tuple[str, int]] | None = None,
        tracking: Sequence[str] | str | None = None,
        **more: Any,
    ) -> Any:
        body: dict[str, Any] = {"order": order.code, **more}
        if lines is not None:
            body["lines"] = [{"sku": sku, "quantity": units} for sku, units in lines]
        if tracking is not None:
            ids = [tracking] if isinstance(tracking, str) else tracking
            body.setdefault(
                "packages",
                [{"tracking": one, "carrier": "UPS", "service": "UPS Ground"} for one in ids],
            )
        return self.control("ship", body)

    # ---- the runs

    def send(self) -> None:
        result = self.run_orders()
        assert not result.needs_person, result.needs_person

    def run_orders(self) -> OrdersReport:
        options = RunOptions(allow_first_run=True)
        return OrdersRun(self.parts.context(OrdersReport(), options)).run()

    def track(self, *codes: str, **options: Any) -> TrackingReport:
        wanted = RunOptions(only=codes, **options)
        return TrackingRun(self.parts.context(TrackingReport(), wanted)).run()

    def state(self, order: Any) -> str:
        row = self.parts.ledger.orders.get(order.code)
        assert row is not None
        return row.state

    def slip_states(self, order: Any) -> list[str]:
        return [row.state for row in self.parts.ledger.shipments.slips_of(order.code)]

    def events(self) -> list[tuple[str, str | None, dict[str, Any]]]:
        rows = self.parts.ledger.database.rows("SELECT type, code, data FROM events ORDER BY seq")
        return [(row["type"], row["code"], json.loads(row["data"])) for row in rows]


CATALOGUE = ("MUG", "TEE", "HAT", "POSTER", "BOX")


@contextmanager
def world(folder: Path, **env: str) -> Iterator[World]:
    clock = TestClock(datetime.now(UTC).replace(microsecond=0))
    with Sandbox(clock=clock.now) as sandbox, SmallShop(clock=clock.now) as shop:
        for sku in CATALOGUE:
            shop.state.add_variant(sku, sku.title(), 1000, on_hand=1000)
        settled = {"VERACORE_SYNC_TRACKING__SETTLE_MINUTES": "0"}
        made = World(folder, sandbox, shop, clock, settled | env)
        try:
            yield made
        finally:
            made.close()
