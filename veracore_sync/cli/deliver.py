"""``deliver``: events leave the outbox for their hooks."""

from __future__ import annotations

import logging
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any

import typer

from veracore_sync.cli.app import app
from veracore_sync.cli.output import say

if TYPE_CHECKING:
    from veracore_sync.cli.parts import Parts
    from veracore_sync.cli.perform import Report
    from veracore_sync.jobs.deliver import Delivered, Hook

_LOG = logging.getLogger(__name__)
_AT_A_RUNS_END = 10.0
_PERIOD = 2.0


@app.command("deliver")
def deliver(
    context: typer.Context,
    force: Annotated[
        bool, typer.Option("--force", help="Try now, whatever failed a moment ago.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Deliver the events that wait in the outbox to the configured hooks."""
    from veracore_sync.cli.perform import Job, perform
    from veracore_sync.jobs.deliver import JOB

    job = Job("deliver", JOB, record=True)
    perform(job, context.obj, as_json, lambda parts: _work(parts, force=force))


def _work(parts: Parts, *, force: bool) -> Report:
    from veracore_sync.cli.perform import Report
    from veracore_sync.config import require
    from veracore_sync.errors import Unavailable

    require(parts.settings, "hooks")
    result = _pass(parts, force=force, deadline=None)
    summary = parts.ledger.outbox.summary()
    document: dict[str, Any] = {
        "delivered": sum(result.taken.values()),
        "failed": sum(result.refused.values()),
        "waiting": summary["waiting"],
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
        summary={"delivered": document["delivered"], "failed": document["failed"]},
        news=result.news,
        error=error,
        show=lambda: say(f"{document['delivered']} delivered, {summary['waiting']} waiting"),
    )


def deliver_at_the_end(parts: Parts) -> None:
    """Deliver what is due after a run; it never fails, and begins nothing after some seconds.

    A hook that hangs costs its time limit once, and is left alone for a while then.
    """
    from veracore_sync.errors import LockHeld, SyncError
    from veracore_sync.jobs.deliver import JOB

    if not parts.settings.hooks.names or not parts.ledger.outbox.summary()["waiting"]:
        return
    try:
        with parts.ledger.runs.lock(JOB, "deliver"):
            deadline = parts.clock.monotonic() + _AT_A_RUNS_END
            _pass(parts, force=False, deadline=deadline)
    except LockHeld:
        return
    except SyncError as error:
        _LOG.warning("events: %s", error.message)


class Delivering:
    """Delivers now and then in a thread of its own, as long as a listener runs.

    Args:
        parts: The listener's.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="events", daemon=True)

    def __enter__(self) -> Delivering:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Let the delivery at hand end, as long as it may take."""
        self._stopping.set()
        self._thread.join(_AT_A_RUNS_END + self._parts.settings.hooks.timeout_seconds)

    def _work(self) -> None:
        while not self._stopping.wait(_PERIOD):
            deliver_at_the_end(self._parts)


def _pass(parts: Parts, *, force: bool, deadline: float | None) -> Delivered:
    from veracore_sync.jobs.deliver import Delivery

    with ExitStack() as stack:
        hooks = _hooks(parts, stack)
        return Delivery(parts.ledger, hooks, parts.clock, force, deadline).run()


def _hooks(parts: Parts, stack: ExitStack) -> dict[str, Hook]:
    from veracore_sync.transport.hooks import CommandHook, NotifyHook, PostHook
    from veracore_sync.webhooks.signature import sign

    wanted = parts.settings.hooks
    found: dict[str, Hook] = {}
    if wanted.command:
        found["command"] = CommandHook(wanted.command, wanted.timeout_seconds)
    if wanted.url:
        secret = wanted.secret.get_secret_value()

        def headers(event_id: str, body: bytes) -> dict[str, str]:
            return sign(secret, event_id, int(parts.clock.now().timestamp()), body)

        post = PostHook(wanted.url, headers, wanted.timeout_seconds)
        stack.callback(post.close)
        found["url"] = post
    if wanted.notify:
        found["notify"] = NotifyHook(
            [one.get_secret_value() for one in wanted.notify], wanted.timeout_seconds
        )
    return found
