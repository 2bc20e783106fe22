"""The protocol of the ledger's alerts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.ledger_records import AcceptedAlert, Alert


class AlertStore(Protocol):
    """Alerts: what needs a person, opened once and resolved once."""

    def open(
        self,
        kind: AlertKind,
        message: str,
        *,
        code: str | None = None,
        about: str = "",
        again: bool = False,
        difference: str | None = None,
    ) -> bool:
        """Open the alert of this kind, unless a person accepted the difference; whether it is new.

        `difference` is what is reported, if it is not the whole message.
        """

    def resolve(self, kind: str, *, code: str | None = None, about: str = "") -> bool:
        """Resolve the alert of this kind, for that order or thing; returns whether it was open."""

    def accept(
        self, code: str | None, reason: str, kinds: Collection[AlertKind] = ...
    ) -> list[Alert]:
        """Resolve an order's open alerts of these kinds, because a person accepts them.

        None of them is opened again for the same difference, until `resolve` has ended it.
        """

    def accepted(self, code: str) -> list[AcceptedAlert]:
        """What a person has accepted of an order, oldest first."""

    def accepted_of(self, codes: Sequence[str]) -> dict[str, list[AcceptedAlert]]:
        """The same of these orders, by code; only of those with any."""

    def count_from_now(self, alert: Alert) -> None:
        """Set the opening time of an alert, which lies in the future, to now."""

    def standing(self) -> list[Alert]:
        """The open alerts, oldest first."""
