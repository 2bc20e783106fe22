"""The part of the shop's port with which orders are fulfilled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from veracore_sync.domain.errors import Occurrence, SyncError
from veracore_sync.domain.failures import read_error
from veracore_sync.domain.fulfilments import FulfilledOrder


class MutationRefused(Exception):
    """The shop refused a mutation with an ErrorResult; nothing was changed.

    Args:
        code: The ``errorCode``.
        message: The shop's message, one line.
        variant_id: The variant without enough stock, for ``INSUFFICIENT_STOCK_ON_HAND_ERROR``.
    """

    def __init__(self, code: str, message: str, variant_id: str = "") -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.variant_id = variant_id

    def as_error(self, operation: str) -> SyncError:
        """The error for a refusal that the caller does not expect."""
        return read_error(
            Occurrence.NOT_UNDERSTOOD, f"Vendure refused {operation}: {self}", upstream="vendure"
        )


class FulfilmentReader(Protocol):
    """Reading orders with their fulfilments."""

    def orders(self, codes: Sequence[str]) -> dict[str, FulfilledOrder]:
        """These orders by code; codes that the shop does not have are left out.

        Raises:
            AuthRefused, ConfigError, UpstreamError: As every read of the shop.
        """


class ShopFulfilments(FulfilmentReader, Protocol):
    """The shop's fulfilments: reading and mutations.

    Vendure does not check everything (negative units, a line named twice, states in which nothing
    should ship; docs/vendure.md, "Fulfilment"), so the planner must.
    """

    def add(
        self, lines: Mapping[str, int], *, handler: str, method: str, tracking_code: str
    ) -> str:
        """Create a fulfilment of these units by line id, in state Pending; returns its id.

        The shop holds the texts as `domain.shop_texts` makes them.

        Raises:
            MutationRefused: An ErrorResult; nothing was created.
            UpstreamError: It is unknown whether it was created.
        """

    def ship(self, fulfilment_id: str) -> None:
        """Set a fulfilment to Shipped; Vendure then moves its order.

        Raises:
            MutationRefused: Its state does not allow it.
            UpstreamError: It is unknown whether it was done.
        """

    def cancel(self, fulfilment_id: str) -> None:
        """Cancel a fulfilment: its units are open again, and back in the shop's stock.

        Raises:
            MutationRefused: Its state does not allow it.
            UpstreamError: It is unknown whether it was done.
        """

    def end(self, order_id: str) -> None:
        """Set an order with nothing left to ship to Shipped.

        Raises:
            MutationRefused: Its state does not allow it.
            UpstreamError: It is unknown whether it was done.
        """

    def notes(self, order_id: str) -> Iterator[str]:
        """The private notes in the order's history, newest first; none if it has no such order.

        Raises:
            AuthRefused, ConfigError, UpstreamError: As every read of the shop.
        """

    def note(self, order_id: str, text: str) -> None:
        """Add a private note to the order's history.

        Raises:
            AuthRefused, ConfigError, UpstreamError: As every mutation.
        """
