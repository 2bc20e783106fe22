"""Charts: figures as bars and lines, each with an axis, a legend and a table.

Places across are percentages, so that a chart is as wide as its page and its text stays as it is;
places from top to bottom are pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from veracore_sync.domain.readable import span

HEIGHT = 140
"""Of the plot, in pixels; the names of the columns stand below it."""
_TOP = 12
_BAR = 0.7
_MOST_TICKS = 4
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_SPAN_STEPS = (
    *(n * _MINUTE for n in (1, 2, 5, 15, 30)),
    *(n * _HOUR for n in (1, 2, 4, 12)),
    *(n * _DAY for n in (1, 2, 5, 10, 30, 100, 365, 3650)),
)

Value = float | None


@dataclass(frozen=True, slots=True)
class Series:
    """What a chart shows of each column: in the legend by its name, drawn by its style."""

    name: str
    style: str


@dataclass(frozen=True, slots=True)
class Column:
    """A day, or a group: its name, its short name at the axis, and a value of each series."""

    name: str
    short: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A bar, a piece of a line or a point; `x2` and `y2` end it, or are its width and height."""

    style: str
    x: str
    y: float
    x2: str
    y2: float
    says: str = ""


@dataclass(frozen=True, slots=True)
class Tick:
    """A line across, or the name of a column, and where it is."""

    says: str
    at: str
    is_minor: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart as the template draws it.

    Args:
        name: Unique on the page.
        title: What it shows.
        summary: The same in words, for those who do not see it.
        note: Below the title; may be empty.
        legend: Its series.
        scale: Lines across with what they stand for.
        columns: The names below.
        bars: Bars.
        lines: Pieces of lines.
        points: Points.
        heads: The heads of its table.
        rows: The rows of its table, the newest first.
        is_wide: Whether it has a row of the page for itself.
    """

    name: str
    title: str
    summary: str
    note: str
    legend: Sequence[Series]
    scale: Sequence[Tick] = ()
    columns: Sequence[Tick] = ()
    bars: Sequence[Mark] = ()
    lines: Sequence[Mark] = ()
    points: Sequence[Mark] = ()
    heads: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    is_wide: bool = False


@dataclass(frozen=True, slots=True)
class Drawing:
    """What is to be drawn.

    Args:
        name: Unique on the page.
        title: What it shows.
        first: The head of the first column of its table.
        series: What is shown.
        columns: From left to right.
        is_span: Whether values are seconds, not counts.
        note: Below the title.
        is_wide: Whether it has a row of the page for itself.
    """

    name: str
    title: str
    first: str
    series: Sequence[Series]
    columns: Sequence[Column]
    is_span: bool = False
    note: str = ""
    is_wide: bool = False
    shown: Callable[[float], str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shown", _as_span if self.is_span else _as_count)

    def stacked(self) -> Chart:
        """As bars, the series upon one another."""
        most = max((sum(filter(None, one.values)) for one in self.columns), default=0)
        top, scale = self._scale(most)
        bars = list(self._bars(top))
        return self._chart(scale if most else (), bars=bars if most else ())

    def lined(self) -> Chart:
        """As lines; a column without a value interrupts them."""
        known = [value for one in self.columns for value in one.values if value is not None]
        if not known:
            return self._chart(())
        top, scale = self._scale(max(known))
        return self._chart(scale, lines=list(self._lines(top)), points=list(self._points(top)))

    def _chart(
        self,
        scale: Sequence[Tick],
        bars: Sequence[Mark] = (),
        lines: Sequence[Mark] = (),
        points: Sequence[Mark] = (),
    ) -> Chart:
        width, last = 100 / max(1, len(self.columns)), len(self.columns) - 1
        return Chart(
            self.name,
            self.title,
            self._summary(),
            self.note,
            self.series,
            scale,
            [
                # Counted from the right: today is always named.
                Tick(one.short, _percent((at + 0.5) * width), last >= 7 and (last - at) % 3 > 0)
                for at, one in enumerate(self.columns)
            ],
            bars,
            lines,
            points,
            (self.first, *(one.name for one in self.series)),
            [
                (one.name, *("" if value is None else self.shown(value) for value in one.values))
                for one in reversed(self.columns)
                if any(value is not None for value in one.values) and any(one.values)
            ],
            self.is_wide,
        )

    def _summary(self) -> str:
        parts = [
            f"{one.name}: {', '.join(found)}"
            for one in self.columns
            if (found := [words for words, _ in self._said(one)])
        ]
        return f"{self.title}. {'; '.join(parts) or 'Nothing yet'}."

    def _said(self, column: Column) -> Iterator[tuple[str, int]]:
        for at, value in enumerate(column.values):
            if value:
                yield f"{self.shown(value)} {self.series[at].name}", at

    def _scale(self, most: float) -> tuple[float, list[Tick]]:
        """The value of the highest line, and the lines."""
        step = _span_step(most) if self.is_span else _count_step(most)
        count = max(1, -int(-most // step))
        lines = [
            Tick(self.shown(at * step), f"{_y(at * step, count * step):.0f}")
            for at in range(count + 1)
        ]
        return count * step, lines

    def _bars(self, top: float) -> Iterator[Mark]:
        width = 100 / max(1, len(self.columns))
        for number, column in enumerate(self.columns):
            below = 0.0
            for at, value in enumerate(column.values):
                if not value:
                    continue
                high, low = _y(below + value, top), _y(below, top)
                below += value
                yield Mark(
                    self.series[at].style,
                    _percent((number + (1 - _BAR) / 2) * width),
                    round(high, 1),
                    _percent(width * _BAR),
                    round(max(1.0, low - high), 1),
                    f"{column.name}: {self.shown(value)} {self.series[at].name}",
                )

    def _points(self, top: float) -> Iterator[Mark]:
        width = 100 / max(1, len(self.columns))
        for number, column in enumerate(self.columns):
            for at, value in enumerate(column.values):
                if value is not None:
                    yield Mark(
                        self.series[at].style,
                        _percent((number + 0.5) * width),
                        round(_y(value, top), 1),
                        "",
                        0,
                        f"{column.name}: {self.shown(value)} {self.series[at].name}",
                    )

    def _lines(self, top: float) -> Iterator[Mark]:
        width = 100 / max(1, len(self.columns))
        for at, series in enumerate(self.series):
            for number, (one, two) in enumerate(zip(self.columns, self.columns[1:], strict=False)):
                begin, end = one.values[at], two.values[at]
                if begin is not None and end is not None:
                    yield Mark(
                        series.style,
                        _percent((number + 0.5) * width),
                        round(_y(begin, top), 1),
                        _percent((number + 1.5) * width),
                        round(_y(end, top), 1),
                    )


def _y(value: float, top: float) -> float:
    return _TOP + (HEIGHT - _TOP) * (1 - value / top) if top else float(HEIGHT)


def _percent(number: float) -> str:
    return f"{number:.2f}%"


def _as_count(value: float) -> str:
    return f"{value:,.0f}"


def _as_span(value: float) -> str:
    """Exactly enough to tell two apart: ``"1 h 30 min"``."""
    whole = span(timedelta(seconds=value))
    size = {"d": _DAY, "h": _HOUR, "min": _MINUTE}.get(whole.partition(" ")[2])
    rest = value % size if size else 0
    smaller = {_DAY: _HOUR, _HOUR: _MINUTE}.get(size or 0)
    return f"{whole} {span(timedelta(seconds=rest))}" if smaller and rest >= smaller else whole


def _count_step(most: float) -> float:
    step = 1
    while most > step * _MOST_TICKS:
        step = step * 2 if str(step)[0] in "15" else step * 5 // 2
    return step


def _span_step(most: float) -> float:
    return next((one for one in _SPAN_STEPS if most <= one * _MOST_TICKS), _SPAN_STEPS[-1])
