"""The settings of `[orders]`."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from veracore_sync.config.order_fields import CUSTOMER_GROUPS, HookField, Source, field_of
from veracore_sync.config.section import DAY_SECONDS, Section, minutes, number, seconds
from veracore_sync.config.types import (
    CountryCodes,
    Distinct,
    DistinctCodes,
    FieldName,
    IdPrefix,
    IdPrefixes,
    Moment,
    Name,
    Names,
    States,
    Text,
)

Claim = Literal["ours", "others", "shared"]
"""Whose order it is: to send here, of other channels, or of both."""
OrderType = Literal["Regular", "Seller", "Aggregate"]
FieldKey = Literal["ship_comments", "needed_by", "release_date", "rush", "discount_code"]
"""A field of VeraCore's order that is empty unless ``orders.fields`` fills it."""
TYPED_FIELDS: Collection[FieldKey] = ("needed_by", "release_date", "rush")
"""Those that hold a day or yes or no, and so cannot be the same text for every order."""
DEFAULT_CHANNEL = "__default_channel__"
"""The code of Vendure's own channel; every other one is a seller's."""


class FreightSettings(Section):
    """``[orders.freight.<shipping method code>]``: how one shipping method is shipped.

    Either `carrier` (with `service`), or `code`, or `shipping_option` (docs/wire.md).
    """

    carrier: Text = Field(
        default="", description="Carrier's name, as VeraCore knows it; with `service`."
    )
    service: Text = Field(default="", description="Carrier's service, as VeraCore knows it.")
    code: Text = Field(default="", description="Freight code, instead of carrier and service.")
    shipping_option: Text = Field(
        default="", description="Shipping option, instead of the other two."
    )
    third_party_type: int | None = Field(
        default=None,
        ge=1,
        le=7,
        description="Who pays the carrier: 1 ordered-by, 2 bill-to, 3 ship-to, 4 our account, "
        "5 collect, 6 consignee, 7 our account (residential).",
    )
    third_party_account: Text = Field(
        default="", description="The payer's account with the carrier."
    )

    @model_validator(mode="after")
    def _one_way(self) -> FreightSettings:
        if bool(self.carrier) + bool(self.code) + bool(self.shipping_option) != 1:
            raise ValueError("must name exactly one of carrier, code and shipping_option")
        if self.service and not self.carrier:
            raise ValueError("names a service; that goes only with a carrier")
        if bool(self.third_party_type) != bool(self.third_party_account):
            raise ValueError("must name both third_party_type and third_party_account, or neither")
        return self


class OrdersSettings(Section):
    """``[orders]``: which orders are sent, and what they carry."""

    trigger_states: States = Field(
        default=("PaymentSettled",),
        description="Vendure states in which an order is sent.",
    )
    order_types: Annotated[tuple[OrderType, ...], Field(strict=False)] | None = Field(
        default=None,
        description="Types of order that are sent, of `Regular`, `Seller` and `Aggregate`; unset "
        "is Regular, and Seller too in a seller's channel. An Aggregate is all of its Seller "
        "orders, so never both.",
        examples=[("Regular", "Seller")],
    )
    channels: Names = Field(
        default=(),
        description="Codes of the channels whose orders are sent; empty is every order that the "
        "channel in use lists. The default channel lists those of all channels "
        "(docs/vendure.md, Several channels).",
        examples=[("__default_channel__",)],
    )
    interval_minutes: int = minutes(5, "How often the timer starts sync-orders.")
    not_before: Moment | None = Field(
        default=None,
        description="Orders placed before this are never sent; unset is five minutes before the "
        "ledger was made, by the shop's clock.",
        examples=[datetime(2026, 1, 31, tzinfo=UTC)],
    )
    min_age_minutes: int = minutes(
        0, "Minutes an order must have been seen before it is sent.", least=0
    )
    max_first_run: int = number(
        50, "A first run with more orders than this needs --allow-first-run."
    )
    id_prefix: IdPrefix = Field(
        default="",
        description="Put before the order code as VeraCore's order id; at most 8 of A-Z a-z 0-9 -.",
    )
    earlier_id_prefixes: IdPrefixes = Field(
        default=(),
        description="What `id_prefix` was before; an empty text is none. After a lost ledger, "
        "orders are looked up with these, too, before they are sent. A restored ledger remembers "
        "those that it was used with; one that is rebuilt has to be told.",
        examples=[("", "S1-")],
    )
    source: Text = Field(default="", description="Order source, as VeraCore knows it.")
    price_class: Text = Field(default="", description="Price class, as VeraCore knows it.")
    project: Text = Field(default="", description="Customer project, as VeraCore knows it.")
    campaign: Text = Field(default="", description="Campaign, as VeraCore knows it.")
    customer_code: Text = Field(default="", description="Customer code, as VeraCore knows it.")
    comment: Literal["none", "note"] = Field(
        default="none",
        description="`note` sends the newest public note of the order as its comment.",
    )
    comment_field: FieldName = Field(
        default="",
        description="Custom field of the order that is its comment, of any kind but list, relation "
        "and struct; before any note.",
    )
    po_number_field: FieldName = Field(
        default="",
        description="Custom field of the order that is its PO number, of any kind but list, "
        "relation and struct; empty is the order code.",
    )
    fields: dict[FieldKey, Source] = Field(
        default_factory=dict,
        description="More fields of VeraCore's order (oms), each from a custom field "
        "(`customFields.NAME`) or, but for days and `rush`, a text for every order: "
        "`ship_comments`, `needed_by`, `release_date`, `rush`, `discount_code`.",
        examples=[
            {
                "ship_comments": "customFields.giftMessage",
                "needed_by": "customFields.deliveryDate",
                "rush": "customFields.express",
            }
        ],
    )
    variables: Annotated[dict[Name, Source], Distinct] = Field(
        default_factory=dict,
        description="Order variables (oms): a custom field (`customFields.NAME`) or a text for "
        "every order, by the variable's name in VeraCore.",
        examples=[{"Gift message": "customFields.giftMessage", "Shop": "WEB"}],
    )
    hooks: Names = Field(
        default=(),
        description="Order hooks that run, in this sequence: code of your own that may change or "
        "refuse an order (docs/order-hooks.md). An installed one that is not named does nothing.",
        examples=[("gift-note",)],
    )
    hook_fields: Annotated[tuple[HookField, ...], Field(strict=False)] = Field(
        default=(),
        description="What hooks get of an order besides its usual content: `customFields.NAME`, "
        "and `customer.groups`, the names of the customer's groups.",
        examples=[("customer.groups",)],
    )
    hook_skus: Names = Field(
        default=(),
        description="VeraCore's offers of which hooks may add lines, such as a leaflet; no order "
        "of the shop has them.",
        examples=[("LEAFLET",)],
    )
    hook_seconds: float = seconds(5, "Longest that a hook may take for an order.")
    prices: Literal["gross", "net", "none"] = Field(
        default="gross", description="Prices sent: with tax (`gross`), without (`net`), or none."
    )
    surcharges: Literal["charge", "sku", "leave_out"] = Field(
        default="charge",
        description="How surcharges are sent: as a charge of the order, below zero as a discount "
        "(`charge`), as a line of `service_sku` (`sku`), or not at all, with a warning "
        "(`leave_out`).",
    )
    service_sku: Text = Field(
        default="",
        description="VeraCore's offer for amounts that are no goods: surcharges by `surcharges`, "
        "and in the dialect `rest`, which has no charges, shipping too.",
        examples=["SERVICE"],
    )
    skip_shipping_methods: Names = Field(
        default=(),
        description='Shipping method codes whose orders are never sent, such as ["pick-up"].',
    )
    countries_without_postal_code: CountryCodes = Field(
        default=(),
        description='Countries whose addresses need no postal code, such as ["CH"]; those '
        "without postal codes need not be named.",
    )
    workers: int = number(4, "Orders sent at the same time.", least=1, most=32)
    max_run_minutes: int = minutes(
        10, "Nothing new begins after this; a minute later the run ends itself."
    )
    grace_seconds: int = number(
        180, "Time between the two look-ups that end a doubt.", most=DAY_SECONDS
    )
    cancel: Literal["off", "ask", "auto"] = Field(
        default="ask",
        description="What follows when the shop cancels an order that VeraCore has: an alert "
        "(`off`), an alert that names the `cancel` command (`ask`), or the next run asks VeraCore "
        "to cancel it (`auto`).",
    )
    parked_recheck_minutes: int = minutes(
        60, "How often an order that VeraCore refused is tried again."
    )
    freight: Annotated[dict[Name, FreightSettings], DistinctCodes] = Field(
        default_factory=dict,
        description="How each shipping method is shipped, by its code in Vendure; with none, the "
        "warehouse's default applies, with one, every method needs its own.",
        examples=[
            {
                "standard-shipping": {"carrier": "UPS", "service": "Ground"},
                "express-shipping": {
                    "code": "U01",
                    "third_party_type": 4,
                    "third_party_account": "A1B2C3",
                },
                "by-post": {"shipping_option": "92"},
            }
        ],
    )

    @model_validator(mode="after")
    def _service_sku_given(self) -> OrdersSettings:
        if self.surcharges == "sku" and not self.service_sku:
            raise ValueError('surcharges = "sku" needs service_sku, the offer of their line')
        return self

    @field_validator("hooks")
    @classmethod
    def _each_hook_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        twice = [name for name in value if value.count(name) > 1]
        if twice:
            raise ValueError(f'names "{twice[0]}" twice; keep one')
        return value

    @field_validator("fields")
    @classmethod
    def _days_of_an_order(cls, value: dict[FieldKey, str]) -> dict[FieldKey, str]:
        for key in TYPED_FIELDS:
            if key in value and not field_of(value[key]):
                raise ValueError(
                    f"has the same {key} for every order; name a custom field, such as "
                    "customFields.deliveryDate"
                )
        return value

    @field_validator("order_types")
    @classmethod
    def _each_sale_once(cls, value: tuple[OrderType, ...] | None) -> tuple[OrderType, ...] | None:
        if value is not None and not value:
            raise ValueError("must name at least one type; leave it out for the usual ones")
        if value is not None and {"Seller", "Aggregate"} <= set(value):
            raise ValueError(
                "must not name both Seller and Aggregate: an Aggregate order repeats the lines of "
                "its Seller orders, so everything would ship twice"
            )
        return value

    def sent_types(self, channel_code: str) -> frozenset[str]:
        """The types of order that are sent in that channel."""
        if self.order_types is not None:
            return frozenset(self.order_types)
        is_sellers = channel_code != DEFAULT_CHANNEL
        return frozenset(("Regular", "Seller") if is_sellers else ("Regular",))

    def claim(self, channels: Collection[str]) -> Claim:
        """Whether an order in these channels is sent with these settings.

        Args:
            channels: The codes of all its channels; empty: they were not asked for.
        """
        if not self.channels or not channels:
            return "ours"
        # Vendure puts every order into the default channel too: only where that is its one channel
        # was it sold there.
        sold_in = {*channels} - {DEFAULT_CHANNEL} or {DEFAULT_CHANNEL}
        if sold_in <= {*self.channels}:
            return "ours"
        return "others" if sold_in.isdisjoint(self.channels) else "shared"

    @property
    def counted_types(self) -> frozenset[str]:
        """The types whose units the warehouse owes, and whose shipments may be ours.

        While `order_types` is unset, Seller orders count in every channel: somebody bought them,
        and selling their units again would be worse than holding them back.
        """
        return frozenset(self.order_types or ("Regular", "Seller"))

    @property
    def reads_groups(self) -> bool:
        """Whether the groups of each order's customer are asked for."""
        return CUSTOMER_GROUPS in self.hook_fields

    @property
    def id_prefixes(self) -> tuple[str, ...]:
        """Every prefix that the ids of orders may have; the first is the one of new ids."""
        return tuple(dict.fromkeys((self.id_prefix, *self.earlier_id_prefixes)))

    @property
    def custom_fields(self) -> dict[str, str]:
        """The order's custom fields that are asked for, by the setting that names each."""
        named = {
            "orders.comment_field": self.comment_field,
            "orders.po_number_field": self.po_number_field,
            **{
                f"orders.hook_fields ({one})": field_of(one)
                for one in self.hook_fields
                if field_of(one)
            },
            **{f"orders.fields.{key}": field_of(one) for key, one in self.fields.items()},
            **{f'orders.variables."{key}"': field_of(one) for key, one in self.variables.items()},
        }
        return {setting: name for setting, name in named.items() if name}
