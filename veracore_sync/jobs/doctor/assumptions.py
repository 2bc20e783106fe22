"""What this project assumes of every VeraCore and this one has not shown yet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from veracore_sync.domain.states import OrderCause, OrderState
from veracore_sync.domain.tenant import LAST_PROBE
from veracore_sync.jobs.doctor.finding import CheckResult, ok
from veracore_sync.ports.ledger import Ledger

_UPSTREAM = "veracore"
_LOOKED_THROUGH = 50
# By the switch of the simulator that says how it is.
_PROBED = {
    "unknown_order": "what it answers for an unknown order",
    "reference": "whether the reference comes back whole",
    "voided_charges": "whether GetShippingCharge lists voided packages",
    "window_end": "whether the last day of a list belongs to it",
    "timezone": "its time zone",
    "longest_id": "order ids of more than 20 characters",
}


def assumptions(opened: Ledger) -> Iterator[CheckResult]:
    """One line: what was not seen yet; never more than a remark."""
    probed = _last_probe(opened)
    behaviour = probed.get("behaviour")
    shown = behaviour if isinstance(behaviour, dict) else {}
    missing = [words for switch, words in _PROBED.items() if switch not in shown]
    if not _used_id_was_met(opened):
        missing.append("its words for a used id")
    if opened.refusals.standing(_UPSTREAM) is None:
        missing.append("its words for a refused login")
    if not _cancelled_one(opened):
        missing.append("what it answers to CancelOrder")
    at = probed.get("at")
    last = f"last probe {at}" if isinstance(at, str) else "never probed: `veracore-sync probe`"
    told = f"{'; '.join(missing)} ({last})"
    yield ok("not shown", f"not seen at this VeraCore yet, and handled either way: {told}")


def _last_probe(opened: Ledger) -> dict[str, Any]:
    try:
        found = json.loads(opened.meta.get(LAST_PROBE) or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _used_id_was_met(opened: Ledger) -> bool:
    rows = opened.orders.in_states((OrderState.IN_DOUBT, OrderState.CONFLICT), _LOOKED_THROUGH)
    return any(row.cause is OrderCause.DUPLICATE for row in rows)


def _cancelled_one(opened: Ledger) -> bool:
    for row in opened.orders.in_states((OrderState.CANCELLED,), _LOOKED_THROUGH):
        found = opened.cancellations.get(row.code)
        if found is not None and found.asked:
            return True
    return False
