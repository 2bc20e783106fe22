"""Several orders in flight at once, in this process and in one that is killed."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from at_once import so_many_at_once
from tracking_world import World

from veracore_sync.composition.container import Container
from veracore_sync.config import load
from veracore_sync.domain.fulfilments import FulfilledOrder
from veracore_sync.jobs.kernel import RunOptions
from veracore_sync.jobs.tracking.report import TrackingReport
from veracore_sync.jobs.tracking.run import TrackingRun

AT_ONCE = 6


class WatchedFulfilments:
    """The shop's fulfilments, which fail where orders that share a variant overlap.

    Args:
        made: The real ones.
        meet: So many requests to add a fulfilment wait for each other, once.
    """

    def __init__(self, made: Any, meet: int = 0) -> None:
        self._made = made
        self._lock = threading.Lock()
        self._variants: dict[str, frozenset[str]] = {}
        self._line_orders: dict[str, str] = {}
        self._under_way: list[str] = []
        self._meeting = threading.Barrier(meet) if meet else None
        self.most = 0
        self.overlaps: list[tuple[str, str]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._made, name)

    def orders(self, codes: Sequence[str]) -> dict[str, FulfilledOrder]:
        found: dict[str, FulfilledOrder] = self._made.orders(codes)
        with self._lock:
            for code, order in found.items():
                self._variants[code] = frozenset(line.variant_id for line in order.lines)
                self._line_orders |= {line.id: code for line in order.lines}
        return found

    def add(self, lines: Mapping[str, int], **more: Any) -> str:
        with self._under(self._line_orders[next(iter(lines))]):
            if self._meeting is not None and not self._meeting.broken:
                try:
                    self._meeting.wait(20)
                except threading.BrokenBarrierError:
                    pass
                else:
                    self._meeting.abort()
            made: str = self._made.add(lines, **more)
            return made

    @contextmanager
    def _under(self, code: str) -> Iterator[None]:
        with self._lock:
            for other in self._under_way:
                if self._variants[other] & self._variants[code]:
                    self.overlaps.append((other, code))
            self._under_way.append(code)
            self.most = max(self.most, len(self._under_way))
        try:
            yield
        finally:
            with self._lock:
                self._under_way.remove(code)


class WatchedShop:
    """A shop whose fulfilments are watched."""

    def __init__(self, made: Any, meet: int = 0) -> None:
        self._made = made
        self.fulfilments = WatchedFulfilments(made.fulfilments, meet)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._made, name)


def run_of(bed: World, at_once: int = AT_ONCE, shop: Any = None, **options: Any) -> TrackingRun:
    """A run that has several orders in flight."""
    context = bed.parts.context(TrackingReport(), RunOptions(**options))
    context.concurrency = so_many_at_once(at_once)
    if shop is not None:
        context.shop = shop
    return TrackingRun(context)


def killed(bed: World, gap: str) -> int:
    """The exit code of a process that is to be killed in that gap."""
    program = [sys.executable, __file__, str(bed.folder)]
    environment = bed.environment() | {
        "VERACORE_SYNC_TEST_FAILPOINT": f"{gap}:kill",
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }
    return subprocess.run(program, env=environment, check=False, timeout=600).returncode


def main() -> None:
    """One run in this process, by the settings in the environment."""
    import os

    container = Container(load(None, dict(os.environ), cwd=Path(sys.argv[1])), family="tracking")
    container.bind()
    context = container.context(TrackingReport())
    context.concurrency = so_many_at_once(AT_ONCE)
    TrackingRun(context).run()


if __name__ == "__main__":
    main()
