"""The small shop: a Vendure that is small enough to start within a test or the demo.

It speaks the part of Vendure's Admin API that `shop_schema.graphql` holds, on a real socket. It is
a verified fake: one contract suite runs against it and against a real Vendure.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from veracore_sync.clock import to_text
from veracore_sync.sandbox.behaviour import BadInput
from veracore_sync.sandbox.exchange import Answer, Request, json_answer
from veracore_sync.sandbox.faults import DRIP, Faults, Outcome
from veracore_sync.sandbox.listener import Listener, Listening, Pause
from veracore_sync.sandbox.shop_access import Access
from veracore_sync.sandbox.shop_catalogue import system_clock
from veracore_sync.sandbox.shop_faults import answer_with_fault, call_of, rule_from
from veracore_sync.sandbox.shop_graphql import GraphQLApi
from veracore_sync.sandbox.shop_records import Fulfilment, Order
from veracore_sync.sandbox.shop_spoil import Spoiled
from veracore_sync.sandbox.shop_state import ShopState

ADMIN_PATH = "/admin-api"
PREFIX = "/_shop/"
_DRIP_SECONDS = 0.002


class SmallShop(Listening):
    """A shop on a socket; a context manager that listens while it is entered.

    Stopped and started again it keeps its port and what it knows. `state` is the shop itself,
    `access` its users, `spoiled` its broken records. The control surface under ``/_shop/``:
    ``GET requests``, ``GET orders``, ``POST faults``, ``POST reset-faults``.

    Args:
        clock: Returns the time, aware, UTC.
        host: The address to listen on.
        port: The port; 0 takes a free one.
        username: The superadmin's.
        password: The superadmin's.
        seed: Decides the codes that orders get.
    """

    def __init__(
        self,
        clock: Callable[[], datetime] = system_clock,
        host: str = "127.0.0.1",
        port: int = 0,
        username: str = "superadmin",
        password: str = "sandbox",  # noqa: S107 - the sandbox has no secrets
        seed: int = 0,
    ) -> None:
        self.username, self.password = username, password
        self.state = ShopState(clock, seed)
        self.access = Access(clock, self.state.channels, username, password)
        self.requests: list[dict[str, Any]] = []
        self.faults = Faults()
        self.spoiled = Spoiled()
        self._api = GraphQLApi(self.state, self.access)
        super().__init__(
            host, port, lambda address: Listener(address, self._respond, clock, name="small-shop")
        )

    @property
    def admin_url(self) -> str:
        """The address of the Admin API."""
        return self.url + ADMIN_PATH

    # ---- faults and counting ---------------------------------------------------------------

    def add_faults(
        self,
        kinds: Sequence[str] = (),
        *,
        rate: float = 1.0,
        count: int | None = None,
        operations: Sequence[str] | None = None,
        order: str | None = None,
        delay_ms: int = 0,
        seed: int = 0,
        pattern: str = "",
        replacement: str = "",
    ) -> None:
        """Add faults to requests (`shop_faults.KINDS`), as ``POST /_shop/faults`` does.

        Args:
            kinds: The kinds of fault; empty: only a delay.
            rate: The share of requests with a fault.
            count: How many times; the kinds then come in turn. None: for ever.
            operations: Names of GraphQL operations; None: all.
            order: The code of an order: only requests that concern it; None: all.
            delay_ms: Milliseconds to wait first; of slow_drip, between two bytes.
            seed: Decides which requests of a rate have a fault.
            pattern: A regular expression that "rewrite" looks for in the answer.
            replacement: What it puts there.

        Raises:
            BadInput: A kind is unknown.
        """
        document: dict[str, Any] = {"kinds": list(kinds), "rate": rate, "seed": seed}
        document |= {"delay_ms": delay_ms, "count": count, "order": order}
        document |= {"pattern": pattern, "replacement": replacement}
        document["operations"] = None if operations is None else list(operations)
        self.faults.add(rule_from(document))

    def clear_faults(self) -> None:
        """Let all requests through again."""
        self.faults.clear()

    # ---- one request -----------------------------------------------------------------------

    def _respond(self, request: Request, pause: Pause) -> tuple[Outcome, float]:
        if request.path.startswith(PREFIX):
            return Outcome(self._control(request)), 0.0
        if request.path == "/health":
            return Outcome(json_answer(200, {"status": "ok"})), 0.0
        if request.path != ADMIN_PATH or request.method != "POST":
            message = f"Cannot {request.method} {request.path}"
            return Outcome(self._api.plain(404, message, request)), 0.0
        return self._perform(request, pause)

    def _perform(self, request: Request, pause: Pause) -> tuple[Outcome, float]:
        operation = self._api.read(request)
        if isinstance(operation, Answer):
            self._record("", operation.status)
            return Outcome(operation), 0.0
        known = operation
        process = cache(lambda: self._api.execute(known, request.headers))

        def concerns(code: str) -> bool:
            named = f'"{code}"'
            if code in self._orders_of(known.variables):
                return True
            if named in json.dumps(known.variables, default=str):
                return True
            return known.is_read and named.encode() in process().body

        call = call_of(known.name, process, concerns)
        fault = self.faults.draw(call, False)
        if fault.delay and fault.kind != "slow_drip":
            pause(fault.delay)
        outcome = self.spoiled.apply_to(answer_with_fault(call, fault))
        self._record(known.name, outcome.answer.status if outcome.answer else None)
        return outcome, (fault.delay or _DRIP_SECONDS) if outcome.manner == DRIP else 0.0

    def _orders_of(self, variables: Mapping[str, Any]) -> list[str]:
        """The codes of the orders that a request of ours is about, as far as it names any."""
        state = self.state
        given = variables.get("input")
        lines = given.get("lines") if isinstance(given, Mapping) else None
        line_ids = [line.get("orderLineId") for line in lines or () if isinstance(line, Mapping)]
        with state.lock:
            found = [state.lines[id][0].code for id in line_ids if id in state.lines]
            made = state.fulfilments.get(str(variables.get("id")))
            found += [one.code for one in made.orders] if made is not None else []
        codes = variables.get("codes")
        return found + [str(code) for code in codes] if isinstance(codes, list) else found

    def _record(self, operation: str, status: int | None) -> None:
        at = to_text(self.state.now())
        self.requests.append({"at": at, "operation": operation, "status": status})

    # ---- the control surface ---------------------------------------------------------------

    def _control(self, request: Request) -> Answer:
        name = request.path.removeprefix(PREFIX)
        match request.method, name:
            case "GET", "requests":
                return json_answer(200, {"requests": list(self.requests)})
            case "GET", "orders":
                return json_answer(200, {"orders": self._order_documents()})
            case "POST", "reset-faults":
                self.clear_faults()
                return json_answer(200, {"ok": True})
            case "POST", "faults":
                return self._take_faults(request.body)
        return self._api.plain(404, f"Cannot {request.method} {request.path}", request)

    def _take_faults(self, body: bytes) -> Answer:
        try:
            document = json.loads(body)
            if not isinstance(document, dict):
                raise BadInput("body", "a JSON object is needed")
            count = self.faults.add(rule_from(document))
        except BadInput as error:
            return json_answer(400, {"message": str(error), "field": error.field})
        except ValueError as error:
            return json_answer(400, {"message": str(error), "field": "body"})
        return json_answer(200, {"ok": True, "rules": count})

    def _order_documents(self) -> list[dict[str, Any]]:
        with self.state.lock:
            return [_order_document(order) for order in self.state.orders.values()]


def _order_document(order: Order) -> dict[str, Any]:
    return {
        "id": order.id,
        "code": order.code,
        "state": order.state,
        "placedAt": to_text(order.placed_at) if order.placed_at else None,
        "lines": [{"sku": one.variant.sku, "quantity": one.quantity} for one in order.lines],
        "fulfillments": [_fulfilment_document(one) for one in order.fulfilments],
    }


def _fulfilment_document(fulfilment: Fulfilment) -> dict[str, Any]:
    lines = [{"sku": one.line.variant.sku, "quantity": one.quantity} for one in fulfilment.lines]
    return {
        "id": fulfilment.id,
        "state": fulfilment.state,
        "method": fulfilment.method,
        "trackingCode": fulfilment.tracking_code,
        "lines": lines,
    }
