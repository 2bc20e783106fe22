"""Group commit: what many clients bring at once is made durable by one transaction.

A commit waits for the disk. With one transaction a delivery, 32 clients on a disk of 4 ms got 202
answers a second and waited 2.75 s (99 %); sharing commits, 1,658 and 39 ms.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from veracore_sync.errors import LedgerError
from veracore_sync.ledger.inbox import Delivery, Inbox
from veracore_sync.webhooks.rarely import Rarely

_LOG = logging.getLogger(__name__)
_LARGEST_BATCH = 256


class CannotStore(Exception):
    """The delivery is not stored, as far as is known: the sender is to send it again."""


@dataclass(slots=True)
class _Entry:
    delivery: Delivery
    done: threading.Event = field(default_factory=threading.Event)
    is_new: bool | None = None


class Writer:
    """Stores deliveries, from any thread, in a thread of its own.

    Args:
        inbox: Where they go.
        stored: Called after each commit that brought something new.
        wait_seconds: How long a delivery waits for its commit.
    """

    def __init__(
        self, inbox: Inbox, stored: Callable[[], None], *, wait_seconds: float = 8.0
    ) -> None:
        self._inbox = inbox
        self._stored = stored
        self._wait_seconds = wait_seconds
        self._queue: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="inbox", daemon=True)
        self._trouble = Rarely(_LOG, logging.ERROR)
        self.failing = False

    def start(self) -> None:
        """Begin to store."""
        self._thread.start()

    def is_alive(self) -> bool:
        """Whether its thread lives."""
        return self._thread.is_alive()

    def store(self, delivery: Delivery) -> bool:
        """Store a delivery; returns only after the commit that holds it, or its first copy.

        Returns:
            Whether it is new.

        Raises:
            CannotStore: It could not be stored, or not in time.
        """
        entry = _Entry(delivery)
        self._queue.put(entry)
        if not entry.done.wait(self._wait_seconds) or entry.is_new is None:
            raise CannotStore
        return entry.is_new

    def stop(self) -> None:
        """Store what has come, then end."""
        self._queue.put(None)
        self._thread.join(self._wait_seconds)

    def _work(self) -> None:
        ending = False
        while not ending:
            batch = [self._queue.get()]
            while len(batch) < _LARGEST_BATCH and not self._queue.empty():
                batch.append(self._queue.get())
            ending = None in batch
            self._commit([entry for entry in batch if entry is not None])

    def _commit(self, entries: list[_Entry]) -> None:
        try:
            results = self._inbox.store([entry.delivery for entry in entries])
        except LedgerError as error:
            self.failing = True
            self._trouble.say(f"cannot store: {error.message} ({error.hint})")
        else:
            self.failing = False
            for entry, is_new in zip(entries, results, strict=True):
                entry.is_new = is_new
            if any(results):
                self._stored()
        for entry in entries:
            entry.done.set()
