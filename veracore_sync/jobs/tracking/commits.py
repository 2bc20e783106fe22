"""One transaction for what several threads have to store at the same moment."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from threading import Lock
from typing import Any, TypeVar

R = TypeVar("R")


@dataclass(slots=True, eq=False)
class _Write:
    """What one thread stores, and what came of it."""

    act: Callable[[], Any]
    is_done: bool = False
    result: Any = None
    error: BaseException | None = None


class SharedCommits:
    """Durable writes of threads that wait for the disk together.

    While one commits, others arrive; the first of them commits for all that have. Each returns only
    after the commit that holds its own write, so nobody goes on with what is not on disk.

    Args:
        unit_of_work: The ledger's.
    """

    def __init__(self, unit_of_work: Callable[[], AbstractContextManager[None]]) -> None:
        self._unit_of_work = unit_of_work
        self._turn = Lock()
        self._adding = Lock()
        self._waiting: list[_Write] = []

    def write(self, act: Callable[[], R]) -> R:
        """Do what writes to the ledger, in a transaction that may be others' as well.

        The caller has no transaction open, and `act` makes no request.

        Raises:
            LedgerError: It is not stored, and nothing of the others' is.
        """
        mine = _Write(act)
        with self._adding:
            self._waiting.append(mine)
        with self._turn:
            if not mine.is_done:
                with self._adding:
                    batch, self._waiting = self._waiting, []
                self._commit(batch)
        if mine.error is not None:
            raise mine.error
        result: R = mine.result
        return result

    def _commit(self, batch: list[_Write]) -> None:
        try:
            with self._unit_of_work():
                for one in batch:
                    one.result = one.act()
        except BaseException as error:  # noqa: BLE001 - each thread raises it
            for one in batch:
                one.error = error
        finally:
            for one in batch:
                one.is_done = True
