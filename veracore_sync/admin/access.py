"""Authentication: bearer tokens, and the sessions of the page."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from veracore_sync.clock import Clock

Role = Literal["read", "act"]
_COOKIE = "veracore-sync"
_SESSION_SECONDS = 12 * 3600.0
_MAX_SESSIONS = 100


class Tokens:
    """The configured tokens.

    Args:
        read: May view; empty if not set.
        act: May view and act; empty if not set.
    """

    def __init__(self, read: str, act: str) -> None:
        given: dict[Role, str] = {"act": act, "read": read}
        self._tokens = [(role, _digest(token)) for role, token in given.items() if token]

    def role(self, given: str) -> Role | None:
        """What that token may do, or ``None``."""
        # Every token, in constant time: response times must not show how much of a guess is right.
        # Digests, because a comparison ends early where the lengths differ.
        found: Role | None = None
        for role, token in self._tokens:
            if hmac.compare_digest(token, _digest(given)):
                found = found or role
        return found


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def name_of(role: Role, token: str) -> str:
    """Who acts, for the audit trail: the setting, and a mark that changes with the token."""
    # Of a token that nobody can guess, eight digits of a hash tell nothing.
    return f"{role}_token {hashlib.sha256(token.encode()).hexdigest()[:8]}"


@dataclass(slots=True)
class Session:
    """A login at the page.

    Args:
        roles: What it may do at each shop, by the shop's name.
        csrf_token: In every form that acts.
        ends_at: In seconds of the monotonic clock.
        who: Who logged in, at each shop.
    """

    roles: Mapping[str, Role]
    csrf_token: str
    ends_at: float
    who: Mapping[str, str] = field(default_factory=dict)


class Sessions:
    """The sessions of the page; they live in memory and end with the process.

    Args:
        clock: The time to measure by.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}

    def begin(self, roles: Mapping[str, Role], who: Mapping[str, str]) -> str:
        """Start a session; returns its id.

        Args:
            roles: What it may do at each shop, by the shop's name.
            who: Who it is at each shop.
        """
        id = secrets.token_urlsafe(32)
        now = self._clock.monotonic()
        with self._lock:
            self._sessions = {key: s for key, s in self._sessions.items() if s.ends_at > now}
            # The oldest goes: logins must not fill the memory.
            while len(self._sessions) >= _MAX_SESSIONS:
                del self._sessions[next(iter(self._sessions))]
            csrf_token = secrets.token_urlsafe(32)
            self._sessions[id] = Session(roles, csrf_token, now + _SESSION_SECONDS, who)
        return id

    def find(self, headers: Mapping[str, tuple[str, ...]]) -> Session | None:
        """The session whose cookie a request carries, or ``None``."""
        id = _cookie(headers)
        with self._lock:
            session = self._sessions.get(id) if id else None
        if session is None or session.ends_at <= self._clock.monotonic():
            return None
        return session

    def end(self, headers: Mapping[str, tuple[str, ...]]) -> None:
        """Forget the session whose cookie a request carries."""
        with self._lock:
            self._sessions.pop(_cookie(headers), None)


def cookie_name(headers: Mapping[str, tuple[str, ...]]) -> str:
    """The name of the cookie at the address that a request is for."""
    # Browsers send a cookie to every port of a host, where another of these servers may listen.
    port = "".join(headers.get("host", ())).rpartition(":")[2]
    return f"{_COOKIE}-{port}" if port.isascii() and port.isdecimal() else _COOKIE


def _cookie(headers: Mapping[str, tuple[str, ...]]) -> str:
    wanted = cookie_name(headers)
    for header in headers.get("cookie", ()):
        for part in header.split(";"):
            name, _, value = part.strip().partition("=")
            if name == wanted:
                return value
    return ""
