"""The order hooks of a merchant, as a job calls them (docs/order-hooks.md)."""

from __future__ import annotations

from typing import Protocol

from veracore_sync.domain.orders import Order
from veracore_sync.domain.warehouse import WarehouseOrder


class HookRefused(Exception):
    """The hook says that the order must not be sent; `reason` is its own word for it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class HookFailed(Exception):
    """The hook gave no order; `what` says how, without anything that the order holds."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class HookSilent(HookFailed):
    """It hung, or took its process down: perhaps because of the order, perhaps with each."""


class OrderHooks(Protocol):
    """The hooks that ``orders.hooks`` names."""

    @property
    def names(self) -> tuple[str, ...]:
        """Their names, in the sequence in which they run."""

    @property
    def identity(self) -> tuple[str, ...]:
        """The name and the version of each: when it is another, refused orders are tried again."""

    def start(self) -> None:
        """Have them all ready.

        Raises:
            HooksUnusable: One is not installed, or cannot be imported.
        """

    def apply(self, name: str, order: Order, rendered: WarehouseOrder) -> WarehouseOrder:
        """What the hook of that name makes of an order.

        Raises:
            HookRefused, HookFailed: As they say; both are about this order.
            HookSilent: It gave no answer at all, which may be about the order or about the hook.
            HooksUnusable: As `start`.
        """

    def close(self) -> None:
        """End what `start` has begun."""


class NoHooks:
    """No hooks at all."""

    names: tuple[str, ...] = ()
    identity: tuple[str, ...] = ()

    def start(self) -> None:
        """Nothing to start."""

    def apply(self, name: str, order: Order, rendered: WarehouseOrder) -> WarehouseOrder:
        """Never called: there are no names."""
        raise HookFailed(f"there is no order hook {name}")

    def close(self) -> None:
        """Nothing to end."""


NO_HOOKS = NoHooks()
