"""The global options that a command in a message must repeat to be about the same shop."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from veracore_sync.cli.globals import Globals
from veracore_sync.domain.advice import as_typed
from veracore_sync.files import expanded

_OPTIONS: ContextVar[str] = ContextVar("global options", default="")


def remember(options: Globals) -> None:
    """From now on, commands in messages repeat these options."""
    _OPTIONS.set(_words(options))


@contextmanager
def about(options: Globals) -> Iterator[None]:
    """In the block they repeat these: it is about one shop of several."""
    before = _OPTIONS.set(_words(options))
    try:
        yield
    finally:
        _OPTIONS.reset(before)


def advised(text: str) -> str:
    """The text with commands that can be typed as they stand."""
    return as_typed(text, _OPTIONS.get())


def _words(options: Globals) -> str:
    words = []
    if options.config is not None:
        # Absolute: the message may be read in another folder, as cron's mail is.
        words += ["--config", str(expanded(options.config).absolute())]
    if options.every_shop:
        words.append("--all")
    return shlex.join(words)
