"""Commands in sentences: what stands in backticks can be typed as it stands.

Messages, hints and alerts name commands as ```veracore-sync stats```. Who runs the program with
``--config`` or ``--all`` must type that again, or the command is about another shop. An order's
code, a SKU and a VeraCore id may hold anything, so `command`, `typed` and `about` alone put them
into commands: as a shell reads them, and so that this program takes none for an option.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from veracore_sync.domain.lazy_pattern import lazy_pattern

_COMMAND = lazy_pattern(r"`((?:sudo (?:-u \S+ )?)?)veracore-sync (?!--config\b|--all\b)(?=[^`]*`)")

PROGRAM = "veracore-sync"
ACCEPT = 'resolve CODE --accept "reason"'
# What follows these is a word of its own (`resolve CODE --adopt ID`); other options take a value.
_FLAGS = ("--adopt", "--new-id", "--skip")

_OPTIONS: ContextVar[str] = ContextVar("global options", default="")


def command(words: str, **names: str) -> str:
    """A command in backticks, for a sentence; the arguments are those of `typed`."""
    return f"`{PROGRAM} {typed(words, **names)}`"


def typed(words: str, **names: str) -> str:
    """A command as it is typed.

    Args:
        words: Such as ``resolve CODE --adopt ID``.
        names: What stands in it for which word; each a code, a SKU, an id or a path.
    """
    said: list[str] = []
    behind: list[str] = []
    for word in words.split():
        name = names.get(word)
        is_value = bool(said) and said[-1].startswith("--") and said[-1] not in _FLAGS
        if name is None:
            said.append(word)
        elif is_value and name.startswith("-"):
            said[-1] += f"={quoted(name)}"
        elif is_value or not (behind or name.startswith("-")):
            said.append(quoted(name))
        else:
            # Also what follows one that looks like an option: their sequence says which is which.
            behind.append(quoted(name))
    return " ".join([*said, *(["--", *behind] if behind else [])])


def about(text: str, **names: str) -> str:
    """A sentence about a record.

    Args:
        text: The sentence, with its commands in backticks.
        names: What stands for which word: in commands as it is typed, elsewhere as it is.
    """
    words = re.compile(rf"\b(?:{'|'.join(names)})\b")
    parts = text.split("`")
    for n, part in enumerate(parts):
        if n % 2 == 0:
            parts[n] = words.sub(lambda at: names[at[0]], part)
        elif words.search(part):
            parts[n] = typed(part, **names)
    return "`".join(parts)


def without(text: str, name: str, word: str) -> str:
    """The text with the word for the name, so that texts about two records can be equal."""
    return text.replace(quoted(name), word).replace(name, word)


def quoted(name: str) -> str:
    """The name as a shell reads it, in characters that can be seen and copied."""
    if name.isprintable() and "`" not in name:
        return shlex.quote(name)
    # A message is one line, and its backticks are around commands.
    return f"$'{''.join(map(_visible, name))}'"


def _visible(one: str) -> str:
    if one.isprintable() and one not in "`'\\":
        return one
    # A byte of a file's name that is no text stands above 0xDC00 (PEP 383).
    byte = ord(one) - 0xDC00
    return f"\\x{byte:02x}" if 0x80 <= byte <= 0xFF else f"\\U{ord(one):08x}"


def repeat_options(options: str) -> None:
    """From now on, `advised` puts these options into commands."""
    _OPTIONS.set(options)


@contextmanager
def repeating(options: str) -> Iterator[None]:
    """In the block it puts these in: it is about one shop of several."""
    before = _OPTIONS.set(options)
    try:
        yield
    finally:
        _OPTIONS.reset(before)


def advised(text: str) -> str:
    """The text with commands that can be typed as they stand."""
    return as_typed(text, _OPTIONS.get())


def as_line(line: str) -> str:
    """A command that stands alone, without backticks, as it is typed.

    Args:
        line: With the program's name.
    """
    return advised(f"`{line}`")[1:-1]


def as_typed(text: str, options: str) -> str:
    """The text, with these global options in each of its commands.

    Args:
        text: A sentence, with its commands in backticks.
        options: Such as ``--config /etc/shop2.toml``, quoted for a shell; empty: none were given.
    """
    if not options or "`" not in text:
        return text
    return _COMMAND.sub(lambda found: f"`{found[1]}veracore-sync {options} ", text)
