"""``timers``: the configured intervals as systemd drop-ins and crontab lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from veracore_sync.config import Loaded, Settings
from veracore_sync.config.shops import SYSTEM_FOLDER
from veracore_sync.trusted import read_trusted

_HOUR, _DAY, _WEEK = 60, 24 * 60, 7 * 24 * 60
_DROP_IN = "50-interval.conf"
_PACKAGED = {Path("/etc/systemd/system"): Path("/usr/lib/systemd/system")}
"""Where a package puts what an administrator puts there, or overrides."""
_STARTS = re.compile(r"On(Calendar|\w+Sec)")


@dataclass(frozen=True, slots=True)
class Timer:
    """A job's timer.

    Args:
        job: The command that it starts.
        setting: The setting of the interval.
        minutes: The interval.
        offset: The minute of the first start, so that the jobs do not all start at once.
        shop: The name of the shop, for the instance of a template unit; empty is the only shop.
    """

    job: str
    setting: str
    minutes: int
    offset: int
    shop: str = ""

    @property
    def unit(self) -> str:
        """The name of systemd's timer."""
        return f"{self._stem}@{self.shop}.timer" if self.shop else f"{self._stem}.timer"

    @property
    def file(self) -> str:
        """The name of the unit's file: for one of several shops a template."""
        return f"{self._stem}@.timer" if self.shop else self.unit

    @property
    def _stem(self) -> str:
        return f"veracore-sync-{self.job.removeprefix('sync-')}"

    @property
    def path(self) -> Path:
        """The drop-in, within systemd's folder."""
        return Path(f"{self.unit}.d") / _DROP_IN

    @property
    def drop_in(self) -> str:
        """The drop-in's content."""
        return f"# {self.setting} = {self.minutes}\n[Timer]\nOnCalendar=\n{self._when}\n"

    @property
    def _when(self) -> str:
        calendar = _calendar(self.minutes, self.offset)
        if calendar:
            return f"OnCalendar={calendar}"
        # No calendar expression has this interval: at the end of an hour or a day it would be cut
        # short.
        return f"OnBootSec={1 + self.offset}min\nOnUnitActiveSec={self.minutes}min"

    def crontab(self, command: str) -> str:
        """The line of a crontab.

        Args:
            command: What starts the program, quoted for a shell.
        """
        # cron takes an unescaped % as the end of the line.
        started = f"{command} {self.job}".replace("%", r"\%")
        fields = _cron_fields(self.minutes, self.offset)
        if fields:
            return f"{fields} {started}"
        # cron's fields cannot express it, so it starts each minute and counts minutes since 1970,
        # which no end of an hour cuts short.
        turn = rf"$(( $(date +\%s) / 60 \% {self.minutes} ))"
        return f"* * * * * [ {turn} -eq {self.offset % self.minutes} ] && {started}"


def timers(settings: Settings, shop: str = "") -> list[Timer]:
    """The timer of each job that has an interval; the offsets are those of systemd/.

    Args:
        settings: The intervals.
        shop: The shop's name in a folder of several; empty if it is the only one.
    """
    intervals = (
        ("sync-orders", "orders.interval_minutes", settings.orders.interval_minutes, 0),
        ("sync-inventory", "inventory.interval_minutes", settings.inventory.interval_minutes, 7),
        ("sync-tracking", "tracking.interval_minutes", settings.tracking.interval_minutes, 4),
        ("sync-returns", "returns.interval_minutes", settings.returns.interval_minutes, 11),
        ("reconcile", "reconcile.interval_minutes", settings.reconcile.interval_minutes, 26),
    )
    return [Timer(*interval, shop) for interval in intervals]


_DELIVER = ("* * * * *", "deliver")
_NIGHTLY = (
    ("30 2 * * *", "ledger backup --keep 14 /var/backups/veracore-sync"),
    ("30 3 * * *", "ledger prune"),
)
"""What timers start besides the jobs, and when, as the units in systemd/ do."""


def other_crontab(settings: Settings, command: str) -> list[str]:
    """The lines of a crontab for what has no interval of its own.

    Args:
        settings: Whether there are hooks.
        command: What starts the program, quoted for a shell.
    """
    started = command.replace("%", r"\%")
    wanted = (_DELIVER, *_NIGHTLY) if settings.hooks.names else _NIGHTLY
    return [f"{when} {started} {what}" for when, what in wanted]


def instance_of(loaded: Loaded) -> str:
    """The name of the shop whose template units are meant; empty for the units of a single shop.

    Named by its own file or found in its folder, it is the same shop.
    """
    path = loaded.path
    if loaded.shop or path is None or not path.is_relative_to(SYSTEM_FOLDER):
        return loaded.shop
    return path.parent.name if path.name == "config.toml" else path.stem


def _calendar(minutes: int, offset: int) -> str:
    """systemd's calendar expression; empty if there is none."""
    whole = {
        1: "*:*",
        _HOUR: f"*:{offset:02}",
        _DAY: f"0:{offset:02}",
        _WEEK: f"Sun 0:{offset:02}",
    }
    if minutes in whole:
        return whole[minutes]
    if _HOUR % minutes == 0:
        return f"*:{offset % minutes}/{minutes}"
    if minutes % _HOUR == 0 and _DAY % minutes == 0:
        return f"0/{minutes // _HOUR}:{offset:02}"
    return ""


def _cron_fields(minutes: int, offset: int) -> str:
    """cron's five fields; empty if they cannot express the interval."""
    whole = {
        1: "* * * * *",
        _HOUR: f"{offset} * * * *",
        _DAY: f"{offset} 0 * * *",
        _WEEK: f"{offset} 0 * * 0",
    }
    if minutes in whole:
        return whole[minutes]
    if _HOUR % minutes == 0:
        return f"{offset % minutes}-59/{minutes} * * * *"
    if minutes % _HOUR == 0 and _DAY % minutes == 0:
        return f"{offset} */{minutes // _HOUR} * * *"
    return ""


def unit_folders(folder: Path) -> tuple[Path, ...]:
    """Where units lie that count as installed in a folder; the first one that has it is used."""
    packaged = _PACKAGED.get(folder)
    return (folder,) if packaged is None else (folder, packaged)


def installed(timer: Timer, folder: Path) -> Path | None:
    """The timer's installed unit; ``None`` if there is none."""
    found = (one / timer.file for one in unit_folders(folder))
    return next((path for path in found if path.exists()), None)


def difference(timer: Timer, folder: Path) -> str:
    """What is wrong with the installed timer; empty if it has the configured interval.

    A masked timer is a person's decision, and counts as right.

    Raises:
        OSError: A file cannot be read.
    """
    # A masked instance is a link of its own name; else its text is that of the template.
    masked, unit = folder / timer.unit, installed(timer, folder)
    if masked.is_symlink() and masked.readlink() == Path("/dev/null"):
        return ""
    if unit is None:
        return f"{timer.file} is not installed in {folder}"
    # Those of the template hold for each instance; of one name, the instance's (systemd.unit(5)).
    found = {
        path.name: path
        for name in (timer.file, timer.unit)
        for path in (folder / f"{name}.d").glob("*.conf")
    }
    drop_ins = [found[name] for name in sorted(found)]
    says = schedule([read_trusted(path).raw.decode("utf-8") for path in (unit, *drop_ins)])
    wanted = schedule([timer.drop_in])
    if says == wanted:
        return ""
    words, right = "; ".join(says) or "nothing", "; ".join(wanted)
    return f"{timer.unit} says {words}, but {timer.setting} is {timer.minutes}: {right}"


def schedule(texts: Sequence[str]) -> list[str]:
    """The settings that start the timer, as ``Key=value``, after all drop-ins."""
    found: list[str] = []
    section = ""
    for line in (line.strip() for text in texts for line in text.splitlines()):
        if line.startswith("["):
            section = line
        key, equals, value = line.partition("=")
        key, value = key.strip(), value.strip()
        if section != "[Timer]" or not equals or not _STARTS.fullmatch(key):
            continue
        # An empty value of any of them resets all of them (systemd.timer(5)).
        found = [*found, f"{key}={value}"] if value else []
    return found
