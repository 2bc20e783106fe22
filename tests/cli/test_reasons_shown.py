"""How the numbers of a run and their reasons are printed; one form for every job."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from veracore_sync.cli.reasons import say_reasons, some, wrapped
from veracore_sync.jobs.reasons import HERE, Reasons, Why

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


def printed(reasons: Reasons, capsys: pytest.CaptureFixture[str]) -> list[str]:
    say_reasons(reasons, NOW)
    return capsys.readouterr().out.splitlines()


def test_many_of_one_reason_are_a_number_with_the_first_names(
    capsys: pytest.CaptureFixture[str],
) -> None:
    reasons = Reasons()
    why = Why("parked", "unknown SKU", f"`veracore-sync retry {HERE}`", NOW + timedelta(hours=1))
    for number in range(20):
        reasons.add(why, f"ORDER{number:011}")
    assert printed(reasons, capsys) == [
        "20 parked: unknown SKU",
        "    ORDER00000000000, ORDER00000000001, ORDER00000000002, ORDER00000000003 and 16 more",
        "    the first is tried again in 1 h, 2026-11-29 13:00 UTC",
        "    next: `veracore-sync retry ORDER00000000000`",
    ]


def test_one_order_is_named_first(capsys: pytest.CaptureFixture[str]) -> None:
    reasons = Reasons()
    reasons.add(Why("not sent", "placed before orders.not_before"), "A")
    assert printed(reasons, capsys) == ["A: not sent: placed before orders.not_before"]


def test_what_the_run_did_comes_before_what_it_left(capsys: pytest.CaptureFixture[str]) -> None:
    reasons = Reasons()
    reasons.add_all(Why("parked", "old"), ["X"], 7, is_new=False)
    reasons.add(Why("sent"), "A")
    reasons.add(Why("sent"), "B")
    assert printed(reasons, capsys) == [
        "2 sent",
        "    A, B",
        "left as they were:",
        "7 parked: old",
        "    X and 6 more",
    ]


def test_a_hundred_reasons_do_not_fill_the_screen(capsys: pytest.CaptureFixture[str]) -> None:
    reasons = Reasons()
    for number in range(100):
        reasons.add(Why("parked", f"reason {number}"), f"A{number}")
    lines = printed(reasons, capsys)
    assert len(lines) == 13
    assert lines[-1] == "88 for 88 other reasons (`--json` lists them)"


def test_a_command_is_never_broken_over_lines() -> None:
    command = "`veracore-sync sync-orders --order 4EM2FCY1DEQA69GY`"
    lines = wrapped(
        f"    next: {'once it is corrected ' * 4}it is sent by itself; {command}, or so"
    )
    assert len(lines) > 1
    assert [line for line in lines if command in line]
    assert all(len(line) <= 98 for line in lines)
    assert lines[0].startswith("    next: once")


@pytest.mark.parametrize("width", [1, 5, 20, 98])
def test_names_fit_or_there_is_one(width: int) -> None:
    names = [f"CODE{n}" for n in range(10)]
    text = some(names, 12, width)
    assert text.startswith("CODE0")
    assert len(text) <= width or text == "CODE0 and 11 more"


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_lines_fit_the_terminal_and_are_whole_elsewhere(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    reasons = Reasons()
    reasons.add(
        Why("parked", "the shipping address has no city " * 5, "correct it in the shop"), "A"
    )
    assert len(printed(reasons, capsys)) == 2
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("veracore_sync.cli.reasons.on_terminal", lambda: True)
    lines = printed(reasons, capsys)
    assert len(lines) > 2
    assert max(map(len, lines)) <= min(columns, 100)
