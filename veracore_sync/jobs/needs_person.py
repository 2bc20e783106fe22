"""What newly needs a person, as fields for a log: the order, the kind of alert, what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from veracore_sync.domain.alert_words import next_step
from veracore_sync.domain.ledger_records import Alert
from veracore_sync.ports.ledger import Ledger

_SEE = "see `veracore-sync stats`"


@dataclass(frozen=True, slots=True)
class PersonNeed:
    """One sentence of a run's report.

    Args:
        message: The sentence, without the order's code.
        code: The order's code, if it is about one.
        kind: The kind of the alert that says so, if one is open.
        error_class: The class of the order's failure, if it has one.
        hint: What to do.
    """

    message: str
    code: str | None = None
    kind: str | None = None
    error_class: str | None = None
    hint: str = _SEE


def needs(ledger: Ledger, sentences: Iterable[str]) -> list[PersonNeed]:
    """The sentences of a run's report with what the ledger knows about each.

    A run reports an order as ``CODE: message``; only a code that the ledger holds, or that has an
    open alert, is taken for one.
    """
    given = [(one, *_parted(one)) for one in sentences]
    held = ledger.orders.held([code for _, code, _ in given if code])
    alerts = {(one.code, one.message): one for one in ledger.alerts.standing()}
    of_orders = {code for code, _ in alerts if code}
    found = []
    for sentence, code, message in given:
        if code in held or code in of_orders:
            row = held.get(code)
            error_class = row.error_class if row else None
            found.append(_need(alerts, code, message, error_class))
        else:
            found.append(_need(alerts, None, sentence, None))
    return found


def _parted(sentence: str) -> tuple[str, str]:
    code, colon, message = sentence.partition(": ")
    return (code, message) if colon else ("", sentence)


def _need(
    alerts: Mapping[tuple[str | None, str], Alert],
    code: str | None,
    message: str,
    error_class: str | None,
) -> PersonNeed:
    alert = alerts.get((code, message))
    if alert is None:
        return PersonNeed(message, code, error_class=error_class)
    return PersonNeed(message, code, alert.kind, error_class, next_step(alert.kind, code))
