"""The fields that `orders.fields` and `orders.variables` fill (docs/order-mapping.md)."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from bench import Bench
from fakes import ADDRESS, make_order, make_settings
from pydantic import SecretStr, ValidationError

from veracore_sync.config import require
from veracore_sync.domain.errors import Category, ConfigError
from veracore_sync.domain.warehouse import Variable, WarehouseOrder
from veracore_sync.jobs.orders.render import Renderer, Unsendable

SECRET = "Happy birthday, dear Zora"
GIFT = {"ship_comments": "customFields.giftMessage"}
NEW_YORK = ZoneInfo("America/New_York")


def rendered(custom: dict[str, str], **orders: Any) -> WarehouseOrder:
    settings = make_settings(orders=orders)
    renderer = Renderer(settings.orders, settings.skus, zone=NEW_YORK)
    return renderer.render(make_order("A", custom_fields=custom), "A").order


def test_a_custom_field_or_a_text_of_every_order() -> None:
    sent = rendered(
        {"giftMessage": f"  {SECRET}\n", "coupon": "", "shelf": "B 7"},
        fields={**GIFT, "discount_code": "WEB10"},
        variables={
            "Gift": "customFields.giftMessage",
            "Coupon": "customFields.coupon",
            "Shelf": "customFields.shelf",
            "Shop": "WEB",
        },
    )
    assert (sent.ship_comments, sent.discount_code) == (SECRET, "WEB10")
    # A variable without a value is not sent.
    expected = (Variable("Gift", SECRET), Variable("Shelf", "B 7"), Variable("Shop", "WEB"))
    assert sent.variables == expected


def test_without_the_settings_nothing_of_it_is_sent() -> None:
    sent = rendered({"giftMessage": SECRET})
    assert (sent.ship_comments, sent.needed_by, sent.release_date) == ("", None, None)
    assert (sent.rush, sent.discount_code, sent.variables) == (False, "", ())


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("", None),
        ("2026-12-24", date(2026, 12, 24)),
        ("2026-12-24 04:59 UTC", date(2026, 12, 23)),
        ("2026-12-24 05:00 UTC", date(2026, 12, 24)),
    ],
)
def test_a_day_is_one_of_the_warehouse(text: str, day: date | None) -> None:
    both = dict.fromkeys(("needed_by", "release_date"), "customFields.day")
    sent = rendered({"day": text}, fields=both)
    assert (sent.needed_by, sent.release_date) == (day, day)


@pytest.mark.parametrize(
    ("text", "rush"), [("yes", True), ("True", True), ("no", False), ("", False)]
)
def test_rush_is_yes_or_no(text: str, *, rush: bool) -> None:
    assert rendered({"express": text}, fields={"rush": "customFields.express"}).rush is rush


@pytest.mark.parametrize(
    ("text", "orders", "named"),
    [
        ("x" * 256, {"fields": GIFT}, "ship_comments has more than 255 characters"),
        (
            "x" * 256,
            {"variables": {"Gift": "customFields.giftMessage"}},
            'the variable "Gift" has more than 255 characters',
        ),
        (SECRET, {"fields": {"needed_by": "customFields.giftMessage"}}, "orders.fields.needed_by"),
        (
            "2026-02-30",
            {"fields": {"release_date": "customFields.giftMessage"}},
            "orders.fields.release_date is no day",
        ),
        (
            "9999-12-31 23:59 UTC.",
            {"fields": {"needed_by": "customFields.giftMessage"}},
            "orders.fields.needed_by is no day",
        ),
        (SECRET, {"fields": {"rush": "customFields.giftMessage"}}, "orders.fields.rush is neither"),
    ],
)
def test_what_cannot_be_sent_parks_the_order_and_names_the_field(
    text: str, orders: dict[str, Any], named: str
) -> None:
    with pytest.raises(Unsendable) as refusal:
        rendered({"giftMessage": text}, **orders)
    trouble = refusal.value.trouble
    assert trouble.category is Category.VALIDATION
    assert named in trouble.message
    assert "in the shop" in trouble.message
    assert text not in trouble.message


def test_255_characters_are_sent_whole() -> None:
    assert rendered({"giftMessage": "ä" * 255}, fields=GIFT).ship_comments == "ä" * 255


@pytest.mark.parametrize(
    ("sections", "named"),
    [
        ({"orders": {"fields": {"ship_comment": "x"}}}, "ship_comment"),
        ({"orders": {"fields": {"needed_by": "2026-12-24"}}}, "the same needed_by for every order"),
        ({"orders": {"fields": {"rush": "yes"}}}, "the same rush for every order"),
        ({"orders": {"fields": {"ship_comments": ""}}}, "must not be empty"),
        ({"orders": {"fields": {"ship_comments": "customfields.gift"}}}, "customFields.NAME"),
        ({"orders": {"variables": {"Gift": "customFields.gift message"}}}, "customFields.NAME"),
        ({"orders": {"variables": {"Gift": "x", "GIFT": "y"}}}, "Gift"),
        ({"orders": {"hooks": ["a", "b", "a"]}}, 'names "a" twice'),
        ({"orders": {"hook_fields": ["customFields."]}}, "customFields.NAME"),
        ({"orders": {"hook_fields": ["customer.email"]}}, "customer.groups"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused(sections: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        make_settings(**sections)


@pytest.mark.parametrize("orders", [{"fields": GIFT}, {"variables": {"Shop": "WEB"}}])
def test_a_dialect_without_such_fields_is_said_before_anything_is_sent(
    orders: dict[str, Any],
) -> None:
    login = {"client_id": "u", "client_secret": SecretStr("hunter2-secret")}
    settings = make_settings(veracore={"api": "rest", **login}, orders=orders)
    with pytest.raises(
        ConfigError, match=rf"orders\.{next(iter(orders))} cannot be sent in the dialect rest"
    ):
        require(settings, "veracore")


def test_each_setting_names_the_custom_field_that_it_reads() -> None:
    settings = make_settings(
        orders={"fields": GIFT, "variables": {"To": "customFields.to", "Shop": "WEB"}}
    )
    assert settings.orders.custom_fields == {
        "orders.fields.ship_comments": "giftMessage",
        'orders.variables."To"': "to",
    }


# ---- changes in the shop ------------------------------------------------------------------------


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "ledger.db", settings=make_settings(orders={"fields": GIFT}))


def change(bench: Bench, text: str, **changes: Any) -> None:
    bench.shop.add(make_order("A", custom_fields={"giftMessage": text}, **changes))
    bench.run()


def drift(bench: Bench) -> list[str]:
    return [one.message for one in bench.ledger.alerts.standing() if one.kind == "order.drift"]


def test_another_gift_message_is_told_by_name_and_kept_nowhere(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    change(bench, SECRET)
    assert bench.row("A").state == "synced"
    change(bench, SECRET)
    assert drift(bench) == []
    change(bench, "Get well soon")
    (message,) = drift(bench)
    assert "custom field giftMessage changed;" in message
    change(bench, SECRET)
    assert drift(bench) == []
    assert isinstance(bench.path, Path)
    kept = b"".join(one.read_bytes() for one in bench.path.parent.iterdir())
    for text in (SECRET, "Zora", "Get well soon"):
        assert text.encode() not in kept
        assert text not in caplog.text


def test_a_field_that_a_setting_names_later_is_no_change(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "ledger.db")
    bench.shop.add(make_order("A"))
    bench.run()
    bench.settings = make_settings(orders={"fields": GIFT})
    change(bench, SECRET)
    assert drift(bench) == []


def test_the_same_text_of_another_address_has_another_hash(bench: Bench) -> None:
    change(bench, SECRET)
    bench.shop.add(make_order("B", custom_fields={"giftMessage": SECRET}))
    bench.run()
    sent = bench.ledger.comparisons.sent(["A", "B"])
    assert sent["A"].fields == sent["B"].fields
    other = replace(ADDRESS, full_name="Kim Other")
    bench.shop.add(make_order("C", custom_fields={"giftMessage": SECRET}, shipping_address=other))
    bench.run()
    assert bench.ledger.comparisons.sent(["C"])["C"].fields != sent["A"].fields
