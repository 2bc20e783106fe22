"""The end of an order of which only units are left that VeraCore never had; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from veracore_sync.domain.pick_slips import SlipRow
from veracore_sync.domain.states import PickSlipState
from veracore_sync.jobs.tracking.actions import Action, AlreadyFulfilled, Close, Fulfil
from veracore_sync.jobs.tracking.line_allocation import LineAllocation, listed
from veracore_sync.jobs.tracking.slips import EXCLUDED

_WITH_A_PERSON_OR_ON_ITS_WAY = (
    PickSlipState.HANDED,
    PickSlipState.INTENDED,
    PickSlipState.ADDED,
)


def is_all_that_lacks(allocation: LineAllocation) -> bool:
    """Whether the shop's order lacks nothing but such units."""
    lacking = allocation.unshipped()
    return bool(lacking) and lacking == allocation.excluded(lacking)


def end_of_excluded(
    allocation: LineAllocation, slips: Mapping[str, SlipRow], *, fulfils: bool, waits: bool
) -> Iterator[Action]:
    """Fulfil these units, or end the order without them.

    Args:
        allocation: The order's account.
        slips: The ledger's rows.
        fulfils: The setting ``tracking.fulfil_excluded``.
        waits: Their slip failed, and is not due yet.
    """
    left = allocation.excluded(allocation.left())
    row = slips.get(EXCLUDED)
    is_open = row is not None and row.state == PickSlipState.OPEN
    if left and fulfils and (row is None or is_open):
        if not waits:
            # No carrier has them, so there is no code; the method is that of the last package.
            methods = [one.method for one in slips.values() if one.method]
            yield Fulfil(EXCLUDED, dict(left), methods[-1] if methods else "", "", ())
        return
    if row is not None and row.state in _WITH_A_PERSON_OR_ON_ITS_WAY:
        return
    if is_open:
        yield AlreadyFulfilled(EXCLUDED, ())
    units = listed(allocation.order.lines, allocation.unshipped())
    reason = f"VeraCore has shipped what it was sent; {units} is left to the shop"
    yield Close(reason, is_shipped=True)
