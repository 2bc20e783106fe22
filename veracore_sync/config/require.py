"""The settings that a command needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Literal

from pydantic import SecretStr

from veracore_sync.config.environment import names_of
from veracore_sync.config.given import TO_CORRECT, fault
from veracore_sync.config.schema import Settings

Need = Literal["vendure", "veracore", "pair", "webhooks", "hooks", "admin", "ledger"]
_ASKED_FOR = frozenset({"vendure", "veracore", "pair"})
_RANDOM_TEXT = "python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
_NOTHING: Mapping[str, str] = MappingProxyType({})


def require(settings: Settings, *needs: Need, unusable: Mapping[str, str] = _NOTHING) -> None:
    """Check that what these sides need is set.

    Args:
        settings: What `load` returned.
        needs: ``vendure`` an address and a login; ``veracore`` an address, the client and the
            company; ``pair`` the addresses and the company alone; ``webhooks`` a secret; ``hooks``
            any hook; ``admin`` a token; ``ledger`` the password, if one is named.
        unusable: The secrets that are named and cannot be had, as `Loaded` has them.

    Raises:
        ConfigError: `problems` names each missing key, and the variable that sets it as well.
    """
    missing = [
        sentence
        for need in needs
        for sentence in (_unusable(settings, need, unusable) or _CHECKS[need](settings))
    ]
    if missing:
        cannot_be_had = any(_unusable(settings, need, unusable) for need in needs)
        raise fault(missing, hint=TO_CORRECT if cannot_be_had else _hint(needs))


def _hint(needs: tuple[Need, ...]) -> str:
    if "admin" in needs:
        return f"make a token with `{_RANDOM_TEXT}`, put it there, and start the command again"
    if _ASKED_FOR.isdisjoint(needs):
        return TO_CORRECT
    return "`veracore-sync init` asks for what is missing, and keeps the rest of the file"


def _unusable(settings: Settings, need: Need, unusable: Mapping[str, str]) -> list[str]:
    """What is wrong with the secrets that this side uses."""
    if need == "vendure" and (_set(settings.vendure.api_key) or _set(settings.vendure.password)):
        return []
    if need == "ledger" and not settings.ledger.url:
        return []
    return [unusable[key] for key in _SECRETS[need] if key in unusable]


def _vendure(settings: Settings) -> Iterator[str]:
    shop = settings.vendure
    if not shop.admin_api_url:
        yield _missing("vendure.admin_api_url")
    if _set(shop.api_key):
        return
    if not shop.username and not _set(shop.password):
        login = f"{_missing('vendure.username')} (with vendure.password)"
        yield f"{login}, or {_how('vendure.api_key')}"
    elif not shop.username:
        yield _missing("vendure.username")
    elif not _set(shop.password):
        yield _missing("vendure.password")


def _veracore(settings: Settings) -> Iterator[str]:
    for key in ("api_url", "client_id", "client_secret", "company_id"):
        value = getattr(settings.veracore, key)
        if not (_set(value) if isinstance(value, SecretStr) else value):
            yield _missing(f"veracore.{key}")
    if settings.veracore.lacks_fields:
        for key in ("fields", "variables"):
            if getattr(settings.orders, key):
                dialect = settings.veracore.dialect
                yield (
                    f"orders.{key} cannot be sent in the dialect {dialect}, which has no such "
                    f"fields: take orders.{key} out, or see veracore.api"
                )


def _pair(settings: Settings) -> Iterator[str]:
    if not settings.vendure.admin_api_url:
        yield _missing("vendure.admin_api_url")
    for key in ("api_url", "company_id"):
        if not getattr(settings.veracore, key):
            yield _missing(f"veracore.{key}")


def _webhooks(settings: Settings) -> Iterator[str]:
    if not settings.webhooks.live_secrets:
        yield _missing("webhooks.secret")


def _hooks(settings: Settings) -> Iterator[str]:
    if not settings.hooks.names:
        yield f"{_missing('hooks.command')}, or {_how('hooks.url')}, or {_how('hooks.notify')}"


def _admin(settings: Settings) -> Iterator[str]:
    if not _set(settings.admin.read_token) and not _set(settings.admin.act_token):
        yield f"{_missing('admin.read_token')}, or {_how('admin.act_token')}"


def _ledger(_: Settings) -> Iterator[str]:
    # It has a default, and PostgreSQL's client finds a password in more places than ours.
    yield from ()


_CHECKS = {
    "vendure": _vendure,
    "veracore": _veracore,
    "pair": _pair,
    "webhooks": _webhooks,
    "hooks": _hooks,
    "admin": _admin,
    "ledger": _ledger,
}
_SECRETS: Mapping[Need, tuple[str, ...]] = {
    "vendure": ("vendure.password", "vendure.api_key"),
    "veracore": ("veracore.client_secret",),
    "pair": (),
    "webhooks": ("webhooks.secret", "webhooks.secrets"),
    "hooks": ("hooks.secret", "hooks.notify"),
    "admin": ("admin.read_token", "admin.act_token"),
    "ledger": ("ledger.password",),
}


def _set(secret: SecretStr) -> bool:
    return bool(secret.get_secret_value())


def _missing(key: str) -> str:
    return f"{key} is missing: {_how(key)}"


def _how(key: str) -> str:
    section, name = key.split(".")
    return f"set {name} in [{section}] of the file, or {names_of(key)[0]} in the environment"
