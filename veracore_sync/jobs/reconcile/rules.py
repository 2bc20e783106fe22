"""The settings and the moment, in the form in which orders are compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from veracore_sync.config import Settings
from veracore_sync.domain.orders import Customer, Order
from veracore_sync.domain.whole_orders import WholeOrder
from veracore_sync.jobs.inventory.sku_map import SkuMap
from veracore_sync.jobs.orders.changes import ChangeRules
from veracore_sync.jobs.orders.plan import Planner
from veracore_sync.jobs.orders.render import Renderer
from veracore_sync.jobs.tracking import rules as tracking
from veracore_sync.ports.warehouse import Capabilities


@dataclass(frozen=True, slots=True)
class CompareRules:
    """The rules of one run; those of the jobs are used as they are.

    Args:
        planner: Decides which orders are sent (`jobs.orders.plan`).
        changes: Decides what a change in the shop means (`jobs.orders.changes`).
        tracking: The rules of `jobs.tracking`.
        capabilities: What the dialect can show.
        not_before: Orders placed before this time (UTC) are never sent.
        now: This moment (UTC).
        settle: What changed so short a time ago is on its way.
        is_tracked: Whether ``sync-tracking`` ever ran here: else a person fulfils all orders.
        finds_orders: Whether these credentials have found an order: else an absence proves nothing.
    """

    planner: Planner
    changes: ChangeRules
    tracking: tracking.Rules
    capabilities: Capabilities
    not_before: datetime
    now: datetime
    settle: timedelta = timedelta(hours=1)
    is_tracked: bool = True
    finds_orders: bool = True

    @property
    def renderer(self) -> Renderer:
        """Names the offers, and the SKUs that are not sent."""
        return self.planner.renderer

    def under(self, names: SkuMap) -> CompareRules:
        """The same with the names that an order was sent with."""
        if names is self.tracking.names:
            return self
        planner = replace(self.planner, renderer=self.renderer.named(names))
        return replace(self, planner=planner, tracking=replace(self.tracking, names=names))

    @property
    def prefixes(self) -> tuple[str, ...]:
        """All prefixes that ids may have; the first is the one of new ids."""
        return self.planner.settings.id_prefixes

    def is_fresh(self, moment: datetime | None, more: timedelta = timedelta(0)) -> bool:
        """Whether a moment is so recent that what followed from it may still be on its way.

        Args:
            moment: ``None``: it is unknown when it was, so it counts as long ago.
            more: How much longer than usual it takes.
        """
        if moment is None:
            return False
        # Another machine's clock may be ahead of ours; one that is far ahead is wrong.
        return abs(self.now - moment) < self.settle + more


def rules_of(
    settings: Settings,
    capabilities: Capabilities,
    *,
    now: datetime,
    live_since: datetime,
    hash_key: bytes,
    channel_code: str,
    settle: timedelta = timedelta(hours=1),
    spelled: str | None = None,
    id_taken: Callable[[str, str], bool] = lambda candidate, code: False,
    was_sent: Callable[[str], bool] = lambda code: False,
    is_tracked: bool = True,
    finds_orders: bool = True,
) -> CompareRules:
    """The rules of these settings.

    Args:
        live_since: The ledger's, from which orders are sent if ``orders.not_before`` is not set.
        hash_key: The ledger's.
        channel_code: The code of the shop's channel in use.
        spelled: The ledger's value of `veracore_sync.jobs.inventory.sku_map.SPELLINGS`.
        id_taken: Whether an order other than the second argument has or had a VeraCore id.
        was_sent: Whether VeraCore may have the order with that code.
    """
    orders = settings.orders
    renderer = Renderer(orders, settings.skus, spelled, has_charges=capabilities.takes_charges)
    planner = Planner(
        settings=orders,
        renderer=renderer,
        settings_hash="",
        hash_key=hash_key,
        ledger_created_at=live_since,
        id_taken=id_taken,
        types=orders.sent_types(channel_code),
        was_sent=was_sent,
    )
    return CompareRules(
        planner=planner,
        changes=ChangeRules(renderer, orders.trigger_states),
        tracking=tracking.rules_of(settings),
        capabilities=capabilities,
        not_before=orders.not_before or live_since,
        now=now,
        settle=settle,
        is_tracked=is_tracked,
        finds_orders=finds_orders,
    )


def as_order(whole: WholeOrder) -> Order:
    """The order as the planner takes it: without who ordered it, which decides nothing."""
    content = whole.content
    return Order(
        id=content.id,
        code=content.code,
        state=content.state,
        type=content.type,
        placed_at=content.placed_at,
        updated_at=content.updated_at,
        currency=content.currency,
        paid=content.paid,
        refunded=content.refunded,
        customer=Customer(),
        shipping_address=content.shipping_address,
        billing_address=None,
        lines=content.lines,
        shipping_lines=content.shipping_lines,
        channels=whole.channels,
        total=content.total,
        surcharges_gross=content.surcharges_gross,
        surcharges_net=content.surcharges_net,
    )
