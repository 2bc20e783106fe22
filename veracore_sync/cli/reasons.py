"""The numbers of a run with their reasons, as a person reads them: one form for every job."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from veracore_sync.cli.output import on_terminal, say
from veracore_sync.domain.readable import relative
from veracore_sync.jobs.reasons import Reason
from veracore_sync.jobs.report import RunReport

_WIDTH = 98
_INDENT = "    "
_MOST_GROUPS = 12


def say_notices(report: RunReport) -> None:
    """Write what the run noticed, unless its reasons say the same."""
    for notice in report.notices:
        if notice not in report.covered:
            say(*_fitted(notice))


def say_reasons(reasons: Iterable[Reason], now: datetime | None = None) -> None:
    """Write each number with its reason, the first names, and what can be done.

    What the run changed comes first, then what it left as it was; the greatest number first.
    """
    groups = sorted(reasons, key=lambda one: (not one.is_new, -one.count))
    for is_new in (True, False):
        part = [one for one in groups if one.is_new is is_new]
        if part and not is_new and len(part) < len(groups):
            say("left as they were:")
        for one in part[:_MOST_GROUPS]:
            say(*_lines(one, now or datetime.now(UTC)))
        rest = part[_MOST_GROUPS:]
        if rest:
            count = sum(one.count for one in rest)
            say(f"{count} for {len(rest)} other reasons (`--json` lists them)")


def _lines(one: Reason, now: datetime) -> list[str]:
    head = f"{one.count:,} {one.what}"
    if one.reason:
        head += f": {one.reason}"
    if one.count == 1 and one.names:
        head = f"{one.names[0]}: {head.removeprefix('1 ')}"
    lines = _fitted(head)
    if one.names and one.count > 1:
        lines.append(_INDENT + some(one.names, one.count, _WIDTH - len(_INDENT)))
    if one.at is not None:
        first = "the first is " if one.count > 1 else ""
        when = f"{relative(one.at, now)}, {one.at:%Y-%m-%d %H:%M} UTC"
        lines.append(f"{_INDENT}{first}tried again {when}")
    return lines + (_fitted(f"{_INDENT}next: {one.next}") if one.next else [])


def _fitted(text: str) -> list[str]:
    """A sentence as it is written: whole where a program or a mail gets it."""
    if not on_terminal():
        return [text]
    return wrapped(text, min(_WIDTH, shutil.get_terminal_size().columns))


_WORDS = re.compile(r"\S*`[^`]*`\S*|\S+")


def wrapped(text: str, width: int = _WIDTH) -> list[str]:
    """A sentence in lines that fit; a command between backquotes stays in one, to be copied."""
    lines = [text[: len(text) - len(text.lstrip())]]
    for word in _WORDS.findall(text):
        line = f"{lines[-1]}{'' if lines[-1].isspace() or not lines[-1] else ' '}{word}"
        if len(line) > width and lines[-1].strip():
            lines.append(2 * _INDENT + word)
        else:
            lines[-1] = line
    return lines


def some(names: Sequence[str], count: int, width: int = _WIDTH) -> str:
    """As many of the names as fit the width, and how many more there are; always the first one."""
    for shown in range(len(names), 0, -1):
        more = f" and {count - shown:,} more" if count > shown else ""
        text = ", ".join(names[:shown]) + more
        if len(text) <= width or shown == 1:
            return text
    return ""
