"""The control surface under ``/_sandbox/``: what a test, or a person rehearsing, may see and do.

Every document is checked whole; a fault answers 400 and names the field.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from veracore_sync.sandbox.behaviour import BadInput
from veracore_sync.sandbox.exchange import OPERATIONS, Answer, Request, html_answer, json_answer
from veracore_sync.sandbox.faults import DELAY, KINDS, Faults, Rule, rewriting
from veracore_sync.sandbox.form import Form
from veracore_sync.sandbox.records import Line, Order, Package, Slip, sku_key
from veracore_sync.sandbox.returns import return_document, returned_goods
from veracore_sync.sandbox.warehouse import MAIN_WAREHOUSE, World, moment_of

PREFIX = "/_sandbox/"


class Control:
    """Answers control requests on a world and its faults."""

    def __init__(self, world: World, faults: Faults) -> None:
        self._world = world
        self._faults = faults
        self._reads: dict[str, Callable[[], dict[str, Any]]] = {
            "orders": self._orders,
            "requests": self._requests,
        }
        self._writes: dict[str, Callable[[Form], dict[str, Any]]] = {
            "reset": self._reset,
            "stock": self._stock,
            "spoil": self._spoil,
            "process": self._process,
            "ship": self._ship,
            "void": self._void,
            "cancel": self._cancel,
            "returns": self._returns,
            "faults": self._add_faults,
            "behaviour": self._behave,
        }

    def answer(self, request: Request) -> Answer:
        """Do what a request under the prefix asks for."""
        name = request.path.removeprefix(PREFIX)
        if name in self._reads and request.method == "GET":
            with self._world.lock:
                return json_answer(200, self._reads[name]())
        if name in self._writes and request.method == "POST":
            return self._write(self._writes[name], request)
        if name in self._reads or name in self._writes:
            return json_answer(405, {"message": f"{name} is not for {request.method}"})
        return html_answer(404, "404 - File or directory not found.")

    def _write(self, write: Callable[[Form], dict[str, Any]], request: Request) -> Answer:
        try:
            form = Form(_document(request))
            with self._world.lock:
                return json_answer(200, {"ok": True, **write(form)})
        except BadInput as error:
            return json_answer(400, {"message": str(error), "field": error.field})

    # ---- what there is -------------------------------------------------------------------

    def _orders(self) -> dict[str, Any]:
        return {"orders": [_order_document(order) for order in self._world.orders.values()]}

    def _requests(self) -> dict[str, Any]:
        return {"requests": list(self._world.requests)}

    # ---- the warehouse floor -------------------------------------------------------------

    def _reset(self, form: Form) -> dict[str, Any]:
        form.done()
        self._faults.clear()
        self._world.reset()
        return {}

    def _stock(self, form: Form) -> dict[str, Any]:
        rows = []
        for row in form.forms("stock", needed=True):
            sku, units = row.text("sku"), row.whole("on_hand", least=0)
            rows.append((sku, row.text("warehouse", MAIN_WAREHOUSE), units))
            row.done()
        form.done()
        for sku, warehouse, units in rows:
            self._world.set_stock(sku, warehouse, units)
        return {"stocked": len(rows)}

    def _spoil(self, form: Form) -> dict[str, Any]:
        sku, rows = form.text("sku"), form.document.get("rows")
        if not isinstance(rows, list):
            raise BadInput("rows", "a list of what each row tells instead")
        self._world.spoil(sku, rows)
        return {"sku": sku}

    def _process(self, form: Form) -> dict[str, Any]:
        order = self._order(form)
        form.done()
        self._world.process(order)
        return {"order": order.id}

    def _ship(self, form: Form) -> dict[str, Any]:
        order = self._order(form)
        at = self._moment(form)
        beyond, short = form.flag("beyond", False), form.flag("short", False)
        lines = _lines(form)
        packages = _packages(form, order, at)
        form.done()
        packed = {one.tracking: one for one in _labels(order) if one.tracking and _is_packed(one)}
        waiting = [packed[new.tracking] for new in packages if new.tracking in packed]
        if waiting:
            return self._ship_packed(order, waiting, packages, lines, at)
        if short and lines is None:
            raise BadInput("lines", "an order that ships short needs them")
        slip = self._world.ship(order, _to_ship(order, lines, beyond), packages, at, short=short)
        tracking = [package.tracking for package in slip.packages]
        return {"order": order.id, "slip": str(slip.number), "tracking": tracking}

    def _ship_packed(
        self, order: Order, waiting: list[Package], asked: list[Package], lines: object, at: str
    ) -> dict[str, Any]:
        if len(waiting) != len(asked):
            raise BadInput("packages", "a tracking id is already on this order")
        if lines is not None:
            raise BadInput("lines", "packages that are packed already have theirs")
        if not all(package.shipped_at for package in asked):
            raise BadInput("packages", "they are packed already")
        self._world.ship_packed(order, waiting, at)
        return {"tracking": [package.tracking for package in waiting]}

    def _void(self, form: Form) -> dict[str, Any]:
        order = self._order(form)
        tracking = form.text("tracking", empty=True)
        relabel = form.text_or_flag("relabel")
        form.done()
        slip, package = _label(order, tracking)
        if any(one.slip == slip.number for one in order.returns):
            raise BadInput("tracking", f"goods of slip {slip.number} came back")
        label = None
        if relabel:
            label = relabel if isinstance(relabel, str) else f"{tracking}R{len(slip.packages)}"
        if label and label in {one.tracking for one in _labels(order)}:
            raise BadInput("relabel", f"{label} is already on this order")
        self._world.void(order, slip, package, label)
        return {"order": order.id, "voided": tracking, "tracking": label}

    def _cancel(self, form: Form) -> dict[str, Any]:
        order = self._order(form)
        lines = _lines(form)
        form.done()
        open_units = order.missing()
        if not open_units:
            raise BadInput("order", f"nothing of {order.id} is left to cancel")
        units = open_units if lines is None else _units(order, lines)
        self._world.cancel(order, Counter(units))
        return {"order": order.id, "status": order.status}

    def _returns(self, form: Form) -> dict[str, Any]:
        order = self._order(form)
        at = self._moment(form)
        returns = returned_goods(form, order, at)
        form.done()
        self._world.take_back(order, returns)
        return {"order": order.id, "returns": [return_document(one) for one in returns]}

    # ---- switches ------------------------------------------------------------------------

    def _add_faults(self, form: Form) -> dict[str, Any]:
        kinds = form.texts("kinds", (*KINDS, DELAY))
        delay = form.whole("delay_ms", 0, least=0)
        if not kinds and not delay:
            if form.has("kinds"):
                form.done()
                self._faults.clear()
                return {"rules": 0}
            raise BadInput("kinds", f"some of {', '.join(KINDS)}")
        operations = form.texts("operations", tuple(sorted(OPERATIONS)))
        rule = Rule(
            kinds=tuple(kinds or (DELAY,)),
            rate=form.rate("rate"),
            count=form.whole("count", least=1) if form.has("count") else None,
            operations=None if operations is None else frozenset(operations),
            order=form.text("order") if form.has("order") else None,
            delay=delay / 1000,
            seed=form.whole("seed", 0),
            rewriting=rewriting(form),
        )
        form.done()
        return {"rules": self._faults.add(rule)}

    def _behave(self, form: Form) -> dict[str, Any]:
        return self._world.behave(form.document).document()

    # ---- reading -------------------------------------------------------------------------

    def _order(self, form: Form) -> Order:
        order_id = form.text("order")
        order = self._world.find(order_id)
        if order is None:
            raise BadInput("order", f"there is no order {order_id}")
        return order

    def _moment(self, form: Form) -> str:
        if not form.has("at"):
            return self._world.now().isoformat()
        return moment_of(form.text("at"), self._world.zone(), "at").isoformat()


def _document(request: Request) -> dict[str, Any]:
    try:
        document = json.loads(request.body or b"{}")
    except (ValueError, RecursionError) as error:
        raise BadInput("body", "not JSON") from error
    if not isinstance(document, dict):
        raise BadInput("body", "not a JSON object")
    return document


def _lines(form: Form) -> list[Line] | None:
    if not form.has("lines"):
        return None
    lines = []
    for line in form.forms("lines", needed=True):
        lines.append(Line(line.text("sku"), line.whole("quantity", least=1)))
        line.done()
    return lines


def _packages(form: Form, order: Order, at: str) -> list[Package]:
    carrier, service = order.carrier or "UPS", order.service or "Ground"
    if not form.has("packages"):
        return [Package("", carrier, service, at, at)]
    packages = []
    for given in form.forms("packages"):
        tracking = given.text("tracking", "", empty=True)
        name = given.text("carrier", carrier, empty=True)
        kind = given.text("service", service, empty=True)
        shipped_at = at if given.flag("shipped", True) else None
        given.done()
        packages.append(Package(tracking, name, kind, at, shipped_at))
    named = [package.tracking for package in packages if package.tracking]
    if len(named) != len(set(named)):
        raise BadInput("packages", "two of them have the same tracking id")
    return packages


def _to_ship(order: Order, lines: list[Line] | None, beyond: bool) -> list[Line]:
    if lines is not None:
        if not beyond:
            _units(order, lines)
        return lines
    left = order.missing()
    if not left:
        raise BadInput("order", f"nothing of {order.id} remains to be shipped")
    return [Line(order.spelling(key), units) for key, units in left.items()]


def _units(order: Order, lines: list[Line]) -> Counter[str]:
    """Units per SKU key of lines that the order still has open."""
    left, asked = order.missing(), Counter[str]()
    for index, line in enumerate(lines):
        key = sku_key(line.sku)
        asked[key] += line.quantity
        if asked[key] > left[key]:
            message = f"{asked[key]} of {line.sku} asked, {left[key]} open"
            raise BadInput(f"lines[{index}].quantity", message)
    return asked


def _labels(order: Order) -> list[Package]:
    return [package for slip in order.slips for package in slip.packages]


def _is_packed(package: Package) -> bool:
    return package.shipped_at is None and package.voided_at is None


def _label(order: Order, tracking: str) -> tuple[Slip, Package]:
    for slip in order.slips:
        for package in slip.live_packages:
            if package.tracking == tracking:
                return slip, package
    raise BadInput("tracking", f"no live package {tracking!r} on order {order.id}")


def _order_document(order: Order) -> dict[str, Any]:
    return {
        "id": order.id,
        "reference": order.reference,
        "sequence": order.sequence,
        "dialect": order.dialect,
        "submissions": order.submissions,
        "status": order.status,
        "lines": [_units_document(line.sku, line.quantity) for line in order.lines],
        "cancelledLines": _unit_documents(order, order.cancelled()),
        "shippedLines": _unit_documents(order, order.shipped()),
        "returns": [return_document(one) for one in order.returns],
        "packages": [_package_document(slip, one) for slip in order.slips for one in slip.packages],
    }


def _unit_documents(order: Order, units: Counter[str]) -> list[dict[str, Any]]:
    return [_units_document(order.spelling(key), count) for key, count in (+units).items()]


def _units_document(sku: str, quantity: int) -> dict[str, Any]:
    return {"sku": sku, "quantity": quantity}


def _package_document(slip: Slip, package: Package) -> dict[str, Any]:
    return {
        "slip": str(slip.number),
        "tracking": package.tracking,
        "carrier": package.carrier,
        "service": package.service,
        "shippedAt": package.shipped_at,
        "voidedAt": package.voided_at,
    }
