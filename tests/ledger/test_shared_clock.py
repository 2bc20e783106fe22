"""The clock of the ledger's server, as several processes have read it, each once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fakes import START, FakeClock

from veracore_sync.clock import SharedClock, surely_past, to_text

SKEW = timedelta(minutes=7)


class Server:
    """Whose clock is right; `ways` are the seconds that each question and its answer take."""

    def __init__(self, machine: FakeClock, ways: list[tuple[float, float]]) -> None:
        self.asked = 0
        self._machine = machine
        self._ways = ways

    def ask(self) -> tuple[float, str]:
        there, back = self._ways[min(self.asked, len(self._ways) - 1)]
        self.asked += 1
        self._machine.sleep(there)
        seconds = (self._machine.moment - SKEW).timestamp()
        self._machine.sleep(back)
        return seconds, "server-1"


def read(ways: list[tuple[float, float]]) -> tuple[SharedClock, FakeClock, Server]:
    """A process on a machine that is seven minutes ahead."""
    machine = FakeClock(START + SKEW)
    server = Server(machine, ways)
    return SharedClock(machine, server.ask), machine, server


@pytest.mark.parametrize(
    ("ways", "looks"),
    [
        ([(0.001, 0.001)], 1),
        ([(0.0, 3.0), (0.01, 0.01)], 2),
        ([(3.0, 0.0), (0.01, 0.01)], 2),
        ([(0.0, 2.0), (0.0, 1.0), (0.0, 0.09)], 3),
        ([(0.09, 0.0)], 1),
    ],
)
def test_an_answer_that_was_late_does_not_put_a_process_behind_all_others(
    ways: list[tuple[float, float]], looks: int
) -> None:
    clock, machine, server = read(ways)
    truth = machine.moment - SKEW
    assert abs(clock.now() - truth) <= SharedClock.apart / 4
    assert server.asked == looks
    assert clock.boot == "server-1"
    machine.forward(seconds=90)
    assert abs(clock.now() - truth - timedelta(seconds=90)) <= SharedClock.apart / 4
    assert abs(clock.monotonic() - clock.now().timestamp()) < 0.001


def test_a_server_that_always_answers_late_is_believed_at_its_best() -> None:
    clock, machine, server = read([(0.0, 2.0)] * 4 + [(0.0, 0.6), (0.0, 2.0)])
    assert abs(clock.now() - (machine.moment - SKEW)) <= timedelta(seconds=0.3)
    assert server.asked < 10


@pytest.mark.parametrize("sender", [(0.0, 0.09), (0.09, 0.0), (0.0, 3.0)])
@pytest.mark.parametrize("reader", [(0.0, 0.09), (0.09, 0.0), (3.0, 0.0)])
def test_what_is_accepted_after_a_read_began_is_never_dated_before_it(
    sender: tuple[float, float], reader: tuple[float, float]
) -> None:
    """Else its units would count as subtracted from stock that still had them: oversold."""
    soon = (0.05, 0.05)
    clocks = [read([ways, soon]) for ways in (sender, reader)]
    for _, machine, _ in clocks:
        machine.moment = START + SKEW + timedelta(seconds=10)
    (sends, *_), (reads, *_) = clocks
    assert to_text(sends.now()) >= to_text(surely_past(reads))


def test_a_ledger_of_one_machine_needs_no_margin() -> None:
    clock = FakeClock()
    assert surely_past(clock) == clock.now()
