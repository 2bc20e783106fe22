"""What is reported of an order that the shop cancelled after it went to VeraCore."""

from __future__ import annotations

from veracore_sync.config import Settings
from veracore_sync.domain.advice import command
from veracore_sync.ports.warehouse import Capabilities

_CANCELLED = "it was cancelled in the shop after it went to VeraCore: "


def asks_by_itself(settings: Settings, capabilities: Capabilities) -> bool:
    """Whether the next run asks VeraCore to cancel what the shop cancelled."""
    return settings.orders.cancel == "auto" and capabilities.can_cancel


def cancelled_in_shop(code: str, settings: Settings, capabilities: Capabilities) -> str:
    """The alert's sentence, with what ends it."""
    if asks_by_itself(settings, capabilities):
        return f"{_CANCELLED}VeraCore is asked to cancel it, and it ships if that is too late"
    if settings.orders.cancel != "off" and capabilities.can_cancel:
        return (
            f"{_CANCELLED}run {command('cancel CODE', CODE=code)}, or cancel it there by hand, "
            "or it will ship"
        )
    return f"{_CANCELLED}cancel it there too, or it will ship"
