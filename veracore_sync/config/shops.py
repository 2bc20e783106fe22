"""A folder with the configurations of several shops: which there are, and whether they collide."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from veracore_sync.config.address import normalised, parse
from veracore_sync.config.file import VARIABLE
from veracore_sync.config.given import DEFAULT, located
from veracore_sync.config.load import Loaded, load
from veracore_sync.config.services import LedgerSettings
from veracore_sync.domain.advice import command
from veracore_sync.domain.errors import ConfigError
from veracore_sync.files import resolved
from veracore_sync.trusted import Untrusted, check_trusted

SYSTEM_FOLDER = Path("/etc/veracore-sync/shops")
"""The folder that ``--all`` means, unless the environment or the user's home has one."""
_NAMED = 5
_POSTGRESQL_PORT = "5432"
_SERVER = re.compile(r"(.*):(\d+)")
_OF_THE_USER = ("HOME", "XDG_STATE_HOME")


@dataclass(frozen=True, slots=True)
class ShopFile:
    """The configuration of one shop of a folder.

    Args:
        name: ``shop1`` of ``shop1.toml`` or ``shop1/config.toml``.
        path: The file, absolute.
    """

    name: str
    path: Path


def folder_of_shops(
    given: Path | None, environ: Mapping[str, str], cwd: Path, *, every: bool
) -> Path:
    """The folder whose shops a command runs for.

    Args:
        given: What ``--config`` named, if anything.
        environ: ``VERACORE_SYNC_CONFIG``, ``XDG_CONFIG_HOME`` and ``HOME`` are read.
        cwd: Relative paths begin here.
        every: Whether ``--all`` was given.

    Raises:
        ConfigError: There is none, or strangers may put files into it.
    """
    named = given if given is not None else environ.get(VARIABLE)
    places = [located(str(named), cwd, environ)] if named else default_folders(environ)
    # One that is closed is passed over, not all of them.
    seen = (place for place in places if os.access(place, os.F_OK, effective_ids=True))
    found = next((place for place in seen if place.is_dir()), None)
    if found is None:
        raise ConfigError(
            f"{'--all: ' if every else ''}there is no folder {' or '.join(map(str, places))}",
            hint="name the folder of configurations with --config, as a user who may enter it",
        )
    try:
        check_trusted(found, folder=True)
    except Untrusted as error:
        raise ConfigError(f"the folder {found} {error.reason}", hint=error.todo) from None
    except OSError:
        pass  # Said when it is listed.
    return found


def shops_in(folder: Path) -> list[ShopFile]:
    """The shops of a folder by name: each ``NAME.toml`` and each ``NAME/config.toml``.

    Raises:
        ConfigError: There is none, two have one name, or the folder cannot be read.
    """
    try:
        # Not by `glob` alone, which takes a folder that may not be read for an empty one.
        next(folder.iterdir(), None)
        files = [ShopFile(path.stem, path) for path in folder.glob("*.toml")]
        files += [ShopFile(path.parent.name, path) for path in folder.glob("*/config.toml")]
        # A closed folder may be a shop's, unless that has its file beside it.
        known = {"lost+found", *(one.name for one in files)}
        others = [one for one in folder.glob("*/") if one.name not in known]
        closed = (one for one in others if not os.access(one, os.X_OK, effective_ids=True))
        files += [ShopFile(one.name, one / "config.toml") for one in closed]
    except OSError as error:
        raise ConfigError(
            f"the folder {folder} cannot be read ({error.strerror})",
            hint="check its owner and mode",
        ) from error
    found: dict[str, ShopFile] = {}
    for one in sorted((one for one in files if not one.name.startswith(".")), key=_by_name):
        if one.name in found:
            raise ConfigError(
                f"{one.path} and {found[one.name].path} are both named {one.name}",
                hint="rename one of them",
            )
        found[one.name] = one
    if not found:
        raise ConfigError(
            f"there is no configuration in {folder}",
            hint="put one into it as NAME.toml or NAME/config.toml: "
            + command("--config FILE init", FILE=f"{folder}/NAME.toml"),
        )
    return list(found.values())


def collisions(loaded: Sequence[tuple[ShopFile, Loaded]]) -> dict[str, ConfigError]:
    """What keeps shops of one folder from running side by side, by the shop's name.

    Args:
        loaded: Every shop whose configuration can be read.
    """
    shared = _shared_by_several(loaded)
    found = {shop.name: _unlocated(shop, one) or shared.get(shop.name) for shop, one in loaded}
    return {name: error for name, error in found.items() if error is not None}


def collision_with_neighbours(loaded: Loaded, environ: Mapping[str, str]) -> ConfigError | None:
    """What a shop that runs alone has in common with others of its folder, and must not have.

    Args:
        loaded: The shop's configuration.
        environ: The environment. The others are read without its settings: it is this shop's.
    """
    own, readable = _neighbours(loaded, environ)
    # Where all of a folder run, they were compared before.
    if own is None or loaded.shop:
        return None
    return _shared_by_several([*readable, (own, loaded)]).get(own.name)


def in_the_way(loaded: Loaded, environ: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """The others of its folder that a shop may meet at VeraCore, or in Vendure; as above.

    Returns:
        Other shops that send to its account under ids like its own; and those that send its own
        orders to another account.
    """
    shop, *account = _account(loaded)
    of_one_account: list[str] = []
    of_one_shop: list[str] = []
    for neighbour, one in _neighbours(loaded, environ)[1]:
        its_shop, *its = _account(one)
        # In one shop no code is given twice.
        if its_shop != shop and account[0] and its == account:
            if one.settings.orders.id_prefix == loaded.settings.orders.id_prefix:
                of_one_account.append(neighbour.name)
        # Without an account it is not set up yet, or the environment of its unit names that.
        elif its_shop == shop and its != account and all((*account, *its)):
            parts = {*one.settings.skus.exclude} != {*loaded.settings.skus.exclude}
            if not parts and _may_send_the_same(one, loaded):
                of_one_shop.append(neighbour.name)
    return sorted(of_one_account), sorted(of_one_shop)


def _neighbours(
    loaded: Loaded, environ: Mapping[str, str]
) -> tuple[ShopFile | None, list[tuple[ShopFile, Loaded]]]:
    """The shop's own file, if it is one of several, and the others that can be read."""
    path = loaded.path
    # The usual file of the only shop lies among those of other programs.
    if path is None or path.parent.name == "veracore-sync":
        return None, []
    folder = path.parent.parent if path.name == "config.toml" else path.parent
    readable: list[tuple[ShopFile, Loaded]] = []
    own: ShopFile | None = None
    about_the_user = {one: environ[one] for one in _OF_THE_USER if one in environ}
    try:
        shops = shops_in(folder)
    except ConfigError:
        return None, []
    for shop in shops:
        if resolved(shop.path) == resolved(path):
            own = shop
            continue
        try:
            other = load(shop.path, about_the_user)
        except ConfigError:
            # Of another program, of another user, or said when it is that shop's turn.
            continue
        if other.settings.vendure.admin_api_url:
            readable.append((shop, other))
    return own, readable


@dataclass(frozen=True, slots=True)
class _Claim:
    """Something that only one shop may have.

    Args:
        what: Such as ``"have the same ledger"``.
        setting: Which settings decide it, with an article.
    """

    what: str
    setting: str


def _shared_by_several(loaded: Sequence[tuple[ShopFile, Loaded]]) -> dict[str, ConfigError]:
    # Two shops on one ledger, or one shop with two ledgers: either would send orders twice. Which
    # of them is wrong cannot be known, so none of them runs. A file that both write shows a
    # monitor only one of them.
    claimants: dict[str, list[ShopFile]] = defaultdict(list)
    accounts: dict[tuple[str, ...], list[tuple[ShopFile, Loaded]]] = defaultdict(list)
    for shop, one in loaded:
        for key in _claims(one):
            claimants[key].append(shop)
        accounts[_account(one)].append((shop, one))
    found: dict[str, ConfigError] = {}
    for shop, one in loaded:
        errors = [
            _shared(claimants[key], claim.what, f"set {claim.setting} of its own")
            for key, claim in _claims(one).items()
        ]
        errors.append(
            _shared(
                [other for other, its in accounts[_account(one)] if _may_send_the_same(one, its)],
                "carry the orders of one shop to one warehouse",
                "correct vendure.*, veracore.* or orders.channels, or remove one,",
            )
        )
        error = next((error for error in errors if error is not None), None)
        if error is not None:
            found[shop.name] = error
    return found


def _claims(one: Loaded) -> dict[str, _Claim]:
    """What no other shop may have, by what is compared."""
    ledger, textfile = one.settings.ledger, one.settings.metrics.textfile
    claims: dict[str, _Claim] = {}
    if textfile:
        # Its folder alone: each run replaces the file, even one that is a symbolic link.
        path = Path(textfile)
        written = str(resolved(path.parent) / path.name)
        claims[written] = _Claim(f"write the same file {written}", "a metrics.textfile")
    same = _Claim("have the same ledger", "a ledger.path, or a ledger.schema_name,")
    places = _places_in_servers(ledger) if ledger.url else [str(resolved(ledger.path))]
    return claims | dict.fromkeys(places, same)


def _shared(having: Sequence[ShopFile], what: str, todo: str) -> ConfigError | None:
    if len(having) < 2:
        return None
    shops = sorted(having, key=_by_name)
    names = _some([one.name for one in shops], "and")
    files = _some([str(one.path) for one in shops], "or")
    hint = f"{todo} in {files}; a setting in the environment holds for every shop"
    return ConfigError(f"{names} {what}", hint=hint)


def _some(names: Sequence[str], word: str) -> str:
    # Each of hundreds that collide is told of it.
    last = names[-1] if len(names) <= _NAMED else f"{len(names) - _NAMED + 1} more"
    return f"{', '.join(names[: min(len(names), _NAMED) - 1])} {word} {last}"


def _may_send_the_same(one: Loaded, other: Loaded) -> bool:
    """Whether an order of their shop may be sent by both; a shop and itself may."""
    settings = (one.settings, other.settings)
    if one.settings.vendure.channel_token != other.settings.vendure.channel_token:
        # Without a token it is the default channel, which lists the orders of all.
        return any(not its.vendure.channel_token and not its.orders.channels for its in settings)
    mine, its = (each.orders.channels for each in settings)
    return not (mine and its) or not {*mine}.isdisjoint(its)


def _unlocated(shop: ShopFile, one: Loaded) -> ConfigError | None:
    # The default depends on the user and on systemd: run alone, the shop would have another ledger,
    # which knows no order that was sent.
    if one.settings.ledger.url or one.origins["ledger.path"] != DEFAULT:
        return None
    return ConfigError(
        f"{shop.path} sets neither ledger.path nor ledger.url, and each of several shops needs one",
        hint=f'add [ledger] path = "/var/lib/veracore-sync/{shop.name}/ledger.db" to it',
    )


def _places_in_servers(ledger: LedgerSettings) -> list[str]:
    """The ledger's place in each server that the address names, however the user is named."""
    where = urlsplit(ledger.url)
    asked = dict(parse_qsl(where.query))
    name = asked.get("dbname") or where.path.removeprefix("/")
    ports = asked.get("port", "").split(",")
    servers = asked.get("host") or unquote(where.netloc.rpartition("@")[2])
    found = []
    for number, server in enumerate(servers.split(",")):
        named = _SERVER.fullmatch(server)
        host, port = named.groups() if named else (server, None)
        port = port or ports[min(number, len(ports) - 1)] or _POSTGRESQL_PORT
        found.append(f"{host.lower()} {port} {name} {asked.get('service')} {ledger.schema_name}")
    return found


def _account(one: Loaded) -> tuple[str, ...]:
    """Shop and warehouse account, however their addresses are written."""
    vendure, veracore = one.settings.vendure, one.settings.veracore
    return (
        normalised(vendure.admin_api_url).casefold(),
        veracore.api_url and parse(normalised(veracore.api_url)).tenant,
        veracore.company_id.casefold(),
    )


def default_folders(environ: Mapping[str, str]) -> list[Path]:
    """Where the folder of several shops is looked for if none is named, first to last."""
    home = environ.get("HOME")
    base = environ.get("XDG_CONFIG_HOME") or (f"{home}/.config" if home else "")
    of_the_user = [Path(base) / "veracore-sync" / "shops"] if base else []
    return [*of_the_user, SYSTEM_FOLDER]


def _by_name(shop: ShopFile) -> tuple[str, Path]:
    return shop.name, shop.path
