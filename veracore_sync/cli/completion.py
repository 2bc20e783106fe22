"""Values that a shell completes: names from the ledger and words of this program.

What a parameter takes is known by its metavar: every ORDER is completed alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from veracore_sync.domain.differences import DifferenceType
from veracore_sync.domain.errors import Category

_PLAIN = re.compile(r"[\w.,@%+/=-]+")


@dataclass(frozen=True, slots=True)
class Completion:
    """A value that a shell offers, as typer expects it."""

    value: str
    help: str = ""
    type: str = "plain"


Complete = Callable[[Any, str], Iterable[str]]
"""What a value may be, from the context and what was typed of it."""


def add_values(command: Any) -> None:
    """Let a shell complete the values of a command's parameters, and of those inside it."""
    for param in command.params:
        own = next((_OPTIONS[one] for one in param.opts if one in _OPTIONS), None)
        complete = own or VALUES.get(str(param.metavar))
        if complete is not None:
            param.shell_complete = partial(_offer, complete)
    for inside in getattr(command, "commands", {}).values():
        add_values(inside)


def _offer(complete: Complete, context: Any, typed: str) -> list[Completion]:
    found: list[str] = []
    # A shell that completes has no place for an error.
    with suppress(Exception):
        found = list(complete(context, typed))
    # What a shell would read as more than one word, or as anything but a word, is left out.
    return [Completion(one) for one in found if one.startswith(typed) and _PLAIN.fullmatch(one)]


# ---- words --------------------------------------------------------------------------------------


def _types(_context: Any, typed: str) -> Iterator[str]:
    *named, _ = typed.split(",")
    before = "".join(f"{one}," for one in named)
    return (f"{before}{one}" for one in DifferenceType if str(one) not in named)


def _classes(_context: Any, _typed: str) -> Iterator[str]:
    return map(str, Category)


def _words(*words: str) -> Complete:
    return lambda _context, _typed: words


def _known(kind: str) -> Complete:
    """Names of a kind that `known_names` finds."""

    def found(context: Any, typed: str) -> Iterable[str]:
        # Brings the settings, which commands, options and words do without.
        from veracore_sync.cli import known_names

        names: Iterable[str] = getattr(known_names, kind)(context, typed)
        return names

    return found


VALUES: Mapping[str, Complete] = {
    "CODE": _known("orders"),
    "ORDER": _known("orders"),
    "SKU": _known("skus"),
    "EVENT_ID": _known("refused_events"),
    "TYPE[,TYPE]": _types,
    "CLASS": _classes,
    "BY": _words("day", "carrier", "service"),
    "UPSTREAM": _words("vendure", "veracore"),
    "LEVEL": _words("debug", "info", "warning", "error"),
    "FORMAT": _words("text", "json"),
}
"""By metavar. Without an entry the shell completes files."""
_OPTIONS: Mapping[str, Complete] = {
    "--config": _known("configurations"),
    "--name": _known("differing"),
}
"""What an option takes that has the metavar of others."""
