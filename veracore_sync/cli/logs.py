"""The log on stderr: text for people, JSON for machines."""

from __future__ import annotations

import logging
import sys
import traceback
from typing import TYPE_CHECKING, Any

from veracore_sync.cli import journal, messages
from veracore_sync.describe import describe
from veracore_sync.domain.listed_words import IN_FULL
from veracore_sync.domain.texts import visible

if TYPE_CHECKING:
    from veracore_sync.config import Loaded


_PRIORITIES = {
    logging.CRITICAL: journal.ERROR,
    logging.ERROR: journal.ERROR,
    logging.WARNING: journal.WARNING,
    logging.INFO: journal.INFO,
}
RUNS = logging.getLogger("veracore_sync.run")
"""One line a run: what it did, how long it took, how it ended."""


class TextFormatter(logging.Formatter):
    """``WARNING message``; in the journal, which has the priority, only the message.

    Args:
        shop: The shop that the messages are about, if there are several.
    """

    def __init__(self, shop: str = "") -> None:
        super().__init__(f"{shop.replace('%', '%%')}: %(message)s" if shop else None)

    def format(self, record: logging.LogRecord) -> str:
        """The record; in the journal each line has the priority."""
        # One line, whatever the message holds; of an error not its text, which may be a customer's.
        record.message = record.getMessage()
        text = visible(self.formatMessage(record))
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            frames = "".join(traceback.format_tb(error.__traceback__))
            text = f"{text}\n{frames}{describe(error)}"
        mark = _mark(record)
        return mark + text.replace("\n", f"\n{mark}") if mark else f"{record.levelname} {text}"


class JsonFormatter(logging.Formatter):
    """One JSON object a line (docs/json.md)."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        fields: dict[str, Any] = dict(getattr(record, "fields", {}))
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            fields |= {"error": describe(error), "traceback": messages.frames(error)}
        level = record.levelname.lower()
        return _mark(record) + messages.line(level, record.name, record.getMessage(), fields)


def _mark(record: logging.LogRecord) -> str:
    return journal.prefix(_PRIORITIES.get(record.levelno, journal.DEBUG))


def set_up(loaded: Loaded) -> None:
    """Send this program's log records to stderr, as ``[log]`` says."""
    wanted = loaded.settings.log
    level = wanted.level
    by_default = loaded.origins.get("log.level") == "default"
    # cron mails every line, so without a terminal only warnings and errors are logged by default.
    if by_default and not sys.stderr.isatty():
        level = "warning"
    messages.use(wanted.format, loaded.shop)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if messages.is_json() else TextFormatter(loaded.shop))
    root = logging.getLogger("veracore_sync")
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    root.propagate = False
    # Who looks at a terminal has the result there already.
    RUNS.setLevel(logging.WARNING if by_default and not messages.is_json() else logging.NOTSET)
    # Whole messages of the other sides may name a customer: for a person at a terminal who asks.
    in_full = logging.getLogger(IN_FULL)
    in_full.disabled = not (sys.stderr.isatty() and level == "debug")
