"""What the levels were last found right for; the rule is in docs/inventory.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from veracore_sync.domain.stock_baseline import BaselineFacts, RunBaseline, SeenOrder
from veracore_sync.ports.stock_staging import StagingStore


class StockBaseline(StagingStore, Protocol):
    """The staging of a stock run, and the baseline of the runs before it; for one thread."""

    def baseline(self) -> BaselineFacts | None:
        """What is stored of the runs before; ``None``: nothing that may be believed."""

    def forget_baseline(self) -> None:
        """Make the next run read everything."""

    def suspects(self) -> dict[str, str]:
        """The variants whose level may be wrong, by id; each `suspect` gives them another mark."""

    def suspect(self, ids: Iterable[str]) -> None:
        """Mark variants whose level is about to be changed; stored durably at once."""

    def suspect_planned(self) -> None:
        """Mark the variants of the plan, before they are written."""

    def stage_basis(self, demand: Mapping[str, int]) -> None:
        """Stage what the levels depend on now.

        Args:
            demand: U by part; the stock is staged already.
        """

    def changed_parts(self) -> Iterator[str]:
        """The parts whose basis differs from the stored one."""

    def orders_seen(self) -> dict[str, SeenOrder]:
        """The open orders of the baseline, by id."""

    def variants_of(self, keys: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Id and key of the variants with one of these keys."""

    def keys_of(self, ids: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Id and key of these variants, as far as they are stored."""

    def count_missing(self) -> tuple[int, int]:
        """At most how many known SKUs are missing from the stock, and how many are known."""

    def keep(self, run: RunBaseline) -> None:
        """Store what the run found right, and mark what it did not.

        Killed before its end, either what was stored before holds, or the next run reads all.
        """
