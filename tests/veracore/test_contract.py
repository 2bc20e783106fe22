"""One contract, both dialects and both SOAP faces, against the simulator on a real socket."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from veracore_kit import PROBE, order

from veracore_sync.config import VeracoreSettings
from veracore_sync.errors import AuthRefused, SyncError, Unavailable, WrongEndpoint
from veracore_sync.failure import What
from veracore_sync.model import WarehouseLine
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.transport.retry import RetryPolicy
from veracore_sync.veracore.connect import connect
from veracore_sync.veracore.port import (
    Absent,
    Accepted,
    LookUp,
    LookUpFailed,
    NotAccepted,
    Present,
    SubmitOutcome,
    Warehouse,
)

ONCE = RetryPolicy(tries=1)
CREATES = ["AddOrder", "create"]
LOOK_UPS = ["GetOrderInfo", "status"]


@dataclass
class Bed:
    """A simulator and one way to talk to it."""

    sandbox: Sandbox
    dialect: str
    face: str

    def connect(self, **changes: Any) -> Warehouse:
        base = f"{self.sandbox.url}/v1" if self.dialect == "rest" else self.sandbox.url
        fields = {
            "api_url": base,
            "client_id": "sandbox",
            "client_secret": "sandbox",
            "company_id": "SANDBOX",
            "face": self.face,
            "timeout_seconds": 2,
        }
        chosen = VeracoreSettings.model_validate(fields | changes)
        return connect(chosen, probe_id=PROBE, retry=ONCE)

    def control(self, name: str, **document: Any) -> Any:
        data = json.dumps(document).encode() if document else None
        request = urllib.request.Request(f"{self.sandbox.url}/_sandbox/{name}", data=data)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())

    def fault(self, *kinds: str, operations: list[str], count: int = 1) -> None:
        self.control("faults", kinds=list(kinds), count=count, operations=operations)

    def orders(self) -> dict[str, Any]:
        return {one["id"]: one for one in self.control("orders")["orders"]}

    def asked(self, operations: list[str]) -> int:
        requests = self.control("requests")["requests"]
        return sum(one["operation"] in operations for one in requests)


@pytest.fixture(params=["oms/oms", "oms/order", "rest/oms"])
def bed(request: pytest.FixtureRequest) -> Iterator[Bed]:
    dialect, face = request.param.split("/")
    with Sandbox() as sandbox:
        yield Bed(sandbox, dialect, face)


@pytest.fixture
def warehouse(bed: Bed) -> Iterator[Warehouse]:
    client = bed.connect()
    yield client
    client.close()  # type: ignore[attr-defined]


def what(outcome: SubmitOutcome) -> What:
    assert isinstance(outcome, NotAccepted)
    return outcome.what


def error_of(found: LookUp) -> SyncError:
    assert isinstance(found, LookUpFailed)
    return found.error


def test_the_dialect_and_the_simulator_are_told(bed: Bed, warehouse: Warehouse) -> None:
    assert warehouse.dialect == bed.dialect
    assert not warehouse.is_sandbox
    warehouse.control(None)
    assert warehouse.is_sandbox


def test_an_order_is_placed_once_and_found(bed: Bed, warehouse: Warehouse) -> None:
    outcome = warehouse.submit(order())
    assert isinstance(outcome, Accepted)
    assert outcome.id == "WEB-100234"
    assert (outcome.sequence is None) == (bed.dialect == "rest")
    assert bed.asked(CREATES) == 1
    (placed,) = bed.orders().values()
    assert placed["lines"] == [
        {"sku": "MUG-BLUE", "quantity": 2},
        {"sku": "TEE-M", "quantity": 1},
    ]
    found = warehouse.look_up("web-100234")
    assert isinstance(found, Present)
    assert found.record.id.casefold() == "web-100234"
    assert found.record.status in ("open", "processed")
    if bed.dialect == "oms":
        assert found.record.reference == "WEB-100234-FULL"
        told = [(line.sku, line.quantity) for line in found.record.lines or ()]
        assert told == [("MUG-BLUE", 2), ("TEE-M", 1)]
    else:
        assert (found.record.reference, found.record.lines) == (None, None)


def test_two_lines_of_one_sku_stay_two(bed: Bed, warehouse: Warehouse) -> None:
    lines = tuple(WarehouseLine(number, "MUG", 1, None) for number in (1, 2))
    assert isinstance(warehouse.submit(order(lines=lines)), Accepted)
    assert bed.orders()["WEB-100234"]["lines"] == [{"sku": "MUG", "quantity": 1}] * 2


def test_text_in_any_script_arrives(bed: Bed, warehouse: Warehouse) -> None:
    line = WarehouseLine(1, "Ä&<>\"'漢😀", 1, None)
    assert isinstance(warehouse.submit(order(lines=(line,))), Accepted)
    assert bed.orders()["WEB-100234"]["lines"][0]["sku"] == line.sku


def test_a_used_id_is_a_duplicate_in_any_case_and_form(bed: Bed, warehouse: Warehouse) -> None:
    warehouse.submit(order())
    for form in ("stack", "short"):
        for version in ("1.1", "1.2"):
            bed.control("behaviour", fault_text=form, soap=version)
            assert what(warehouse.submit(order(id="web-100234"))) is What.DUPLICATE
    assert len(bed.orders()) == 1


def test_a_sku_that_is_unknown_there_is_refused() -> None:
    for dialect in ("oms", "rest"):
        with Sandbox(strict=True) as sandbox:
            client = Bed(sandbox, dialect, "oms").connect()
            outcome = client.submit(order())
            assert what(outcome) is What.REFUSED
            assert isinstance(outcome, NotAccepted)
            assert "skus.aliases" in outcome.hint
            client.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("unknown", ["empty", "record", "fault"])
@pytest.mark.parametrize("form", ["stack", "short"])
def test_an_unknown_order_is_absent_however_it_is_told(
    bed: Bed, warehouse: Warehouse, unknown: str, form: str
) -> None:
    bed.control("behaviour", unknown_order=unknown, fault_text=form)
    assert warehouse.look_up("WEB-100234") == Absent()
    assert isinstance(warehouse.submit(order()), Accepted)
    assert isinstance(warehouse.look_up("WEB-100234"), Present)
    assert warehouse.look_up("WEB-100235") == Absent()


def test_what_became_of_it_is_told(bed: Bed, warehouse: Warehouse) -> None:
    bed.control("behaviour", reserve="processed")
    for number in ("A-1", "A-2", "A-3", "A-4"):
        warehouse.submit(order(id=number))
    bed.control("cancel", order="A-1")
    bed.control("ship", order="A-2")
    bed.control("cancel", order="A-3", lines=[{"sku": "TEE-M", "quantity": 1}])
    bed.control("process", order="A-4")
    states = {}
    for number in ("A-1", "A-2", "A-3", "A-4"):
        found = warehouse.look_up(number)
        assert isinstance(found, Present)
        states[number] = found.record.status
    assert states["A-1"] == "cancelled"
    assert states["A-2"] in ("shipped", "complete")
    assert (states["A-3"], states["A-4"]) == ("open", "processed")


# ---- what goes wrong ----------------------------------------------------------------------------

# Kind, what it is for a create, whether the order is stored.
FAULTS = [
    ("reset_before", What.RESET, False),
    ("reset_after", What.RESET, True),
    ("hang_after", What.TIMEOUT, True),
    ("html_500", What.HTTP_5XX, False),
    ("html_after", What.HTTP_5XX, True),
    ("http_403", What.HTTP_4XX, False),
    ("http_503", What.HTTP_5XX, False),
    ("http_429", What.HTTP_429, False),
    ("truncate", What.RESET, True),
]


@pytest.mark.parametrize(("kind", "expected", "stored"), FAULTS)
def test_a_create_that_goes_wrong(
    bed: Bed, warehouse: Warehouse, kind: str, expected: What, stored: bool
) -> None:
    warehouse.control(None)
    bed.fault(kind, operations=CREATES)
    assert what(warehouse.submit(order())) is expected
    assert bed.asked(CREATES) == 1
    assert ("WEB-100234" in bed.orders()) is stored
    found = warehouse.look_up("WEB-100234")
    assert isinstance(found, Present if stored else Absent)
    again = warehouse.submit(order())
    assert what(again) is What.DUPLICATE if stored else isinstance(again, Accepted)
    assert len(bed.orders()) == 1


def test_an_unlisted_refusal_is_not_guessed_at(bed: Bed, warehouse: Warehouse) -> None:
    bed.fault("fault_unlisted", operations=CREATES)
    expected = What.FAULT if bed.dialect == "oms" else What.HTTP_4XX
    assert what(warehouse.submit(order())) is expected
    assert bed.orders() == {}


@pytest.mark.parametrize(
    "kind",
    [
        "reset_before",
        "reset_after",
        "hang_after",
        "html_500",
        "fault_unlisted",
        "http_403",
        "http_503",
        "http_429",
        "truncate",
        "bad_login",
    ],
)
@pytest.mark.parametrize("unknown", ["empty", "record", "fault"])
def test_a_look_up_that_goes_wrong_is_never_an_absence(
    bed: Bed, warehouse: Warehouse, kind: str, unknown: str
) -> None:
    bed.control("behaviour", unknown_order=unknown)
    warehouse.submit(order())
    warehouse.look_up("NOT-THERE")
    bed.fault(kind, operations=LOOK_UPS, count=2 if kind == "bad_login" else 1)
    assert isinstance(warehouse.look_up("WEB-100234"), LookUpFailed)
    bed.control("faults", kinds=[])
    assert isinstance(warehouse.look_up("WEB-100234"), Present)


def test_a_slow_answer_is_still_an_answer_or_a_timeout(bed: Bed, warehouse: Warehouse) -> None:
    bed.control("faults", kinds=["slow_drip"], count=1, delay_ms=20, operations=CREATES)
    outcome = warehouse.submit(order())
    assert isinstance(outcome, Accepted) or what(outcome) is What.TIMEOUT
    assert isinstance(warehouse.look_up("WEB-100234"), Present)


# ---- the control call ---------------------------------------------------------------------------


def test_wrong_credentials_are_refused_and_listed(bed: Bed) -> None:
    client = bed.connect(client_secret="wrong-secret")
    with pytest.raises(AuthRefused) as caught:
        client.control(None)
    assert caught.value.listed
    assert "wrong-secret" not in caught.value.message
    assert isinstance(error_of(client.look_up("WEB-1")), AuthRefused)
    assert what(client.submit(order())) in (What.LOGIN_REFUSED, What.NOT_CONNECTED)
    assert bed.orders() == {}
    client.close()  # type: ignore[attr-defined]


def test_an_address_where_something_else_answers(bed: Bed) -> None:
    client = bed.connect(api=bed.dialect, api_url=f"{bed.sandbox.url}/elsewhere")
    with pytest.raises(WrongEndpoint, match="/elsewhere"):
        client.control(None)
    client.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["http_503", "html_500", "reset_before"])
def test_a_warehouse_that_is_down_is_unavailable(bed: Bed, warehouse: Warehouse, kind: str) -> None:
    bed.fault(kind, operations=["GetProductAvailabilities", "token"])
    with pytest.raises(Unavailable):
        warehouse.control(None)


def test_a_known_order_and_an_unknown_one_are_both_control_enough(
    bed: Bed, warehouse: Warehouse
) -> None:
    warehouse.submit(order())
    warehouse.control("WEB-100234")
    warehouse.control("NOT-THERE")
