"""``doctor``: is everything as it should be, and if not, what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from veracore_sync.cli.app import app
from veracore_sync.cli.output import say, table

if TYPE_CHECKING:
    from veracore_sync.cli.parts import Parts
    from veracore_sync.cli.perform import Report
    from veracore_sync.jobs.doctor import Finding

_PRECEDENCE = (78, 77, 74, 69)


@app.command("doctor")
def doctor(
    context: typer.Context,
    offline: Annotated[bool, typer.Option("--offline", help="Ask neither side.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Check configuration, ledger and both connections; each line says what to do."""
    from veracore_sync.cli.perform import Job, perform

    perform(
        Job("doctor", read_only=True, force=True),
        context.obj,
        as_json,
        lambda parts: examined(parts, offline=offline),
    )


def examined(parts: Parts, *, offline: bool) -> Report:
    """Every finding; the worst failure's exit code is the report's."""
    from veracore_sync.cli.perform import Report
    from veracore_sync.config import require
    from veracore_sync.errors import SyncError
    from veracore_sync.jobs import doctor as checks

    found: list[Finding] = list(checks.offline(parts.loaded, lambda: parts.ledger))
    if not offline:
        try:
            require(parts.settings, "vendure", "veracore")
        except SyncError as error:
            found.append(checks.fail("configuration", error))
        else:
            found += checks.online(parts.loaded, lambda: parts.shop, lambda: parts.warehouse)
    codes = [one.exit_code for one in found if one.level == "fail"]
    return Report(
        {"findings": [_document(one) for one in found]},
        show=lambda: _show(found),
        asked_for=True,
        code=next((code for code in _PRECEDENCE if code in codes), 1 if codes else 0),
    )


def _document(finding: Finding) -> dict[str, str]:
    return {
        "name": finding.name,
        "level": finding.level,
        "message": finding.message,
        "todo": finding.todo,
    }


def _show(found: list[Finding]) -> None:
    table(["", "what", "how it is"], [(one.level, one.name, one.message) for one in found])
    for one in found:
        if one.todo:
            say(f"{one.name}: {one.todo}")
