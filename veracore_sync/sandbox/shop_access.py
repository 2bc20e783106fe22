"""Access to the small shop: logins, sessions, API keys, permissions, channels."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from veracore_sync.sandbox.shop_catalogue import DEFAULT_CHANNEL
from veracore_sync.sandbox.shop_errors import Refusal, Thrown
from veracore_sync.sandbox.shop_records import Channel

CHANNEL_HEADER = "vendure-token"
TOKEN_HEADER = "vendure-auth-token"  # noqa: S105 - the name of a header
KEY_HEADER = "vendure-api-key"
_ORDERS, _CATALOGUE = ("ReadOrder",), ("ReadCatalog", "ReadProduct")
_CHANGE_ORDERS = ("UpdateOrder",)

# Which permissions open a root field: any one of them. Empty: any login. Not listed: no login.
PERMISSIONS: Mapping[str, tuple[str, ...]] = {
    "orders": _ORDERS,
    "order": _ORDERS,
    "productVariants": _CATALOGUE,
    "productVariant": _CATALOGUE,
    "stockLocations": ("ReadStockLocation",),
    "shippingMethods": ("ReadSettings", "ReadShippingMethod"),
    "channels": ("ReadSettings", "ReadChannel"),
    "fulfillmentHandlers": ("ReadOrder", "UpdateOrder"),
    "globalSettings": (),
    "activeChannel": (),
    "addFulfillmentToOrder": _CHANGE_ORDERS,
    "transitionFulfillmentToState": _CHANGE_ORDERS,
    "transitionOrderToState": _CHANGE_ORDERS,
    "addNoteToOrder": _CHANGE_ORDERS,
    "cancelOrder": _CHANGE_ORDERS,
    "settlePayment": _CHANGE_ORDERS,
    "updateProductVariants": ("UpdateCatalog", "UpdateProduct"),
}


@dataclass(slots=True)
class User:
    """An administrator; `permissions` None: all of them. `channels`, if not None, are the ids of
    those that show up for this one; the small shop lets everybody work in each."""

    id: str
    created_at: datetime
    name: str
    password: str
    permissions: frozenset[str] | None
    channels: frozenset[str] | None = None


@dataclass(slots=True)
class Caller:
    """Who sent one request, in which channel.

    `dead`: the request had a token or key that is not valid. `reply_token`, if not None, is sent in
    the response header ``vendure-auth-token``.
    """

    user: User | None
    channel: Channel
    by_key: bool = False
    dead: bool = False
    token: str = ""
    reply_token: str | None = field(default=None)

    def refuse(self) -> Thrown:
        """The answer to a caller without permission; an invalid token gets an empty header."""
        if self.dead and self.reply_token is None:
            self.reply_token = ""
        return Thrown("You are not currently authorized to perform this action", "FORBIDDEN")

    def become_anonymous(self) -> None:
        """What ``me`` and ``activeAdministrator`` do to a caller without a session: give one."""
        if self.user is None:
            self.reply_token = secrets.token_hex(32)

    def check(self, root_field: str) -> None:
        """Let through who may ask for `root_field`.

        Raises:
            Thrown: The caller may not.
        """
        wanted = PERMISSIONS.get(root_field)
        if wanted is None:
            return
        if self.user is None:
            raise self.refuse()
        held = self.user.permissions
        if wanted and held is not None and held.isdisjoint(wanted):
            raise self.refuse()


class Access:
    """Administrators, their sessions and API keys.

    Args:
        clock: Returns the time, aware, UTC.
        channels: The channels of the shop, by id.
        username: The superadmin's.
        password: The superadmin's.
    """

    def __init__(
        self,
        clock: Callable[[], datetime],
        channels: Mapping[str, Channel],
        username: str,
        password: str,
    ) -> None:
        self._now = clock
        self._channels = channels
        self._users: dict[str, User] = {}
        self._sessions: dict[str, User] = {}
        self._keys: dict[str, User] = {}
        self._numbered = 0
        # Vendure's options; changed, they are as in a shop that was started anew with them.
        self.channel_header = CHANNEL_HEADER
        self.token_header = TOKEN_HEADER
        self.key_header = KEY_HEADER
        self._add(username, password, None)

    def add_administrator(
        self, name: str, password: str, permissions: Iterable[str] | None = None
    ) -> None:
        """Add an administrator with these permissions (None: all)."""
        self._add(name, password, permissions)

    def show_channels(self, name: str, ids: Iterable[str] | None) -> None:
        """Show an administrator only these channels (None: all), as a role that is valid in them.

        Raises:
            KeyError: There is no such administrator.
        """
        self._users[name].channels = None if ids is None else frozenset(ids)

    def change_password(self, name: str, password: str) -> None:
        """Give an administrator another password; sessions that are open stay open.

        Raises:
            KeyError: There is no such administrator.
        """
        self._users[name].password = password

    def add_api_key(self, permissions: Iterable[str] | None = None) -> str:
        """Issue a key for the header ``vendure-api-key``, with some permissions (None: all)."""
        key = f"{secrets.token_hex(12)}:{secrets.token_hex(24)}"
        self._keys[key] = self._add(f"key-{len(self._keys)}", secrets.token_hex(16), permissions)
        return key

    def drop_api_key(self, key: str) -> None:
        """End a key."""
        self._keys.pop(key, None)

    def drop_sessions(self) -> None:
        """End all sessions, as when they expire."""
        self._sessions.clear()

    def _add(self, name: str, password: str, permissions: Iterable[str] | None) -> User:
        self._numbered += 1
        allowed = None if permissions is None else frozenset(permissions)
        user = User(str(self._numbered), self._now(), name, password, allowed)
        self._users[name] = user
        return user

    # ---- one request -----------------------------------------------------------------------

    def caller(self, headers: Mapping[str, str]) -> Caller:
        """Who sends these headers (names in lower case).

        Raises:
            Thrown: The channel token is unknown; with a single channel any token will do.
        """
        channel = self._channel(headers.get(self.channel_header, ""))
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token:
            user = self._sessions.get(token)
            return Caller(user, channel, dead=user is None, token=token)
        key = headers.get(self.key_header)
        if key:
            user = self._keys.get(key)
            return Caller(user, channel, by_key=True, dead=user is None)
        return Caller(None, channel)

    def _channel(self, token: str) -> Channel:
        for channel in self._channels.values():
            if channel.token == token:
                return channel
        if token and len(self._channels) > 1:
            message = f'No Channel with the token "{token}" could be found'
            raise Thrown(message, "CHANNEL_NOT_FOUND")
        return self._channels[DEFAULT_CHANNEL]

    def log_in(self, caller: Caller, name: str, password: str) -> User:
        """Open a session for the caller; its token leaves in the response header.

        Raises:
            Refusal: Name or password is wrong.
        """
        user = self._users.get(name)
        if user is None or user.password != password:
            message = "The provided credentials are invalid"
            code = "INVALID_CREDENTIALS_ERROR"
            raise Refusal("InvalidCredentialsError", code, message, authenticationError="")
        token = secrets.token_hex(32)
        self._sessions[token] = user
        caller.reply_token = token
        return user

    def log_out(self, caller: Caller) -> bool:
        """End every session of the caller's user; whether there was one."""
        if caller.user is None:
            return False
        self._sessions = {
            token: user for token, user in self._sessions.items() if user is not caller.user
        }
        caller.reply_token = ""
        return True
