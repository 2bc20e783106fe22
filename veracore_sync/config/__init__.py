"""Settings: from flags, the environment, a TOML file and defaults, with the origin of each.

See docs/configuration.md.
"""

from __future__ import annotations

from veracore_sync.config.load import Flag, Loaded, check, load
from veracore_sync.config.orders import FreightSettings, OrdersSettings
from veracore_sync.config.require import Need, require
from veracore_sync.config.schema import (
    CarrierSettings,
    InventorySettings,
    Settings,
    SkuSettings,
    TrackingSettings,
    VendureSettings,
    VeracoreSettings,
)
from veracore_sync.config.services import (
    AdminSettings,
    HookSettings,
    LedgerSettings,
    LogSettings,
    MetricsSettings,
    RetrySettings,
    WebhookSettings,
)
from veracore_sync.config.show import SettingRow, rows
from veracore_sync.config.types import Buffer

__all__ = [
    "AdminSettings",
    "Buffer",
    "CarrierSettings",
    "Flag",
    "FreightSettings",
    "HookSettings",
    "InventorySettings",
    "LedgerSettings",
    "Loaded",
    "LogSettings",
    "MetricsSettings",
    "Need",
    "OrdersSettings",
    "RetrySettings",
    "SettingRow",
    "Settings",
    "SkuSettings",
    "TrackingSettings",
    "VendureSettings",
    "VeracoreSettings",
    "WebhookSettings",
    "check",
    "load",
    "require",
    "rows",
]
