"""Every command of the program, registered by importing its file."""

from __future__ import annotations


def register() -> None:
    """Import each command's file once; it adds itself to the app."""
    from veracore_sync.cli import (  # noqa: F401 - imported for what they register
        breaker,
        config_show,
        deliver,
        demo,
        doctor,
        init_config,
        ledger,
        resolve,
        retry,
        sandbox,
        serve_admin,
        serve_webhooks,
        sign,
        stats,
        sync_inventory,
        sync_orders,
        sync_tracking,
        timers,
    )
