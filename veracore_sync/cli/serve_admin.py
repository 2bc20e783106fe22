"""``serve-admin``: the brief's Admin API and a page, on the commands' own code."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from veracore_sync.cli.app import app

if TYPE_CHECKING:
    from veracore_sync.admin.actions import Outcome
    from veracore_sync.cli.perform import Report
    from veracore_sync.composition.container import Container
    from veracore_sync.jobs.kernel import RunOptions
    from veracore_sync.ports.ledger import Ledger

COMMAND = "serve-admin"


@app.command(COMMAND)
def serve_admin(
    context: typer.Context,
    host: Annotated[
        str | None, typer.Option(help="Address to bind to, instead of admin.host.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port, instead of admin.port; 0: any.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Serve the Admin API and a page that shows everything, until stopped."""
    from veracore_sync.cli.perform import Job, perform

    job = Job(COMMAND, lock="admin")
    perform(job, context.obj, as_json, lambda parts: _work(parts, host, port, quiet=as_json))


def _work(parts: Container, host: str | None, port: int | None, *, quiet: bool) -> Report:
    import signal

    from veracore_sync.admin.access import Tokens
    from veracore_sync.admin.desk import AdminDesk
    from veracore_sync.cli.perform import Report
    from veracore_sync.cli.serve_webhooks import check_host, tell_address
    from veracore_sync.config import require
    from veracore_sync.webhooks.meter import Meter
    from veracore_sync.webhooks.server import HookServer
    from veracore_sync.webhooks.supervise import Health, watch_over

    require(parts.settings, "admin")
    parts.bind()
    wanted = parts.settings.admin
    address = host or wanted.host
    check_host(address, "admin.host")
    tokens = Tokens(wanted.read_token.get_secret_value(), wanted.act_token.get_secret_value())
    health = Health(parts.clock, server="admin")
    desk = AdminDesk(CommandActions(parts), tokens, parts.clock, health.troubles)
    server = HookServer(
        address,
        wanted.port if port is None else port,
        desk,
        meter=Meter(),
        section="admin",
        part=health.part("accept"),
    )
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    server.start()
    tell_address(server.url, quiet=quiet)
    watch_over(stop, health, server.is_alive, parts.ledger.upkeep.check_in_place)
    return Report({"url": server.url, "drained": server.stop()})


class CommandActions:
    """Runs the commands' own code, each with parts of its own and under its lock.

    Args:
        parts: Of the server; its ledger is read from.
    """

    def __init__(self, parts: Container) -> None:
        self._parts = parts

    @property
    def ledger(self) -> Ledger:
        """To read from."""
        return self._parts.ledger

    def retry_order(self, name: str) -> Outcome:
        """Put an order back into the queue, or look it up; then send it if it is due."""
        from veracore_sync.admin.actions import Outcome

        row = self.ledger.orders.find(name)
        if row is None:
            return _no_such(name)
        outcome = self._run("retry", "orders", lambda parts: _retry(parts, row.code))
        after = self.ledger.orders.get(row.code)
        if not outcome.success or after is None or after.state in ("synced", "shipped"):
            return outcome
        why = f": {after.error_message}" if after.error_message else ""
        return Outcome(False, f"{row.code} is {after.state}{why}", outcome.result)

    def force_inventory(self) -> Outcome:
        """``sync-inventory --force``."""
        from veracore_sync.jobs.kernel import RunOptions

        return self._inventory(RunOptions(force=True))

    def inventory_for(self, sku: str) -> Outcome:
        """``sync-inventory --sku``."""
        from veracore_sync.jobs.kernel import RunOptions

        return self._inventory(RunOptions(only=(sku,)))

    def _inventory(self, options: RunOptions) -> Outcome:
        from veracore_sync.cli.sync_inventory import write

        return self._run("sync-inventory", "inventory", lambda parts: write(parts, options))

    def force_tracking(self) -> Outcome:
        """``sync-tracking --force``."""
        from veracore_sync.jobs.kernel import RunOptions

        return self._tracking(RunOptions(force=True))

    def tracking_for(self, name: str) -> Outcome:
        """``sync-tracking --order``."""
        from veracore_sync.jobs.kernel import RunOptions

        if self.ledger.orders.find(name) is None:
            return _no_such(name)
        return self._tracking(RunOptions(only=(name,)))

    def _tracking(self, options: RunOptions) -> Outcome:
        from veracore_sync.cli.sync_tracking import track

        return self._run("sync-tracking", "tracking", lambda parts: track(parts, options))

    def _run(self, command: str, lock: str, work: Callable[[Container], Report]) -> Outcome:
        from veracore_sync.admin.actions import Outcome
        from veracore_sync.cli.deliver import deliver_at_the_end
        from veracore_sync.cli.perform import Job, run_locked
        from veracore_sync.composition.container import Container
        from veracore_sync.errors import SyncError

        job = Job(command, lock, record=True, force=True)
        parts = Container(self._parts.loaded, self._parts.clock, family=lock, force=True)
        try:
            _, report = run_locked(job, parts, work)
            deliver_at_the_end(parts)
        except SyncError as error:
            return Outcome(False, f"{error.message}; {error.hint}")
        finally:
            parts.close()
        if report.error is not None:
            return Outcome(False, f"{report.error.message}; {report.error.hint}", report.document)
        told = {"news": report.news} if report.news else {}
        return Outcome(True, None, {**report.document, **told})


def _retry(parts: Container, code: str) -> Report:
    from veracore_sync.cli.sync_orders import send
    from veracore_sync.errors import UsageError
    from veracore_sync.jobs.kernel import RunOptions
    from veracore_sync.jobs.orders.doubts import Doubts
    from veracore_sync.jobs.orders.report import OrdersReport
    from veracore_sync.jobs.retry import execute, plan

    parts.bind()
    chosen = plan(parts.ledger, (code,), every=False, error_class=None)
    for _, why in chosen.refused:
        raise UsageError(why)
    context = parts.context(OrdersReport())
    execute(chosen, parts.ledger, context.report, Doubts(context))
    return send(parts, RunOptions(only=(code,)))


def _no_such(name: str) -> Outcome:
    from veracore_sync.admin.actions import Outcome

    return Outcome(False, f"the ledger holds no order {name}")
