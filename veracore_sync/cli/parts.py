"""The parts of a command, made when they are first asked for and closed together."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from veracore_sync.clock import Clock, SystemClock

if TYPE_CHECKING:
    from veracore_sync.config import Loaded, Settings
    from veracore_sync.ledger import Ledger
    from veracore_sync.transport.retry import RetryPolicy
    from veracore_sync.vendure.shop import Shop
    from veracore_sync.veracore.port import Warehouse


@dataclass
class Parts:
    """Settings, ledger, shop and warehouse of one command.

    Args:
        loaded: The configuration.
        clock: The time.
        read_only: The ledger may only be read; where there is none, an empty one in memory serves.
    """

    loaded: Loaded
    clock: Clock = field(default_factory=SystemClock)
    read_only: bool = False

    @property
    def settings(self) -> Settings:
        """All settings."""
        return self.loaded.settings

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger.

        Raises:
            LedgerError: It cannot be opened.
        """
        from veracore_sync.ledger import Ledger

        path = self.settings.ledger.path
        if not self.read_only:
            return Ledger(path, clock=self.clock)
        if path.exists():
            return Ledger(path, read_only=True, clock=self.clock)
        return Ledger(None, clock=self.clock)

    @cached_property
    def shop(self) -> Shop:
        """The shop."""
        from veracore_sync.vendure.shop import Shop

        return Shop(
            self.settings.vendure,
            custom_fields=self.settings.orders.custom_fields,
            retry=self._retry,
            clock=self.clock,
        )

    @cached_property
    def warehouse(self) -> Warehouse:
        """The warehouse."""
        from veracore_sync.veracore.connect import connect

        return connect(
            self.settings.veracore,
            probe_id=self.ledger.meta.probe_id,
            retry=self._retry,
            clock=self.clock,
        )

    @property
    def _retry(self) -> RetryPolicy:
        from veracore_sync.transport.retry import RetryPolicy

        wanted = self.settings.retry
        return RetryPolicy(tries=wanted.tries, base_seconds=wanted.read_base_seconds)

    def bind(self) -> None:
        """Check that the ledger belongs to this shop and this warehouse.

        Raises:
            ConfigError: A setting is missing, or the ledger belongs to another pair.
        """
        from veracore_sync.config import require

        require(self.settings, "vendure", "veracore")
        veracore = self.settings.veracore
        warehouse = f"{veracore.dialect} {veracore.api_url} {veracore.company_id.casefold()}"
        self.ledger.meta.bind(self.shop.identity, warehouse, write=not self.read_only)

    def close(self) -> None:
        """Close whatever was opened."""
        for name in ("shop", "warehouse", "ledger"):
            part = self.__dict__.get(name)
            if part is not None and hasattr(part, "close"):
                part.close()
