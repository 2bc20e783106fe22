"""Two weeks of a shop in a ledger, and the page over it, in this process."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urlencode

from admin_kit import ACT, READ
from fakes import FakeClock, make_settings

from veracore_sync.admin.access import Tokens
from veracore_sync.admin.actions import ActionOutcome, Actions
from veracore_sync.admin.handler import AdminHandler
from veracore_sync.admin.running import RunningActs
from veracore_sync.admin.shop_pages import ShopPages
from veracore_sync.clock import Clock, to_text
from veracore_sync.composition.container import Container
from veracore_sync.domain.audit import Actor
from veracore_sync.domain.differences import Difference, DifferenceType
from veracore_sync.domain.errors import Category
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.order_records import Discovery, Failure, Intent, ShopVersion
from veracore_sync.domain.states import OrderCause
from veracore_sync.ledger import open_ledger
from veracore_sync.ports.ledger import Ledger
from veracore_sync.webhooks.request_head import RequestHead, RequestRefused
from veracore_sync.webhooks.server import Response

NOW = datetime(2026, 3, 16, 9, 40, 12, tzinfo=UTC)
DAYS = 14
PARKED, DOUBTED, CONFLICT, DRIFTED = "T-100201", "T-100202", "T-100203", "T-100107"
WAITING = "T-100204"
SETTINGS = {
    "vendure": {"admin_api_url": "https://shop.example.com/admin-api"},
    "veracore": {"api_url": "https://example.veracore.com", "company_id": "ACME"},
}


def fill(ledger: Ledger, clock: FakeClock) -> None:
    """Two weeks: orders sent, shipped, parked, in doubt, and what was reported of them."""
    chance, number = random.Random(7), 100_000
    begin = NOW - timedelta(days=DAYS)
    for day in range(DAYS):
        for _ in range(chance.randint(6, 14)):
            number += 1
            placed = begin + timedelta(days=day, minutes=chance.randint(0, 1300))
            _order(ledger, clock, f"T-{number}", placed, chance)
        for command, hours in (("sync-orders", 6), ("sync-inventory", 5), ("sync-tracking", 8)):
            for hour in range(0, 24, hours):
                clock.moment = begin + timedelta(days=day, hours=hour)
                failed = command == "sync-inventory" and day == 9
                _run(ledger, clock, command, failed=failed)
    clock.moment = NOW - timedelta(hours=3)
    _troubles(ledger, clock)
    clock.moment = NOW - timedelta(minutes=4)
    for command in ("sync-orders", "sync-inventory", "sync-tracking"):
        _run(ledger, clock, command)
    ledger.transitions.discover([Discovery(WAITING, "9204", NOW - timedelta(minutes=9))])
    number = ledger.audit.begin(Actor("act_token 5d2b9c01", "page", "192.0.2.7"), "retry", PARKED)
    ledger.audit.end(number, success=False)
    clock.moment = NOW


def _order(
    ledger: Ledger, clock: FakeClock, code: str, placed: datetime, chance: random.Random
) -> None:
    clock.moment = placed + timedelta(minutes=chance.randint(2, 40))
    ledger.transitions.discover([Discovery(code, f"9{code[-3:]}", placed)])
    if chance.random() < 0.04:
        ledger.transitions.skip(code, OrderCause.RULE, "its shipping method is excluded")
        return
    clock.moment += timedelta(minutes=chance.choice([3, 5, 8, 20, 90, 240]))
    seen = ShopVersion("", placed)
    lines = (("MUG-BLUE", chance.randint(1, 4)), ("TEAPOT", 1))
    intent = Intent(code, lines, code, "", seen, paid_at=placed)
    attempt = ledger.transitions.intend(code, intent)
    assert attempt is not None
    ledger.transitions.accept(code, attempt, None)
    clock.moment += timedelta(hours=chance.choice([4, 7, 20, 26, 50]))
    if clock.moment >= NOW - timedelta(hours=4):
        return
    left = ("UPS", "Ground", f"1Z{code[-6:]}", to_text(clock.moment), False)
    ledger.shipments.looked(code, code, reference=code, rows=None, seen={"1": (left,)})
    if chance.random() < 0.02:
        ledger.transitions.cancel(code, code, "cancelled at VeraCore")
        return
    ledger.transitions.ship(code)


def _run(ledger: Ledger, clock: FakeClock, command: str, *, failed: bool = False) -> None:
    result: dict[str, Any] = {
        "sync-orders": {"submitted": 3},
        "sync-inventory": {"totalProcessed": 412, "updated": 9, "mode": "changes"},
        "sync-tracking": {"ordersChecked": 21, "trackingUpdated": 2},
    }[command]
    if failed:
        result = {"errorClass": "unavailable", "error": "VeraCore gave no answer in time"}
    number = ledger.runs.begin(command)
    clock.forward(seconds=9)
    ledger.runs.end(number, 69 if failed else 0, result)


def _troubles(ledger: Ledger, clock: FakeClock) -> None:
    for code in (PARKED, DOUBTED, CONFLICT):
        ledger.transitions.discover([Discovery(code, f"9{code[-3:]}", clock.moment)])
    seen = ShopVersion("", clock.moment)
    mapping = Failure(
        Category.VALIDATION,
        "VeraCore refused it (Invalid Product ID): VeraCore does not know a SKU of the order "
        "(TEA-SET): create the offer at VeraCore, or map it in skus.aliases",
    )
    ledger.transitions.park(PARKED, mapping, "")
    intent = Intent(DOUBTED, (("MUG-BLUE", 2),), "x", "", seen, paid_at=clock.moment)
    attempt = ledger.transitions.intend(DOUBTED, intent)
    assert attempt is not None
    late = Failure(Category.TIMEOUT, "VeraCore gave no answer in time")
    ledger.transitions.doubt(DOUBTED, attempt, OrderCause.LOST, late)
    other = Failure(Category.CONFLICT, "VeraCore has another order under this id (T-99871)")
    ledger.transitions.conflict(CONFLICT, CONFLICT, other)
    ledger.alerts.open(AlertKind.ORDER_DRIFT, "units of MUG-BLUE in the shop: 1 → 2", code=DRIFTED)
    names = ", ".join(f"SPOON-{n:02}" for n in range(20))
    ledger.alerts.open(
        AlertKind.STOCK_UNKNOWN,
        f"26 are not in VeraCore's stock and were not changed: {names} and 6 more",
    )
    ledger.alerts.open(
        AlertKind.STOCK_GUARDED,
        "31 of 412 levels would sink to 0, more than inventory.max_zeroed allows",
    )
    ledger.differences.saw(
        [
            Difference(
                DifferenceType.CONTENT_DIFFERS,
                DRIFTED,
                "synced: 1 x MUG-BLUE",
                "2 x MUG-BLUE",
                "1 x MUG-BLUE",
                clock.moment - timedelta(hours=26),
                veracore_id=DRIFTED,
            ),
            Difference(
                DifferenceType.STOCK_DIFFERS,
                "TEAPOT",
                "",
                "14",
                "11",
                clock.moment - timedelta(hours=3),
                repair="sync-inventory --sku TEAPOT",
            ),
        ]
    )


@dataclass
class Pages:
    """The page over a ledger; acts are stubs that tests replace in `done`."""

    ledger: Ledger
    clock: Clock
    shops: tuple[str, ...] = ("",)
    cookie: str = ""
    status: int = 0
    text: str = ""
    location: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    actions: Actions | None = None
    done: Callable[[], ActionOutcome] = field(
        default=lambda: ActionOutcome(True, None, {"submitted": 3})
    )

    def __post_init__(self) -> None:
        settings = make_settings(**SETTINGS)
        container = cast(Container, SimpleNamespace(ledger=self.ledger, settings=settings))
        pages = self

        class Stubs(Actions):
            def by(self, actor: Actor) -> Actions:
                return Stubs(self._container, actor)

            def _run(self, command: str, *_given: object, **_more: object) -> ActionOutcome:
                pages.asked.append(command)
                return pages.done()

        tokens = Tokens(READ, ACT)
        self.handler = AdminHandler(
            [
                ShopPages(
                    self.actions or Stubs(container),
                    tokens,
                    self.clock,
                    name,
                    RunningActs(self.clock, patience=30),
                )
                for name in self.shops
            ],
            self.clock,
            list,
        )

    def go(self, target: str, form: dict[str, str] | None = None, **headers: str) -> Pages:
        """Ask for a page, or send a form; redirections are followed."""
        response = self.answer(target, form, **headers)
        self.status, self.text = response.status, response.text or str(response.document)
        self.headers = {name.lower(): value for name, value in response.headers}
        if "set-cookie" in self.headers:
            self.cookie = self.headers["set-cookie"].partition(";")[0]
        if response.status == 303:
            self.location = self.headers["location"]
            return self.go(self.location)
        return self

    def answer(self, target: str, form: dict[str, str] | None = None, **headers: str) -> Response:
        """The response alone."""
        given = {name.replace("_", "-"): (value,) for name, value in headers.items()}
        if self.cookie:
            given["cookie"] = (self.cookie,)
        path, _, query = target.partition("?")
        method = "GET" if form is None else "POST"
        head = RequestHead(method, target, 1, {"host": ("localhost",), **given}, path, query)
        try:
            self.handler.check(head)
            return self.handler.answer(head, urlencode(form or {}).encode(), "127.0.0.1")
        except RequestRefused as error:
            return Response(error.status, {"error": error.reason}, headers=error.headers)

    def api(self, query: str, token: str = ACT) -> dict[str, Any]:
        """The answer of the API."""
        given = {"authorization": (f"Bearer {token}",), "content-type": ("application/json",)}
        head = RequestHead(
            "POST", "/admin-api", 1, {"host": ("localhost",), **given}, "/admin-api", ""
        )
        body = json.dumps({"query": query}).encode()
        return self.handler.answer(head, body, "127.0.0.1").document

    def log_in(self, token: str = ACT) -> Pages:
        return self.go("/login", {"token": token})

    def hidden(self) -> dict[str, str]:
        """The hidden fields of the form that acts."""
        form = self.text[self.text.index('class="stacked"') :]
        return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))

    def confirm(self, target: str, **fields: str) -> Pages:
        """Go to the confirmation of an act, and confirm."""
        form = self.go(target).hidden() | fields
        return self.go(f"{target.partition('/act')[0]}/act", form)


def open_world(place: Path | None = None) -> tuple[Ledger, FakeClock]:
    """A ledger of two weeks, and its clock."""
    clock = FakeClock(NOW - timedelta(days=DAYS))
    ledger = open_ledger(place, clock=clock)
    fill(ledger, clock)
    return ledger, clock
