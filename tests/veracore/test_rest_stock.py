"""Items of an array as they stream in: one that cannot be read costs no other."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veracore_sync.domain.warehouse import StockLevel, StockRow, UnreadableStock
from veracore_sync.veracore.rest.stock import items, stock_row
from veracore_sync.veracore.streams import UnreadableStream

MUG = '{"SKU": "MUG", "AvailableQuantity": 5}'
CAP = '{"SKU": "CAP", "AvailableQuantity": 7}'
BROKEN = {
    "no comma in it": '{"SKU": "BAD" "AvailableQuantity": 1}',
    "no colon": '{"SKU": "BAD", "AvailableQuantity" 1}',
    "a number that is none": '{"SKU": "BAD", "AvailableQuantity": 1.2.3}',
    "a word": '{"SKU": "BAD", "AvailableQuantity": undefined}',
    "an escape that is none": r'{"SKU": "BAD", "Title": "\x, ]", "AvailableQuantity": 1}',
    "a text in single quotes": '{"SKU": "BAD", \'AvailableQuantity\': 1}',
    "a comma too many": '{"SKU": "BAD", "AvailableQuantity": 1,}',
    "brackets in a text": r'{"SKU": "BAD", "Title": "]}\"\\", "AvailableQuantity": x}',
    "too deep": '{"SKU": "BAD", "Title": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "too large": '{"SKU": "BAD", "Title": "' + "x" * 3_000_000 + '", "AvailableQuantity": y}',
}
NAMELESS = ["undefined", "{,}", "{]", "1 2", "'BAD'", '{"SKU": }', "{}}"]


def rows(text: str, size: int = 65536) -> list[StockRow]:
    body = text.encode()
    pieces = (body[start : start + size] for start in range(0, len(body), size))
    return list(map(stock_row, items(pieces)))


@pytest.mark.parametrize("bad", BROKEN)
@pytest.mark.parametrize("size", [997, 65536])
def test_an_item_that_cannot_be_read_costs_no_other(bad: str, size: int) -> None:
    found = rows(f"[{MUG}, {BROKEN[bad]},\n{CAP}]", size)
    assert [row.sku for row in found] == ["MUG", "BAD", "CAP"]
    assert isinstance(found[1], UnreadableStock)
    assert found[2] == StockLevel("CAP", "", 7, 7)
    assert [row.sku for row in rows(f"[{BROKEN[bad]}]", size)] == ["BAD"]


@pytest.mark.parametrize("bad", NAMELESS)
@pytest.mark.parametrize("size", [1, 2, 65536])
def test_an_item_without_a_name_costs_no_other(bad: str, size: int) -> None:
    found = rows(f"[{MUG}, {bad}, {CAP}]", size)
    assert (found[0].sku, found[-1].sku) == ("MUG", "CAP")
    assert all(isinstance(row, UnreadableStock) for row in found[1:-1])
    assert len(found) >= 3


def test_a_control_character_in_a_text_costs_nothing() -> None:
    assert rows('[{"SKU": "MUG", "Title": "a\x1f\nb", "AvailableQuantity": 5}]') == [
        StockLevel("MUG", "", 5, 5)
    ]


@pytest.mark.parametrize("bad", ["", *NAMELESS])
def test_what_ends_in_the_middle_is_no_complete_list(bad: str) -> None:
    text = f"[{MUG}, {bad}" if bad else f"[{MUG}"
    for end in ("", ",", ' {"SKU'):
        with pytest.raises(UnreadableStream):
            rows(text + end)


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(10**17), 10**17), st.text(max_size=9)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.lists(VALUES, max_size=5), st.integers(1, 40))
def test_valid_items_are_read_however_they_are_cut(values: list[object], size: int) -> None:
    body = json.dumps(values, ensure_ascii=False).encode("utf-8", "replace")
    pieces = (body[start : start + size] for start in range(0, len(body), size))
    assert list(items(pieces)) == json.loads(body)


@given(st.text(st.sampled_from('{}[],:"\\ 1ax\n'), max_size=30), st.integers(1, 9))
def test_any_item_is_a_value_or_our_one_error(noise: str, size: int) -> None:
    try:
        found = rows(f"[{MUG}, {noise}, {CAP}]", size)
    except UnreadableStream:
        return
    assert found[0].sku == "MUG"


def test_memory_holds_one_item_also_where_one_never_ends() -> None:
    def pieces() -> Iterator[bytes]:
        yield b'[{"SKU": "BAD", "Title": '
        for _ in range(300):
            yield b'"' + b"x" * 65_000 + b'", '
        yield b"}, " + CAP.encode() + b"]"

    tracemalloc.start()
    found = [stock_row(item).sku for item in items(pieces())]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == ["BAD", "CAP"]
    assert peak < 8_000_000
