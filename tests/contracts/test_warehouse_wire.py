"""What happens on the wire: every dialect and both SOAP faces against the simulator's variants.

What holds for any warehouse stands in `test_warehouse_contract`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from warehouse_beds import CREATES, LOOK_UPS, SIMULATED, Simulated, an_order, simulated

from veracore_sync.domain.errors import (
    AuthRefused,
    Occurrence,
    SyncError,
    Unavailable,
    WrongEndpoint,
)
from veracore_sync.ports.warehouse import (
    Absent,
    Accepted,
    LookUp,
    LookUpFailed,
    NotAccepted,
    Present,
    SubmitOutcome,
    Warehouse,
)
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.veracore.connect import DIALECTS


@pytest.fixture(params=SIMULATED)
def bed(request: pytest.FixtureRequest) -> Iterator[Simulated]:
    with simulated(request.param) as made:
        yield made


@pytest.fixture
def warehouse(bed: Simulated) -> Warehouse:
    return bed.warehouse


def what(outcome: SubmitOutcome) -> Occurrence:
    assert isinstance(outcome, NotAccepted)
    return outcome.what


def error_of(found: LookUp) -> SyncError:
    assert isinstance(found, LookUpFailed)
    return found.error


def test_the_simulator_is_told(warehouse: Warehouse) -> None:
    assert not warehouse.is_sandbox
    warehouse.check_connection(None)
    assert warehouse.is_sandbox


def test_a_used_id_is_a_duplicate_in_any_case_and_form(
    bed: Simulated, warehouse: Warehouse
) -> None:
    warehouse.submit(an_order())
    for form in ("stack", "short"):
        for version in ("1.1", "1.2"):
            bed.control("behaviour", fault_text=form, soap=version)
            assert what(warehouse.submit(an_order("web-100234"))) is Occurrence.DUPLICATE
    assert len(bed.held()) == 1


def test_a_sku_that_is_unknown_there_is_refused() -> None:
    for dialect in DIALECTS:
        with Sandbox(strict=True) as sandbox:
            client = Simulated(sandbox, dialect, "oms").warehouse
            outcome = client.submit(an_order())
            assert what(outcome) is Occurrence.REFUSED
            assert isinstance(outcome, NotAccepted)
            assert "skus.aliases" in outcome.hint
            client.close()


@pytest.mark.parametrize("unknown", ["empty", "record", "fault"])
@pytest.mark.parametrize("form", ["stack", "short"])
def test_an_unknown_order_is_absent_however_it_is_told(
    bed: Simulated, warehouse: Warehouse, unknown: str, form: str
) -> None:
    bed.control("behaviour", unknown_order=unknown, fault_text=form)
    assert warehouse.look_up("WEB-100234") == Absent()
    assert isinstance(warehouse.submit(an_order()), Accepted)
    assert isinstance(warehouse.look_up("WEB-100234"), Present)
    assert warehouse.look_up("WEB-100235") == Absent()


def test_what_became_of_it_is_told(bed: Simulated, warehouse: Warehouse) -> None:
    bed.control("behaviour", reserve="processed")
    for number in ("A-1", "A-2", "A-3", "A-4"):
        warehouse.submit(an_order(number))
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
    ("reset_before", Occurrence.RESET, False),
    ("reset_after", Occurrence.RESET, True),
    ("hang_after", Occurrence.TIMEOUT, True),
    ("html_500", Occurrence.HTTP_5XX, False),
    ("html_after", Occurrence.HTTP_5XX, True),
    ("http_403", Occurrence.BLOCKED, False),
    ("http_503", Occurrence.HTTP_5XX, False),
    ("http_429", Occurrence.HTTP_429, False),
    ("truncate", Occurrence.RESET, True),
]


@pytest.mark.parametrize(("kind", "expected", "stored"), FAULTS)
def test_a_create_that_goes_wrong(
    bed: Simulated, warehouse: Warehouse, kind: str, expected: Occurrence, stored: bool
) -> None:
    warehouse.check_connection(None)
    bed.fault(kind, operations=CREATES)
    assert what(warehouse.submit(an_order())) is expected
    assert bed.asked(CREATES) == 1
    assert ("WEB-100234" in bed.held()) is stored
    found = warehouse.look_up("WEB-100234")
    assert isinstance(found, Present if stored else Absent)
    again = warehouse.submit(an_order())
    assert what(again) is Occurrence.DUPLICATE if stored else isinstance(again, Accepted)
    assert len(bed.held()) == 1


def test_an_unlisted_refusal_is_not_guessed_at(bed: Simulated, warehouse: Warehouse) -> None:
    bed.fault("fault_unlisted", operations=CREATES)
    expected = Occurrence.FAULT if bed.dialect == "oms" else Occurrence.HTTP_4XX
    assert what(warehouse.submit(an_order())) is expected
    assert bed.held() == {}


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
    bed: Simulated, warehouse: Warehouse, kind: str, unknown: str
) -> None:
    bed.control("behaviour", unknown_order=unknown)
    warehouse.submit(an_order())
    warehouse.look_up("NOT-THERE")
    bed.fault(kind, operations=LOOK_UPS, count=2 if kind == "bad_login" else 1)
    assert isinstance(warehouse.look_up("WEB-100234"), LookUpFailed)
    bed.control("faults", kinds=[])
    assert isinstance(warehouse.look_up("WEB-100234"), Present)


def test_a_slow_answer_is_still_an_answer_or_a_timeout(
    bed: Simulated, warehouse: Warehouse
) -> None:
    bed.control("faults", kinds=["slow_drip"], count=1, delay_ms=20, operations=CREATES)
    hurried = bed.connect(timeout_seconds=2)
    outcome = hurried.submit(an_order())
    hurried.close()
    assert isinstance(outcome, Accepted) or what(outcome) is Occurrence.TIMEOUT
    assert isinstance(warehouse.look_up("WEB-100234"), Present)


# ---- the control call ---------------------------------------------------------------------------


def test_wrong_credentials_are_refused_and_listed(bed: Simulated) -> None:
    client = bed.connect(client_secret="wrong-secret")
    with pytest.raises(AuthRefused) as caught:
        client.check_connection(None)
    assert caught.value.listed
    assert "wrong-secret" not in caught.value.message
    assert isinstance(error_of(client.look_up("WEB-1")), AuthRefused)
    assert what(client.submit(an_order())) in (Occurrence.LOGIN_REFUSED, Occurrence.NOT_CONNECTED)
    assert bed.held() == {}
    client.close()


def test_an_address_where_something_else_answers(bed: Simulated) -> None:
    client = bed.connect(api=bed.dialect, api_url=f"{bed.sandbox.url}/elsewhere")
    with pytest.raises(WrongEndpoint, match="/elsewhere"):
        client.check_connection(None)
    client.close()


@pytest.mark.parametrize("kind", ["http_503", "html_500", "reset_before"])
def test_a_warehouse_that_is_down_is_unavailable(
    bed: Simulated, warehouse: Warehouse, kind: str
) -> None:
    bed.fault(kind, operations=["GetProductAvailabilities", "token"])
    with pytest.raises(Unavailable):
        warehouse.check_connection(None)


def test_a_known_order_and_an_unknown_one_are_both_control_enough(
    bed: Simulated, warehouse: Warehouse
) -> None:
    warehouse.submit(an_order())
    warehouse.check_connection("WEB-100234")
    warehouse.check_connection("NOT-THERE")
