"""The options given before the command."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

INSTALLED_UNITS = Path("/etc/systemd/system")
"""Where systemd's units are installed."""


@dataclass(frozen=True, slots=True)
class Globals:
    """The global options; ``None`` where none was given.

    Args:
        config: The configuration file, or a folder of them.
        log_level: Replaces ``log.level``.
        log_format: Replaces ``log.format``.
        every_shop: Run for every shop of the folder.
        shop: The name of the shop in its folder, for messages.
    """

    config: Path | None = None
    log_level: str | None = None
    log_format: str | None = None
    every_shop: bool = False
    shop: str = ""
