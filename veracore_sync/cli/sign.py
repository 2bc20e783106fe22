"""``sign``: the headers of a test delivery with curl."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import Annotated

import typer

from veracore_sync.cli.output import say
from veracore_sync.cli.run_command import run_command
from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport, Job
from veracore_sync.domain.errors import UsageError
from veracore_sync.transport import signature


def sign(
    context: typer.Context,
    body: Annotated[
        str, typer.Argument(metavar="BODY", help="The webhook body; - reads stdin.")
    ] = "-",
    file: Annotated[
        Path | None,
        typer.Option(help="Read the body from this file, byte for byte.", metavar="PATH"),
    ] = None,
    delivery_id: Annotated[
        str | None, typer.Option("--id", help="The webhook-id. Default: a new one.", metavar="ID")
    ] = None,
    timestamp: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="The webhook-timestamp, in seconds since 1970 UTC. Default: now.",
            metavar="SECONDS",
        ),
    ] = None,
    body_only: Annotated[
        bool, typer.Option("--body-only", help="Print the X-VeraCore-Signature header instead.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Print the headers that sign a webhook body.

    Each header is on its own line, as `curl -H @-` reads them.
    """

    def work(container: Container) -> CommandReport:
        at = int(container.clock.now().timestamp()) if timestamp is None else timestamp
        chosen = delivery_id or f"msg_{secrets.token_hex(12)}"
        return _work(container, _read(body, file), chosen, at, body_only)

    run_command(Job("sign", read_only=True, one_shop=True), context.obj, as_json, work)


def _read(body: str, file: Path | None) -> bytes:
    if file is not None:
        try:
            return file.read_bytes()
        except OSError as error:
            raise UsageError(
                f"cannot read {file}: {error.strerror}", hint="name a readable file with --file"
            ) from error
    return sys.stdin.buffer.read() if body == "-" else body.encode()


def _work(
    container: Container, body: bytes, delivery_id: str, timestamp: int, body_only: bool
) -> CommandReport:
    container.require("webhooks")
    secret = container.settings.webhooks.live_secrets[0].get_secret_value()
    try:
        if body_only:
            headers = signature.sign_body(secret, body)
        else:
            headers = signature.sign(secret, delivery_id, timestamp, body)
    except ValueError as error:
        raise UsageError(f"cannot sign: {error}", hint="check --id and webhooks.secret") from error

    def show() -> None:
        for name, value in headers.items():
            say(f"{name}: {value}")

    return CommandReport({"headers": headers}, show=show, asked_for=True)
