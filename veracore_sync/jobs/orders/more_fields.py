"""The fields of an order that ``orders.fields`` and ``orders.variables`` fill; pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, tzinfo

from veracore_sync.config import OrdersSettings
from veracore_sync.config.order_fields import field_of
from veracore_sync.domain.orders import Order
from veracore_sync.domain.warehouse import Variable, WarehouseOrder
from veracore_sync.jobs.orders.text import clean

MAX_SHIP_COMMENTS = 255
MAX_VARIABLE = 255
"""What VeraCore keeps of a variable (docs/wire.md 3.1); of comments no limit is known."""

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOMENT = re.compile(r"(\d{4}-\d{2}-\d{2} \d{2}:\d{2}) UTC")
_YES_OR_NO: Mapping[str, bool] = {
    **dict.fromkeys(("yes", "true", "1"), True),
    **dict.fromkeys(("", "no", "false", "0"), False),
}


class BadField(Exception):
    """A field holds what cannot be sent; the message names the field, never what it holds."""


def with_more_fields(
    rendered: WarehouseOrder, order: Order, settings: OrdersSettings, zone: tzinfo
) -> WarehouseOrder:
    """`rendered` with the fields that the settings name.

    Args:
        zone: The warehouse's, whose days `needed_by` and `release_date` are.

    Raises:
        BadField: One of them holds what cannot be sent.
    """
    if not settings.fields and not settings.variables:
        return rendered
    texts = {key: _text(order, source) for key, source in settings.fields.items()}
    filled = replace(
        rendered,
        ship_comments=texts.get("ship_comments", ""),
        needed_by=_day("orders.fields.needed_by", texts.get("needed_by", ""), zone),
        release_date=_day("orders.fields.release_date", texts.get("release_date", ""), zone),
        rush=_yes("orders.fields.rush", texts.get("rush", "")),
        discount_code=texts.get("discount_code", ""),
        variables=tuple(_variables(order, settings)),
    )
    for problem in too_long(filled):
        raise BadField(f"{problem}: shorten it in the shop")
    return filled


def too_long(order: WarehouseOrder) -> Iterator[str]:
    """A sentence for each field that is longer than VeraCore keeps; it names the field alone."""
    if len(order.ship_comments) > MAX_SHIP_COMMENTS:
        yield f"ship_comments has more than {MAX_SHIP_COMMENTS} characters"
    for one in order.variables:
        if len(one.value) > MAX_VARIABLE:
            yield f'the variable "{one.name}" has more than {MAX_VARIABLE} characters'


def _variables(order: Order, settings: OrdersSettings) -> Iterator[Variable]:
    for name, source in settings.variables.items():
        if value := _text(order, source):
            yield Variable(name, value)


def _text(order: Order, source: str) -> str:
    name = field_of(source)
    return clean(order.custom_fields.get(name, "") if name else source)


def _day(setting: str, text: str, zone: tzinfo) -> date | None:
    try:
        if not text:
            return None
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
        if found := _MOMENT.fullmatch(text):
            return datetime.fromisoformat(found[1]).replace(tzinfo=UTC).astimezone(zone).date()
    except (ValueError, OverflowError):
        pass  # not a day of any calendar
    raise BadField(f"{setting} is no day, such as 2026-12-24: correct its custom field in the shop")


def _yes(setting: str, text: str) -> bool:
    known = _YES_OR_NO.get(text.casefold())
    if known is None:
        raise BadField(f"{setting} is neither yes nor no: correct its custom field in the shop")
    return known
