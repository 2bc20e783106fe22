"""The probe of the configured tenant."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Any

from veracore_sync.clock import from_text, to_text
from veracore_sync.composition.container import Container
from veracore_sync.config.address import is_same_tenant
from veracore_sync.domain.errors import ConfigError, SyncError
from veracore_sync.domain.failures import ONLY_THIS_OPERATION
from veracore_sync.domain.order_records import OrderRow
from veracore_sync.domain.states import HANDED_OVER, AttemptOutcome
from veracore_sync.domain.tenant import LAST_PROBE, KnownOrder
from veracore_sync.ledger.opening import is_there, open_ledger, place_of
from veracore_sync.ports.ledger import Ledger

_MOST_KNOWN = 3
_LOOKED_THROUGH = 200


def probe_tenant(container: Container) -> dict[str, Any]:
    """What the tenant shows; nothing is created there, and no ledger here.

    Raises:
        ConfigError: The settings name no tenant, or another dialect.
        AuthRefused, UpstreamError: It does not let us in, or cannot be reached.
    """
    from veracore_sync.veracore.probe.tenant import probe

    container.require("veracore")
    veracore = container.settings.veracore
    if veracore.dialect != "oms":
        raise ConfigError(
            f"probe reads VeraCore's own services, and veracore.api is {veracore.dialect} "
            f"({veracore.dialect_reason})",
            hint='set veracore.api = "oms" and veracore.api_url to the tenant, or leave it out: a '
            "service of this project's own dialect has nothing to find out",
        )
    known = known_orders(container.ledger)
    try:
        container.warehouse.check_connection(None)
    except SyncError as error:
        # Another operation may be allowed, and each is tried.
        if error not in ONLY_THIS_OPERATION:
            raise
    with closing(container.probe_wire()) as wire:
        return probe(wire, container.warehouse, container.ledger.meta.probe_id, known)


def known_orders(ledger: Ledger) -> list[KnownOrder]:
    """A few orders that VeraCore accepted: the newest, shipped ones, the longest reference."""
    rows = [row for row in ledger.orders.in_states(HANDED_OVER, _LOOKED_THROUGH) if row.veracore_id]
    newest = ledger.orders.newest_synced()
    rows.sort(key=lambda row: (row.state != "shipped", row.code))
    longest = sorted(rows, key=lambda row: (-len(row.reference), row.code))
    chosen: dict[str, OrderRow] = {}
    for row in [*([newest] if newest else []), *longest[:1], *rows]:
        if len(chosen) < _MOST_KNOWN:
            chosen.setdefault(row.code, row)
    return [_known(ledger, row) for row in chosen.values()]


def _known(ledger: Ledger, row: OrderRow) -> KnownOrder:
    accepted = [
        one.ended_at
        for one in ledger.orders.attempts(row.code)
        if one.outcome is AttemptOutcome.ACCEPTED and one.veracore_id == row.veracore_id
    ]
    moment = from_text(accepted[-1]) if accepted and accepted[-1] else None
    return KnownOrder(row.veracore_id or "", row.reference, moment)


def remember(container: Container, document: dict[str, Any]) -> None:
    """Let the ledger of this VeraCore, if there is one, know what was shown: for ``doctor``.

    Raises:
        LedgerError: It cannot be written.
    """
    place = place_of(container.settings.ledger)
    if not is_there(place):
        return
    note = {
        "at": to_text(container.clock.now()),
        "behaviour": document["behaviour"],
        "notShown": sorted(document["notShown"]),
    }
    # The command itself only reads: a ledger that it created would fix when this shop went live.
    hooks = container.hook_names
    with closing(open_ledger(place, clock=container.clock, hooks=hooks)) as ledger:
        bound = ledger.meta.get("identity.warehouse")
        if bound is None or is_same_tenant(bound, container.warehouse_identity):
            ledger.meta.put(LAST_PROBE, json.dumps(note))
