"""The records of what the warehouse was seen to ship."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from veracore_sync.domain.states import PickSlipState

Rows = Mapping[str, str]
"""The packages that a window listed of an order: the day they left, by a digest of each."""

PackageFact = tuple[str, str, str, str | None, bool]
"""A package as it is kept: carrier, service, tracking, when it left (UTC text), whether void."""


@dataclass(frozen=True, slots=True)
class TrackedRow:
    """An order as the warehouse knows it. `code` is ours; ``None`` where it is no order of ours."""

    veracore_id: str
    code: str | None
    reference: str
    rows: Rows
    newest_day: str | None
    looked_at: str | None
    asked_at: str | None
    first_seen_at: str


@dataclass(frozen=True, slots=True)
class SlipRow:
    """A slip. `since` is when its packages last changed, `known` the fulfilments that the order had
    before ours was asked for, `lines` units by line id. `intended_at` is when our request for it
    has ended: its own time limit, until its end was seen; ``None`` once the shop is done with it.
    Times are UTC texts."""

    veracore_id: str
    slip: str
    code: str
    state: PickSlipState
    packages: tuple[PackageFact, ...]
    since: str
    lines: Mapping[str, int] | None
    method: str | None
    tracking_code: str | None
    known: tuple[str, ...]
    intended_at: str | None
    fulfilment_id: str | None
    tries: int
    next_attempt_at: str | None
    reason: str | None
    first_seen_at: str
    updated_at: str
    since_tick: str | None = None
    intended_tick: str | None = None


def fresh_slip(
    code: str, veracore_id: str, slip: str, packages: Sequence[PackageFact], now: str
) -> SlipRow:
    """The row that a slip would get if it were seen now (a UTC text)."""
    values: dict[str, Any] = dict.fromkeys(field.name for field in fields(SlipRow))
    values.update(code=code, veracore_id=veracore_id, slip=slip, state=PickSlipState.OPEN)
    values.update(packages=tuple(packages), since=now, known=(), tries=0)
    values.update(next_attempt_at=now, first_seen_at=now, updated_at=now)
    return SlipRow(**values)
