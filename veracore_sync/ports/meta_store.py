"""The port of what is known of a ledger as a whole, a part of the ledger's."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol


class MetaStore(Protocol):
    """Facts about the ledger as a whole."""

    def get(self, key: str) -> str | None:
        """The value, or ``None``."""

    def put(self, key: str, value: str) -> None:
        """Set the value."""

    def moment(self, key: str) -> datetime | None:
        """The value as an aware UTC time; ``None`` if there is none or it lies in the future."""

    def note_shop_clock(self, ahead_seconds: float | None) -> None:
        """Store how far the shop's clock was ahead of ours at the first response with a date."""

    @property
    def id_prefixes(self) -> tuple[str, ...]:
        """Each ``orders.id_prefix`` with which this ledger was used, the first one first."""

    def note_id_prefix(self, prefix: str) -> None:
        """Remember that ids are made with this prefix from now on."""

    @property
    def live_since(self) -> datetime:
        """The earliest go-live, by the shop's clock (UTC): older orders are not sent."""

    @property
    def live_for_certain(self) -> datetime:
        """The latest go-live, by the shop's clock (UTC): later orders are certainly after it."""

    @property
    def unknown_until(self) -> datetime | None:
        """Orders placed before this (the shop's clock) may have been sent by a replaced ledger."""

    @property
    def rebuilding(self) -> str | None:
        """What `begin_rebuild` stored, while the ledger is being rebuilt."""

    def begin_rebuild(self, what: str) -> None:
        """Close the ledger for every other command that writes, until `end_rebuild`."""

    def end_rebuild(self, now: datetime, live_since: datetime | None) -> None:
        """Everything that both sides can show is recorded: open the ledger.

        Args:
            now: This moment (UTC).
            live_since: Since when orders went to VeraCore, as far as that is known.
        """

    @property
    def probe_id(self) -> str:
        """An order id that cannot exist: 20 random characters, drawn once a ledger."""

    @property
    def hash_key(self) -> bytes:
        """The key of this ledger's hashes."""

    def bind(
        self,
        shop: str,
        warehouse: str,
        *,
        is_same: Callable[[str, str], bool] = operator.eq,
        write: bool = True,
        is_own: bool = True,
    ) -> tuple[str, ...]:
        """Bind this ledger to one shop and one warehouse, or check that it is bound to these.

        One that holds nothing of a side yet is bound anew, because its address was mistyped.

        Args:
            shop: Admin API address and channel.
            warehouse: Dialect, address and company.
            is_same: Whether two texts name one warehouse; its address may be written in many ways.
            write: Bind an unbound ledger.
            is_own: It is the ledger that the settings name, not a backup or another's.

        Returns:
            The sides, ``shop`` and ``warehouse``, that it was bound to anew.

        Raises:
            ConfigError: The ledger belongs to another pair.
        """

    def apart(
        self, shop: str, warehouse: str, *, is_same: Callable[[str, str], bool] = operator.eq
    ) -> dict[str, tuple[str, str]]:
        """What this ledger is bound to, and what was named, of each side that `bind` refuses."""

    def rebind(self, identities: Mapping[str, str]) -> None:
        """The same shop or warehouse has another address now: the identities of `bind`, by side.

        What another ledger may have sent meanwhile is unknown, as after a restore.
        """
