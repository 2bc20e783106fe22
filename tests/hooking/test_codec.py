"""Orders as JSON values, and back: nothing is lost, and nothing of another type comes through."""

from __future__ import annotations

import json
from dataclasses import fields
from decimal import Decimal
from typing import Any

import pytest
from fakes import make_order
from hypothesis import given, settings
from hypothesis import strategies as st

from veracore_sync.domain.orders import Order
from veracore_sync.domain.warehouse import WarehouseOrder
from veracore_sync.hooking.codec import WrongType, decode, encode

st.register_type_strategy(Decimal, st.decimals(allow_nan=False, allow_infinity=False))


@settings(max_examples=12)
@given(st.one_of(st.from_type(Order), st.from_type(WarehouseOrder)))
def test_every_order_comes_back_as_it_was(order: Order | WarehouseOrder) -> None:
    text = json.dumps(encode(order, type(order), "it"))
    assert decode(json.loads(text), type(order), "it") == order


ORDER = encode(make_order("A"), Order, "it")


@pytest.mark.parametrize("value", [7.5, True, {"x": 1}, [7]])
def test_a_value_of_another_type_is_named_by_its_field(value: Any) -> None:
    for name in (one.name for one in fields(Order)):
        with pytest.raises(WrongType, match=rf"^it\.{name}"):
            decode({**ORDER, name: value}, Order, "it")


@pytest.mark.parametrize("wrong", [None, [], "x", {}, {**ORDER, "more": ""}])
def test_what_is_no_order_is_none(wrong: Any) -> None:
    with pytest.raises(WrongType, match=r"^it "):
        decode(wrong, Order, "it")
