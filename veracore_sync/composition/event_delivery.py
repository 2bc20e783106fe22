"""Delivering events from the outbox to the configured hooks: after a run, or when asked."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from hashlib import blake2b

from veracore_sync.composition.container import Container
from veracore_sync.config import HookSettings
from veracore_sync.describe import describe
from veracore_sync.domain.errors import LockHeld
from veracore_sync.jobs.deliver import JOB, Delivered, EventDelivery, is_wanted
from veracore_sync.ports.hooks import Hook, of_address
from veracore_sync.transport.hooks import CommandHook, PostHook, people
from veracore_sync.transport.signature import sign
from veracore_sync.transport.ways import upstream_of

_LOG = logging.getLogger(__name__)
AT_A_RUNS_END_SECONDS = 10.0


def deliver_at_the_end(container: Container) -> None:
    """Deliver due events after a run for at most some seconds; a failure is only logged.

    A hook that hangs costs its time limit once and is then not called for a while.
    """
    try:
        deliver_due(container)
    except Exception as error:  # noqa: BLE001 - the run is over and was reported: events wait
        _LOG.warning("events: %s", describe(error))


def deliver_due(container: Container) -> None:
    """Deliver due events, unless another process does; begin none after some seconds.

    Raises:
        SyncError: The ledger failed, or a setting is wrong.
    """
    # Only the lock of the delivery itself is held: a slow hook must not delay a job.
    if not is_wanted(container.ledger, container.hook_names):
        return
    with suppress(LockHeld), container.ledger.runs.lock(JOB, "deliver"):
        deadline = container.clock.monotonic() + AT_A_RUNS_END_SECONDS
        for sentence in deliver_events(container, force=False, deadline=deadline).needs_person:
            _LOG.warning("events: %s", sentence)


def deliver_events(container: Container, *, force: bool, deadline: float | None) -> Delivered:
    """One pass over the outbox. The caller holds the lock of the job.

    Args:
        container: The process's container.
        force: A person asked: ignore stored waits.
        deadline: Begin no event after this (monotonic); ``None``: no limit.

    Raises:
        SyncError: The ledger failed, or a setting is wrong.
    """
    # Without a hook there is nothing to call; a pass only ends the alerts about former ones.
    if container.hook_names:
        container.require("hooks")
        # The events of another shop are not for these hooks.
        container.bind(logs_in=False)
    with ExitStack() as stack:
        hooks = _hooks(container, stack)
        key = container.ledger.meta.hash_key
        # Too short to try words of a secret against it.
        marks = [
            blake2b(address.encode(), key=key, digest_size=2).hexdigest()
            for address in _addresses(container.settings.hooks)
        ]
        return EventDelivery(container.ledger, hooks, container.clock, force, deadline, marks).run()


def _hooks(container: Container, stack: ExitStack) -> dict[str, Hook]:
    wanted = container.settings.hooks
    found: dict[str, Hook] = {}

    def add(name: str, hook: Hook) -> None:
        found[name] = hook
        stack.callback(hook.close)

    if wanted.command:
        add(
            "command",
            CommandHook(wanted.command, wanted.timeout_seconds, wanted.pass_environment),
        )
    if wanted.url:
        secret = wanted.secret.get_secret_value()

        def headers(event_id: str, body: bytes) -> dict[str, str]:
            return sign(secret, event_id, int(container.clock.now().timestamp()), body)

        at = upstream_of("hooks", wanted.url, wanted)
        add("url", PostHook(wanted.url, headers, wanted.timeout_seconds, at))
    for number, hook in enumerate(notify_hooks(wanted), start=1):
        add(of_address(number), hook)
    return found


def notify_hooks(settings: HookSettings) -> Sequence[Hook]:
    """The hooks that notify people of alerts, one for each address.

    Raises:
        ConfigError: Apprise is not installed, or an address is invalid.
    """
    if not settings.notify:
        return ()
    return people(_addresses(settings), settings.timeout_seconds, allow_http=settings.allow_http)


def _addresses(settings: HookSettings) -> list[str]:
    return list(dict.fromkeys(one.get_secret_value() for one in settings.notify))
