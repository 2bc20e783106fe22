"""What a backend gives to the stores: transactions, reads, job locks and the care of its storage.

The stores hold the SQL that every backend understands; what only one of them has (a file, a lock
file, a lease, an error number) stays behind this protocol, in a package of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol


class StoredRow(Protocol):
    """A row: its columns by name or by number, in the order of the statement."""

    def __getitem__(self, column: int | str, /) -> Any: ...

    def __iter__(self) -> Iterator[Any]: ...

    def __len__(self) -> int: ...

    def keys(self) -> list[str]:
        """The names of the columns."""


class Cursor(Protocol):
    """What a statement came to."""

    @property
    def rowcount(self) -> int:
        """How many rows it wrote."""

    def fetchone(self) -> Any:
        """The next `StoredRow`, or ``None``."""

    def fetchall(self) -> list[Any]:
        """All that is left, each a `StoredRow`."""

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
        """Let others take it."""


class Database(Protocol):
    """One ledger's storage, shared by the threads of a process."""

    @property
    def path(self) -> Path | None:
        """The file, with every link resolved; ``None`` where there is none."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """A write transaction: durable on leaving, rolled back on any exception.

        Nested use joins the outer transaction.

        Raises:
            LedgerError: Nothing of it was kept.
        """

    def rows(self, sql: str, parameters: Any = ()) -> Sequence[StoredRow]:
        """All rows of a reading statement.

        Raises:
            LedgerError: It cannot be read.
        """

    def row(self, sql: str, parameters: Any = ()) -> StoredRow | None:
        """The first row of a reading statement, or ``None``."""

    def value(self, sql: str, parameters: Any = ()) -> Any:
        """The first column of the first row, or ``None``."""

    def try_lock(self, job: str, command: str, now: datetime) -> JobLock | None:
        """Hold a job and write down who does, or ``None`` where another process holds it.

        A lock ends with its process, whatever that one dies of, and never before.
        """

    def is_locked(self, job: str) -> bool:
        """Whether any process holds the job now."""

    def check(self) -> list[str]:
        """What is wrong with the storage; empty when all is well.

        Raises:
            LedgerError: It is too damaged to be checked.
        """

    def check_in_place(self) -> None:
        """See that what is written now is what the next process reads.

        Raises:
            LedgerError: Another ledger lies in this one's place.
        """

    def backup(self, target: Path) -> int:
        """Copy all of it, consistently, into a new file; its size in bytes.

        Raises:
            LedgerError: It cannot be read or written, or `target` exists.
        """

    def close(self) -> None:
        """Let go of it."""
