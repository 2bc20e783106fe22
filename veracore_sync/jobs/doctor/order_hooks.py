"""The check of the order hooks: whether each can be run, and which version it is."""

from __future__ import annotations

from collections.abc import Iterator

from veracore_sync.config import OrdersSettings
from veracore_sync.domain.errors import SyncError
from veracore_sync.jobs.doctor.finding import CheckResult, fail, ok, warn
from veracore_sync.ports.order_hooks import OrderHooks

_NAME = "order hooks"


def order_hooks(settings: OrdersSettings, hooks: OrderHooks) -> Iterator[CheckResult]:
    """Import the hooks that the settings name; nothing is said where they name none."""
    if hooks.names:
        try:
            hooks.start()
        except SyncError as error:
            yield fail(_NAME, error)
        else:
            yield ok(_NAME, ", ".join(hooks.identity))
    elif settings.hook_fields:
        yield warn(
            _NAME,
            "orders.hook_fields is read of every order, and orders.hooks names no hook",
            "name the hook in orders.hooks, or take orders.hook_fields out",
        )
