"""What stands before the command, as handed to each of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from veracore_sync.config import Loaded

INSTALLED_UNITS = Path("/etc/systemd/system")
"""Where systemd's units are installed."""


@dataclass(frozen=True, slots=True)
class Globals:
    """The global options; ``None`` where none was given."""

    config: Path | None = None
    log_level: str | None = None
    log_format: str | None = None

    def load(self) -> Loaded:
        """The settings, and logging set up by them.

        Raises:
            ConfigError: A setting is wrong; every fault is named.
        """
        from veracore_sync.cli.logs import set_up
        from veracore_sync.config import Flag, load

        given = {
            "log.level": Flag("--log-level", self.log_level),
            "log.format": Flag("--log-format", self.log_format),
        }
        flags = {key: flag for key, flag in given.items() if flag.value is not None}
        loaded = load(self.config, os.environ, flags=flags)
        set_up(loaded)
        return loaded
