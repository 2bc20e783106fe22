"""``resolve``: a person's decision about one order."""

from __future__ import annotations

from typing import Annotated

import typer

from veracore_sync.cli.output import say
from veracore_sync.cli.run_command import run_command
from veracore_sync.composition import decisions
from veracore_sync.composition.container import Container
from veracore_sync.composition.decisions import Choice
from veracore_sync.composition.locked_run import CommandReport, Job
from veracore_sync.domain.advice import command
from veracore_sync.domain.errors import UsageError


def resolve(
    context: typer.Context,
    order: Annotated[str, typer.Argument(help="Code or id of the order.", metavar="ORDER")],
    veracore_id: Annotated[
        str | None,
        typer.Argument(
            metavar="ID",
            help="Id at VeraCore: with --adopt, of this order; with --new-id and --skip, of one "
            "that is another's.",
        ),
    ] = None,
    adopt: Annotated[
        bool,
        typer.Option(
            "--adopt", help="VeraCore has the order, under ID or the id it was sent with."
        ),
    ] = False,
    new_id: Annotated[
        bool, typer.Option("--new-id", help="Send the order under a new id.")
    ] = False,
    skip: Annotated[bool, typer.Option("--skip", help="Never send the order.")] = False,
    accept: Annotated[
        str | None,
        typer.Option(
            "--accept",
            metavar="REASON",
            help="Accept what the order's alerts report; say why. The reason is stored, so it "
            "should not name a customer.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Decide about an order that is in conflict or in doubt, or accept its alerts.

    Give one of --adopt [ID], --new-id [ID], --skip [ID] and --accept REASON. Except with --accept,
    VeraCore is asked about the order first.
    """
    given: list[tuple[Choice, bool]] = [
        ("adopt", adopt),
        ("new-id", new_id),
        ("skip", skip),
        ("accept", accept is not None),
    ]
    choices = [name for name, is_given in given if is_given]
    run_command(
        Job("resolve", "orders", record=True, one_shop=True),
        context.obj,
        as_json,
        lambda container: _work(container, order, choices, veracore_id, accept or ""),
    )


def _work(
    container: Container, name: str, choices: list[Choice], veracore_id: str | None, reason: str
) -> CommandReport:
    if len(choices) != 1 or (veracore_id and choices == ["accept"]):
        raise UsageError(
            "give one of --adopt [ID], --new-id [ID], --skip [ID] and --accept REASON",
            hint=f"{command('stats --order CODE', CODE=name)} shows the history of the order",
        )
    (choice,) = choices
    return decisions.resolve(
        container,
        name,
        choice,
        veracore_id=veracore_id,
        reason=reason,
        show=lambda done: say(f"{done.code}: {done.sentence}"),
    )
