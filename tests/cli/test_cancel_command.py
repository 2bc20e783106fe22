"""``cancel`` as a command: its words, its document and its exit codes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rig import HereRig

from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop


class Bed(HereRig):
    """A shop whose order VeraCore has."""

    shop: SmallShop
    order: Any

    @property
    def code(self) -> str:
        return str(self.order.code)


@pytest.fixture(params=["oms"])
def bed(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Bed]:
    with SmallShop() as shop, Sandbox() as sandbox:
        shop.state.add_variant("MUG", on_hand=100)
        made = Bed(tmp_path, shop.admin_url, shop.username, shop.password, sandbox, request.param)
        made.shop = shop
        made.order = shop.state.place_order([("MUG", 2)])
        made.run("sync-orders", "--allow-first-run")
        yield made


def test_asked_and_seen(bed: Bed) -> None:
    planned = bed.run("cancel", bed.code, "--dry-run")
    assert (planned.code, bed.requests("CancelOrder")) == (0, [])
    assert planned.out == (
        f"{bed.code}: VeraCore would be asked to cancel it (VeraCore has it as {bed.code})\n"
    )
    done = bed.run("cancel", bed.code)
    assert done.code == 0, done
    assert f"{bed.code}: a look-up shows it as cancelled; a second one" in done.out
    assert "the shop still shows it as PaymentSettled: cancel and refund it there" in done.out
    assert len(bed.requests("CancelOrder")) == 1
    history = bed.run("stats", "--order", bed.code)
    assert "to be cancelled at VeraCore, by a person" in history.out
    assert "a look-up showed it as cancelled" in history.out
    cancellation = bed.run("stats", "--order", bed.code, "--json").json["cancellation"]
    assert (cancellation["state"], cancellation["asked"]) == ("unknown", 1)


def test_its_document(bed: Bed) -> None:
    [planned] = bed.run("cancel", bed.code, "--dry-run", "--json").json["plan"]
    assert (planned["action"], planned["vendureOrderCode"]) == ("ask", bed.code)
    [order] = bed.run("cancel", bed.code, "--json").json["orders"]
    assert order["vendureOrderCode"] == bed.code
    assert (order["syncStatus"], order["cancelState"]) == ("synced", "unknown")
    assert order["cancelMessage"].startswith("a look-up shows it as cancelled")


def test_too_late_needs_a_person(bed: Bed) -> None:
    bed.control("ship", {"order": bed.code})
    done = bed.run("cancel", bed.code, "--json")
    assert done.code == 3
    [order] = done.json["orders"]
    assert order["cancelState"] == "too_late"
    assert order["cancelMessage"].startswith("it is too late to cancel it: VeraCore has shipped")


def test_a_missing_permission_names_what_to_do(bed: Bed) -> None:
    bed.control("behaviour", {"cancel": "no_permission"})
    done = bed.run("cancel", bed.code)
    assert done.code == 3
    assert "may not use CancelOrder at VeraCore (\"Missing permission 'CancelOrder'\")" in done.err
    assert bed.run("stats", "--check").code == 3
    bed.control("behaviour", {"cancel": "until_picked"})
    assert bed.run("cancel", bed.code).code == 0
    assert bed.run("stats", "--check").code == 0


@pytest.mark.parametrize("bed", ["rest"], indirect=True)
def test_rest_has_no_cancellation_and_says_so(bed: Bed) -> None:
    done = bed.run("cancel", bed.code)
    assert done.code == 3
    assert "the rest API of VeraCore cannot cancel an order: cancel it there by hand" in done.err
    assert bed.run("cancel", bed.code, "--dry-run").code == 0


def test_exit_codes(bed: Bed) -> None:
    assert bed.run("cancel").code == 2
    unknown = bed.run("cancel", "NOPE")
    assert (unknown.code, "the ledger holds no order NOPE" in unknown.err) == (2, True)
    assert bed.run("cancel", bed.code, VERACORE_CLIENT_SECRET="wrong").code == 77
    wrong = f"{bed.sandbox.url}/elsewhere"
    assert bed.run("cancel", bed.code, VERACORE_API_URL=wrong).code == 78
    bed.sandbox.stop()
    down = bed.run("cancel", bed.code, "--json")
    assert (down.code, down.json["error"]["class"]) == (69, "unavailable")
    bed.sandbox.start()
    # The wish outlived all of that.
    bed.run("breaker", "reset")
    bed.run("sync-orders")
    assert len(bed.requests("CancelOrder")) == 1


def test_no_secret_is_told(bed: Bed) -> None:
    bed.control("behaviour", {"cancel": "never", "cancel_text": "user sandbox, password sandbox"})
    bed.run("cancel", bed.code)
    cancellation = bed.run("stats", "--order", bed.code, "--json").json["cancellation"]
    assert cancellation["message"].startswith("a message that is not listed (")
