"""``serve-admin`` for every shop of a folder: one server, one log-in, a page for each."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TypeVar

from veracore_sync.admin.door import Door
from veracore_sync.admin.handler import AdminHandler
from veracore_sync.cli.every_shop import colliding, options_of, shops_of
from veracore_sync.cli.globals import Globals
from veracore_sync.cli.logs import set_up
from veracore_sync.cli.serve_admin import pages_of, serve
from veracore_sync.cli.settings import load_settings
from veracore_sync.clock import SystemClock
from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport
from veracore_sync.config.shops import ShopFile
from veracore_sync.domain.errors import ConfigError, SyncError
from veracore_sync.webhooks.supervision import Health

T = TypeVar("T")
_OR = {"host": ", or give --host", "port": ", or give --port"}


def serve_shops(
    options: Globals, host: str | None, port: int | None, *, quiet: bool
) -> CommandReport:
    """Serve every shop whose configuration and ledger can be read, until a signal stops it.

    Args:
        options: The global options, which name the folder.
        host: The address to bind to; ``None``: the ``admin.host`` of all shops.
        port: The port; ``None``: the ``admin.port`` of all shops.
        quiet: Announce the address on stderr.

    Raises:
        ConfigError: No shop can be served, or the shops have several addresses.
    """
    shops = shops_of(options)
    blocked: dict[str, SyncError] = {**colliding(shops, options)}
    clock = SystemClock()
    with ExitStack() as stack:
        containers: list[Container] = []
        for shop in shops:
            try:
                if shop.name not in blocked:
                    containers.append(_opened(shop, options, stack))
            except SyncError as error:
                blocked[shop.name] = error
        if not containers:
            name, first = next(iter(blocked.items()))
            raise ConfigError(f"no shop can be served; {name}: {first.message}", hint=first.hint)
        wanted = [one.settings.admin for one in containers]
        set_up(replace(containers[0].loaded, shop=""))
        health = Health(clock, server="admin")

        def check_ledgers() -> None:
            for one in containers:
                one.ledger.upkeep.check_in_place()

        address = host or _same("host", [one.host for one in wanted])
        door = Door(
            clock,
            address,
            [name for one in wanted for name in one.hosts],
            _same("trusted_proxies", [one.trusted_proxies for one in wanted]),
        )
        handler = AdminHandler(
            [pages_of(one) for one in containers],
            clock,
            health.troubles,
            {name: f"{error.message}; {error.hint}" for name, error in blocked.items()},
            door,
        )
        return serve(
            handler,
            health,
            check_ledgers,
            host=address,
            port=_same("port", [one.port for one in wanted]) if port is None else port,
            quiet=quiet,
        )


def _opened(shop: ShopFile, options: Globals, stack: ExitStack) -> Container:
    container = Container(load_settings(options_of(shop, options)))
    stack.callback(container.close)
    container.require("admin")
    container.bind()
    stack.enter_context(container.ledger.runs.lock("admin", "serve-admin"))
    return container


def _same(key: str, values: Sequence[T]) -> T:
    if len(set(values)) > 1:
        raise ConfigError(
            f"admin.{key} differs among the shops, and one server serves them all",
            hint=f"set the same admin.{key} in each file{_OR.get(key, '')}",
        )
    return values[0]
