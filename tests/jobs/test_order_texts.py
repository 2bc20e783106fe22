"""What each text field may hold, from the shop's order to the bytes of both dialects."""

from __future__ import annotations

import json
import unicodedata
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fakes import ADDRESS, make_order, make_settings
from hypothesis import given
from hypothesis import strategies as st

from veracore_sync.domain.orders import Order
from veracore_sync.jobs.orders.render import Rendered, Renderer
from veracore_sync.veracore.oms.write import add_order
from veracore_sync.veracore.rest.write import create_document

SETTINGS = make_settings(orders={"po_number_field": "po", "comment_field": "remark"})
# Field, by the name that a warning uses; whether the REST dialect has it.
FIELDS = {
    "full_name": ("name", False),
    "company": ("company", False),
    "street1": ("street", True),
    "street2": ("street", True),
    "city": ("city", True),
    "province": ("province", True),
    "postal_code": ("postal code", True),
    "country_code": ("country", True),
    "phone": ("phone", False),
    "remark": ("comment", False),
    "po": ("PO number", False),
}
WARNED = {
    "emoji": "a 🎁 b",
    "emoji of the basic plane": "a ❤\ufe0f b",
    "flag": "🇩🇪",
    "Hebrew": "1 רחוב",
    "Arabic": "شارع ٢",
    "private use": "a\ue000b",
}
UNSEEN = {
    "mark from right to left": "x\u200fy",
    "override": "\u202exy\u202c",
    "isolate": "\u2067xy\u2069",
    "byte order mark": "\ufeffxy",
    "zero width joiner between letters": "x\u200dy",
    "zero width space": "x\u200by",
    "tags": "xy\U000e0041\U000e007f",
    "filler": "x\u3164y",
}
JOINED = ["👩\u200d🚒", "\u0645\u06cc\u200c\u062e\u0648", "\u0915\u094d\u200d\u0937"]
UNSENDABLE = ["\0", "\x08", "\x0b", "\x1b", "\x7f", "\x85", "\ud83d", "\udfff", "\ufffe", "\uffff"]


def order_with(field: str, text: str) -> Order:
    custom = {"po": "PO 1", "remark": "none"}
    if field in custom:
        return make_order("A", custom_fields=custom | {field: text})
    return make_order("A", custom_fields=custom, shipping_address=replace(ADDRESS, **{field: text}))


def rendered(field: str, text: str) -> Rendered:
    return Renderer(SETTINGS.orders, SETTINGS.skus).render(order_with(field, text), "A")


def sent_texts(result: Rendered) -> tuple[list[str], list[str]]:
    """Every text in the bytes that are sent: as XML, and as JSON."""
    body = ET.Element("Body")
    add_order(body, "urn:test", result.order, ZoneInfo("UTC"))
    parsed = ET.fromstring(ET.tostring(body, "utf-8"))
    document = json.loads(create_document(result.order, "ACME").decode())
    return [text for one in parsed.iter() if (text := one.text)], list(_texts(document))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)


@pytest.mark.parametrize("text", WARNED.values(), ids=WARNED)
@pytest.mark.parametrize("field", FIELDS)
def test_what_a_label_may_lack_is_sent_with_a_warning(field: str, text: str) -> None:
    result = rendered(field, text)
    name, in_rest = FIELDS[field]
    assert [one for one in result.warnings if "label printer" in one] == [
        "a label printer may not print the emoji or right-to-left text in: " + name
    ]
    xml, rest = sent_texts(result)
    words = unicodedata.normalize("NFC", text)
    if field == "full_name":
        words = words.rpartition(" ")[2]
    assert any(words in one for one in xml)
    assert any(words in one for one in rest) == in_rest


@pytest.mark.parametrize("text", UNSEEN.values(), ids=UNSEEN)
@pytest.mark.parametrize("field", FIELDS)
def test_what_nobody_sees_is_left_out(field: str, text: str) -> None:
    result = rendered(field, text)
    assert not [one for one in result.warnings if "label" in one]
    xml, _ = sent_texts(result)
    assert any(one == "xy" for one in xml)


@pytest.mark.parametrize("text", JOINED)
def test_a_joiner_that_belongs_to_a_word_or_a_picture_is_sent(text: str) -> None:
    assert text in sent_texts(rendered("company", text))[0]


@pytest.mark.parametrize(
    "text", ["Zoë Żółć", "Ελλάδα № 5", "東京都 ㈱", "Nguyễn", "한국", "a \u2013 b\u2019s"]
)
@pytest.mark.parametrize("field", FIELDS)
def test_other_scripts_are_sent_without_a_word(field: str, text: str) -> None:
    assert not [one for one in rendered(field, text).warnings if "label" in one]


@pytest.mark.parametrize("bad", UNSENDABLE, ids=ascii)
@pytest.mark.parametrize("field", FIELDS)
def test_what_xml_cannot_carry_is_left_out(field: str, bad: str) -> None:
    result = rendered(field, f"{bad}Le{bad}ft{bad}")
    xml, rest = sent_texts(result)
    assert "Left" in xml
    assert ("Left" in rest) == FIELDS[field][1]
    assert not result.warnings


@pytest.mark.parametrize("field", FIELDS)
def test_line_ends_are_blanks_and_nfd_is_nfc(field: str) -> None:
    xml, _ = sent_texts(rendered(field, "\tCafe\u0301\r\nx\n"))
    assert ("x" if field == "full_name" else "Café x") in xml


@given(st.sampled_from(list(FIELDS)), st.text(max_size=60))
def test_any_text_makes_readable_requests(field: str, text: str) -> None:
    texts = sent_texts(rendered(field, f"x{text}x"))
    for one in (*texts[0], *texts[1]):
        assert not [c for c in one if unicodedata.category(c) in ("Cc", "Cs")]
