"""What is known of the server that keeps a ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Free:
    """The connections that are left.

    Args:
        count: How many.
        limit: Of how many.
        of: The setting that limits them.
    """

    count: int
    limit: int
    of: str


@dataclass(frozen=True, slots=True)
class SchemaRights:
    """What the user may do in the ledger's schema.

    Args:
        name: The schema.
        user: The user as the server knows it.
        owner: The schema's owner.
        is_superuser: Whether the user is one.
        is_public: Whether every user of the database may look into it.
        unwritable: How many tables the user may not read and write.
        foreign: How many tables the user does not own, so that it cannot upgrade them.
    """

    name: str
    user: str
    owner: str
    is_superuser: bool = False
    is_public: bool = False
    unwritable: int = 0
    foreign: int = 0


@dataclass(frozen=True, slots=True)
class LedgerServer:
    """What the server says of itself, and how it is reached.

    Args:
        version: As it says it, for example ``15.13``.
        major: The first number of it.
        synchronous_commit: As it is set for this user.
        our_commits: What the ledger's transactions make of it.
        fsync: Whether the server waits for its disk at all.
        synchronous_standbys: ``synchronous_standby_names``; empty: no commit waits for a standby.
        standbys: How many follow it now.
        is_standby: Whether it is one itself.
        is_read_only: Whether it refuses writes, as a standby does.
        ahead_seconds: How far its clock is ahead of this machine's.
        pooler: Whether a pooler stands before it, and how it shares the connections; empty: none.
        is_local: Whether it is reached within this machine.
        encryption: How the connection is secured.
        free: The connections that are left.
        rights: What the user may do; ``None`` while there is no schema.
        may_create: Whether the user may make a schema, as the first run and a restore do.
        interrupted_restores: Schemas beside the ledger that restores have left, or work in now.
        encoding: Of the database.
    """

    version: str
    major: int
    synchronous_commit: str
    our_commits: str
    fsync: bool
    synchronous_standbys: str
    standbys: int
    is_standby: bool
    is_read_only: bool
    ahead_seconds: float
    pooler: Literal["", "session", "transaction", "unknown"]
    is_local: bool
    encryption: Literal["none", "unverified", "verified"]
    free: Free
    rights: SchemaRights | None
    may_create: bool = True
    interrupted_restores: tuple[str, ...] = ()
    encoding: str = "UTF8"
