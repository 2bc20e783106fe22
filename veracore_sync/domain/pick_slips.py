"""The ledger's records of what VeraCore shipped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

from veracore_sync.domain.states import PickSlipState

Rows = Mapping[str, str]
"""The listed packages of an order: the day each left, by a digest of the package."""

PackageFact = tuple[str, str, str, str | None, bool]
"""A package as stored: carrier, service, tracking, when it left (UTC text), whether it is void."""


@dataclass(frozen=True, slots=True)
class TrackedRow:
    """An order that VeraCore shipped; `code` is ``None`` if it is not ours. Times are UTC texts.

    `complete` is 1 if VeraCore had completed it when it was looked up last.
    """

    veracore_id: str
    code: str | None
    reference: str
    rows: Rows
    newest_day: str | None
    looked_at: str | None
    asked_at: str | None
    first_seen_at: str
    complete: int = 0


@dataclass(frozen=True, slots=True)
class ShippingCost:
    """What the packages of a slip that left cost together; ``None``: not shown of all of them."""

    freight: Decimal | None = None
    charges: Decimal | None = None


@dataclass(frozen=True, slots=True)
class SlipRow:
    """A slip. Times are UTC texts.

    `since` is when its packages last changed, `left_at` when the last of them left. `freight` and
    `charges` are what they cost together; ``None`` if VeraCore does not show it of all. `known` are
    the fulfilments that the order had before ours was requested. `lines` are units by line id.
    `intended_at` is when our request ended: its time limit until the end was seen; ``None`` once
    the shop has finished with it.
    """

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
    left_at: str | None = None
    freight: str | None = None
    charges: str | None = None


def fresh_slip(
    code: str, veracore_id: str, slip: str, packages: Sequence[PackageFact], now: str
) -> SlipRow:
    """The row of a slip that is seen for the first time `now` (a UTC text)."""
    values: dict[str, Any] = dict.fromkeys(field.name for field in fields(SlipRow))
    values.update(code=code, veracore_id=veracore_id, slip=slip, state=PickSlipState.OPEN)
    values.update(packages=tuple(packages), since=now, known=(), tries=0)
    values.update(next_attempt_at=now, first_seen_at=now, updated_at=now)
    return SlipRow(**values)
