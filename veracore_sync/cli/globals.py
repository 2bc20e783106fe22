"""The options given before the command."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

INSTALLED_UNITS = Path("/etc/systemd/system")
"""Where systemd's units are installed."""


@dataclass(frozen=True, slots=True)
class Globals:
    """The global options; ``None`` where none was given."""

    config: Path | None = None
    log_level: str | None = None
    log_format: str | None = None
