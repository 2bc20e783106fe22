"""``breaker reset``: contact an upstream again at once."""

from __future__ import annotations

from typing import Annotated

import typer

from veracore_sync.cli.output import say
from veracore_sync.cli.run_command import run_command
from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport, Job
from veracore_sync.config.types import closest
from veracore_sync.domain.errors import UsageError

_UPSTREAMS = ("vendure", "veracore")
breaker_app = typer.Typer(
    help="Reset the circuit breakers.", no_args_is_help=True, rich_markup_mode=None
)


@breaker_app.callback()
def breaker() -> None:
    """Reset the circuit breakers; `stats` shows their state."""


@breaker_app.command("reset")
def breaker_reset(
    context: typer.Context,
    upstream: Annotated[
        str | None, typer.Argument(metavar="UPSTREAM", help="vendure or veracore. Default: both.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Close circuit breakers, so that the next run contacts the upstream at once.

    Slow-downs that the upstream requested and credentials that it refused are forgotten too.
    """
    run_command(
        Job("breaker reset"), context.obj, as_json, lambda container: _work(container, upstream)
    )


def _work(container: Container, upstream: str | None) -> CommandReport:
    if upstream is not None and upstream not in _UPSTREAMS:
        raise UsageError(
            f"unknown upstream {upstream}{closest(upstream, _UPSTREAMS)}",
            hint="use `veracore-sync breaker reset` with vendure or veracore, or neither",
        )
    closed = container.ledger.breakers.reset(upstream)
    container.ledger.budgets.clear_penalties(upstream)
    for name in _UPSTREAMS if upstream is None else (upstream,):
        container.ledger.refusals.forget(name)
    summary = f"{closed} breakers closed" if closed else "no breaker was open"
    return CommandReport(
        {"closed": closed},
        show=lambda: say(f"{summary}; the next run contacts the upstream at once"),
        asked_for=True,
    )
