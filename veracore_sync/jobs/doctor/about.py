"""Which settings a line of ``doctor`` is about: the check's own, and those that its text names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from veracore_sync.config import Loaded, rows
from veracore_sync.config.given import DEFAULT, keys
from veracore_sync.config.show import UNSET
from veracore_sync.jobs.doctor.finding import CheckResult

_LEDGER = ("ledger.path", "ledger.url")
_SERVER = ("ledger.url",)
SETTINGS: Mapping[str, tuple[str, ...]] = {
    "configuration": (),
    "credentials": (),
    "shops": (),
    "dialect": ("veracore.api_url",),
    "bytecode": (),
    "sqlite": (),
    "units": tuple(
        f"{job}.interval_minutes"
        for job in ("orders", "inventory", "tracking", "returns", "reconcile")
    ),
    "hooks": ("hooks.command", "hooks.url", "hooks.notify"),
    "network path": (),
    "ledger": _LEDGER,
    "disk": _LEDGER,
    "file system": _LEDGER,
    "clock": (),
    "AddOrder": (),
    "jobs": (),
    "backup": ("ledger.backup_interval_minutes",),
    "reconcile": ("reconcile.interval_minutes",),
    "alert": (),
    "not shown": (),
    **dict.fromkeys(
        (
            "PostgreSQL",
            "primary",
            "commits",
            "encoding",
            "standby",
            "pooler",
            "TLS",
            "schema",
            "restore",
            "connections",
        ),
        _SERVER,
    ),
    "Vendure": ("vendure.admin_api_url", "vendure.username", "vendure.password", "vendure.api_key"),
    "Vendure's version": (),
    "Vendure's lists": (),
    "custom fields": ("orders.po_number_field", "orders.comment_field"),
    "names": ("orders.trigger_states", "tracking.handler"),
    "permissions": ("vendure.username", "vendure.channel_token"),
    "channels": ("vendure.channel_token", "orders.channels"),
    "stock locations": ("inventory.locations",),
    "shipping methods": ("orders.freight", "orders.skip_shipping_methods"),
    "VeraCore": (
        "veracore.api_url",
        "veracore.client_id",
        "veracore.client_secret",
        "veracore.company_id",
    ),
    "operations": ("veracore.client_id",),
    "SKUs": ("skus.aliases", "skus.exclude", "skus.kits", "inventory.buffers"),
    "network": (),
    "webhooks": ("webhooks.host", "webhooks.port", "webhooks.secret"),
}
"""By the name of the check. The lines of VeraCore's operations have the operation's name."""
_NAME = re.compile(r"\b[a-z]+\.[a-z_]+\b")
_MOST_ENTRIES = 2


class SettingShown(NamedTuple):
    """A setting as a line shows it: a secret is masked, a long table is counted."""

    key: str
    value: str
    origin: str


def settings_about(found: CheckResult, loaded: Loaded) -> list[SettingShown]:
    """What the check looked at, and what its message and its remedy name."""
    known = keys()
    named = [
        key
        for key in _NAME.findall(f"{found.message} {found.todo}".replace("_file", ""))
        if key in known
    ]
    return list(_shown(dict.fromkeys((*SETTINGS.get(found.name, ()), *named)), named, loaded))


def _shown(wanted: Mapping[str, None], named: list[str], loaded: Loaded) -> Iterator[SettingShown]:
    all_rows = rows(loaded)
    for key in wanted:
        found = [one for one in all_rows if one.key == key or one.key.startswith(f"{key}.")]
        if len(found) > _MOST_ENTRIES:
            yield SettingShown(key, f"{len(found)} entries", found[0].origin)
            continue
        for one in found:
            # What nobody has set says nothing, unless the sentence is about it.
            if key in named or (one.value, one.origin) != (UNSET, DEFAULT):
                yield SettingShown(*one)
