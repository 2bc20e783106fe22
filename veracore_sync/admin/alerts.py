"""Open alerts as the page shows them: how grave, about what, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from veracore_sync.admin.acts import ACTS, PageAct
from veracore_sync.admin.words import folded, pieces, sentence
from veracore_sync.domain.alert_words import SEVERITY_LABELS
from veracore_sync.domain.kinds import ACCEPTABLE, AlertKind
from veracore_sync.jobs.status import AlertGroup, alert_groups

_NAMED = 5
_BY_KIND: Mapping[AlertKind, tuple[str, ...]] = {
    AlertKind.ORDER_PARKED: ("retry", "skip"),
    AlertKind.ORDER_CONFLICT: ("adopt", "new-id", "skip"),
    AlertKind.ORDER_CANCELLED: ("new-id", "accept"),
    AlertKind.ORDER_CANCELLED_IN_SHOP: ("cancel", "accept"),
    AlertKind.ORDER_NOT_CANCELLED: ("cancel", "accept"),
    AlertKind.ORDER_OLD: ("skip",),
    AlertKind.ORDER_UNFULFILLABLE: ("tracking-order", "accept"),
    AlertKind.ORDER_UNANSWERED: ("tracking-order", "accept"),
    AlertKind.STOCK_GUARDED: ("allow-mass-change",),
    AlertKind.STOCK_REFUSED: ("force-inventory",),
}
"""What may be done at an alert; of the others, those that may be accepted can be."""


def alerts_view(alerts: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The alerts of the document of ``stats``: equal ones together, the gravest first."""
    return [_view(group) for group in alert_groups(alerts)]


def _view(group: AlertGroup) -> dict[str, Any]:
    code = group.codes[0] if len(group.codes) == 1 else ""
    return {
        "severity": group.severity.name.lower(),
        "severity_label": SEVERITY_LABELS[group.severity],
        "label": _label(group),
        "message": folded(sentence(group.message)),
        "codes": group.codes[:_NAMED],
        "more": max(0, len(group.codes) - _NAMED),
        "all_codes": group.codes if len(group.codes) > _NAMED else (),
        "since": group.since,
        "to_do": pieces(sentence(group.next)),
        "acts": [(act, code or group.kind) for act in _acts(group)],
    }


def _label(group: AlertGroup) -> str:
    if not group.codes:
        return group.label[0].upper() + group.label[1:]
    count = len(group.codes)
    return f"{'Order' if count == 1 else f'{count:,} orders'} {group.label}"


def _acts(group: AlertGroup) -> list[PageAct]:
    if len(group.codes) > 1:
        return []
    kind = AlertKind(group.kind)
    names = _BY_KIND[kind] if kind in _BY_KIND else ("accept",) * (kind in ACCEPTABLE)
    # Without an order only what concerns none can be started.
    return [ACTS[name] for name in names if group.codes or not ACTS[name].about or name == "accept"]
