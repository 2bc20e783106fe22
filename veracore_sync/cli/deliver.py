"""``deliver``: events leave the outbox for their hooks."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from veracore_sync.cli.output import say
from veracore_sync.cli.run_command import run_command
from veracore_sync.composition.container import Container
from veracore_sync.composition.event_delivery import deliver_events
from veracore_sync.composition.locked_run import CommandReport, Job
from veracore_sync.config import require
from veracore_sync.domain.errors import Unavailable
from veracore_sync.jobs import deliver as job


def deliver(
    context: typer.Context,
    force: Annotated[
        bool, typer.Option("--force", help="Try now, without waiting after failures.")
    ] = False,
    skip: Annotated[
        list[str] | None,
        typer.Option(help="Skip this event that a hook refuses; may be repeated."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Deliver the events that wait in the outbox to the configured hooks."""
    run_command(
        Job("deliver", job.JOB, record=True),
        context.obj,
        as_json,
        lambda parts: _work(parts, skip or [], force=force),
    )


def _work(parts: Container, event_ids: list[str], *, force: bool) -> CommandReport:
    require(parts.settings, "hooks")
    skipped = job.skip(parts.ledger, event_ids)
    # Who passes an event by wants what waited for it to leave, whatever waits the hook has earned.
    result = deliver_events(parts, force=force or bool(skipped), deadline=None)
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
        reasons = "; ".join(f"{name}: {words}" for name, words in result.stopped.items())
        error = Unavailable(
            f"a hook does not take events: {reasons}",
            upstream="hooks",
            hint="nothing is lost: they are delivered, in order, once it works again; "
            "see hooks.command and hooks.url",
        )
    return CommandReport(
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
