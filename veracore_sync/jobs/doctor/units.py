"""Whether systemd's timers are those of this configuration, and start the jobs as it says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from veracore_sync.config import Loaded
from veracore_sync.jobs.doctor.finding import CheckResult, ok, warn
from veracore_sync.jobs.timers import Timer, difference, installed, instance_of, timers

_NAME = "units"
_WANTED = "timers.target.wants"
_CONFIGURATION = re.compile(r"^LoadCredential=config\.toml:(.+)$", re.MULTILINE)


def units(loaded: Loaded, folder: Path) -> CheckResult:
    """Check them.

    Args:
        loaded: The configuration.
        folder: Where units are installed.
    """
    shop = instance_of(loaded)
    wanted = timers(loaded.settings, shop)
    there = [one for one in wanted if installed(one, folder)]
    if not there:
        return ok(_NAME, f"no veracore-sync timer in {folder}: started by cron, or by hand")
    try:
        theirs = _configuration_of(there[0], folder, shop)
        if theirs is not None and loaded.path is not None and theirs != loaded.path:
            return ok(
                _NAME,
                f"the timers in {folder} run with {theirs}, not with this file: this one is "
                "started by cron, or by hand",
            )
        different = [found for one in there if (found := difference(one, folder))]
    except OSError as error:
        message = f"{error.filename} cannot be read ({error.strerror})"
        return warn(_NAME, message, "`sudo veracore-sync doctor --offline` looks into it")
    if different:
        place = shlex.quote(str(folder))
        return warn(
            _NAME,
            "; ".join(different),
            f"`sudo veracore-sync timers --write {place} && sudo systemctl daemon-reload`; mask a "
            "timer that you do not want",
        )
    enabled = [one for one in there if (folder / _WANTED / one.unit).is_symlink()]
    if not enabled:
        # Nothing is wrong: who wants to look first enables them last.
        return ok(
            _NAME,
            "the timers have the configured intervals, and none is enabled: nothing starts a job; "
            f"`sudo systemctl enable --now {there[0].unit}` and the others do (docs/operate.md)",
        )
    missing = [one.job for one in wanted if one not in there]
    # Not a fault: an upgrade brings jobs that nobody has chosen to run yet.
    rest = f"; none starts {' or '.join(missing)}" if missing else ""
    return ok(_NAME, f"the timers have the configured intervals{rest}")


def _configuration_of(timer: Timer, folder: Path, shop: str) -> Path | None:
    """The file that the timer's service reads; ``None`` if it does not say."""
    unit = installed(timer, folder) or folder / timer.file
    service = unit.with_suffix(".service")
    try:
        text = service.read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    said = _CONFIGURATION.search(text)
    return Path(said[1].strip().replace("%i", shop)) if said else None
