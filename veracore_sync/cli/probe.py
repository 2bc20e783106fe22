"""``probe``: what this VeraCore offers and how it answers, as a file without its data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from veracore_sync.cli.output import say
from veracore_sync.cli.progress import shown
from veracore_sync.cli.run_command import run_command
from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport, Job
from veracore_sync.composition.probe import probe_tenant, remember
from veracore_sync.domain.advice import command
from veracore_sync.domain.errors import LedgerError, SyncError, UsageError
from veracore_sync.domain.texts import to_json
from veracore_sync.files import write_whole


def probe(
    context: typer.Context,
    out: Annotated[
        Path | None,
        typer.Option(help="File to write (mode 0600). Default: stdout.", metavar="FILE"),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the document, also with --out.")
    ] = False,
) -> None:
    """Find out what this VeraCore offers and how it answers; create nothing.

    It signs in as the jobs do and only reads. The document has the forms of the answers, never
    their values; `sandbox --like FILE` then answers as this VeraCore does.
    """
    job = Job("probe", read_only=True, force=True, one_shop=True)
    run_command(job, context.obj, as_json, lambda container: _work(container, out, as_json))


def _work(container: Container, out: Path | None, as_json: bool) -> CommandReport:
    if out is not None and not out.parent.is_dir():
        raise UsageError(f"{out.parent} is no folder", hint="create it, or name another --out")
    with shown(quiet=as_json, results_go_elsewhere=out is None) as progress:
        progress("reading what VeraCore shows", 0, 0)
        document = probe_tenant(container)
    text = to_json(document, indent=2) + "\n"
    said = text.rstrip()
    if out is not None:
        _write(out, text)
        said = _summary(document, out)
    report = CommandReport(document, show=lambda: say(said), asked_for=True)
    try:
        remember(container, document)
    except SyncError as error:
        # What was found out is worth having all the same.
        report.error = error
    return report


def _write(out: Path, text: str) -> None:
    try:
        write_whole(out, text, mode=0o600)
    except OSError as error:
        raise LedgerError(
            f"{out} cannot be written: {error.strerror or error}",
            hint="name another --out, or leave it out to print the document",
        ) from error


def _summary(document: dict[str, Any], out: Path) -> str:
    lines = [f"written to {out}; {command('sandbox --like FILE', FILE=str(out))} behaves so"]
    lines += [f"  {name}: {json.dumps(value)}" for name, value in document["behaviour"].items()]
    lines.append("not shown:")
    lines += [f"  {name}: {why}" for name, why in document["notShown"].items()]
    return "\n".join(lines)
