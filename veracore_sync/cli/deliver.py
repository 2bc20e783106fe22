"""``deliver``: send the events of the outbox to their hooks."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from veracore_sync.cli.output import say
from veracore_sync.cli.run_command import run_command
from veracore_sync.composition.container import Container
from veracore_sync.composition.event_delivery import deliver_events
from veracore_sync.composition.locked_run import CommandReport, Job
from veracore_sync.domain.errors import Unavailable
from veracore_sync.jobs import deliver as job


def deliver(
    context: typer.Context,
    force: Annotated[
        bool, typer.Option("--force", help="Deliver now, whatever pause earlier failures require.")
    ] = False,
    skip: Annotated[
        list[str] | None,
        typer.Option(
            help="Skip the event with this id, which a hook refuses. Repeatable.",
            metavar="EVENT_ID",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Deliver waiting events to the configured hooks."""
    run_command(
        Job("deliver", job.JOB, record=True, creates=not skip, one_shop=bool(skip)),
        context.obj,
        as_json,
        lambda container: _work(container, skip or [], force=force),
    )


def _work(container: Container, event_ids: list[str], *, force: bool) -> CommandReport:
    container.require("hooks")
    # Before anything is skipped: the event may be another shop's.
    container.bind(logs_in=False)
    skipped = job.skip(container.ledger, event_ids)
    # A person who skips an event wants those behind it delivered now, so the pause after the
    # hook's failures does not apply.
    result = deliver_events(container, force=force or bool(skipped), deadline=None)
    summary = container.ledger.outbox.summary()
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
        reasons = "; ".join(f"{name}: {reason}" for name, reason in result.stopped.items())
        error = Unavailable(
            f"a hook does not accept events: {reasons}",
            upstream="hooks",
            hint="no event is lost: all are delivered in order once the hook works again; "
            "check hooks.command, hooks.url and hooks.notify",
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
        say(f"{one['id']}: skipped for the hook {one['hook']}")
    say(f"{document['delivered']} delivered, {document['waiting']} waiting")
