"""The failure table, written out: what a failed read and a failed create become, and the groups."""

from __future__ import annotations

import pytest
from test_failure import GROUPS, LOCAL

from veracore_sync.domain import failures
from veracore_sync.domain.errors import (
    BreakerOpen,
    Category,
    Interrupted,
    NeedsPerson,
    Occurrence,
    RateLimited,
    RunOver,
    SyncError,
    UpstreamError,
    WrongEndpoint,
)
from veracore_sync.domain.failures import (
    IN_A_ROW,
    READING,
    TABLE,
    FailureBudget,
    Group,
    of_all,
    read_error,
    slows_down,
)

ROWS = """
not_connected: unavailable retry, unavailable pending, down
timeout: timeout retry, timeout doubt_lost, down
run_over: timeout end_run, timeout doubt_lost
reset: unavailable retry, unavailable doubt_lost, down
http_4xx: protocol end_run, protocol doubt
http_404: config end_run, protocol doubt
http_429: rate_limited retry, rate_limited later
http_5xx: unavailable retry, unavailable doubt_lost, down
not_understood: protocol end_run, protocol doubt_lost
too_large: protocol end_run, protocol doubt_lost
moved: config end_run, protocol doubt
web_page: unavailable retry, unavailable doubt_lost
blocked: unavailable retry, protocol doubt
refused: protocol end_run, validation park
duplicate: protocol end_run, duplicate look_up
fault: protocol end_run, protocol doubt
odd_success: protocol end_run, protocol doubt
login_refused: auth end_run, protocol doubt
known_refused: auth end_run, unavailable pending
forbidden: auth end_run, protocol doubt
not_permitted: auth end_run, unavailable pending
access_refused: auth end_run, protocol doubt
channel_unknown: config end_run, protocol doubt
query_refused: config end_run, protocol doubt
database: unavailable retry, unavailable doubt_lost
breaker_open: unavailable end_run, unavailable pending
budget_spent: rate_limited retry, rate_limited later
"""


def test_each_row() -> None:
    """What a read becomes, what a create becomes, and whether the breaker counts it."""
    found = [
        f"{what.name.lower()}: {row.reading.category.value} {row.reading.action.name.lower()}, "
        f"{row.creating.category.value} {row.creating.action.name.lower()}"
        + (", down" if row.is_down else "")
        for what, row in TABLE.items()
    ]
    assert found == ROWS.strip().splitlines()


def test_the_members_of_each_group() -> None:
    found = {name: one for name, one in vars(failures).items() if isinstance(one, Group)}
    assert {name: set(one.whats) for name, one in found.items()} == GROUPS
    for error, names in LOCAL:
        assert {name for name, one in found.items() if error in one} == names
    assert all(None not in one for one in found.values())


def test_whom_a_group_is_asked_about() -> None:
    group = Group({Occurrence.RESET}, (NeedsPerson,))
    reset = read_error(Occurrence.RESET, "words", upstream="vendure")
    assert Occurrence.RESET in group
    assert reset in group
    assert NeedsPerson("words") in group
    assert Occurrence.FAULT not in group
    assert Interrupted("words") not in group
    assert None not in group


@pytest.mark.parametrize("what", [*Occurrence, None])
def test_what_slows_requests_down(what: Occurrence | None) -> None:
    is_pace, is_server = what is Occurrence.HTTP_429, what is Occurrence.HTTP_5XX
    assert slows_down(what, None) is is_pace
    assert slows_down(what, 0.0) is (is_pace or is_server)


@pytest.mark.parametrize("what", Occurrence)
def test_what_every_order_is_answered_is_about_the_account(what: Occurrence) -> None:
    is_refusal = READING[what].category in (Category.PROTOCOL, Category.AUTH)
    assert of_all(what) is (Occurrence.NOT_PERMITTED if is_refusal else what)


def test_three_in_a_row_are_no_chance() -> None:
    assert IN_A_ROW == 3
    budget, other = FailureBudget(), FailureBudget(1)
    assert [budget.spend("a"), budget.spend(), budget.spend("a")] == [1, 1, 2]
    assert not budget.is_spent("a")
    assert budget.spend("a") == 3
    assert budget.is_spent("a")
    assert not budget.is_spent()
    budget.restore("a")
    assert not budget.is_spent("a")
    assert budget.spend("a") == 1
    assert not other.is_spent()
    assert other.spend() == 1
    assert other.is_spent()


@pytest.mark.parametrize("what", Occurrence)
def test_the_error_of_a_failed_read(what: Occurrence) -> None:
    error = read_error(what, "words", upstream="vendure", hint="do this", retry_after=7.0)
    assert isinstance(error, SyncError)
    assert error.what is what
    assert error.category is READING[what].category
    assert "words" in str(error)
    assert isinstance(error, RunOver) is (what is Occurrence.RUN_OVER)
    assert isinstance(error, BreakerOpen) is (what is Occurrence.BREAKER_OPEN)
    assert isinstance(error, WrongEndpoint) is (error.category is Category.CONFIG)
    assert isinstance(error, RateLimited) is (error.category is Category.RATE_LIMITED)
    if not isinstance(error, RunOver):
        assert error.hint == "do this"
    if isinstance(error, UpstreamError):
        assert (error.upstream, error.retry_after) == ("vendure", 7.0)
