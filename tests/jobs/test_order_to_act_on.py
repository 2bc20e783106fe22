"""The order that a person's command acts on: never another one than was meant."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from fakes import START

from veracore_sync.clock import to_text
from veracore_sync.domain.errors import UsageError
from veracore_sync.domain.order_records import OrderRow, fresh_row
from veracore_sync.jobs.unknown_order import order_to_act_on


def row(code: str, vendure_id: str = "7", **facts: Any) -> OrderRow:
    return replace(fresh_row(code, vendure_id, to_text(START)), **facts)


def meant(name: str, *found: OrderRow) -> str:
    orders: Any = SimpleNamespace(named=lambda given: list(found) if given == name else [])
    return order_to_act_on(orders, name).code


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("A", row("A")),
        ("7", row("A")),
        ("20451", row("A", veracore_id="20451")),
        ("1001", row("1001")),
        ("1001-XJ4BNP4P", row("1001", veracore_id="1001-XJ4BNP4P")),
    ],
)
def test_a_code_or_an_id_that_can_be_no_code_is_enough(name: str, found: OrderRow) -> None:
    assert meant(name, found) == found.code


def test_the_order_with_that_code_is_meant_whoever_has_it_as_an_id() -> None:
    assert meant("7", row("7", "3"), row("11", "7")) == "7"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        # the shop counts its orders: this may be an old one that the ledger never held
        ("7", [row("1007")]),
        ("7", [row("1007@7", shop_code="1007")]),
        # at VeraCore the one, in the shop the other
        ("20451", [row("A", veracore_id="20451"), row("B", "20451")]),
    ],
)
def test_what_may_be_another_order_is_not_guessed(name: str, found: list[OrderRow]) -> None:
    with pytest.raises(UsageError, match=f"no order in the ledger has the code {name}") as refused:
        meant(name, *found)
    assert all(one.code in refused.value.message for one in found)
    assert f"stats --order {found[0].code}" in refused.value.hint


def test_no_order_at_all() -> None:
    with pytest.raises(UsageError, match="holds no order A"):
        meant("A")
