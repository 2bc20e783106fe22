"""``deliver``: events leave the outbox for their hooks."""

from __future__ import annotations

import logging
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from veracore_sync.cli.app import app
from veracore_sync.cli.output import say

if TYPE_CHECKING:
    from veracore_sync.cli.perform import Report
    from veracore_sync.composition.container import Container
    from veracore_sync.config import HookSettings
    from veracore_sync.jobs.deliver import Delivered
    from veracore_sync.ports.hooks import Hook
    from veracore_sync.webhooks.supervise import Part

_LOG = logging.getLogger(__name__)
_AT_A_RUNS_END = 10.0
_PERIOD = 2.0


@app.command("deliver")
def deliver(
    context: typer.Context,
    force: Annotated[
        bool, typer.Option("--force", help="Try now, whatever failed a moment ago.")
    ] = False,
    skip: Annotated[
        list[str] | None,
        typer.Option(help="Pass this event by, where a hook refuses it; may be repeated."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Deliver the events that wait in the outbox to the configured hooks."""
    from veracore_sync.cli.perform import Job, perform
    from veracore_sync.jobs.deliver import JOB

    job = Job("deliver", JOB, record=True)
    perform(job, context.obj, as_json, lambda parts: _work(parts, skip or [], force=force))


def _work(parts: Container, event_ids: list[str], *, force: bool) -> Report:
    from veracore_sync.cli.perform import Report
    from veracore_sync.config import require
    from veracore_sync.errors import Unavailable
    from veracore_sync.jobs.deliver import skip

    require(parts.settings, "hooks")
    skipped = skip(parts.ledger, event_ids)
    # Who passes an event by wants what waited for it to leave, whatever waits the hook has earned.
    result = _pass(parts, force=force or bool(skipped), deadline=None)
    summary = parts.ledger.outbox.summary()
    document: dict[str, Any] = {
        "delivered": sum(result.taken.values()),
        "failed": sum(result.refused.values()),
        "waiting": summary["waiting"],
        "skipped": [{"hook": name, "id": event_id} for name, event_id in skipped],
        "hooks": [
            {
                "hook": name,
                "delivered": result.taken[name],
                "failed": result.refused[name],
                "error": result.stopped.get(name),
            }
            for name in result.taken
        ],
    }
    error = None
    if result.stopped:
        told = "; ".join(f"{name}: {words}" for name, words in result.stopped.items())
        error = Unavailable(
            f"a hook does not take events: {told}",
            upstream="hooks",
            hint="nothing is lost: they are delivered, in order, once it works again; "
            "see hooks.command and hooks.url",
        )
    return Report(
        document=document,
        summary={
            "delivered": document["delivered"],
            "failed": document["failed"],
            "skipped": document["skipped"],
        },
        news=result.needs_person,
        error=error,
        show=lambda: _show(document),
        asked_for=bool(skipped),
    )


def _show(document: dict[str, Any]) -> None:
    for one in document["skipped"]:
        say(f"{one['id']}: passed by for the hook {one['hook']}")
    say(f"{document['delivered']} delivered, {document['waiting']} waiting")


def deliver_at_the_end(parts: Container) -> None:
    """Deliver what is due after a run; it never fails, and begins nothing after some seconds.

    A hook that hangs costs its time limit once, and is left alone for a while then.
    """
    from veracore_sync.webhooks.supervise import describe

    try:
        _deliver_due(parts)
    except Exception as error:  # noqa: BLE001 - the run is over and was told: events wait
        _LOG.warning("events: %s", describe(error))


def _deliver_due(parts: Container) -> None:
    """Deliver what is due, unless another process is at it; begin nothing after some seconds.

    Raises:
        SyncError: The ledger failed, or a setting is wrong.
    """
    from veracore_sync.errors import LockHeld
    from veracore_sync.jobs.deliver import JOB, is_wanted

    if not is_wanted(parts.ledger, parts.settings.hooks.names):
        return
    with suppress(LockHeld), parts.ledger.runs.lock(JOB, "deliver"):
        deadline = parts.clock.monotonic() + _AT_A_RUNS_END
        for sentence in _pass(parts, force=False, deadline=deadline).needs_person:
            _LOG.warning("events: %s", sentence)


class Delivering:
    """Delivers now and then in a thread of its own, as long as a listener runs.

    Args:
        parts: The listener's.
        part: Is told how it does.
    """

    def __init__(self, parts: Container, part: Part) -> None:
        from veracore_sync.webhooks.supervise import SupervisedThread

        self._parts = parts
        self._thread = SupervisedThread(part, self._turn)

    def __enter__(self) -> Delivering:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Let the delivery at hand end, as long as it may take."""
        self._thread.stop(_AT_A_RUNS_END + self._parts.settings.hooks.timeout_seconds)

    def is_alive(self) -> bool:
        """Whether it delivers."""
        return self._thread.is_alive()

    def _turn(self) -> None:
        _deliver_due(self._parts)
        self._thread.rest(_PERIOD)


def _pass(parts: Container, *, force: bool, deadline: float | None) -> Delivered:
    from veracore_sync.jobs.deliver import Delivery

    with ExitStack() as stack:
        hooks = _hooks(parts, stack)
        return Delivery(parts.ledger, hooks, parts.clock, force, deadline).run()


def _hooks(parts: Container, stack: ExitStack) -> dict[str, Hook]:
    from veracore_sync.transport.hooks import CommandHook, PostHook
    from veracore_sync.transport.signature import sign

    wanted = parts.settings.hooks
    found: dict[str, Hook] = {}

    def add(name: str, hook: Hook) -> None:
        found[name] = hook
        stack.callback(hook.close)

    if wanted.command:
        add("command", CommandHook(wanted.command, wanted.timeout_seconds))
    if wanted.url:
        secret = wanted.secret.get_secret_value()

        def headers(event_id: str, body: bytes) -> dict[str, str]:
            return sign(secret, event_id, int(parts.clock.now().timestamp()), body)

        add("url", PostHook(wanted.url, headers, wanted.timeout_seconds))
    if wanted.notify:
        add("notify", notify_hook(wanted))
    return found


def notify_hook(settings: HookSettings) -> Hook:
    """What tells people of alerts.

    Raises:
        ConfigError: Apprise is not installed, or an address is none.
    """
    from veracore_sync.transport.hooks import NotifyHook

    addresses = [one.get_secret_value() for one in settings.notify]
    return NotifyHook(addresses, settings.timeout_seconds)
