"""The options that every command has, before or after its name."""

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
        verbose: How often ``-v`` was given.
        quiet: Whether only errors are wanted.
    """

    config: Path | None = None
    log_level: str | None = None
    log_format: str | None = None
    every_shop: bool = False
    shop: str = ""
    verbose: int = 0
    quiet: bool = False

    @property
    def messages(self) -> tuple[str, str] | None:
        """The option that sets the least severe messages, and the level; the plainest one wins."""
        if self.log_level is not None:
            return "--log-level", self.log_level
        if self.quiet:
            return "-q", "error"
        if self.verbose:
            return "-v", "info" if self.verbose == 1 else "debug"
        return None
