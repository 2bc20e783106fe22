"""The checks of the shop: login, permissions, stock locations, shipping methods. Reads only."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping

from veracore_sync.config import Settings
from veracore_sync.config.orders import DEFAULT_CHANNEL
from veracore_sync.config.types import unknown
from veracore_sync.domain.errors import AuthRefused, SyncError
from veracore_sync.jobs.doctor.finding import CheckResult, fail, ok, warn
from veracore_sync.jobs.doctor.known_names import must_be_there
from veracore_sync.jobs.inventory.location_map import location_map
from veracore_sync.jobs.orders.bad_records import Reader, in_batches
from veracore_sync.ports.shop import GrantedAccess, ProcessNames, Shop
from veracore_sync.ports.warehouse import Capabilities

_CATALOGUE = ("ReadCatalog", "ReadProduct")
_LEVELS = ("UpdateCatalog", "UpdateProduct")
_NOBODYS = "veracore-sync-doctor"
"""A code that no order has, for a control read."""
_METHODS = ("ReadShippingMethod", "ReadSettings")
NEEDED: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "sync-orders": (("ReadOrder",),),
    "sync-inventory": (("ReadOrder",), _CATALOGUE, _LEVELS, ("ReadStockLocation",)),
    "sync-tracking": (("ReadOrder",), ("UpdateOrder",), _CATALOGUE, _LEVELS),
    "sync-returns": (("ReadOrder",), ("UpdateOrder",)),
}
"""The permissions that each job needs: one of each group (docs/vendure.md)."""
_FOR_NOTES = "sync-returns"
_MATTERS = (
    (
        ("3.0", "3.1 or 3.2", "3.3", "3.4", "3.5", "3.6 or 3.7"),
        "before 3.7 an order whose shipping method has left its channel cannot be read "
        "(order.unreadable); the others are sent",
    ),
    (
        ("3.6 or 3.7", "3.8 or later"),
        "from 3.7.4 on Vendure may allocate less to a paid order than it ordered",
    ),
)
"""What matters of a version, by the versions that the server may be (docs/vendure.md)."""


def shop(settings: Settings, client: Shop, warehouse: Capabilities) -> Iterator[CheckResult]:
    """Check the shop; the first finding is the login.

    Args:
        warehouse: What the dialect can show decides which stock locations can be used.
    """
    triggers = settings.orders.trigger_states
    try:
        poll = client.poll(
            trigger_states=triggers, moved_since=None, passed_states=(), passed_since=None
        )
    except SyncError as error:
        yield fail("Vendure", error)
        return
    waiting = f"{len(poll.waiting)} orders are in {', '.join(triggers)}"
    yield ok("Vendure", f"logged in, orders can be read, channel {poll.channel_code}: {waiting}")
    yield from server(client)
    if poll.refused is not None:
        yield fail("custom fields", poll.refused)
    elif fields := settings.orders.custom_fields:
        named = ", ".join(f"{setting} is {name}" for setting, name in fields.items())
        yield ok("custom fields", named)
    process = yield from _process(settings, client)
    try:
        access = _access(client)
    except SyncError as error:
        yield fail("permissions", error)
        return
    if poll.channel_code == DEFAULT_CHANNEL:
        yield from _channels(settings.orders.channels, client, access)
    yield from _permissions(access, notes=settings.returns.note)
    if process is not None and access is not None:
        yield from _hidden_fields(settings, process, access)
    yield _locations(settings, client, tells_warehouses=warehouse.tells_warehouses)
    if settings.orders.freight or settings.orders.skip_shipping_methods:
        yield _freight(settings, client, access, [one.code for one in poll.waiting])


def _process(settings: Settings, client: Shop) -> Generator[CheckResult, None, ProcessNames | None]:
    """Check the names that Vendure accepts without a word and then finds nothing for."""
    try:
        there = client.process_names()
        must_be_there(
            "orders.trigger_states",
            settings.orders.trigger_states,
            there.order_states,
            "order state",
        )
        must_be_there(
            "tracking.handler", [settings.tracking.handler], there.handlers, "fulfilment handler"
        )
    except SyncError as error:
        yield fail("names", error)
        return None
    yield ok("names", "the shop has the states of orders.trigger_states and the tracking.handler")
    return there


def _hidden_fields(
    settings: Settings, process: ProcessNames, access: GrantedAccess
) -> Iterator[CheckResult]:
    """Warn of custom fields that Vendure shows to this role as if they were never set."""
    for setting, name in settings.orders.custom_fields.items():
        needed = process.field_permissions.get(name, frozenset())
        if needed and _lacking(access, (tuple(sorted(needed)),)):
            yield warn(
                "custom fields",
                f"{setting}: {name} reads as empty, because the role lacks "
                f"{' or '.join(sorted(needed))}",
                f"add it to the role in the channel {access.channel_code}",
            )


def _channels(
    taken: tuple[str, ...], client: Shop, access: GrantedAccess | None
) -> Iterator[CheckResult]:
    """Warn of orders that another configuration may send too."""
    name = "channels"
    if taken:
        yield ok(name, f"of the default channel's list, orders of {', '.join(taken)} are sent")
        return
    others = [one for one in access.channels if one != DEFAULT_CHANNEL] if access else []
    try:
        if not others and not client.has_several_channels():
            return
    except SyncError as error:
        yield fail(name, error)
        return
    named = f" ({', '.join(others)})" if others else ""
    yield warn(
        name,
        "this is the default channel of a shop with several: the orders of the other channels"
        f"{named} also appear here and are sent; a second configuration that sends those would "
        "ship them twice",
        "if there is one, name the channels of this one in orders.channels "
        "(docs/vendure.md, Several channels)",
    )


def server(client: Shop) -> Iterator[CheckResult]:
    """The server's version, with what in it matters, and how much it lists at once."""
    try:
        traits = client.server()
    except SyncError as error:
        yield fail("Vendure's version", error)
        return
    if traits.version:
        known = [text for versions, text in _MATTERS if traits.version in versions]
        shown = f"{traits.version}, as its API shows (which does not show the patch level)"
        yield ok("Vendure's version", "; ".join([shown, *known]))
    else:
        shown = "does not show, because the server's introspection is switched off"
        yield ok("Vendure's version", "; ".join([shown, *dict(_MATTERS).values()]))
    limit = traits.list_limit
    said = "all records" if limit is None else f"at most {limit} records"
    yield ok("Vendure's lists", f"it lists {said} in a request, and no list is asked for more")


def _access(client: Shop) -> GrantedAccess | None:
    """The role's permissions; ``None`` if Vendure does not show them, as with an API key.

    Raises:
        SyncError: Vendure did not answer.
    """
    try:
        return client.access()
    except AuthRefused:
        return None


def _permissions(access: GrantedAccess | None, *, notes: bool) -> Iterator[CheckResult]:
    if access is None:
        yield ok("permissions", "Vendure shows none for an API key: the checks below try the reads")
        return
    # Without notes that job does not use the shop.
    needed = {job: groups for job, groups in NEEDED.items() if notes or job != _FOR_NOTES}
    lacking = {job: _lacking(access, groups) for job, groups in needed.items()}
    for job, missing in lacking.items():
        if missing:
            yield warn(
                "permissions",
                f"{job} cannot run: the role lacks {', '.join(missing)}",
                f"add them to the role in the channel {access.channel_code}, if you use {job}",
            )
    if not any(lacking.values()):
        yield ok("permissions", f"enough for {', '.join(needed)}")


def _lacking(access: GrantedAccess, groups: tuple[tuple[str, ...], ...]) -> list[str]:
    if "SuperAdmin" in access.permissions:
        return []
    return [group[0] for group in groups if access.permissions.isdisjoint(group)]


def _locations(settings: Settings, client: Shop, *, tells_warehouses: bool) -> CheckResult:
    try:
        found = client.stock.locations()
        mapping = settings.inventory.locations
        wanted = location_map(mapping, found, tells_warehouses=tells_warehouses)
    except AuthRefused as error:
        return warn("stock locations", error.message, f"for sync-inventory: {error.hint}")
    except SyncError as error:
        return fail("stock locations", error)
    names = {one.id: one.name for one in found}
    return ok("stock locations", ", ".join(names[place] for place in wanted.order))


def _freight(
    settings: Settings, client: Shop, access: GrantedAccess | None, codes: list[str]
) -> CheckResult:
    """Check all shipping methods if the role may read them, else those of the waiting orders.

    Only then is a method that a setting names known to be there.
    """
    name = "shipping methods"
    stale: list[str] = []
    unread: dict[str, SyncError] = {}
    try:
        if access is not None and not access.permissions.isdisjoint((*_METHODS, "SuperAdmin")):
            methods, seen = set(client.shipping_methods()), "of the shop's methods"
            stale = list(_stale_methods(settings, methods))
        elif not settings.orders.freight:
            return ok(name, f"orders.skip_shipping_methods is compared only with {_METHODS[0]}")
        else:
            reader = Reader(client, _NOBODYS)
            batches = in_batches(codes)
            orders = [one for batch in batches for one in reader.read(batch, unread.__setitem__)]
            methods = {line.method_code for one in orders for line in one.shipping_lines}
            seen = f"of the waiting orders (with {_METHODS[0]}, all are checked)"
    except SyncError as error:
        return fail(name, error)
    if unread:
        code, why = next(iter(unread.items()))
        more = f" and {len(unread) - 1} more" if len(unread) > 1 else ""
        todo = "check it in the shop's admin and in the server's log; the others are sent meanwhile"
        return warn(name, f"the order {code}{more} cannot be read: {why.message}", todo)
    known = {*settings.orders.freight, *settings.orders.skip_shipping_methods}
    # Without any freight the warehouse's default applies.
    unmapped = sorted(methods - known) if settings.orders.freight else []
    if not unmapped and not stale:
        said = "have a freight or are skipped" if settings.orders.freight else "are known"
        return ok(name, f"{len(methods)} {seen} {said}")
    problems, remedies = list(stale), ["correct the names, or take them out"] if stale else []
    if unmapped:
        tables = ", ".join(f'[orders.freight."{one}"]' for one in unmapped)
        problems.insert(0, f"{', '.join(unmapped)}: no freight, so their orders are parked")
        remedies.insert(0, f"add {tables}, or list them in orders.skip_shipping_methods")
    return warn(name, "; ".join(problems), "; ".join(remedies))


def _stale_methods(settings: Settings, methods: set[str]) -> Iterator[str]:
    named = {
        "orders.freight": settings.orders.freight,
        "orders.skip_shipping_methods": settings.orders.skip_shipping_methods,
    }
    for setting, codes in named.items():
        if missing := sorted({*codes} - methods):
            yield f"{setting}: {unknown(missing, methods, 'shipping method')}"
