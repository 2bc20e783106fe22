"""``breaker reset``: ask an upstream again at once."""

from __future__ import annotations

from typing import Annotated

import typer

from veracore_sync.cli.output import say
from veracore_sync.cli.run_command import run_command
from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport, Job
from veracore_sync.domain.errors import UsageError

_UPSTREAMS = ("vendure", "veracore")
breaker_app = typer.Typer(help="The circuit breakers.", no_args_is_help=True, rich_markup_mode=None)


@breaker_app.callback()
def breaker() -> None:
    """The circuit breakers; `stats` shows them."""


@breaker_app.command("reset")
def breaker_reset(
    context: typer.Context,
    upstream: Annotated[
        str | None, typer.Argument(metavar="[UPSTREAM]", help="vendure or veracore; else both.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Close breakers, forget slow-downs and refused credentials: the next run asks at once."""
    run_command(Job("breaker reset"), context.obj, as_json, lambda parts: _work(parts, upstream))


def _work(parts: Container, upstream: str | None) -> CommandReport:
    if upstream is not None and upstream not in _UPSTREAMS:
        raise UsageError(f"there is no upstream {upstream}", hint="say vendure or veracore")
    closed = parts.ledger.breakers.reset(upstream)
    parts.ledger.budgets.clear_penalties(upstream)
    for name in _UPSTREAMS if upstream is None else (upstream,):
        parts.ledger.refusals.forget(name)
    summary = f"{closed} breakers closed" if closed else "no breaker was open"
    return CommandReport(
        {"closed": closed},
        show=lambda: say(f"{summary}; the next run asks at once"),
        asked_for=True,
    )
