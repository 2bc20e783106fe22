"""Small shop and simulator on sockets around the orders job, with a clock of the test's."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport
from veracore_sync.composition.orders import sync_orders
from veracore_sync.config import load
from veracore_sync.domain.order_records import OrderRow
from veracore_sync.jobs.kernel import RunOptions
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

DIALECTS = ("oms", "rest")
LOOK_UP = {"oms": "GetOrderInfo", "rest": "status"}
CREATE = {"oms": "AddOrder", "rest": "create"}


class Moving:
    """A wall clock that moves when told; its monotonic one moves with it."""

    def __init__(self, start: datetime) -> None:
        self.at = start

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    def sleep(self, seconds: float) -> None:
        """Nothing here is worth waiting for."""

    def forward(self, **span: float) -> None:
        self.at += timedelta(**span)


@dataclass
class Bed:
    """Both ends, and runs of ``sync-orders`` between them, each as a process of its own sees it."""

    folder: Path
    dialect: str
    sandbox: Sandbox
    shop: SmallShop
    clock: Moving
    env: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def parts(self) -> Iterator[Container]:
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
            "VERACORE_SYNC_RETRY__TRIES": "2",
            "VERACORE_SYNC_ORDERS__WORKERS": "1",
            "VERACORE_SYNC_ORDERS__NOT_BEFORE": "2020-01-01T00:00:00Z",
            "VERACORE_SYNC_LEDGER__PATH": str(self.folder / "ledger.db"),
        }
        opened = Container(
            load(None, environment | self.env, cwd=self.folder), self.clock, family="orders"
        )
        try:
            yield opened
        finally:
            opened.close()

    def run(self, *codes: str, **options: Any) -> CommandReport:
        """One run; what it would leave the process with is in the report."""
        with self.parts() as parts:
            return sync_orders(parts, RunOptions(only=codes, allow_first_run=True, **options))

    # ---- both ends

    def place(self, count: int = 1, **more: Any) -> list[str]:
        """So many paid orders; their codes, oldest first."""
        return [self.shop.state.place_order([("MUG", 2)], **more).code for _ in range(count)]

    def control(self, path: str, body: Mapping[str, Any]) -> Any:
        request = urllib.request.Request(
            f"{self.sandbox.url}/_sandbox/{path}", data=json.dumps(body).encode()
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")

    def mend(self) -> None:
        """No more faults, on either side."""
        self.shop.clear_faults()
        self.control("faults", {"kinds": []})

    def asked(self, operation: str) -> int:
        """How often the shop was asked that."""
        return sum(one["operation"] == operation for one in self.shop.requests)

    # ---- the ledger

    def row(self, code: str) -> OrderRow:
        with self.parts() as parts:
            row = parts.ledger.orders.get(code)
        assert row is not None
        return row

    def states(self, codes: list[str]) -> set[str]:
        return {self.row(code).state for code in codes}

    def standing(self) -> list[tuple[str, str | None]]:
        with self.parts() as parts:
            return [(one.kind, one.code) for one in parts.ledger.alerts.standing()]

    def remembered(self) -> set[str]:
        with self.parts() as parts:
            topics = ("orders.shop", "orders.lookup", "orders.doubt", "orders.listed")
            return {name for topic in topics for name in parts.ledger.unread.of(topic)}


@contextmanager
def bed(folder: Path, dialect: str) -> Iterator[Bed]:
    clock = Moving(datetime.now(UTC).replace(microsecond=0))
    with Sandbox(clock=clock.now) as sandbox, SmallShop(clock=clock.now) as shop:
        shop.state.add_variant("MUG", "Mug", 1000, on_hand=10_000)
        yield Bed(folder, dialect, sandbox, shop, clock)
