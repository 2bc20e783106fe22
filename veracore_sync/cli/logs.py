"""Messages on stderr: text for people, JSON for machines."""

from __future__ import annotations

import json
import logging
import sys
from typing import TYPE_CHECKING

from veracore_sync.clock import SystemClock, to_text

if TYPE_CHECKING:
    from veracore_sync.config import Loaded


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ``at`` (UTC), ``level``, ``logger``, ``message``."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        return json.dumps(
            {
                "at": to_text(SystemClock().now()),
                "level": record.levelname.lower(),
                "logger": record.name,
                "message": record.getMessage(),
            }
        )


def set_up(loaded: Loaded) -> None:
    """Send this program's log records to stderr, as ``[log]`` says.

    Off a terminal the default is to be silent unless something is wrong: cron mails every line.
    """
    wanted = loaded.settings.log
    level = wanted.level
    if loaded.origins.get("log.level") == "default" and not sys.stderr.isatty():
        level = "warning"
    handler = logging.StreamHandler(sys.stderr)
    if wanted.format == "json":
        handler.setFormatter(JsonFormatter())
    else:
        handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    root = logging.getLogger("veracore_sync")
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    root.propagate = False
