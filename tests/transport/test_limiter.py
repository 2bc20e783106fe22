"""The law by which the number of requests at once is found, with servers in virtual time."""

from __future__ import annotations

from statistics import mean

import pytest
from simulated_servers import Server, drive, ideal

from veracore_sync.transport.limiter import ConcurrencyLimit

MOST = 8


@pytest.mark.parametrize("lines", [2, 4, 8])
def test_a_server_that_gains_is_used_as_far_as_it_gains(lines: int) -> None:
    server = Server(lines)
    course = drive(ConcurrencyLimit(MOST), server, 400)
    assert course.seconds <= 1.15 * ideal(server, 400)
    # A server that gains from three is sometimes tried with more, and not left there.
    assert lines <= course.limits[-1] <= MOST


@pytest.mark.parametrize("lines", [1, 2, 3, 4, 6])
def test_more_than_a_server_gains_from_are_only_tried(lines: int) -> None:
    course = drive(ConcurrencyLimit(MOST), Server(lines), 1000)
    assert course.share_above(lines + 1) < 0.15


def test_with_one_connection_one_is_kept() -> None:
    course = drive(ConcurrencyLimit(MOST), Server(1), 1000)
    assert course.share_above(1) < 0.1
    assert course.share_above(2) == 0


@pytest.mark.parametrize("noise", [0.1, 0.2, 0.3])
def test_noise_does_not_let_it_drift(noise: float) -> None:
    alone = [drive(ConcurrencyLimit(MOST), Server(1, noise=noise, seed=s), 400) for s in range(20)]
    assert mean(course.share_above(1) for course in alone) < 0.5
    assert mean(course.share_above(2) for course in alone) < 0.2
    many = [drive(ConcurrencyLimit(MOST), Server(8, noise=noise, seed=s), 400) for s in range(20)]
    fixed = ideal(Server(8), 400)
    assert mean(course.seconds for course in many) < 1.35 * fixed


def test_never_more_than_the_setting() -> None:
    for most in (1, 2, 3, 5, 32):
        course = drive(ConcurrencyLimit(most), Server(64), 2000)
        assert max(course.limits) == most


def test_what_a_server_refuses_is_left_alone_soon() -> None:
    course = drive(ConcurrencyLimit(MOST), Server(8, most=4), 1000)
    assert course.refused < 60
    assert course.seconds < 1.6 * 1000 * 0.1 / 4


def test_refusals_of_everything_bring_it_to_one_and_an_end_of_them_up_again() -> None:
    limit = ConcurrencyLimit(MOST)
    drive(limit, Server(8), 200)
    assert limit.limit >= 6
    for second in range(100, 120):
        limit.begun(second)
        limit.ended(second, second + 0.5, overloaded=True)
    assert limit.limit == 1
    assert drive(limit, Server(8), 400).limits[-1] >= 4


def test_several_that_fail_together_are_one_reason() -> None:
    limit = ConcurrencyLimit(MOST)
    drive(limit, Server(8), 200)
    before = limit.limit
    for _ in range(before):
        limit.begun(1000.0)
    for number in range(before):
        limit.ended(1000.0, 1060.0 + number / 100, overloaded=True)
    assert limit.limit == before // 2


def test_latency_that_rises_makes_room() -> None:
    limit = ConcurrencyLimit(MOST)
    drive(limit, Server(8), 400)
    assert limit.limit >= 6
    # Somebody else uses most of the server now: it gains from two only, and each takes longer.
    course = drive(limit, Server(2, seconds=0.3), 400)
    assert course.share_above(3) < 0.3
    assert course.limits[-1] <= 3


def test_a_server_that_gets_slower_for_another_reason_is_still_used() -> None:
    server = Server(8, slower_from=5.0, slower=3.0)
    course = drive(ConcurrencyLimit(MOST), server, 1000)
    assert course.seconds < 1.3 * (5 + (1000 - 400) * 0.3 / 8)
    assert course.limits[-1] >= 6


def test_a_server_that_gains_later_is_found_out() -> None:
    limit = ConcurrencyLimit(MOST)
    drive(limit, Server(1), 100)
    assert limit.limit <= 2
    assert drive(limit, Server(8), 400).limits[-1] >= 6


def test_what_ends_while_nothing_more_begins_shows_nothing() -> None:
    limit = ConcurrencyLimit(MOST)
    for begins in range(0, 5000, 10):
        limit.begun(begins)
        limit.drained()
        limit.ended(begins, begins + 1)
    assert limit.limit == 1
