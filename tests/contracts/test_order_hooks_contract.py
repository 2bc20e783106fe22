"""The contract of the port `OrderHooks`: hooks in a process of their own, and the tests' fake."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from fakes import make_order, make_settings
from order_hook_kit import HEAD, FakeHooks, Install

from veracore_sync.domain.orders import Order
from veracore_sync.domain.warehouse import WarehouseOrder
from veracore_sync.hooking.process import HookProcess
from veracore_sync.jobs.orders.render import Renderer
from veracore_sync.order_hooks import RefuseOrder
from veracore_sync.ports.order_hooks import HookFailed, HookRefused, OrderHooks

SETTINGS = make_settings()
ORDER = make_order("A")
RENDERED = Renderer(SETTINGS.orders, SETTINGS.skus).render(ORDER, "A").order
SOURCE = f"""
{HEAD}
def changes(order, rendered):
    return replace(rendered, comment=order.code)

def refuses(order, rendered):
    raise RefuseOrder("no PO boxes")

def fails(order, rendered):
    raise ValueError(order.customer.last_name)
"""
NAMES = ("changes", "refuses", "fails")


def changes(order: Order, rendered: WarehouseOrder) -> WarehouseOrder:
    return replace(rendered, comment=order.code)


def refuses(order: Order, rendered: WarehouseOrder) -> WarehouseOrder:
    raise RefuseOrder("no PO boxes")


def fails(order: Order, rendered: WarehouseOrder) -> WarehouseOrder:
    raise ValueError(order.customer.last_name)


@pytest.fixture(params=["process", "fake"])
def hooks(request: pytest.FixtureRequest, install_hooks: Install) -> Iterator[OrderHooks]:
    install_hooks(SOURCE, *NAMES)
    made: OrderHooks = FakeHooks(dict(zip(NAMES, (changes, refuses, fails), strict=True)))
    if request.param == "process":
        made = HookProcess(NAMES, 20)
    with closing(made):
        yield made


def test_an_order_is_changed_refused_or_failed(hooks: OrderHooks) -> None:
    assert hooks.names == NAMES
    assert hooks.identity == tuple(f"{name} (acme-hooks 1.2)" for name in NAMES)
    hooks.start()
    for _ in range(2):
        assert hooks.apply("changes", ORDER, RENDERED) == replace(RENDERED, comment="A")
        with pytest.raises(HookRefused) as refusal:
            hooks.apply("refuses", ORDER, RENDERED)
        assert refusal.value.reason == "no PO boxes"
        with pytest.raises(HookFailed) as failure:
            hooks.apply("fails", ORDER, RENDERED)
        assert failure.value.what.startswith("ValueError at ")
        assert "Example" not in failure.value.what
