"""The probe of a tenant as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from veracore_sync.config import VeracoreSettings
from veracore_sync.domain.tenant import KnownOrder
from veracore_sync.ports.warehouse import Warehouse
from veracore_sync.veracore.probe.operations import Operations
from veracore_sync.veracore.probe.orders import KnownOrders
from veracore_sync.veracore.probe.report import Findings
from veracore_sync.veracore.probe.web import PublicApi, descriptions
from veracore_sync.veracore.probe.wire import Wire
from veracore_sync.veracore.probe.words import Cleaner


def probe(
    wire: Wire, warehouse: Warehouse, probe_id: str, known: Sequence[KnownOrder]
) -> dict[str, Any]:
    """Read what there is; nothing is created. The document has no value of the tenant's.

    Args:
        wire: The connection.
        warehouse: The same tenant, for its proof of the operations that jobs need.
        probe_id: An order id that cannot exist.
        known: Orders that VeraCore accepted, the most telling ones first.

    Raises:
        RunOver: The run's time is over.
    """
    settings = wire.settings
    found = Findings(Cleaner(_never_told(settings, probe_id)))
    for order in known:
        found.cleaner.hide(order.id, order.reference)
    described = descriptions(wire, found)
    proofs = list(warehouse.prove(known[0].id if known else None))
    operations = Operations(wire, found, probe_id, proofs)
    operations.run(described)
    orders = KnownOrders(wire, found, known, operations.usable)
    orders.run()
    order_id = known[0].id if known else probe_id
    sku = orders.sku or f"NO-SUCH-PART-{probe_id}"
    PublicApi(wire, found, wire.clock).run(order_id, sku)
    adjusting = found.pieces["descriptions"].get("orderadjustment")
    if adjusting is not None:
        is_there = "CancelOrder" in adjusting["operations"]
        found.pieces["operations"]["CancelOrder"]["described"] = is_there
    return found.document(settings.used_face)


def _never_told(settings: VeracoreSettings, probe_id: str) -> list[str]:
    host = urlsplit(settings.api_url).hostname or ""
    secret = settings.client_secret.get_secret_value()
    return [settings.client_id, secret, settings.company_id, settings.api_url, host, probe_id]
