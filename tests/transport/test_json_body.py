"""JSON that is made to hurt ends as an answer that is not understood, or as one bad record."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from veracore_sync.clock import SystemClock
from veracore_sync.domain.errors import ProtocolError
from veracore_sync.domain.warehouse import StockLevel, StockRow, UnreadableStock
from veracore_sync.transport.http import HttpAnswer
from veracore_sync.transport.json_body import (
    MOST_DEPTH,
    MOST_VALUES,
    UnreadableJson,
    check_depth,
    read_json,
)
from veracore_sync.vendure.answers import AnotherKind, data_of
from veracore_sync.vendure.node import Node
from veracore_sync.veracore.rest.api import json_object
from veracore_sync.veracore.rest.stock import items, stock_row

LONG = "9" * 5000
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.text() | st.floats(-1e9, 1e9),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@settings(max_examples=50, deadline=None)
@given(VALUES)
def test_what_is_harmless_is_read_as_it_is(value: object) -> None:
    assert read_json(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b"[" * 900 + b"]" * 900,
        b"[" * (MOST_DEPTH + 2) + b"]" * (MOST_DEPTH + 2),
        b'{"a":' * 500 + b"1" + b"}" * 500,
        b'{"data":{"a":[{"b":' + b"[[{}]," * 99 + b"1" + b"]" * 99 + b"}]}}",
        b"[" + b"{}," * MOST_VALUES + b"{}]",
        b"[" + b"1," * MOST_VALUES + b"1]",
        b"\xff\xfe",
        b"",
        b'{"a": tru}',
    ],
    ids=lambda body: f"{body[:12].decode('latin-1')} {len(body)}",
)
def test_what_would_hurt_is_no_json(body: bytes) -> None:
    with pytest.raises(UnreadableJson) as error:
        read_json(body)
    assert len(str(error.value)) < 40, "the document is not quoted"
    answer = HttpAnswer(200, {"content-type": "application/json"}, body)
    assert json_object(answer) is None
    with pytest.raises(AnotherKind):
        data_of(answer, "x", sent_bytes=0, clock=SystemClock(), token_header="t")


def test_the_deepest_that_is_read() -> None:
    deepest: object = 1
    for _ in range(MOST_DEPTH + 1):
        deepest = [deepest]
    check_depth(deepest)
    with pytest.raises(UnreadableJson):
        check_depth([deepest])


NUMBERS = [LONG, f"-{LONG}", "1" + "0" * 19, "1e999", "-1e999", "NaN", "Infinity", f"{LONG}.5"]


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_that_nobody_can_compute_with_spoils_its_record_alone(number: str) -> None:
    document = read_json(f'{{"rows": [{{"units": 3}}, {{"units": {number}}}]}}'.encode())
    good, bad = (Node(row) for row in document["rows"])
    assert good.integer("units") == 3
    with pytest.raises(ProtocolError):
        bad.integer("units")
    assert not isinstance(bad.fields["units"], float) or math.isfinite(bad.fields["units"])


@pytest.mark.parametrize("number", [*NUMBERS, "[" * 300 + "]" * 300, "{}"])
@pytest.mark.parametrize("size", [7, 100_000])
def test_so_it_does_in_a_stream(number: str, size: int) -> None:
    row = '{"SKU": "%s", "AvailableQuantity": %s}'
    body = f"[{row % ('A', 1)}, {row % ('B', number)}, {row % ('C', 2)}]".encode()
    pieces = (body[at : at + size] for at in range(0, len(body), size))
    found: list[StockRow] = [stock_row(item) for item in items(pieces)]
    assert [type(one) for one in found] == [StockLevel, UnreadableStock, StockLevel]
    assert [one.sku for one in found] == ["A", "B", "C"]
