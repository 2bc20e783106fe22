"""The settings of ``sync-tracking`` in the form that the planner uses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from veracore_sync.config import Settings
from veracore_sync.jobs.inventory.sku_map import SkuMap
from veracore_sync.jobs.tracking.carriers import Carriers

_STATES = ("PaymentSettled", "PartiallyShipped", "PartiallyDelivered")
# The longest that our side of a mutation takes: it is sent, refused because the session has
# expired, a login is retried as reads are, and it is sent again (docs/vendure.md, "Sessions").
_CALLS, _BESIDE = 3, timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one run.

    Args:
        states: The shop's states in which something may be fulfilled.
        settle: How long packages must have been unchanged.
        grace: How long the shop may still work on a request after our side of it has ended.
        call_limit: The longest that our side of a request may take.
        fulfils_excluded: Whether excluded units are fulfilled with VeraCore's last shipment.
    """

    names: SkuMap
    carriers: Carriers
    states: frozenset[str]
    settle: timedelta
    grace: timedelta
    call_limit: timedelta = timedelta(0)
    fulfils_excluded: bool = False


def rules_of(settings: Settings) -> Rules:
    """The rules of these settings."""
    wanted = settings.tracking
    return Rules(
        names=SkuMap(settings.skus),
        carriers=Carriers(wanted.carriers),
        states=frozenset((*_STATES, *settings.orders.trigger_states)),
        settle=timedelta(minutes=wanted.settle_minutes),
        grace=timedelta(seconds=wanted.grace_seconds),
        call_limit=_CALLS * timedelta(seconds=settings.vendure.timeout_seconds) + _BESIDE,
        fulfils_excluded=wanted.fulfil_excluded == "with_last",
    )
