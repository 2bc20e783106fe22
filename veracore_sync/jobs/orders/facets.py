"""The facets of a shop's order: what is stored when it is sent and compared later; pure."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Literal

from veracore_sync.domain.comparisons import Facets, offer_key, variant_key
from veracore_sync.domain.orders import Address, Order, OrderContent, OrderLine, ShippingLine
from veracore_sync.domain.pick_slips import SlipRow
from veracore_sync.jobs.orders.address_parts import address_parts
from veracore_sync.jobs.orders.text import comparable

SHIPPING, SURCHARGES = "shipping charge", "surcharges"
_CENT = Decimal("0.01")
Basis = Literal["gross", "net", "none"]


def under_first_names(order: OrderContent, *known: Facets | None) -> OrderContent:
    """The order with the names that its variants and shipping methods had when seen first.

    The shop shows the SKU and the code that they have now. Renaming one changes no order.
    """
    names: dict[str, str] = {}
    for one in known:
        names.update(one.names if one else {})
    if names.items() >= _names(order).items():
        return order
    lines = (
        replace(one, sku=names.get(variant_key(one.variant_id), one.sku)) for one in order.lines
    )
    shipping = (
        replace(one, method_code=names.get(_method(one), one.method_code))
        for one in order.shipping_lines
    )
    return replace(order, lines=tuple(lines), shipping_lines=tuple(shipping))


def _names(order: Order | OrderContent) -> dict[str, str]:
    names = {variant_key(one.variant_id): one.sku for one in order.lines}
    return names | {_method(one): one.method_code for one in order.shipping_lines if one.method_id}


def _method(line: ShippingLine) -> str:
    return f"shipping method {line.method_id}"


def facets(
    order: Order | OrderContent,
    basis: Basis,
    key: bytes,
    by_hand: Mapping[str, int] | None = None,
    earlier: Facets | None = None,
) -> Facets:
    """The facets of an order.

    Args:
        basis: ``orders.prices``.
        key: The ledger's key of hashes.
        by_hand: As in `Facets`; all fulfilled units, if not given: nothing was shipped yet.
        earlier: Those that it had: of the same address, the hashes are not computed again.
    """
    units: Counter[str] = Counter()
    for line in order.lines:
        units[line.sku] += line.quantity
    # A refund that belongs to cancelled or cheaper units is reported by these, not once more.
    explained = max(Decimal(0), order.paid - order.total) if order.total else Decimal(0)
    ship_to = _ship_to(order.shipping_address, key)
    is_same = earlier is not None and earlier.ship_to == ship_to
    parts = earlier.ship_to_parts if earlier is not None and is_same else ""
    return Facets(
        state=order.state,
        units=dict(sorted((+units).items())),
        ship_to=ship_to,
        ship_to_parts=parts or address_parts(order.shipping_address, key),
        shipping=tuple(sorted(one.method_code for one in order.shipping_lines)),
        basis=basis,
        prices=_prices(order, basis) if basis != "none" else {},
        currency=order.currency,
        paid=order.paid,
        refunded=max(Decimal(0), order.refunded - explained),
        is_refunded=order.paid > 0 and order.refunded >= order.paid,
        owed=max(Decimal(0), order.total - order.paid),
        by_hand=by_hand if by_hand is not None else fulfilled_by_others(order, {}),
        fields=_fields(order, key),
        names=_names(order),
    )


def with_offers(sent: Facets, offers: Mapping[str, str]) -> Facets:
    """The facets with what VeraCore is sent for each variant, by its id."""
    named = {offer_key(variant_id): offer for variant_id, offer in offers.items()}
    return replace(sent, names={**sent.names, **named})


def fulfilled_by_others(order: Order | OrderContent, ours: Mapping[str, int]) -> dict[str, int]:
    """Fulfilled units by SKU, beyond `ours` (by line id)."""
    units: Counter[str] = Counter()
    for line in order.lines:
        units[line.sku] += max(0, line.fulfilled - ours.get(line.id, 0))
    return dict(sorted((+units).items()))


def fulfilled_by_hand(
    order: OrderContent, before: Mapping[str, int], slips: Callable[[], Sequence[SlipRow]]
) -> Mapping[str, int]:
    """Fulfilled units by SKU that no slip of VeraCore explains.

    Args:
        before: The same as it was seen earlier.
        slips: Reads the order's slips; only asked if something is fulfilled.
    """
    if not before and not any(line.fulfilled for line in order.lines):
        return {}
    ours: Counter[str] = Counter()
    known = slips()
    for slip in known:
        if slip.lines is None:
            return before  # its units may be among those that are fulfilled
        ours.update(slip.lines)
    found = Counter(fulfilled_by_others(order, ours))
    # That a slip's own fulfilment was cancelled is for `sync-tracking` to report.
    return dict(found | Counter(before)) if known else dict(found)


def _prices(order: Order | OrderContent, basis: Basis) -> dict[str, str]:
    gross = basis == "gross"
    by_sku: dict[str, list[Decimal]] = {}
    for line in order.lines:
        if line.quantity > 0:
            by_sku.setdefault(line.sku, []).append(_price(line, gross=gross))
    found = {sku: _amounts(amounts) for sku, amounts in sorted(by_sku.items())}
    charges = (one.price_gross if gross else one.price_net for one in order.shipping_lines)
    found[SHIPPING] = _amounts([sum(charges, Decimal(0))])
    found[SURCHARGES] = _amounts([order.surcharges_gross if gross else order.surcharges_net])
    return found


def _price(line: OrderLine, *, gross: bool) -> Decimal:
    return line.unit_price_gross if gross else line.unit_price_net


def _amounts(amounts: Iterable[Decimal]) -> str:
    return " + ".join(sorted({f"{_cents(amount):f}" for amount in amounts}))


def _cents(amount: Decimal) -> Decimal:
    """With two decimal places at least, so that equal amounts have equal texts."""
    return amount if amount % _CENT else amount.quantize(_CENT)


def _ship_to(address: Address, key: bytes) -> str:
    # One hash of the whole: single fields could be guessed by whoever has the key; `address_parts`
    # tells which changed. Cleaned as it is
    # sent, so that a difference that VeraCore would never see is none.
    return _digest(_cleaned(address), key)


def _fields(order: Order | OrderContent, key: bytes) -> dict[str, str]:
    if not order.custom_fields:
        return {}
    # Each together with the address: a phone number alone could be guessed like any single field.
    address = _cleaned(order.shipping_address)
    return {
        name: _digest({**address, "field": name, "text": comparable(text)}, key)
        for name, text in sorted(order.custom_fields.items())
    }


def _cleaned(address: Address) -> dict[str, str]:
    return {name: comparable(value) for name, value in address.by_field().items()}


def _digest(fields: Mapping[str, str], key: bytes) -> str:
    text = json.dumps(fields, sort_keys=True)
    return hashlib.blake2b(text.encode(), key=key, digest_size=16).hexdigest()
