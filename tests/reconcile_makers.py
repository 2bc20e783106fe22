"""A maker for each way in which the sides come to disagree, and for what only looks like it.

A maker is given an order that has come as far as its stage, of three units of a SKU of its own, and
does to it, by a side's own means, what no timer has seen yet. It returns what the difference is
called: the order's code, unless it says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum

from reconcile_kit import Bed

from veracore_sync.domain.differences import DIFFERENCES, DifferenceType

UNITS = 3
Strike = Callable[[Bed, str, str], str | None]
"""Given the bed, the order's code and its SKU."""


class Stage(IntEnum):
    """How far the order has come before the maker gets it."""

    NONE = 0  # it makes its own, if it needs one
    SENT = 1
    PARTLY = 2  # one unit of it was shipped, and has reached the shop
    SHIPPED = 3  # all of it was, and has


@dataclass(frozen=True)
class Maker:
    """One way to a difference.

    Args:
        type: What `reconcile` must call it.
        stage: How far the order has come.
        strike: Makes it.
        mend: What a person does about it, as docs/reconcile.md says, where no command repairs it.
        applied: Whether ``reconcile --apply`` ends it; ``None``: as the type says.
        accepted: A person can only accept it.
        in_rest: Whether the dialect `rest` can show it.
    """

    type: DifferenceType
    stage: Stage
    strike: Strike
    mend: Strike | None = None
    applied: bool | None = None
    accepted: bool = False
    in_rest: bool = False

    @property
    def is_applied(self) -> bool:
        """Whether ``--apply`` ends it."""
        return DIFFERENCES[self.type].applied if self.applied is None else self.applied


def number(code: str, last: str = "1") -> str:
    """A tracking number of its own for an order."""
    return f"1Z{sum(map(ord, code)) % 10**6:06}{code[:6]}{last}"


def prepare(bed: Bed, makers: Mapping[str, tuple[Stage, str]]) -> dict[str, str]:
    """Orders by key that have come as far as their stages; nothing of them is left to do."""
    codes = {}
    for key, (stage, sku) in makers.items():
        if stage > Stage.NONE:
            codes[key] = bed.shop.place([(sku, UNITS)])
    bed.timers()
    for key, code in codes.items():
        stage, sku = makers[key]
        if stage == Stage.PARTLY:
            bed.there.ship(code, [(sku, 1)], number(code))
        if stage == Stage.SHIPPED:
            bed.there.ship(code, None, number(code))
    for _ in range(2):
        bed.clock.forward(minutes=20)
        bed.timers()
    return codes


# ---- the acts ------------------------------------------------------------------------------------


def _place_only(bed: Bed, code: str, sku: str) -> str:
    return bed.shop.place([(sku, UNITS)])


def _place_and_lose(bed: Bed, code: str, sku: str) -> None:
    """Both the ledger and VeraCore lose an order that was sent."""
    bed.ledger.drop(code)
    bed.there.forget(code)


def _drop(bed: Bed, code: str, sku: str) -> None:
    bed.ledger.drop(code)


def _old_ledger(bed: Bed, code: str, sku: str) -> None:
    bed.ledger.forget_attempts(code)


def _forget(bed: Bed, code: str, sku: str) -> None:
    _LOST[code] = bed.there.forget(code)


def _restore(bed: Bed, code: str, sku: str) -> None:
    bed.there.restore(_LOST.pop(code))


def _ship_by_hand_instead(bed: Bed, code: str, sku: str) -> None:
    bed.shop.fulfil(code, tracking="by hand")


_LOST: dict[str, object] = {}


def _cancel_one_there(bed: Bed, code: str, sku: str) -> None:
    bed.there.cancel(code, [(sku, 1)])


def _one_less_here(bed: Bed, code: str, sku: str) -> None:
    bed.shop.set_units(code, sku, UNITS - 1)


def _one_more_here(bed: Bed, code: str, sku: str) -> None:
    bed.shop.set_units(code, sku, UNITS + 1)


def _cancel_one_here(bed: Bed, code: str, sku: str) -> None:
    bed.shop.cancel(code, [(sku, 1)])


def _one_more_there(bed: Bed, code: str, sku: str) -> None:
    bed.there.set_units(code, sku, UNITS + 1)


def _as_ordered_there(bed: Bed, code: str, sku: str) -> None:
    bed.there.set_units(code, sku, UNITS)


def _another_sku_there(bed: Bed, code: str, sku: str) -> None:
    bed.there.set_units(code, "SOMETHING-ELSE", 1)


def _move(bed: Bed, code: str, sku: str) -> None:
    bed.shop.move(code)


def _track(bed: Bed, code: str) -> None:
    """The tracking timer sees this order, and no other."""
    for _ in range(2):
        bed.run("sync-tracking", "--order", code, codes=(0, 3))
        bed.clock.forward(minutes=20)


def _ship_short(bed: Bed, code: str, sku: str) -> None:
    bed.there.ship(code, [(sku, UNITS - 1)], number(code), short=True)
    _track(bed, code)


def _cancel_here(bed: Bed, code: str, sku: str) -> None:
    bed.shop.cancel(code)


def _cancel_there(bed: Bed, code: str, sku: str) -> None:
    bed.there.cancel(code)


def _ship(bed: Bed, code: str, sku: str) -> None:
    bed.there.ship(code, None, number(code))


def _ship_rest(bed: Bed, code: str, sku: str) -> None:
    bed.there.ship(code, None, number(code, "2"))


def _ship_one(bed: Bed, code: str, sku: str) -> None:
    bed.there.ship(code, [(sku, 1)], number(code))


def _cancel_fulfilment(bed: Bed, code: str, sku: str) -> None:
    id = next(id for id, state, _ in bed.shop.fulfilments(code) if state != "Cancelled")
    bed.shop.set_fulfilment(id, "Cancelled")


def _fulfil_again(bed: Bed, code: str, sku: str) -> None:
    bed.shop.fulfil(code, tracking=number(code))


def _shipped_anew(bed: Bed, code: str, sku: str) -> None:
    """A parcel never left, so its fulfilment was cancelled; the units leave later, on another slip.

    Vendure leaves the order in Shipped, where nothing can be fulfilled by this program.
    """
    bed.there.void(code)
    _track(bed, code)
    _cancel_fulfilment(bed, code, sku)
    bed.there.ship(code, None, number(code, "5"))
    _track(bed, code)


def _ship_beyond(bed: Bed, code: str, sku: str) -> None:
    bed.there.ship(code, [(sku, UNITS + 1)], number(code))
    _track(bed, code)


def _ship_twice(bed: Bed, code: str, sku: str) -> None:
    bed.there.ship(code, [(sku, 1)], number(code, "2"))


def _ship_what_is_cancelled(bed: Bed, code: str, sku: str) -> None:
    bed.shop.cancel(code)
    bed.there.ship(code, None, number(code))


def _void(bed: Bed, code: str, sku: str) -> None:
    bed.there.void(code)


def _stop_parcel(bed: Bed, code: str, sku: str) -> None:
    bed.there.void(code)
    bed.there.cancel(code)


def _fulfil(bed: Bed, code: str, sku: str) -> None:
    bed.shop.fulfil(code, tracking="by hand")


def _fulfil_one(bed: Bed, code: str, sku: str) -> None:
    bed.shop.fulfil(code, [(sku, 1)], tracking="by hand")


def _take_out_there(bed: Bed, code: str, sku: str) -> None:
    bed.there.cancel(code, [(sku, 1)])


def _relabel(bed: Bed, code: str, sku: str) -> None:
    bed.there.void(code, number(code, "9"))


def _one_label_more(bed: Bed, code: str, sku: str) -> None:
    """A second package of a slip: VeraCore splits what did not fit into one box."""
    order = bed.there.order(code)
    with bed.there.world.lock:
        slip = order.slips[-1]
        first = slip.packages[-1]
        slip.packages.append(
            type(first)(number(code, "8"), "UPS", "Ground", first.packed_at, first.shipped_at)
        )


def _allocate_short(bed: Bed, code: str, sku: str) -> None:
    bed.shop.allocate_short(code, sku, 1)


def _cover(bed: Bed, code: str, sku: str) -> None:
    bed.shop.cancel(code)
    bed.there.cancel(code)


def _level_here(bed: Bed, code: str, sku: str) -> str:
    bed.shop.set_stock(sku, bed.shop.on_hand(sku) + 7)
    return sku


def _level_there(bed: Bed, code: str, sku: str) -> None:
    """Goods are lost there; the next stock run brings it to the shop."""
    bed.there.set_stock(sku, bed.there.on_hand(sku) - 7)


def _foreign(bed: Bed, code: str, sku: str) -> str:
    id = bed.there.place(f"PHONE-{sku}", [(sku, 1)], "by phone")
    bed.there.ship(id, None, number(id))
    bed.shop.set_stock(sku, bed.shop.on_hand(sku) - 1)
    return id


_T = DifferenceType

# Of each type, what one of its makers must show: in the ledger, the shop and the warehouse.
SHOWN: Mapping[str, tuple[str, str, str]] = {
    "never sent": ("no such order", "{sku}", "no such order"),
    "row dropped": ("no such order", "3 x {sku}", "3 x {sku}"),
    "forgotten there": ("synced as {code}", "3 x {sku}", "no such order"),
    "a unit less here": ("synced", "2 x {sku}", "3 x {sku}"),
    "cancelled here": ("synced", "Cancelled", "3 x {sku}"),
    "cancelled there": ("synced", "3 x {sku}", "cancelled"),
    "shipped": ("synced", "PaymentSettled", "3 x {sku}"),
    "shipped beyond": ("shipped", "3 x {sku}", "1 x {sku}"),
    "fulfilled by hand": ("synced", "Shipped", "3 x {sku}"),
    "labels void": ("shipped", "Shipped", "void"),
    "relabelled": ("shipped", "1Z", "1Z"),
    "a level here": ("", "by 7", "{sku}"),
}

MAKERS: Mapping[str, Maker] = {
    "never sent": Maker(_T.PAID_NOT_SENT, Stage.NONE, _place_only, in_rest=True),
    "lost by ledger and VeraCore": Maker(
        _T.PAID_NOT_SENT, Stage.SENT, _place_and_lose, in_rest=True
    ),
    "row dropped": Maker(_T.SENT_NOT_IN_LEDGER, Stage.SENT, _drop),
    "row dropped, partly shipped": Maker(_T.SENT_NOT_IN_LEDGER, Stage.PARTLY, _drop),
    "row dropped, shipped": Maker(_T.SENT_NOT_IN_LEDGER, Stage.SHIPPED, _drop),
    "row of an old ledger": Maker(_T.SENT_NOT_IN_LEDGER, Stage.SENT, _old_ledger),
    "forgotten there": Maker(
        _T.IN_LEDGER_NOT_AT_WAREHOUSE, Stage.SENT, _forget, _restore, in_rest=True
    ),
    "forgotten there, sent by hand": Maker(
        _T.IN_LEDGER_NOT_AT_WAREHOUSE, Stage.SENT, _forget, _ship_by_hand_instead, in_rest=True
    ),
    "a unit cancelled there": Maker(
        _T.CONTENT_DIFFERS, Stage.SENT, _cancel_one_there, _one_less_here
    ),
    "a unit more there": Maker(_T.CONTENT_DIFFERS, Stage.SENT, _one_more_there, _as_ordered_there),
    "another SKU there": Maker(_T.CONTENT_DIFFERS, Stage.SENT, _another_sku_there, accepted=True),
    "a unit less here": Maker(_T.CONTENT_DIFFERS, Stage.SENT, _one_less_here, _cancel_one_there),
    "a unit cancelled here": Maker(
        _T.CONTENT_DIFFERS, Stage.SENT, _cancel_one_here, _cancel_one_there
    ),
    "a unit more here": Maker(_T.CONTENT_DIFFERS, Stage.SENT, _one_more_here, _one_more_there),
    "another address here": Maker(_T.CONTENT_DIFFERS, Stage.SENT, _move, accepted=True),
    "shipped short": Maker(_T.CONTENT_DIFFERS, Stage.SENT, _ship_short, _cancel_one_here),
    "cancelled here": Maker(_T.CANCELLED_HERE_LIVE_THERE, Stage.SENT, _cancel_here),
    "cancelled there": Maker(
        _T.CANCELLED_THERE_OPEN_HERE,
        Stage.SENT,
        _cancel_there,
        _cancel_here,
        applied=False,
        in_rest=True,
    ),
    "shipped": Maker(_T.SHIPPED_NOT_FULFILLED, Stage.SENT, _ship, in_rest=True),
    "shipped in part": Maker(_T.SHIPPED_NOT_FULFILLED, Stage.SENT, _ship_one),
    "the rest shipped": Maker(_T.SHIPPED_NOT_FULFILLED, Stage.PARTLY, _ship_rest),
    "fulfilment cancelled": Maker(
        _T.SHIPPED_NOT_FULFILLED,
        Stage.SHIPPED,
        _cancel_fulfilment,
        _fulfil_again,
        applied=False,
        in_rest=True,
    ),
    "shipped anew": Maker(
        _T.SHIPPED_NOT_FULFILLED, Stage.SHIPPED, _shipped_anew, _fulfil_again, applied=False
    ),
    "shipped beyond": Maker(_T.SHIPPED_NOT_ORDERED, Stage.SENT, _ship_beyond, accepted=True),
    "shipped twice": Maker(_T.SHIPPED_NOT_ORDERED, Stage.SHIPPED, _ship_twice, accepted=True),
    "cancelled here, shipped": Maker(
        _T.SHIPPED_NOT_ORDERED, Stage.SENT, _ship_what_is_cancelled, _stop_parcel
    ),
    "fulfilled by hand": Maker(
        _T.FULFILLED_NOT_SHIPPED, Stage.SENT, _fulfil, _cancel_fulfilment, in_rest=True
    ),
    "a unit fulfilled by hand": Maker(
        _T.FULFILLED_NOT_SHIPPED, Stage.SENT, _fulfil_one, _take_out_there
    ),
    "labels void": Maker(_T.FULFILLED_NOT_SHIPPED, Stage.SHIPPED, _void, _cancel_fulfilment),
    "relabelled": Maker(_T.TRACKING_DIFFERS, Stage.SHIPPED, _relabel),
    "a label more": Maker(_T.TRACKING_DIFFERS, Stage.SHIPPED, _one_label_more),
    "allocated short": Maker(_T.ALLOCATED_SHORT, Stage.SENT, _allocate_short, _cover),
    "a level here": Maker(_T.STOCK_DIFFERS, Stage.NONE, _level_here, in_rest=True),
    "of another system": Maker(_T.FOREIGN_AT_WAREHOUSE, Stage.NONE, _foreign, accepted=True),
}


# ---- what only looks like a difference -----------------------------------------------------------


@dataclass(frozen=True)
class NearMiss:
    """What looks like a difference and is none. To be made before any difference: timers run."""

    stage: Stage
    strike: Strike


def _nothing(bed: Bed, code: str, sku: str) -> None:
    pass


def _unpaid(bed: Bed, code: str, sku: str) -> None:
    bed.shop.place([(sku, UNITS)], state="ArrangingPayment")


def _cancel_unsent(bed: Bed, code: str, sku: str) -> None:
    bed.shop.cancel(bed.shop.place([(sku, UNITS)]))


def _fulfil_unsent(bed: Bed, code: str, sku: str) -> None:
    bed.shop.fulfil(bed.shop.place([(sku, UNITS)]), tracking="by hand")


def _skip(bed: Bed, code: str, sku: str) -> None:
    made = bed.shop.place([(sku, UNITS)], address=None)
    bed.run("sync-orders", "--order", made, codes=(3,))
    bed.run("resolve", made, "--skip")


def _both_cancel(bed: Bed, code: str, sku: str) -> None:
    bed.shop.cancel(code)
    bed.there.cancel(code)


def _both_less(bed: Bed, code: str, sku: str) -> None:
    _one_less_here(bed, code, sku)
    _cancel_one_there(bed, code, sku)


def _both_more(bed: Bed, code: str, sku: str) -> None:
    _one_more_here(bed, code, sku)
    _one_more_there(bed, code, sku)


def _delivered(bed: Bed, code: str, sku: str) -> None:
    for id, state, _ in bed.shop.fulfilments(code):
        if state == "Shipped":
            bed.shop.set_fulfilment(id, "Delivered")


def _come_back(bed: Bed, code: str, sku: str) -> None:
    """Goods come back; the shop cancels and refunds what it had shipped."""
    body = {"order": bed.there.order(code).id, "lines": [{"sku": sku, "quantity": UNITS}]}
    bed.rig.control("returns", body)
    bed.shop.cancel(code)
    bed.run("sync-inventory", "--allow-mass-change", codes=(0, 3))


def _packed(bed: Bed, code: str, sku: str) -> None:
    """A slip with a label that has not left."""
    body = {
        "order": bed.there.order(code).id,
        "packages": [{"tracking": number(code), "carrier": "UPS", "shipped": False}],
    }
    bed.rig.control("ship", body)


def _relabel_told(bed: Bed, code: str, sku: str) -> None:
    """The customer was told of the new label (`tracking.corrected`)."""
    _relabel(bed, code, sku)
    _track(bed, code)


def _refund(bed: Bed, code: str, sku: str) -> None:
    bed.shop.refund(code)


def _two_packages(bed: Bed, code: str, sku: str) -> None:
    bed.there.ship(code, None, [number(code, "3"), number(code, "4")])
    _track(bed, code)


def _two_slips(bed: Bed, code: str, sku: str) -> None:
    _ship_rest(bed, code, sku)
    _track(bed, code)


def _fulfilled_in_two(bed: Bed, code: str, sku: str) -> None:
    """A person replaces the fulfilment by two."""
    _cancel_fulfilment(bed, code, sku)
    bed.shop.fulfil(code, [(sku, 1)], tracking=number(code))
    bed.shop.fulfil(code, [(sku, UNITS - 1)], tracking=number(code))


def _foreign_open(bed: Bed, code: str, sku: str) -> None:
    """Another system's order that has not left: VeraCore lists shipments only."""
    id = bed.there.place(f"FAX-{sku}", [(sku, 1)], "by fax")
    bed.there.cancel(id)


def _other_spelling(bed: Bed, code: str, sku: str) -> None:
    order = bed.there.order(code)
    with bed.there.world.lock:
        order.lines[0].sku = f" {sku.lower()}"


def _split_there(bed: Bed, code: str, sku: str) -> None:
    """VeraCore's staff split a line: the units are the same."""
    order = bed.there.order(code)
    with bed.there.world.lock, bed.there.world._change(order):
        line = order.lines[0]
        line.quantity -= 1
        order.lines.append(type(line)(line.sku, 1, line.price))


def _accepted_move(bed: Bed, code: str, sku: str) -> None:
    bed.shop.move(code)
    bed.run("sync-orders", codes=(0, 3))
    bed.run("resolve", code, "--accept", "the customer collects it", codes=(0, 3))


GIFT = "GIFT"
"""A SKU that the settings exclude."""
SETTINGS: Mapping[str, str] = {
    "VERACORE_SYNC_TRACKING__SETTLE_MINUTES": "0",
    "VERACORE_SYNC_INVENTORY__INTERVAL_MINUTES": "1440",
    "VERACORE_SYNC_SKUS__EXCLUDE": f'["{GIFT}"]',
    "VERACORE_SYNC_ORDERS__SKIP_SHIPPING_METHODS": '["express-shipping"]',
}
"""What some near-misses need."""


def _with_gift(bed: Bed, code: str, sku: str) -> None:
    made = bed.shop.place([(sku, UNITS), (GIFT, 2)])
    bed.run("sync-orders", "--order", made)
    bed.there.ship(made, None, number(made))
    _track(bed, made)


def _gift_only(bed: Bed, code: str, sku: str) -> None:
    bed.shop.place([(GIFT, 2)])


def _skipped_method(bed: Bed, code: str, sku: str) -> None:
    bed.shop.place([(sku, UNITS)], shipping_method="express-shipping")


def _early(bed: Bed, code: str, sku: str) -> None:
    bed.shop.place([(sku, UNITS)], placed_at=datetime(2019, 12, 31, tzinfo=UTC))


def _other_type(bed: Bed, code: str, sku: str) -> None:
    bed.shop.place([(sku, UNITS)], order_type="Aggregate")


def _sent_anew(bed: Bed, code: str, sku: str) -> None:
    """VeraCore cancelled it, and a person had it sent again under another id."""
    bed.there.cancel(code)
    _track(bed, code)
    bed.run("resolve", code, "--new-id", codes=(0, 3))
    bed.run("sync-orders", "--order", code, codes=(0, 3))


def _come_back_only(bed: Bed, code: str, sku: str) -> None:
    """Goods come back for an exchange; the shop's order stays as it is."""
    body = {"order": bed.there.order(code).id, "lines": [{"sku": sku, "quantity": 1}]}
    bed.rig.control("returns", body)


def _adopted_again(bed: Bed, code: str, sku: str) -> None:
    """The ledger lost it, and the timer found it at VeraCore."""
    bed.ledger.drop(code)
    for _ in range(3):
        bed.run("sync-orders", "--order", code, codes=(0, 3))
        bed.clock.forward(minutes=20)


def _cancelled_by_us(bed: Bed, code: str, sku: str) -> None:
    bed.shop.cancel(code)
    bed.run("cancel", code, codes=(0, 3))
    for _ in range(2):
        bed.clock.forward(minutes=20)
        bed.run("sync-orders", codes=(0, 3))


def _partly_then_cancelled(bed: Bed, code: str, sku: str) -> None:
    """One unit was shipped; both sides cancel the rest."""
    bed.shop.cancel(code, [(sku, UNITS - 1)])
    bed.there.cancel(code, [(sku, UNITS - 1)])


def _inserted(bed: Bed, code: str, sku: str) -> None:
    """VeraCore adds a leaflet to the parcel."""
    bed.there.ship(code, [(sku, UNITS), ("LEAFLET", 1)], number(code))
    _track(bed, code)


NEAR_MISSES: Mapping[str, NearMiss] = {
    "sent": NearMiss(Stage.SENT, _nothing),
    "partly shipped": NearMiss(Stage.PARTLY, _nothing),
    "all shipped": NearMiss(Stage.SHIPPED, _nothing),
    "not paid": NearMiss(Stage.NONE, _unpaid),
    "cancelled before it was sent": NearMiss(Stage.NONE, _cancel_unsent),
    "fulfilled by hand before it was sent": NearMiss(Stage.NONE, _fulfil_unsent),
    "skipped by a person": NearMiss(Stage.NONE, _skip),
    "cancelled on both sides": NearMiss(Stage.SENT, _both_cancel),
    "a unit less on both sides": NearMiss(Stage.SENT, _both_less),
    "a unit more on both sides": NearMiss(Stage.SENT, _both_more),
    "delivered": NearMiss(Stage.SHIPPED, _delivered),
    "come back and cancelled": NearMiss(Stage.SHIPPED, _come_back),
    "packed": NearMiss(Stage.SENT, _packed),
    "relabelled and told": NearMiss(Stage.SHIPPED, _relabel_told),
    "refunded after it shipped": NearMiss(Stage.SHIPPED, _refund),
    "two packages": NearMiss(Stage.SENT, _two_packages),
    "two slips": NearMiss(Stage.PARTLY, _two_slips),
    "fulfilled anew in two": NearMiss(Stage.SHIPPED, _fulfilled_in_two),
    "another system's, not shipped": NearMiss(Stage.NONE, _foreign_open),
    "another spelling there": NearMiss(Stage.SENT, _other_spelling),
    "lines split there": NearMiss(Stage.SENT, _split_there),
    "an accepted address": NearMiss(Stage.SENT, _accepted_move),
    "a gift that is not sent": NearMiss(Stage.NONE, _with_gift),
    "nothing but a gift": NearMiss(Stage.NONE, _gift_only),
    "a method that is not sent": NearMiss(Stage.NONE, _skipped_method),
    "placed before go-live": NearMiss(Stage.NONE, _early),
    "a type that is not sent": NearMiss(Stage.NONE, _other_type),
    "sent again under another id": NearMiss(Stage.SENT, _sent_anew),
    "one unit come back": NearMiss(Stage.SHIPPED, _come_back_only),
    "adopted again": NearMiss(Stage.SENT, _adopted_again),
    "cancelled by our command": NearMiss(Stage.SENT, _cancelled_by_us),
    "partly shipped, the rest cancelled": NearMiss(Stage.PARTLY, _partly_then_cancelled),
    "a level there": NearMiss(Stage.NONE, _level_there),
    "a leaflet in the parcel": NearMiss(Stage.SENT, _inserted),
}


def types_without_maker(makers: Iterable[Maker]) -> set[DifferenceType]:
    """The types that none of these makes."""
    return set(DifferenceType) - {one.type for one in makers}
