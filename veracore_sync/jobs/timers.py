"""``timers``: the configured intervals as systemd drop-ins and crontab lines, and back again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from veracore_sync.config import Settings

_HOUR, _DAY = 60, 24 * 60
_DROP_IN = "50-interval.conf"
_UNITS = {"": 1, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "hr": 3600, "d": 86_400}
_NAMED = {"minutely": "*:*", "hourly": "*:0", "daily": "0:0"}
_STARTS = re.compile(r"On(Calendar|\w+Sec)")
_SPAN = re.compile(r"\s*(\d+)\s*([a-z]*)")


@dataclass(frozen=True, slots=True)
class Timer:
    """A job's timer.

    Args:
        job: The command that it starts.
        setting: What says how often.
        minutes: How often.
        offset: The minute of the first start, so that the jobs do not all begin at once.
    """

    job: str
    setting: str
    minutes: int
    offset: int

    @property
    def unit(self) -> str:
        """The name of systemd's timer."""
        return f"veracore-sync-{self.job.removeprefix('sync-')}.timer"

    @property
    def path(self) -> Path:
        """The drop-in, within systemd's folder."""
        return Path(f"{self.unit}.d") / _DROP_IN

    @property
    def drop_in(self) -> str:
        """What the drop-in says."""
        return f"# {self.setting} = {self.minutes}\n[Timer]\nOnCalendar=\n{self._when}\n"

    @property
    def _when(self) -> str:
        calendar = _calendar(self.minutes, self.offset)
        if calendar:
            return f"OnCalendar={calendar}"
        # No calendar has this interval: an hour, or a day, would end with a shorter one.
        return f"OnBootSec={1 + self.offset}min\nOnUnitActiveSec={self.minutes}min"

    def crontab(self, command: str) -> str:
        """The line of a crontab.

        Args:
            command: What starts the program, as a shell reads it.
        """
        # cron reads a bare % as the end of the line.
        started = f"{command} {self.job}".replace("%", r"\%")
        fields = _cron_fields(self.minutes, self.offset)
        if fields:
            return f"{fields} {started}"
        # cron cannot say it: asked each minute, counted from 1970, no hour's end cuts it short.
        turn = rf"$(( $(date +\%s) / 60 \% {self.minutes} ))"
        return f"* * * * * [ {turn} -eq {self.offset % self.minutes} ] && {started}"


def timers(settings: Settings) -> list[Timer]:
    """The timer of each job that has an interval; the offsets are those of systemd/."""
    return [
        Timer("sync-orders", "orders.interval_minutes", settings.orders.interval_minutes, 0),
        Timer(
            "sync-inventory", "inventory.interval_minutes", settings.inventory.interval_minutes, 7
        ),
        Timer("sync-tracking", "tracking.interval_minutes", settings.tracking.interval_minutes, 4),
    ]


def _calendar(minutes: int, offset: int) -> str:
    """systemd's calendar expression; empty where there is none."""
    whole = {1: "*:*", _HOUR: f"*:{offset:02}", _DAY: f"0:{offset:02}"}
    if minutes in whole:
        return whole[minutes]
    if _HOUR % minutes == 0:
        return f"*:{offset % minutes}/{minutes}"
    if minutes % _HOUR == 0 and _DAY % minutes == 0:
        return f"0/{minutes // _HOUR}:{offset:02}"
    return ""


def _cron_fields(minutes: int, offset: int) -> str:
    """cron's five fields; empty where they cannot say it."""
    whole = {1: "* * * * *", _HOUR: f"{offset} * * * *", _DAY: f"{offset} 0 * * *"}
    if minutes in whole:
        return whole[minutes]
    if _HOUR % minutes == 0:
        return f"{offset % minutes}-59/{minutes} * * * *"
    if minutes % _HOUR == 0 and _DAY % minutes == 0:
        return f"{offset} */{minutes // _HOUR} * * *"
    return ""


def difference(timer: Timer, folder: Path) -> str:
    """What is wrong with the installed timer; empty where it has the configured interval.

    A masked timer is a person's decision, and right.

    Raises:
        OSError: A file cannot be read.
    """
    unit = folder / timer.unit
    if unit.is_symlink() and unit.readlink() == Path("/dev/null"):
        return ""
    if not unit.exists():
        return f"{timer.unit} is not installed in {folder}"
    drop_ins = sorted((folder / f"{timer.unit}.d").glob("*.conf"), key=lambda path: path.name)
    said = schedule([path.read_text(encoding="utf-8") for path in (unit, *drop_ins)])
    found = interval(said)
    if found == timer.minutes:
        return ""
    told = "; ".join(said) or "nothing"
    often = f"every {found} minutes" if found else "an interval that is not understood"
    return f"{timer.unit} says {told}: {often}, but {timer.setting} is {timer.minutes}"


def schedule(texts: Sequence[str]) -> list[str]:
    """What starts the timer, as ``Key=value``, after all drop-ins; an empty value takes back."""
    said: list[str] = []
    section = ""
    for line in (line.strip() for text in texts for line in text.splitlines()):
        if line.startswith("["):
            section = line
        key, equals, value = line.partition("=")
        key, value = key.strip(), value.strip()
        if section != "[Timer]" or not equals or not _STARTS.fullmatch(key):
            continue
        # An empty value of any of them takes back all of them (systemd.timer(5)).
        said = [*said, f"{key}={value}"] if value else []
    return said


def interval(said: Sequence[str]) -> int | None:
    """The minutes between two starts; ``None`` where it is not understood."""
    given = dict(one.split("=", 1) for one in said)
    calendars = [one for one in said if one.startswith("OnCalendar=")]
    again = given.get("OnUnitActiveSec")
    if calendars and not again:
        return _of_calendar(given["OnCalendar"]) if len(calendars) == 1 else None
    if again and not calendars:
        return _of_span(again)
    return None


def _of_calendar(text: str) -> int | None:
    text = _NAMED.get(text, text).removeprefix("*-*-*").strip()
    if text.count(":") == 2:
        text = text.removesuffix(":00")
    if text == "*:*":
        return 1
    if found := re.fullmatch(r"\*:(\d+)/(\d+)", text):
        return _even(int(found[1]), int(found[2]), _HOUR)
    if re.fullmatch(r"\*:\d+", text):
        return _HOUR
    if found := re.fullmatch(r"(\d+)/(\d+):\d+", text):
        return _even(int(found[1]) * _HOUR, int(found[2]) * _HOUR, _DAY)
    return _DAY if re.fullmatch(r"\d+:\d+", text) else None


def _even(first: int, step: int, whole: int) -> int | None:
    """The step, where it goes on evenly from one hour or day to the next."""
    return step if step and whole % step == 0 and first < step else None


def _of_span(text: str) -> int | None:
    if not re.fullmatch(rf"({_SPAN.pattern})+\s*", text):
        return None
    parts = _SPAN.findall(text)
    if any(unit not in _UNITS for _, unit in parts):
        return None
    seconds = sum(int(number) * _UNITS[unit] for number, unit in parts)
    return seconds // 60 if seconds % 60 == 0 and seconds else None
