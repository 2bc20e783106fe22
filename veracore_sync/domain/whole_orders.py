"""An order of the shop with everything that is compared with the warehouse."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from veracore_sync.domain.fulfilments import Fulfilment
from veracore_sync.domain.orders import OrderContent


@dataclass(frozen=True, slots=True)
class WholeOrder:
    """Content and fulfilments of an order, read in one request, so they fit together.

    `channels` as in `veracore_sync.domain.orders.Order`. The lines of a fulfilment are units by the
    id of a line of `content`. `paid_at` is when one of its payments changed last.
    """

    content: OrderContent
    fulfilments: tuple[Fulfilment, ...]
    channels: tuple[str, ...] = ()
    paid_at: datetime | None = None

    @property
    def code(self) -> str:
        """The order's code."""
        return self.content.code
