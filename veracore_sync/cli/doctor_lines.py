"""How ``doctor`` shows what it found: remedies below their lines, and at the end what is first."""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from veracore_sync.cli.advice import advised
from veracore_sync.cli.output import on_terminal, say
from veracore_sync.jobs.doctor.about import SettingShown
from veracore_sync.jobs.doctor.finding import CheckResult

_WIDEST = 100
_NARROWEST = 60
_LEVELS = ("fail", "warn", "ok")
_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}
_WHOLE = re.compile(r"`[^`]*`|[a-z_]+\.[a-z_.]+ = \S+")
_JOINT = "\N{NO-BREAK SPACE}"
_OF_THE_MACHINE = ("sqlite", "bytecode")
"""Nothing waits for these."""
_FIRST_ORDER = "`veracore-sync sync-orders --dry-run` shows what would be sent"


@dataclass(frozen=True, slots=True)
class CheckLine:
    """A finding, with the settings that it is about."""

    found: CheckResult
    settings: Sequence[SettingShown]


@dataclass(frozen=True, slots=True)
class Summary:
    """What all lines come to.

    Args:
        faults: How many fail.
        warnings: How many warn.
        next: What to do first; empty if nothing is to be done.
    """

    faults: int
    warnings: int
    next: str

    def document(self) -> dict[str, object]:
        """As a document."""
        return {"faults": self.faults, "warnings": self.warnings, "next": advised(self.next)}

    def __str__(self) -> str:
        if not self.faults and not self.warnings:
            return f"all is well; next: {self.next}"
        counted = [_count(self.faults, "fault")] if self.faults else []
        counted += [_count(self.warnings, "warning")] if self.warnings else []
        return f"{', '.join(counted)}; next: {self.next}"


def summary_of(found: Sequence[CheckResult], unless_it_fails: str = "") -> Summary:
    """What they come to; first is what fails, as the others may follow from it.

    Args:
        found: The findings.
        unless_it_fails: What comes next where nothing fails, whatever is warned of.
    """
    worst = min(found, key=_place, default=None)
    levels = [one.level for one in found]
    todo = worst.todo if worst is not None and worst.todo else _FIRST_ORDER
    if unless_it_fails and "fail" not in levels:
        todo = unless_it_fails
    return Summary(levels.count("fail"), levels.count("warn"), todo)


def _place(found: CheckResult) -> tuple[int, bool]:
    return _LEVELS.index(found.level), found.name in _OF_THE_MACHINE


def show(lines: Sequence[CheckLine], summary: Summary, file: Path | None) -> None:
    """Write the lines, and the summary below them."""
    is_read, width = on_terminal(), _width()
    names = max((len(one.found.name) for one in lines), default=0)
    for one in lines:
        for number, text in enumerate(_texts(one, names, width, file)):
            level = one.found.level
            if is_read and number == 0:
                text = typer.style(level, fg=_COLOURS[level]) + text[len(level) :]
                typer.echo(text)
            else:
                say(text)
    say("", *_wrapped(advised(str(summary)), "", "  ", width))


def say_wrapped(text: str) -> None:
    """Write a paragraph, in lines as wide as those of ``doctor``."""
    say(*_wrapped(advised(text), "", "  ", _width()))


def _width() -> int:
    """The width of lines for a person at a terminal; 0: they are not broken."""
    if not on_terminal():
        return 0
    return min(max(shutil.get_terminal_size((_WIDEST, 24)).columns, _NARROWEST), _WIDEST)


def _texts(line: CheckLine, names: int, width: int, file: Path | None) -> Iterator[str]:
    found = line.found
    begin = f"{found.level:<4}  {found.name:<{names}}  "
    below = " " * len(begin)
    yield from _wrapped(found.message, begin, below, width)
    settings = "; ".join(_settings(line.settings, file))
    if settings:
        yield from _wrapped(settings, f"{below}  ", f"{below}  ", width)
    if found.todo:
        yield from _wrapped(advised(found.todo), f"{below}-> ", f"{below}   ", width)


def _settings(settings: Sequence[SettingShown], file: Path | None) -> Iterator[str]:
    """Each with its value, and once for neighbours of the same origin where it came from."""
    for number, one in enumerate(settings):
        after = settings[number + 1] if number + 1 < len(settings) else None
        same = after is not None and after.origin == one.origin
        yield f"{one.key} = {one.value}" + ("" if same else f" ({_short(one.origin, file)})")


def _short(origin: str, file: Path | None) -> str:
    """Without the path of the file that the first line names."""
    return origin.replace(f"file {file}", "the file", 1) if file else origin


def _wrapped(text: str, first: str, more: str, width: int) -> list[str]:
    """In lines of this width; 0 is one line, for what is not read on a terminal."""
    if not width:
        return [first + text]
    # A command is typed as it stands, and a value is read beside its setting: neither is broken.
    whole = _WHOLE.sub(lambda found: found[0].replace(" ", _JOINT), text)
    lines = textwrap.wrap(
        whole,
        width,
        initial_indent=first,
        subsequent_indent=more,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(_JOINT, " ") for line in lines]


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
