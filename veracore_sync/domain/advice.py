"""Commands in sentences: what stands in backticks can be typed as it stands.

Messages, hints and alerts name commands as ```veracore-sync stats```. Who runs the program with
``--config`` or ``--all`` must type that again, or the command is about another shop.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from veracore_sync.domain.lazy_pattern import lazy_pattern

_COMMAND = lazy_pattern(r"`((?:sudo (?:-u \S+ )?)?)veracore-sync (?!--config\b|--all\b)(?=[^`]*`)")

_OPTIONS: ContextVar[str] = ContextVar("global options", default="")


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


def as_typed(text: str, options: str) -> str:
    """The text, with these global options in each of its commands.

    Args:
        text: A sentence, with its commands in backticks.
        options: Such as ``--config /etc/shop2.toml``, quoted for a shell; empty: none were given.
    """
    if not options or "`" not in text:
        return text
    return _COMMAND.sub(lambda found: f"`{found[1]}veracore-sync {options} ", text)
