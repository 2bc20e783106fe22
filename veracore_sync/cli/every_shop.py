"""A command for every shop of a folder: one after the other, and none stops another."""

from __future__ import annotations

import os
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from veracore_sync.cli import advice, messages, signals
from veracore_sync.cli.globals import Globals
from veracore_sync.cli.journal import ERROR, WARNING
from veracore_sync.cli.output import print_json, warn
from veracore_sync.cli.run_command import (
    Together,
    document_of,
    failure_lines,
    run_for_shop,
    show_result,
    write_events,
    write_report,
)
from veracore_sync.cli.settings import load_settings
from veracore_sync.composition.locked_run import CommandReport, Job, Work, interrupted
from veracore_sync.config import Loaded
from veracore_sync.config.shops import ShopFile, collisions, folder_of_shops, shops_in
from veracore_sync.domain.advice import typed
from veracore_sync.domain.errors import PRECEDENCE, ConfigError, Interrupted, SyncError, UsageError

_BUG = 1


def run_each(
    job: Job, options: Globals, as_json: bool, work: Work, together: Together | None
) -> int:
    """Run a command for each shop of the folder; the exit code of the gravest failure.

    Args:
        job: How the command is run.
        options: The global options, which name the folder.
        as_json: Print one document, with the document of each shop by its name.
        work: Makes the report of a shop.
        together: Prints the documents of all shops at the end, in place of each by itself.
    """
    try:
        shops = shops_of(options, one_shop=job.command if job.one_shop else "")
    except SyncError as error:
        write_report(CommandReport({}, error=error), as_json, repeated=False)
        return error.exit_code
    done: dict[str, CommandReport] = {}
    stopped: Interrupted | None = None
    try:
        _run_all(shops, job, options, as_json, work, done, collect=together is not None)
    except KeyboardInterrupt as stop:
        # Between two shops, where no run writes a report of it.
        stopped = interrupted(stop)
    if as_json:
        run = [shop for shop in shops if shop.name in done]
        documents = {one.name: _with_code(done[one.name], options_of(one, options)) for one in run}
        print_json({"shops": documents})
    elif together is not None:
        together(done)
    if stopped is not None and not as_json:
        write_report(CommandReport({}, error=stopped), as_json, repeated=False)
    codes = [report.exit_code for report in done.values()]
    return _gravest([*codes, stopped.exit_code] if stopped else codes)


def _run_all(
    shops: Sequence[ShopFile],
    job: Job,
    options: Globals,
    as_json: bool,
    work: Work,
    done: dict[str, CommandReport],
    *,
    collect: bool,
) -> None:
    signals.catch()
    blocked = colliding(shops, options)
    for shop in shops:
        output = _Output(shop, is_collected=as_json or collect, as_json=as_json)
        with advice.about(options_of(shop, options)):
            if shop.name in blocked:
                report = CommandReport(dict(job.empty), error=blocked[shop.name])
                output.write(report, repeated=False)
            else:
                report = _run_one(job, options_of(shop, options), as_json, work, output)
        done[shop.name] = report
        if isinstance(report.error, Interrupted):
            return


def shops_of(options: Globals, *, one_shop: str = "") -> list[ShopFile]:
    """The shops that a command runs for.

    Args:
        options: The global options, which name the folder.
        one_shop: The command, if it is for one shop only.

    Raises:
        ConfigError: There is no such folder, or it holds no shop.
        UsageError: The command is for one shop.
    """
    folder = folder_of_shops(options.config, os.environ, Path.cwd(), every=options.every_shop)
    shops = shops_in(folder)
    if one_shop:
        raise UsageError(
            f"`{one_shop}`, as it was given, is for one shop, and {folder} is a folder of them",
            # No line to type: whose order it is is not known, and without its name it may be all.
            hint="type the same with the file of that shop in place of the folder, such as "
            + typed("--config FILE", FILE=str(shops[0].path)),
        )
    return shops


@dataclass(slots=True)
class _Output:
    """Writes the report of one shop, each part below the shop's name."""

    shop: ShopFile
    is_collected: bool
    as_json: bool
    written: CommandReport | None = field(default=None)

    def write(self, report: CommandReport, *, repeated: bool) -> None:
        self.written = report
        if not self.is_collected:
            show_result(report, f"== {self.shop.name}")
        if messages.is_json():
            messages.use("json", self.shop.name)
            write_events(report, repeated)
            return
        if self.as_json:
            return
        lines = failure_lines(report, repeated)
        if lines:
            priority = WARNING if report.error is None else ERROR
            warn(f"== {self.shop.name} ({self.shop.path})", priority)
            for line in lines:
                warn(line, priority)


def _run_one(
    job: Job, options: Globals, as_json: bool, work: Work, output: _Output
) -> CommandReport:
    try:
        return run_for_shop(job, options, as_json, work, output.write)
    except Exception as error:  # noqa: BLE001 - a bug in one shop must not stop the others
        if messages.is_json():
            messages.bug(error)
        else:
            warn(f"== {output.shop.name} ({output.shop.path})", ERROR)
            traceback.print_exc()
        if output.written is not None:
            return output.written
        return CommandReport({}, error=SyncError(f"unexpected: {type(error).__name__}"))


def colliding(shops: Sequence[ShopFile], options: Globals) -> dict[str, ConfigError]:
    """The shops that must not run, because of what stands in the files of others."""
    readable: list[tuple[ShopFile, Loaded]] = []
    for shop in shops:
        try:
            readable.append((shop, load_settings(options_of(shop, options))))
        except ConfigError:
            # Said when it is this shop's turn.
            continue
    return collisions(readable)


def options_of(shop: ShopFile, options: Globals) -> Globals:
    """The global options for one of the shops."""
    return replace(options, config=shop.path, every_shop=False, shop=shop.name)


def _with_code(report: CommandReport, options: Globals) -> dict[str, object]:
    with advice.about(options):
        return {**document_of(report), "exitCode": report.exit_code}


def _gravest(codes: Sequence[int]) -> int:
    """A signal ends all, and a bug comes first; then as for a single shop."""
    if codes[-1] > 128:
        return codes[-1]
    known = next((code for code in (_BUG, *PRECEDENCE) if code in codes), None)
    return max(codes) if known is None else known
