"""The parts of a process, created on first use and closed together."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING

from veracore_sync.clock import Clock, SystemClock
from veracore_sync.config import Loaded, Need, Settings, VeracoreSettings, require
from veracore_sync.config.address import is_same_tenant
from veracore_sync.domain.errors import (
    AuthRefused,
    ConfigError,
    LedgerError,
    LedgerOutdated,
    Occurrence,
    SyncError,
    UpstreamError,
)
from veracore_sync.domain.readable import exactly
from veracore_sync.jobs.progress import Progress, no_progress
from veracore_sync.jobs.schedule import longest_run
from veracore_sync.transport.gate import LedgerGate

# Both sides import httpx and backoff, which takes a third of a second on a small machine; ledger
# and runs import every record. Most commands use neither side and run no job, and some open no
# ledger, so these modules are imported on first use.
if TYPE_CHECKING:
    from veracore_sync.composition.pings import Ping
    from veracore_sync.jobs.kernel import ReportT, RunContext, RunOptions
    from veracore_sync.ports.concurrency import Concurrency
    from veracore_sync.ports.ledger import Ledger
    from veracore_sync.ports.order_hooks import OrderHooks
    from veracore_sync.ports.shop import Shop
    from veracore_sync.ports.warehouse import Warehouse
    from veracore_sync.transport.http import Gate
    from veracore_sync.transport.retry import RetryPolicy
    from veracore_sync.veracore.probe.wire import Wire

UPSTREAMS = {"shop": "vendure", "warehouse": "veracore"}
"""The upstream of each side that a ledger is bound to."""


@dataclass
class Container:
    """Settings, ledger, shop and warehouse of one command.

    Args:
        loaded: The configuration.
        clock: The clock.
        read_only: Open the ledger read-only; if there is none, use an empty one in memory.
        family: The job family, for circuit breakers.
        force: A person asked: ignore an open breaker's wait and remembered refusals.
        rebuilds: Fill a ledger that is being rebuilt. Nothing of it is an event: it was one before.
        ping: Tells a monitor of this run.
        creates: Begin the ledger if there is none.
    """

    loaded: Loaded
    clock: Clock = field(default_factory=SystemClock)
    read_only: bool = False
    family: str = "other"
    force: bool = False
    rebuilds: bool = False
    ping: Ping | None = field(default=None, repr=False)
    creates: bool = True
    _gates: dict[str, LedgerGate] = field(default_factory=dict, repr=False)
    _run_ends_at: float = field(default=math.inf, repr=False)

    @property
    def settings(self) -> Settings:
        """All settings."""
        return self.loaded.settings

    def require(self, *needs: Need) -> None:
        """Check that what these sides need is set, and that their secrets can be had.

        Raises:
            ConfigError: It is not; names each setting.
        """
        require(self.settings, *needs, unusable=self.loaded.unusable)

    @property
    def hook_names(self) -> tuple[str, ...]:
        """The hooks that are set; also those that cannot be called here, as their events wait."""
        names = self.settings.hooks.names
        return (*names, "notify") if "hooks.notify" in self.loaded.unusable else names

    @contextmanager
    def run_of(self, job: str | None) -> Iterator[None]:
        """Cut requests in the block off when the time limit of a run of `job` is reached.

        Args:
            job: The job's name; ``None``, or a job without a time limit: no limit.
        """
        longest = longest_run(self.settings, job)
        if longest is not None:
            # The ledger's clock, by which the requests of the run go.
            self._run_ends_at = self.ledger.clock.monotonic() + longest.total_seconds()
        try:
            yield
        finally:
            self._run_ends_at = math.inf

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger; from its opening on, `clock` is its clock.

        Raises:
            LedgerError: It cannot be opened.
        """
        opened = self._open_ledger()
        # Everything that compares with stored times goes by the clock that stored them.
        self.clock = opened.clock
        return opened

    def _open_ledger(self) -> Ledger:
        from veracore_sync.ledger.opening import is_there, open_ledger, place_of

        self.require("ledger")
        place = place_of(self.settings.ledger)
        if self.rebuilds and not self.read_only:
            return open_ledger(place, clock=self.clock, rebuilds=True)
        if not self.read_only and (self.creates or is_there(place)):
            return open_ledger(place, clock=self.clock, hooks=self.hook_names)
        if not self.read_only:
            raise self.no_ledger()
        if is_there(place):
            return open_ledger(place, read_only=True, clock=self.clock)
        return open_ledger(None, clock=self.clock)

    def do_without_an_outdated_ledger(self) -> None:
        """Use an empty one in memory, to only look at both sides, if ours waits for its upgrade.

        Raises:
            LedgerError: It cannot be opened for another reason.
        """
        self._open_an_outdated_ledger(as_it_is=False)

    def use_an_outdated_ledger_as_it_is(self) -> None:
        """Open a ledger that waits for its upgrade without upgrading it, to check or copy it.

        Raises:
            LedgerError: It cannot be opened for another reason.
        """
        self._open_an_outdated_ledger(as_it_is=True)

    def _open_an_outdated_ledger(self, *, as_it_is: bool) -> None:
        from veracore_sync.ledger.opening import open_ledger, place_of

        try:
            _ = self.ledger
        except LedgerOutdated:
            place = place_of(self.settings.ledger) if as_it_is else None
            vars(self)["ledger"] = open_ledger(
                place, read_only=as_it_is, as_it_is=as_it_is, clock=self.clock
            )

    def no_ledger(self) -> LedgerError:
        """The error for a command that needs a ledger and finds none."""
        from veracore_sync.ledger.opening import place_of

        settings = self.settings.ledger
        key = "ledger.url" if settings.url else "ledger.path"
        origin = self.loaded.origins.get(key, "default")
        said = f"{key}: {origin}"
        if origin == "default":
            said = f"{key} is not set: this is the default of your user"
        return LedgerError(
            f"there is no ledger at {place_of(settings)} ({said})",
            hint="if syncs have run, name their configuration with --config, as the user that runs "
            "them; else the first `veracore-sync sync-orders` creates it",
        )

    @property
    def has_ledger(self) -> bool:
        """Whether the ledger is open."""
        return "ledger" in vars(self)

    @cached_property
    def shop(self) -> Shop:
        """The shop."""
        from veracore_sync.vendure.shop import VendureShop

        return VendureShop(
            self.settings.vendure,
            custom_fields=self.settings.orders.custom_fields,
            reads_parts=self.settings.orders.order_types is not None,
            channels=self.settings.orders.channels,
            reads_groups=self.settings.orders.reads_groups,
            retry=self._retry,
            gate=self._gate("vendure", per_minute=0),
            clock=self.clock,
            concurrency=self.concurrency,
        )

    @cached_property
    def concurrency(self) -> Concurrency:
        """What the runs of this process do side by side."""
        from veracore_sync.transport.concurrency import LimitedConcurrency

        shop, warehouse = self.settings.vendure, self.settings.veracore
        most = {"vendure": shop.max_concurrency, "veracore": warehouse.max_concurrency}
        return LimitedConcurrency(min(most.values()), most, self.clock)

    @cached_property
    def order_hooks(self) -> OrderHooks:
        """The order hooks that the settings name; none is imported before it is needed."""
        from veracore_sync.ports.order_hooks import NO_HOOKS

        orders = self.settings.orders
        if not orders.hooks:
            return NO_HOOKS
        from veracore_sync.hooking.process import HookProcess

        return HookProcess(orders.hooks, orders.hook_seconds)

    @cached_property
    def warehouse(self) -> Warehouse:
        """The warehouse."""
        return self.warehouse_of(self.settings.veracore)

    def warehouse_of(self, settings: VeracoreSettings) -> Warehouse:
        """A warehouse with other settings."""
        from veracore_sync.veracore.connect import connect

        return connect(
            settings,
            probe_id=self.ledger.meta.probe_id,
            retry=self._retry,
            gate=self._gate("veracore", per_minute=self.settings.veracore.rate_per_minute),
            clock=self.clock,
        )

    def probe_wire(self) -> Wire:
        """A connection of its own, for the probe of the configured tenant."""
        from veracore_sync.veracore.probe.wire import Wire

        return Wire(
            self.settings.veracore,
            retry=self._retry,
            gate=self._gate("veracore", per_minute=self.settings.veracore.rate_per_minute),
            clock=self.clock,
        )

    def other_dialects(self) -> dict[str, Callable[[], Warehouse]]:
        """A function for each dialect that is not configured; it connects when called."""
        from veracore_sync.veracore.connect import DIALECTS

        veracore = self.settings.veracore
        return {
            name: partial(self.warehouse_of, veracore.model_copy(update={"api": name}))
            for name in DIALECTS
            if name != veracore.dialect
        }

    def context(
        self,
        report: ReportT,
        options: RunOptions | None = None,
        progress: Progress | None = None,
    ) -> RunContext[ReportT]:
        """The context of a run of a job.

        Args:
            report: The job's report, still empty.
            options: The options of the run.
            progress: Called as the run advances.

        Raises:
            ConfigError: The ledger is being rebuilt: what a run would plan from it is wrong.
        """
        from veracore_sync.jobs.kernel import RunContext, RunOptions
        from veracore_sync.ledger.closed import being_rebuilt

        if self.ledger.meta.rebuilding and not self.rebuilds:
            raise being_rebuilt(self.ledger.place)
        return RunContext(
            report,
            self.shop,
            self.warehouse,
            self.ledger,
            self.settings.with_id_prefixes(self.ledger.meta.id_prefixes),
            self.clock,
            options or RunOptions(),
            progress or no_progress,
            order_hooks=self.order_hooks,
            concurrency=self.concurrency,
        )

    def _gate(self, upstream: str, *, per_minute: int) -> Gate:
        # A forced read-only run cannot claim a probe or count requests, because that writes.
        if self.read_only and self.force:
            from veracore_sync.transport.http import OpenGate

            return OpenGate(lambda: self._run_ends_at)
        wanted = self.settings.retry
        breaker = self.ledger.breakers.one(
            upstream,
            self.family,
            threshold=wanted.breaker_threshold,
            cooldown=timedelta(seconds=wanted.breaker_cooldown_seconds),
            forced=self.force,
            read_only=self.read_only,
        )
        budget = None if self.read_only else self.ledger.budgets.of(upstream, per_minute)
        self._gates[upstream] = LedgerGate(
            breaker,
            budget,
            lambda: self._refuse_known(upstream),
            lambda: self._run_ends_at,
            self.ledger.runs.confirm,
        )
        return self._gates[upstream]

    def _credentials(self, upstream: str) -> str:
        if upstream == "vendure":
            vendure = self.settings.vendure
            secrets = (vendure.password.get_secret_value(), vendure.api_key.get_secret_value())
            return "\n".join((vendure.admin_api_url, vendure.username, *secrets))
        veracore = self.settings.veracore
        secret = veracore.client_secret.get_secret_value()
        return "\n".join((veracore.api_url, veracore.company_id, veracore.client_id, secret))

    def _refuse_known(self, upstream: str) -> None:
        """Do not use credentials again that were refused.

        Raises:
            AuthRefused: They are the refused ones, and the next hourly trial is not due.
        """
        refusals, credentials = self.ledger.refusals, self._credentials(upstream)
        if self.force:
            return
        # The hourly trial is claimed by writing, so a read-only run has none.
        if self.read_only and not refusals.blocks(upstream, credentials):
            return
        if not self.read_only and refusals.may_try(upstream, credentials):
            return
        name = {"vendure": "Vendure", "veracore": "VeraCore"}[upstream]
        raise AuthRefused(
            f"{name} refused these credentials at {exactly(refusals.standing(upstream))}: "
            f"no request was made; check {upstream}.* in the configuration",
            upstream=upstream,
            what=Occurrence.KNOWN_REFUSED,
            hint="correct them; or run `veracore-sync breaker reset` to try these again at once",
        )

    def remember_credentials_outcome(self, error: SyncError | None) -> None:
        """Record whether the credentials were refused or accepted in a run.

        Args:
            error: What ended the run, if anything.
        """
        if self.read_only:
            return
        if isinstance(error, AuthRefused) and error.listed:
            self.ledger.refusals.remember(error.upstream, self._credentials(error.upstream))
        for upstream, gate in self._gates.items():
            if gate.upstream_answered and not _may_concern(error, upstream):
                self.ledger.refusals.forget(upstream)

    @property
    def _retry(self) -> RetryPolicy:
        from veracore_sync.transport.retry import RetryPolicy

        wanted = self.settings.retry
        return RetryPolicy(tries=wanted.tries, base_seconds=wanted.read_base_seconds)

    def bind(self, *, logs_in: bool = True) -> None:
        """Check that the ledger belongs to this shop and this warehouse; bind a new one to them.

        Args:
            logs_in: Whether this process also logs in to both.

        Raises:
            ConfigError: A setting is missing, or the ledger belongs to another pair.
        """
        self._bind(self.ledger, write=not self.read_only, logs_in=logs_in)

    def must_belong(self, ledger: Ledger) -> None:
        """Check that another ledger, such as a backup, belongs to this shop and this warehouse.

        Raises:
            ConfigError: A setting is missing, or the ledger belongs to another pair.
        """
        self._bind(ledger, write=False, is_own=False)

    def _bind(
        self, ledger: Ledger, *, write: bool, logs_in: bool = True, is_own: bool = True
    ) -> None:
        self.require(*(("vendure", "veracore") if logs_in else ("pair",)))
        # A ledger of another shop or company knows none of these orders and would send them all.
        pair = (self.shop_identity, self.warehouse_identity)
        anew = ledger.meta.bind(*pair, is_same=is_same_tenant, write=write, is_own=is_own)
        if write:
            for prefix in self.settings.orders.id_prefixes:
                ledger.meta.note_id_prefix(prefix)
        for side in anew:
            # What failed at the mistyped address says nothing about the right one.
            ledger.breakers.reset(UPSTREAMS[side])

    @property
    def shop_identity(self) -> str:
        """The shop as a ledger is bound to it: address and channel."""
        from veracore_sync.vendure.shop import identity_of

        return identity_of(self.settings.vendure)

    @property
    def warehouse_identity(self) -> str:
        """The warehouse as a ledger is bound to it: dialect, address and company."""
        veracore = self.settings.veracore
        return f"{veracore.dialect} {veracore.api_url} {veracore.company_id.casefold()}"

    def close(self) -> None:
        """Close the parts that were created."""
        for name in ("concurrency", "shop", "warehouse", "ledger", "order_hooks"):
            part = self.__dict__.get(name)
            if part is not None and hasattr(part, "close"):
                part.close()


def _may_concern(error: SyncError | None, upstream: str) -> bool:
    """Whether the error may mean that this upstream did not accept the login."""
    if isinstance(error, UpstreamError):
        return error.upstream == upstream
    return isinstance(error, ConfigError)
