"""Settings: from flags, the environment, a TOML file and defaults, with the origin of each.

See docs/configuration.md.
"""

from __future__ import annotations

from veracore_sync.config.schema import (
    FreightSettings,
    HookSettings,
    InventorySettings,
    LedgerSettings,
    LogSettings,
    OrdersSettings,
    RetrySettings,
    Settings,
    SkuSettings,
    TrackingSettings,
    VendureSettings,
    VeracoreSettings,
    WebhookSettings,
)
from veracore_sync.config.types import Buffer

__all__ = [
    "Buffer",
    "FreightSettings",
    "HookSettings",
    "InventorySettings",
    "LedgerSettings",
    "LogSettings",
    "OrdersSettings",
    "RetrySettings",
    "Settings",
    "SkuSettings",
    "TrackingSettings",
    "VendureSettings",
    "VeracoreSettings",
    "WebhookSettings",
]
