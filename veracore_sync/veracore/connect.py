"""The warehouse that the settings name, in its dialect."""

from __future__ import annotations

from veracore_sync.clock import Clock
from veracore_sync.config import VeracoreSettings
from veracore_sync.transport.http import Gate
from veracore_sync.transport.retry import RetryPolicy
from veracore_sync.veracore.port import Warehouse


def connect(
    settings: VeracoreSettings,
    *,
    probe_id: str,
    retry: RetryPolicy,
    gate: Gate | None = None,
    clock: Clock | None = None,
) -> Warehouse:
    """A client of the dialect that the settings ask for. No request is made.

    Args:
        settings: ``[veracore]``.
        probe_id: An order id that cannot exist, the ledger's own.
        retry: How reads are repeated.
        gate: Breaker and rate budget.
        clock: The time to measure by.
    """
    # One dialect is spoken; the other, and the parser that it needs, are not imported.
    if settings.dialect == "rest":
        from veracore_sync.veracore.rest.client import RestWarehouse

        return RestWarehouse(settings, retry=retry, gate=gate, clock=clock)
    from veracore_sync.veracore.oms.client import OmsWarehouse

    return OmsWarehouse(settings, probe_id=probe_id, retry=retry, gate=gate, clock=clock)
