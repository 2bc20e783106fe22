"""The dialects by their name in ``veracore.api``, and a client of the one that is set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from veracore_sync.clock import Clock
from veracore_sync.config import VeracoreSettings
from veracore_sync.ports.warehouse import Warehouse
from veracore_sync.transport.http import Gate
from veracore_sync.transport.retry import RetryPolicy
from veracore_sync.veracore.oms.client import OmsWarehouse
from veracore_sync.veracore.rest.client import RestWarehouse


class Dialect(Protocol):
    """Makes a client; no request is made."""

    def __call__(
        self,
        settings: VeracoreSettings,
        *,
        probe_id: str,
        retry: RetryPolicy,
        gate: Gate | None = None,
        clock: Clock | None = None,
    ) -> Warehouse:
        """A client of this dialect.

        Args:
            settings: ``[veracore]``.
            probe_id: An order id that cannot exist, the ledger's own.
            retry: How reads are repeated.
            gate: Breaker and rate budget.
            clock: The time to measure by.
        """


DIALECTS: Mapping[str, Dialect] = {"oms": OmsWarehouse, "rest": RestWarehouse}
"""Each dialect once; `veracore_sync.config.schema.DialectName` has the same names."""


def connect(
    settings: VeracoreSettings,
    *,
    probe_id: str,
    retry: RetryPolicy,
    gate: Gate | None = None,
    clock: Clock | None = None,
) -> Warehouse:
    """A client of the dialect that the settings ask for. See `Dialect`."""
    dialect = DIALECTS[settings.dialect]
    return dialect(settings, probe_id=probe_id, retry=retry, gate=gate, clock=clock)
