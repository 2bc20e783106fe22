"""The check of the warehouse, in the configured dialect and, if that fails, in the others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace

from veracore_sync.config import VeracoreSettings
from veracore_sync.domain.errors import ConfigError, SyncError, WrongEndpoint
from veracore_sync.domain.failures import ONLY_THIS_OPERATION
from veracore_sync.jobs.doctor.finding import CheckResult, fail, ok, warn
from veracore_sync.ports.warehouse import Proof, Warehouse

OtherDialects = Mapping[str, Callable[[], Warehouse]]
"""By name, a function that connects to the same address in that dialect."""


def warehouse(
    settings: VeracoreSettings,
    client: Warehouse,
    others: OtherDialects,
    known_id: str | None,
    known: Collection[str] = (),
) -> Iterator[CheckResult]:
    """Check the warehouse: login, dialect, and each operation that a command needs.

    Args:
        settings: ``[veracore]``.
        client: The warehouse.
        others: The dialects that are not configured.
        known_id: The id of an order that VeraCore accepted, if there is one.
        known: The operations of which the ledger says whether they are allowed.
    """
    try:
        client.check_connection(None)
    except WrongEndpoint as error:
        yield fail("VeraCore", _other_dialect(settings, others) or error)
        return
    except SyncError as error:
        # Another operation may be allowed, so each is tried below.
        if error not in ONLY_THIS_OPERATION:
            yield fail("VeraCore", error)
            return
    yield ok("VeraCore", f"logged in, it answers as {settings.dialect}")
    if client.is_sandbox:
        yield warn("VeraCore", "this is a simulator", "set veracore.api_url to the real VeraCore")
    yield from _operations(client.prove(known_id), known)


def _operations(proofs: Iterable[Proof], known: Collection[str]) -> Iterator[CheckResult]:
    proven: list[str] = []
    for proof in proofs:
        commands = " and ".join(proof.needed_by)
        if proof.error is not None:
            found = fail(proof.operation, proof.error)
            if proof.is_optional and proof.error in ONLY_THIS_OPERATION:
                # Many accounts do without it, and the others work all the same.
                todo = f"if you use {commands}: {found.todo}"
                yield warn(proof.operation, f"{commands} cannot run: {found.message}", todo)
                continue
            yield replace(found, message=f"needed by {commands}: {found.message}")
        elif proof.unproven:
            if proof.operation in known:
                continue
            message = f"needed by {commands}; not tried here: {proof.unproven}"
            yield ok(proof.operation, message)
        else:
            proven.append(proof.operation)
    if proven:
        yield ok("operations", f"VeraCore lets this account use {', '.join(proven)}")


def _other_dialect(settings: VeracoreSettings, others: OtherDialects) -> ConfigError | None:
    """The error if the address answers in another dialect; ``None`` if it answers in none."""
    for name, connect in others.items():
        with closing(connect()) as client:
            try:
                client.check_connection(None)
            except SyncError:
                continue
        return ConfigError(
            f"veracore.api_url answers as {name}, not as {settings.dialect} "
            f"({settings.dialect_reason})",
            hint=f'set veracore.api = "{name}"',
        )
    return None
