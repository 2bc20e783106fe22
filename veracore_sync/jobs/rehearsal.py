"""A real shop's orders must not be sent to a simulator, where nobody ships them; pure."""

from __future__ import annotations

from veracore_sync.config import VendureSettings
from veracore_sync.config.address import is_loopback
from veracore_sync.ports.warehouse import Warehouse


def is_simulator_of_a_real_shop(warehouse: Warehouse, shop: VendureSettings) -> bool:
    """Whether the warehouse is a simulator, and the shop may be a real one.

    A shop counts as local if the host in its URL is literally ``localhost`` or a loopback address;
    names are not resolved, because a name may resolve differently later. The setting
    ``vendure.rehearsal = true`` lifts the rule.
    """
    return warehouse.is_sandbox and not shop.rehearsal and not is_loopback(shop.admin_api_url)
