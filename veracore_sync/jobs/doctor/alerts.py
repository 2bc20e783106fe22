"""The open alerts, as lines of ``doctor``: equal ones together, the gravest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from veracore_sync.domain.advice import without
from veracore_sync.domain.alert_words import next_step, rank
from veracore_sync.domain.ledger_records import Alert
from veracore_sync.jobs.doctor.finding import CheckResult, warn

_SHOWN = 5
_NAMED = 3
_ALL = "`veracore-sync stats` shows all of them"
_OF_A_SIDE = ("vendure.down", "veracore.down")


def standing_alerts(alerts: Sequence[Alert]) -> Iterator[CheckResult]:
    """A line for each message, however many orders it is about; then how many lines are left."""
    groups: dict[tuple[str, str], list[Alert]] = {}
    for alert in alerts:
        said = without(alert.message, alert.code, "CODE") if alert.code else alert.message
        groups.setdefault((alert.kind, said), []).append(alert)
    ordered = sorted(groups.values(), key=lambda same: (*rank(same[0].kind), same[0].opened_at))
    for same in ordered[:_SHOWN]:
        yield warn("alert", _sentence(same), _todo(same))
    left = sum(len(same) for same in ordered[_SHOWN:])
    if left:
        yield warn("alert", f"{left} more {'alerts are' if left > 1 else 'alert is'} open", _ALL)


def _sentence(same: Sequence[Alert]) -> str:
    first, count = same[0], len(same)
    if count == 1:
        sentence = first.message
        is_named = not first.code or first.code in sentence
        return sentence if is_named else f"{first.code}: {sentence}"
    codes = list(dict.fromkeys(one.code for one in same if one.code))
    more = f" and {len(codes) - _NAMED} more" if len(codes) > _NAMED else ""
    named = f" ({', '.join(codes[:_NAMED])}{more})" if codes else ""
    return f"{first.message} - {count} alerts like this{named}"


def _todo(same: Sequence[Alert]) -> str:
    kind, codes = same[0].kind, {one.code for one in same}
    if kind in _OF_A_SIDE:
        # What is said of it elsewhere is to run doctor.
        return f"see the line {'Vendure' if kind == _OF_A_SIDE[0] else 'VeraCore'}"
    if len(codes) > 1:
        return f"{next_step(kind, None)}; {_ALL}"
    return next_step(kind, same[0].code)
