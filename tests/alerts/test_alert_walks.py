"""Every kind of alert: opened by a real cause, obeyed as its words say, and closed by that.

One row is one walk: how it comes, what the words say, how that is done, and after how many rounds
of the timers it has ended. A kind without a walk fails.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest
from alerts_kit import FIRST, SECOND, Act, Desk, Walk, desk, give_code_again, walked

from veracore_sync.domain.differences import Difference, DifferenceType
from veracore_sync.domain.kinds import ALERTS, AlertKind
from veracore_sync.jobs.reconcile.telling import tell
from veracore_sync.ledger import open_ledger
from veracore_sync.sandbox.records import Line, Order
from veracore_sync.sandbox.shop_prices import total_with_tax
from veracore_sync.sandbox.shop_process import covered

K = AlertKind


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as made:
        yield made


def first(*acts: Act) -> Act:
    """These, one after the other."""

    def all_of_them(one: Desk) -> None:
        for act in acts:
            act(one)

    return all_of_them


def accepts(one: Desk) -> None:
    one.accept(one.code)


def sent(one: Desk) -> None:
    one.place()
    one.orders()


def tracked(one: Desk) -> None:
    one.go_on(minutes=15)
    one.track()


def found(one: Desk) -> None:
    one.go_on(minutes=15)
    one.orders()


def mends(one: Desk) -> None:
    one.mend()


def later(**span: float) -> Act:
    return lambda one: one.go_on(**span)


# ---- orders that do not leave, or that VeraCore lost --------------------------------------------


def no_freight(one: Desk) -> None:
    one.set(ORDERS__FREIGHT={"express": {"carrier": "UPS", "service": "Ground"}})
    sent(one)


def map_the_method(one: Desk) -> None:
    one.set(
        ORDERS__FREIGHT={
            name: {"carrier": "UPS", "service": "Ground"}
            for name in ("express", "standard-shipping")
        }
    )
    one.run("retry", one.code)


def refused_there(one: Desk) -> None:
    one.control("behaviour", sources=["WEB"])
    sent(one)


def allow_there(one: Desk) -> None:
    one.control("behaviour", sources=None)
    one.run("retry", one.code)


def no_address(one: Desk) -> None:
    one.place(address=None)
    one.orders()


def give_an_address(one: Desk) -> None:
    one.shop.state.set_address(
        one.order,
        fullName="A Customer",
        streetLine1="1 High Street",
        city="Reno",
        province="NV",
        postalCode="89501",
        countryCode="US",
    )
    one.run("retry", one.code)


def under_its_id(one: Desk, reference: str = "") -> None:
    """Somebody enters an order at VeraCore under the id that ours would get."""
    one.place()
    named = reference or one.code
    world = one.sandbox.world
    with world.lock:
        lines, at = [Line("MUG", 7)], world.now().isoformat()
        world.place(Order(one.code, 990_001, "oms", lines, accepted_at=at, reference=named))
    one.orders()


def another_under_its_id(one: Desk) -> None:
    under_its_id(one, "PO-77")


def code_of_another(one: Desk) -> None:
    sent(one)
    one.ship()
    tracked(one)
    one.go_on(days=1)
    give_code_again(one, one.order)
    found(one)


def adopt_and_accept(one: Desk) -> None:
    ended = one.run("resolve", one.code, "--adopt")
    assert ended.code == 3, "other content is told"
    one.stock()
    one.accept(one.code)


def cancel_there_and_skip(one: Desk) -> None:
    one.cancel_there()
    skip(one)


def skip(one: Desk) -> None:
    ended = one.run("resolve", one.code, "--skip")
    assert ended.code == 0, ended


def new_id(one: Desk) -> None:
    ended = one.run("resolve", one.code, "--new-id")
    assert ended.code == 0, ended


def cancelled_there(one: Desk) -> None:
    sent(one)
    one.cancel_there()
    tracked(one)


def cancel_in_the_shop(one: Desk) -> None:
    one.shop.state.cancel(one.order)


def cancelled_in_the_shop(one: Desk) -> None:
    sent(one)
    one.go_on(minutes=1)
    cancel_in_the_shop(one)
    found(one)


def cancel_it_there(one: Desk) -> None:
    one.cancel_there()


def cancel_through_us(one: Desk) -> None:
    one.run("cancel", one.code)


def cancel_through_us_and_here(one: Desk) -> None:
    cancel_through_us(one)
    cancel_in_the_shop(one)


def cancel_on_both_sides(one: Desk) -> None:
    one.cancel_there()
    cancel_in_the_shop(one)


def not_cancelled(one: Desk) -> None:
    sent(one)
    one.control("behaviour", cancel="never")
    one.run("cancel", one.code)
    for _ in range(8):
        one.round()


def ask_again(one: Desk) -> None:
    one.control("behaviour", cancel="until_picked")
    cancel_through_us_and_here(one)


# ---- what the shop changes after the hand-over ---------------------------------------------------


def set_units(one: Desk, units: int) -> None:
    state = one.shop.state
    state.start_modify(one.order)
    state.modify(one.order, [("MUG", units)])
    state.finish_modify(one.order)


def modified(one: Desk) -> None:
    sent(one)
    one.go_on(minutes=1)
    set_units(one, 3)
    one.round()


def fewer_units(one: Desk) -> None:
    sent(one)
    set_units(one, 1)
    found(one)


def other_address(one: Desk) -> None:
    sent(one)
    one.notes["city"] = one.order.shipping_address["city"]
    one.shop.state.set_address(one.order, city="Hamburg")
    found(one)


def take_it_back(one: Desk) -> None:
    one.shop.state.set_address(one.order, city=one.notes["city"])


def take_the_units_back(one: Desk) -> None:
    set_units(one, 2)


def ship_it(one: Desk) -> None:
    one.ship()


def one_less_there(one: Desk) -> None:
    one.cancel_there(1)


def one_more_there(one: Desk) -> None:
    world = one.sandbox.world
    with world.lock:
        world.orders[one.code].lines.append(Line("MUG", 1))


def added_later(one: Desk) -> None:
    shipped(one)
    set_units(one, 4)
    one.round()


def refunded_in_part(one: Desk) -> None:
    sent(one)
    one.shop.state.refund(one.order, 100)
    found(one)


def refunded_in_full(one: Desk) -> None:
    sent(one)
    one.shop.state.refund(one.order)
    found(one)


def payment_cancelled(one: Desk) -> None:
    sent(one)
    one.shop.state.cancel_payments(one.order)
    found(one)


def pay_again(one: Desk) -> None:
    state, order = one.shop.state, one.order
    due = total_with_tax(order) - covered(order)
    state.new_payment(order, "manual", due, "Settled", state.now())


def more_to_pay(one: Desk) -> None:
    sent(one)
    one.shop.state.transition(one.order, "ArrangingAdditionalPayment")
    found(one)


def back_to_paid(one: Desk) -> None:
    one.shop.state.transition(one.order, "PaymentSettled")


def long_in_modifying(one: Desk) -> None:
    sent(one)
    one.shop.state.start_modify(one.order)
    found(one)
    assert one.is_green(), "a person works on it"
    one.go_on(hours=1)
    found(one)


def passed_by(one: Desk) -> None:
    one.place(4)
    one.shop.state.fulfil(one.order, [("MUG", 1)])
    one.orders()


def fulfil_the_rest(one: Desk) -> None:
    one.shop.state.fulfil(one.order, tracking="by hand")


def held_back(one: Desk) -> None:
    one.set(ORDERS__MIN_AGE_MINUTES="5")
    one.place()
    one.orders()
    one.shop.state.start_modify(one.order)
    one.go_on(hours=1)
    one.orders()
    one.go_on(days=1)
    one.round()


def end_the_modification(one: Desk) -> None:
    one.shop.state.finish_modify(one.order)


def unreadable(one: Desk) -> None:
    sent(one)
    one.go_on(minutes=5)
    one.notes["city"] = one.order.shipping_address["city"]
    one.shop.state.set_address(one.order, city="Hamburg")
    one.shop.add_faults(["graphql_error_path"], operations=["CompareOrders"], order=one.code)
    for _ in range(8):
        found(one)


def change_it_back(one: Desk) -> None:
    one.mend()
    one.shop.state.set_address(one.order, city=one.notes["city"])


def unreadable_before_it_is_sent(one: Desk) -> None:
    one.place()
    one.shop.add_faults(["graphql_error_path"], operations=["ReadOrders"], order=one.code)
    for _ in range(8):
        found(one)


def it_is_gone(one: Desk) -> None:
    one.mend()
    state = one.shop.state
    with state.lock:
        del state.orders[one.order.id], state.by_code[one.code]
        open_units = sum(units for _, units in state.open_lines(one.order))
        next(iter(state.stock("MUG").values())).allocated -= open_units


def ask_for_it(one: Desk) -> None:
    one.mend()
    ended = one.run("sync-orders", "--order", one.code)
    assert ended.code == 0, ended


def lost_there(one: Desk) -> None:
    sent(one)
    one.fault("false_absent", order=one.code)
    tracked(one)


# ---- shipments -----------------------------------------------------------------------------------


def short(one: Desk) -> None:
    sent(one)
    one.cancel_there(1)
    tracked(one)
    one.stock()


def cancel_one_in_the_shop(one: Desk) -> None:
    one.shop.state.cancel(one.order, [("MUG", 1)])


def short_shipped(one: Desk) -> None:
    one.place(3)
    one.orders()
    one.ship(2, short=True)
    one.round()
    one.round()


def a_later_slip(one: Desk) -> None:
    one.ship(1, SECOND)


def beyond(one: Desk) -> None:
    sent(one)
    one.ship(3, beyond=True)
    tracked(one)


def shipped(one: Desk) -> None:
    sent(one)
    one.ship()
    tracked(one)


def voided(one: Desk) -> None:
    shipped(one)
    one.control("void", order=one.code, tracking=FIRST)
    one.go_on(minutes=15)
    one.track()


def cancel_both(one: Desk) -> None:
    one.cancel_fulfilment()
    cancel_in_the_shop(one)


def fulfilment_cancelled(one: Desk) -> None:
    one.place(6)
    one.orders()
    one.ship(2)
    tracked(one)
    one.cancel_fulfilment()
    one.ship(1, SECOND)
    tracked(one)


def fulfil_by_hand(one: Desk) -> None:
    one.shop.state.fulfil(one.order, [("MUG", 2)], tracking=FIRST)


def cancel_the_second(one: Desk) -> None:
    one.shop.state.transition_fulfilment(one.fulfilments()[1], "Cancelled")


def cancel_the_first(one: Desk) -> None:
    one.shop.state.transition_fulfilment(one.fulfilments()[0], "Cancelled")


def not_fulfillable(one: Desk) -> None:
    sent(one)
    one.shop.add_faults(["graphql_error_coded"], operations=["AddFulfilment"])
    one.ship()
    for _ in range(12):
        one.go_on(hours=2)
        one.track()


def correct_and_force(one: Desk) -> None:
    one.mend()
    ended = one.run("sync-tracking", "--order", one.code, "--force")
    assert ended.code == 0, ended


def correct_and_fulfil(one: Desk) -> None:
    one.mend()
    one.shop.state.fulfil(one.order, tracking=FIRST)


def doubled(one: Desk) -> None:
    one.place(6)
    one.orders()
    one.ship(2)
    tracked(one)
    fulfil_by_hand(one)
    one.ship(1, SECOND)
    tracked(one)


def pending_by_hand(one: Desk) -> None:
    one.place(2)
    one.orders()
    one.shop.state.fulfil(one.order, state="Pending", tracking="pick up")
    one.ship()
    tracked(one)


def finish_it(one: Desk) -> None:
    one.shop.state.transition_fulfilment(one.fulfilments()[0], "Shipped")


def accepts_both(one: Desk) -> None:
    accepts(one)
    # The fulfilment by hand stays: once all slips have theirs, `sync-orders` reports its units.
    one.round()
    one.round()
    assert K.ORDER_DRIFT in one.alerts()
    accepts(one)


def unanswered(one: Desk) -> None:
    sent(one)
    one.fault("fault_unlisted", operations=["GetOrderInfo"], order=one.code)
    for _ in range(4):
        one.go_on(minutes=30)
        one.track()


def ask_at_once(one: Desk) -> None:
    one.mend()
    one.track("--order", one.code)


def unlisted(one: Desk) -> None:
    one.fault("truncate", operations=["GetShippingCharge"])
    for _ in range(4):
        one.go_on(minutes=30)
        one.track()


def shipped_though_cancelled(one: Desk) -> None:
    sent(one)
    cancel_in_the_shop(one)
    one.ship()
    tracked(one)


def stop_the_parcel(one: Desk) -> None:
    one.control("void", order=one.code, tracking=FIRST)


def packed(one: Desk) -> None:
    sent(one)
    one.ship(package={"shipped": False})
    tracked(one)
    one.go_on(hours=25)
    one.round()


def it_leaves(one: Desk) -> None:
    one.ship()


# ---- stock ---------------------------------------------------------------------------------------


def all_gone_there(one: Desk) -> None:
    for number in range(30):
        one.shop.state.add_variant(f"SKU{number}", "Thing", 1000, on_hand=100)
    stocked = [{"sku": f"SKU{number}", "on_hand": 100} for number in range(30)]
    one.control("stock", stock=stocked)
    one.stock("--allow-mass-change")
    one.control("stock", stock=[row | {"on_hand": 0} for row in stocked])
    one.stock()


def check_and_allow(one: Desk) -> None:
    assert one.stock("--dry-run").code == 0
    assert one.stock("--allow-mass-change").code == 0


def unknown_there(one: Desk) -> None:
    one.shop.state.add_variant("GIFT", "Gift", 1000, on_hand=10)
    one.stock()


def exclude_it(one: Desk) -> None:
    one.set(SKUS__EXCLUDE=["GIFT"])


def stock_it_there(one: Desk) -> None:
    one.control("stock", stock=[{"sku": "GIFT", "on_hand": 10}])
    assert one.run("sync-inventory", "--full").code == 0


def spoiled(one: Desk) -> None:
    one.control("spoil", sku="MUG", rows=[{"Available": "many"}])
    for _ in range(3):
        one.go_on(minutes=45)
        one.stock()


def correct_the_row(one: Desk) -> None:
    one.control("spoil", sku="MUG", rows=[])


def level_refused(one: Desk) -> None:
    one.control("stock", stock=[{"sku": "MUG", "on_hand": 900}])
    one.shop.add_faults(["graphql_error_coded"], operations=["SetStock"])
    one.stock()


def allocated_too_much(one: Desk) -> None:
    level = next(iter(one.shop.state.stock("MUG").values()))
    level.allocated += 3
    one.stock()


def sold_twice(one: Desk) -> None:
    """The level sank while the customer paid, so that one of two units is set aside."""
    one.place(2)
    (line,) = one.order.lines
    level = next(iter(one.shop.state.stock("MUG").values()))
    level.allocated -= 1
    line.allocations = [(place, 1) for place, _ in line.allocations]
    line.variant.allocations[-1].quantity = 1
    one.orders()
    one.stock()


def accept_drift(one: Desk) -> None:
    one.accept("stock.drift")


# ---- what `reconcile` finds: its own tests find it with the command ------------------------------


def told(type: DifferenceType, *names: str) -> Act:
    """A run that finds of these names, or of the order, what differs; of all others, nothing."""

    def act(one: Desk) -> None:
        with closing(open_ledger(one.rig.ledger_path)) as ledger:
            found = [Difference(type, name, "", "2", "1", None) for name in names or (one.code,)]
            standing = [row.difference.name for row in ledger.differences.standing()]
            tell(ledger, found, {*standing, *names}, [type])

    return act


def agrees(type: DifferenceType) -> Act:
    """A run that compares all and finds nothing."""

    def act(one: Desk) -> None:
        with closing(open_ledger(one.rig.ledger_path)) as ledger:
            standing = [row.difference.name for row in ledger.differences.standing()]
            tell(ledger, [], standing, [type])

    return act


def accepted(type: DifferenceType, name: str) -> Act:
    """``reconcile --accept "reason" --type TYPE --name NAME``."""
    words = ("reconcile", "--accept", "it is another system's", "--type", type, "--name", name)

    def act(one: Desk) -> None:
        ended = one.run(*words)
        assert ended.code == 0, ended

    return act


_CONTENT = DifferenceType.CONTENT_DIFFERS
_STOCK = DifferenceType.STOCK_DIFFERS
_FOREIGN = DifferenceType.FOREIGN_AT_WAREHOUSE


# ---- jobs, upstreams, hooks ----------------------------------------------------------------------

_HOLDER = """
import sys, time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from veracore_sync.clock import SystemClock
from veracore_sync.ledger import open_ledger

class Earlier(SystemClock):
    def now(self):
        return datetime.now(UTC) - timedelta(hours=3)

ledger = open_ledger(Path(sys.argv[1]), clock=Earlier())
with ledger.runs.lock(sys.argv[2], sys.argv[3]):
    print("held", flush=True)
    time.sleep(600)
"""


def held(job: str, command: str) -> Act:
    """A process that has held the job for hours, and a run that finds it so."""

    def act(one: Desk) -> None:
        arguments = [sys.executable, "-c", _HOLDER, str(one.rig.ledger_path), job, command]
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
        one.rig.started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        assert one.run(command).code == 75

    return act


def end_that_process(one: Desk) -> None:
    (message,) = one.alerts().values()
    named = re.search(r"pid (\d+)", message)
    assert named is not None
    pid = int(named[1])
    (process,) = [started for started in one.rig.started if started.pid == pid]
    os.kill(pid, signal.SIGKILL)
    process.communicate()


def end_it_and_run_returns(one: Desk) -> None:
    end_that_process(one)
    one.commands.append("sync-returns")


def end_it_and_reconcile(one: Desk) -> None:
    end_that_process(one)
    one.commands.append("reconcile")


def stuck(job: str) -> Walk:
    return Walk(held(job, f"sync-{job}"), "end that process", end_that_process)


def veracore_down(one: Desk) -> None:
    one.fault("http_503")
    for _ in range(8):
        one.go_on(minutes=1)
        one.track()


def vendure_down(one: Desk) -> None:
    one.shop.add_faults(["http_503"])
    for _ in range(8):
        one.go_on(minutes=1)
        one.stock()


def reset(one: Desk) -> None:
    one.mend()
    assert one.run("breaker", "reset").code == 0


_HOOK = """import json, sys, pathlib
event = json.load(sys.stdin)
refused = pathlib.Path(__file__).with_name("refused").read_text().split()
sys.exit(1 if event["type"] in refused or "all" in refused else 0)
"""


def hook_is_gone(one: Desk) -> None:
    one.set(HOOKS__COMMAND=[str(one.rig.folder / "hook.py")])
    sent(one)
    for _ in range(5):
        one.go_on(minutes=20)
        one.run("deliver", "--force")


def one_event_is_refused(one: Desk) -> None:
    (one.rig.folder / "hook.py").write_text(_HOOK)
    (one.rig.folder / "refused").write_text("order.synced")
    one.set(HOOKS__COMMAND=[sys.executable, str(one.rig.folder / "hook.py")])
    sent(one)
    for _ in range(8):
        one.go_on(minutes=20)
        one.run("deliver", "--force")


def repair_the_hook(one: Desk) -> None:
    (one.rig.folder / "hook.py").write_text(_HOOK)
    (one.rig.folder / "refused").write_text("")
    one.set(HOOKS__COMMAND=[sys.executable, str(one.rig.folder / "hook.py")])
    ended = one.run("deliver", "--force")
    assert ended.code == 0, ended


def remove_the_hook(one: Desk) -> None:
    one.rig.env.pop("VERACORE_SYNC_HOOKS__COMMAND")


def skip_the_events(one: Desk) -> None:
    blocked = one.run("stats", "--json").json["events"]["blocked"]
    options = [word for event in blocked for word in ("--skip", event["id"])]
    assert one.run("deliver", *options).code == 0


ACCEPT = "--accept"

WALKS: Mapping[AlertKind, Mapping[str, Walk]] = {
    K.ORDER_PARKED: {
        "settings": Walk(no_freight, "orders.freight", map_the_method),
        "at VeraCore": Walk(refused_there, "at VeraCore", allow_there),
        "in the shop": Walk(no_address, "in the shop", give_an_address),
        "skip": Walk(no_address, "resolve CODE --skip", skip),
    },
    K.ORDER_CONFLICT: {
        "new id": Walk(another_under_its_id, "resolve CODE --new-id", new_id),
        "adopt": Walk(under_its_id, "resolve CODE --adopt", adopt_and_accept),
        "skip": Walk(under_its_id, "resolve CODE --skip", cancel_there_and_skip),
        "its code again: new id": Walk(code_of_another, "--new-id", new_id, rounds=2),
        "its code again: skip": Walk(code_of_another, "--skip", skip),
    },
    K.ORDER_CANCELLED: {
        "cancel": Walk(cancelled_there, "Cancel and refund it in the shop", cancel_in_the_shop),
        "again": Walk(cancelled_there, "resolve CODE --new-id", new_id, rounds=2),
    },
    K.ORDER_CANCELLED_IN_SHOP: {
        "cancel": Walk(cancelled_in_the_shop, "cancel CODE", cancel_through_us, rounds=2),
        "by hand": Walk(cancelled_in_the_shop, "cancel it there by hand", cancel_it_there),
        "accept": Walk(cancelled_in_the_shop, ACCEPT, accepts),
    },
    K.ORDER_NOT_CANCELLED: {
        "by hand": Walk(
            not_cancelled, "Cancel it at VeraCore by hand", cancel_on_both_sides, rounds=2
        ),
        "again": Walk(not_cancelled, "run `cancel CODE` again", ask_again, rounds=2),
        "accept": Walk(not_cancelled, ACCEPT, accepts),
    },
    K.ORDER_DRIFT: {
        "accept": Walk(modified, ACCEPT, accepts, beside=(K.ORDER_SHORT,)),
        "address: taken back": Walk(other_address, "as it was sent again", take_it_back),
        "address: shipped": Walk(other_address, "the order has shipped", ship_it),
        "address: accept": Walk(other_address, ACCEPT, accepts),
        "fewer: taken back": Walk(fewer_units, "as it was sent again", take_the_units_back),
        # The first round's tracking sees VeraCore's record, the second compares with it.
        "fewer: the same there": Walk(fewer_units, "make the same change", one_less_there, 2),
        "more: the same there": Walk(
            modified, "make the same change", one_more_there, 2, beside=(K.ORDER_SHORT,)
        ),
        "after the shipment: by hand": Walk(
            added_later, "sent by hand", fulfil_the_rest, beside=(K.ORDER_SHORT,)
        ),
        "after the shipment: taken back": Walk(
            added_later, "as it was sent again", take_the_units_back, beside=(K.ORDER_SHORT,)
        ),
        "after the shipment: accept": Walk(added_later, ACCEPT, accepts, beside=(K.ORDER_SHORT,)),
    },
    K.ORDER_REFUNDED: {
        "in part: accept": Walk(refunded_in_part, ACCEPT, accepts),
        "in full: accept": Walk(refunded_in_full, ACCEPT, accepts),
        "in part: shipped": Walk(refunded_in_part, "Ends with the shipment", ship_it),
        "in full: cancel": Walk(
            refunded_in_full, "veracore-sync cancel", cancel_through_us_and_here, rounds=2
        ),
        "in full: by hand": Walk(refunded_in_full, "cancel it at VeraCore", cancel_on_both_sides),
    },
    K.ORDER_UNPAID: {
        "paid again": Walk(payment_cancelled, "bring the payment in order", pay_again),
        "accept": Walk(payment_cancelled, ACCEPT, accepts),
        "cancel": Walk(
            payment_cancelled, "veracore-sync cancel", cancel_through_us_and_here, rounds=2
        ),
        "shipped": Walk(payment_cancelled, "with the shipment", ship_it),
        "to be paid: paid": Walk(more_to_pay, "when it is paid again", back_to_paid),
        "Modifying: ended": Walk(long_in_modifying, "Modifying", end_the_modification),
        "Modifying: accept": Walk(long_in_modifying, ACCEPT, accepts),
    },
    K.ORDER_SHORT_SHIPPED: {
        "cancelled": Walk(short_shipped, "Cancel and refund them there", cancel_one_in_the_shop),
        "by hand": Walk(short_shipped, "fulfil them there by hand", fulfil_the_rest),
        "later slip": Walk(short_shipped, "a later slip", a_later_slip),
        "accept": Walk(short_shipped, ACCEPT, accepts),
    },
    K.ORDER_PASSED_BY: {
        "by hand": Walk(passed_by, "Send it by hand", fulfil_the_rest),
        "cancelled": Walk(passed_by, "cancel", cancel_in_the_shop),
        "accept": Walk(passed_by, ACCEPT, accepts),
    },
    K.ORDER_OLD: {
        "modified": Walk(held_back, "Modifying", end_the_modification),
        "skip": Walk(held_back, "resolve CODE --skip", skip),
    },
    K.ORDER_UNREADABLE: {
        "corrected": Walk(unreadable, "Check it in the shop's admin", change_it_back, rounds=8),
        "accept": Walk(unreadable, ACCEPT, accepts),
        "gone": Walk(unreadable, "that the shop does not have it", it_is_gone, rounds=8),
        "before it is sent, gone": Walk(
            unreadable_before_it_is_sent, "that the shop does not have it", it_is_gone, rounds=8
        ),
        "before it is sent": Walk(
            unreadable_before_it_is_sent, "sync-orders --order CODE", ask_for_it
        ),
    },
    K.ORDER_MISSING: {
        "restored": Walk(lost_there, "restore", mends),
        "by hand": Walk(lost_there, "by hand", first(fulfil_the_rest)),
        "accept": Walk(lost_there, ACCEPT, accepts),
    },
    K.ORDER_SHORT: {
        "cancel": Walk(short, "cancel or refund them in the shop", cancel_one_in_the_shop),
        "accept": Walk(short, ACCEPT, accepts),
    },
    K.ORDER_SHORTFALL: {
        "cancel": Walk(sold_twice, "cancel and refund it", cancel_through_us_and_here, rounds=2),
        "fulfil": Walk(sold_twice, "were fulfilled", ship_it),
        "accept": Walk(sold_twice, ACCEPT, accepts),
    },
    K.ORDER_BEYOND: {"accept": Walk(beyond, ACCEPT, accepts)},
    K.ORDER_VOIDED: {
        "cancel": Walk(voided, "cancel the fulfilment", cancel_both),
        "accept": Walk(voided, ACCEPT, accepts),
    },
    K.ORDER_UNFULFILLED: {
        "by hand": Walk(fulfilment_cancelled, "create another by hand", fulfil_by_hand),
        "accept": Walk(fulfilment_cancelled, ACCEPT, accepts),
    },
    K.ORDER_UNFULFILLABLE: {
        "force": Walk(not_fulfillable, "--force", correct_and_force),
        "by hand": Walk(not_fulfillable, "create the fulfilment by hand", correct_and_fulfil),
    },
    K.ORDER_DOUBLED: {
        "cancel ours": Walk(doubled, "cancel one of them", cancel_the_first, rounds=2),
        "cancel theirs": Walk(doubled, "cancel one of them", cancel_the_second, rounds=2),
        "accept": Walk(doubled, ACCEPT, accepts_both),
    },
    K.ORDER_PENDING_BY_HAND: {
        "finish": Walk(pending_by_hand, "set it to Shipped", finish_it, rounds=2),
        "cancel": Walk(pending_by_hand, "cancel it in the shop", cancel_the_first, rounds=2),
        "accept": Walk(pending_by_hand, ACCEPT, accepts),
    },
    K.ORDER_UNANSWERED: {"asked": Walk(unanswered, "sync-tracking --order CODE", ask_at_once)},
    K.TRACKING_UNLISTED: {"mended": Walk(unlisted, "could not be read", mends)},
    K.ORDER_SHIPPED_CANCELLED: {
        "stopped": Walk(shipped_though_cancelled, "stop the parcel", stop_the_parcel),
        "accept": Walk(shipped_though_cancelled, ACCEPT, accepts),
    },
    K.ORDER_SHIPMENT_WAITING: {"leaves": Walk(packed, "packed and has not left", it_leaves)},
    K.ORDER_DIFFERS: {
        "compared": Walk(first(sent, told(_CONTENT)), "reconcile", agrees(_CONTENT)),
        "accept": Walk(first(sent, told(_CONTENT)), ACCEPT, accepts),
    },
    K.STOCK_GUARDED: {"allow": Walk(all_gone_there, "--allow-mass-change", check_and_allow)},
    K.STOCK_UNKNOWN: {
        "excluded": Walk(unknown_there, "skus.exclude", exclude_it),
        "stocked": Walk(unknown_there, "VeraCore", stock_it_there),
    },
    K.STOCK_UNREADABLE: {"corrected": Walk(spoiled, "Correct the records", correct_the_row)},
    K.STOCK_REFUSED: {"corrected": Walk(level_refused, "Correct the cause", mends)},
    K.STOCK_DRIFT: {"accept": Walk(allocated_too_much, ACCEPT, accept_drift)},
    K.STOCK_DIFFERS: {
        "compared": Walk(told(_STOCK, "MUG"), "reconcile", agrees(_STOCK)),
        "accept": Walk(told(_STOCK, "MUG"), ACCEPT, accepted(_STOCK, "MUG")),
    },
    K.VERACORE_FOREIGN: {
        "accept": Walk(told(_FOREIGN, "X-1"), ACCEPT, accepted(_FOREIGN, "X-1")),
    },
    K.ORDERS_STUCK: {"ended": stuck("orders")},
    K.INVENTORY_STUCK: {"ended": stuck("inventory")},
    K.TRACKING_STUCK: {"ended": stuck("tracking")},
    K.RETURNS_STUCK: {
        "ended": Walk(held("returns", "sync-returns"), "end that process", end_it_and_run_returns)
    },
    K.RECONCILE_STUCK: {
        "ended": Walk(held("reconcile", "reconcile"), "end that process", end_it_and_reconcile)
    },
    K.VENDURE_DOWN: {"back": Walk(vendure_down, "ends by itself", mends, rounds=2)},
    K.VERACORE_DOWN: {
        "back": Walk(veracore_down, "ends by itself", mends, rounds=2),
        "reset": Walk(veracore_down, "breaker reset", reset),
    },
    K.HOOKS_FAILING: {
        "repaired": Walk(hook_is_gone, "repair it", repair_the_hook),
        "removed": Walk(hook_is_gone, "remove it", remove_the_hook),
    },
    K.EVENTS_BLOCKED: {
        "repaired": Walk(one_event_is_refused, "deliver --force", repair_the_hook),
        "skipped": Walk(one_event_is_refused, "deliver --skip", skip_the_events),
    },
}

_ROWS = [
    pytest.param(kind, walk, id=f"{kind}: {name}")
    for kind, walks in WALKS.items()
    for name, walk in walks.items()
]


@pytest.mark.parametrize(("kind", "walk"), _ROWS)
def test_an_alert_is_opened_obeyed_and_closed(one: Desk, kind: AlertKind, walk: Walk) -> None:
    walked(one, kind, walk, ALERTS[kind].what_to_do)


def test_every_kind_has_a_walk() -> None:
    assert {str(kind) for kind in AlertKind} == {str(kind) for kind in WALKS}
