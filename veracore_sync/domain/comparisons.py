"""What is remembered of an order that was handed over, to find what the shop changes afterwards.

Nothing of it is personal data: the ship-to is a keyed hash of the whole of it, and so is each
custom field. Times are UTC texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Facets:
    """The content of an order, as far as it matters after it was handed over.

    Args:
        state: The order's state in the shop.
        units: Units ordered by SKU, also those that are fulfilled; without cancelled ones.
        ship_to: A keyed hash of the address as a whole.
        shipping: The codes of the shipping methods, sorted.
        basis: The prices that are sent, as ``orders.prices`` says; with ``none``, `prices` is
            empty.
        prices: Amounts by what they are of: a SKU's unit price, shipping, surcharges.
        currency: Of all amounts.
        paid: Settled and authorised payments.
        refunded: Money given back that no smaller total explains.
        is_refunded: All that was paid was given back.
        owed: What the payments lack to the order's total.
        by_hand: Units by SKU that fulfilments have which are not of a slip of VeraCore.
        fields: A keyed hash of each custom field that is sent, by its name.
        ship_to_parts: Short keyed hashes of the address without some of its fields, which tell in
            which of them a later address differs; of no field by itself. Empty: not known.
        names: What each variant and shipping method was called when it was seen first. It tells a
            renamed one from another one, and is no content. Of what was sent, also what each
            variant was sent as.
    """

    state: str
    units: Mapping[str, int]
    ship_to: str
    shipping: tuple[str, ...]
    basis: str = "none"
    prices: Mapping[str, str] = field(default_factory=dict)
    currency: str = ""
    paid: Decimal = Decimal(0)
    refunded: Decimal = Decimal(0)
    is_refunded: bool = False
    owed: Decimal = Decimal(0)
    by_hand: Mapping[str, int] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    ship_to_parts: str = field(default="", compare=False)
    names: Mapping[str, str] = field(default_factory=dict, compare=False)

    def sku_of(self, variant_id: str, sku: str) -> str:
        """What the variant was called when it was seen first; `sku` if it was not."""
        return self.names.get(variant_key(variant_id), sku)

    def offer_of(self, variant_id: str) -> str | None:
        """What VeraCore was sent for the variant; ``None``: nothing, or not known."""
        return self.names.get(offer_key(variant_id))


def offer_key(variant_id: str) -> str:
    """The name of a variant's offer in `Facets.names`."""
    return f"offer of variant {variant_id}"


def variant_key(variant_id: str) -> str:
    """The name of a variant in `Facets.names`."""
    return f"variant {variant_id}"


@dataclass(frozen=True, slots=True)
class ComparedRow:
    """How an order was when it was compared last.

    Args:
        code: The order's.
        compared_at: When it was compared last; ``None``: not since it was sent.
        state: Its state in the ledger then.
        shop_at: The shop's ``updatedAt`` then.
        seen: Its facets then.
        base: The facets that it is compared with, where these are not what was sent: a person
            accepted them, or they were the first that were seen.
        reported: By kind of alert, what was reported and has not ended.
        away_since: Since when it has been in a state that only counts if it lasts.
        accepted_at: When a person accepted its differences last.
    """

    code: str
    compared_at: str | None = None
    state: str | None = None
    shop_at: str | None = None
    seen: Facets | None = None
    base: Facets | None = None
    reported: Mapping[str, str] = field(default_factory=dict)
    away_since: str | None = None
    accepted_at: str | None = None


@dataclass(frozen=True, slots=True)
class LastLook:
    """When an order was compared last, and what moved then; the rest as in `ComparedRow`."""

    compared_at: str | None
    state: str | None
    shop_at: str | None
