"""The global options that a command in a message must repeat to be about the same shop."""

from __future__ import annotations

from contextlib import AbstractContextManager

from veracore_sync.cli.globals import Globals
from veracore_sync.domain.advice import advised, quoted, repeat_options, repeating
from veracore_sync.files import expanded

__all__ = ["about", "advised", "remember"]


def remember(options: Globals) -> None:
    """From now on, commands in messages repeat these options."""
    repeat_options(_words(options))


def about(options: Globals) -> AbstractContextManager[None]:
    """In the block they repeat these: it is about one shop of several."""
    return repeating(_words(options))


def _words(options: Globals) -> str:
    words = []
    if options.config is not None:
        # Absolute: the message may be read in another folder, as cron's mail is.
        words += ["--config", str(expanded(options.config).absolute())]
    if options.every_shop:
        words.append("--all")
    return " ".join(map(quoted, words))
