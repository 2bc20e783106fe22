"""What a backend provides: transactions, reads, job locks, check and backup.

The stores contain SQL that every backend understands. What only one backend has (a file, lock
files, leases, error numbers) stays behind this protocol, in the backend's package.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from veracore_sync.domain.ledger_records import Holder


class StoredRow(Protocol):
    """A row; columns by name or by number."""

    def __getitem__(self, column: int | str, /) -> Any: ...

    def __iter__(self) -> Iterator[Any]: ...

    def __len__(self) -> int: ...

    def keys(self) -> list[str]:
        """The names of the columns."""


class Cursor(Protocol):
    """The result of a statement."""

    @property
    def rowcount(self) -> int:
        """How many rows were written."""

    def fetchone(self) -> Any:
        """The next `StoredRow`, or ``None``."""

    def fetchall(self) -> list[Any]:
        """The remaining rows, each a `StoredRow`."""

    def __iter__(self) -> Iterator[Any]: ...


class Transaction(Protocol):
    """The statements of one open transaction."""

    def execute(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ..., /) -> Cursor:
        """Run one statement."""

    def executemany(
        self, sql: str, parameters: Iterable[Sequence[Any] | Mapping[str, Any]], /
    ) -> Cursor:
        """Run one statement for each set of parameters."""


class JobLock(Protocol):
    """A job that this process holds."""

    def release(self) -> None:
        """Unlock."""


class Database(Protocol):
    """One ledger's storage, shared by the threads of a process."""

    @property
    def path(self) -> Path | None:
        """The file, with symbolic links resolved; ``None`` if there is none."""

    @property
    def place(self) -> object:
        """Where the ledger is, in words for a person; ``None`` for one in memory."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """A write transaction: committed durably at the end, rolled back on any exception.

        Nested use joins the outer transaction.

        Raises:
            LedgerError: Nothing was stored.
        """

    def rows(self, sql: str, parameters: Any = ()) -> Sequence[StoredRow]:
        """All rows of a SELECT.

        Raises:
            LedgerError: It cannot be read.
        """

    def row(self, sql: str, parameters: Any = ()) -> StoredRow | None:
        """The first row of a SELECT, or ``None``."""

    def value(self, sql: str, parameters: Any = ()) -> Any:
        """The first column of the first row, or ``None``."""

    def try_lock(self, job: str, command: str, now: datetime) -> JobLock | None:
        """Lock a job and record the holder; ``None`` if another process holds it.

        The lock ends when it is released or its process ends, however that happens, and while a
        live process writes under it nobody else gets it: either it never ends before (SQLite), or
        whoever lost it can write nothing more (PostgreSQL).
        """

    def is_locked(self, job: str) -> bool:
        """Whether any process holds the job now."""

    def confirm_locks(self) -> None:
        """Check, without asking anybody, that no lock of this process may have ended.

        Raises:
            LeaseLost: One may have.
        """

    def holder(self, job: str) -> Holder | None:
        """Who locked the job last; `is_locked` says whether it still holds it."""

    def check(self) -> list[str]:
        """The problems of the storage; empty if there are none.

        Raises:
            LedgerError: It is too damaged to be checked.
        """

    def check_in_place(self) -> None:
        """Check that the next process reads what this one writes.

        Raises:
            LedgerError: The storage was moved, removed or replaced.
        """

    def backup(self, target: Path) -> int:
        """Copy a consistent snapshot into a new file; returns its size in bytes.

        Raises:
            LedgerError: It cannot be read or written, or `target` exists.
        """

    def close(self) -> None:
        """Close the connection."""


class Reads:
    """What every backend does alike with the rows that it reads."""

    def rows(self, sql: str, parameters: Any = ()) -> Sequence[StoredRow]:
        """All rows of a SELECT: the backend's part."""
        raise NotImplementedError

    def row(self, sql: str, parameters: Any = ()) -> StoredRow | None:
        """The first row of a SELECT, or ``None``."""
        found = self.rows(sql, parameters)
        return found[0] if found else None

    def value(self, sql: str, parameters: Any = ()) -> Any:
        """The first column of the first row, or ``None``."""
        found = self.row(sql, parameters)
        return found[0] if found else None
