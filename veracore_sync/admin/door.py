"""Who comes in to ``serve-admin``: under which name it is addressed, by whom, with which token."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from veracore_sync.admin.attempts import WrongTokens
from veracore_sync.admin.requests import Callers, Hosts
from veracore_sync.clock import Clock
from veracore_sync.webhooks.request_head import RequestHead, RequestRefused
from veracore_sync.webhooks.throttled_log import ThrottledLogger

_LOG = logging.getLogger(__name__)
_SHOWN = re.compile(r"[A-Za-z0-9.:\[\]_-]{1,100}")
T = TypeVar("T")


class Door:
    """One place for what is asked of every request, whichever page or API it is for.

    Args:
        clock: The time.
        listening: The address that the server listens on.
        hosts: Further names of the server.
        trusted_proxies: Networks of proxies that say who asks.
    """

    def __init__(
        self,
        clock: Clock,
        listening: str = "127.0.0.1",
        hosts: Sequence[str] = (),
        trusted_proxies: Sequence[str] = (),
    ) -> None:
        self._hosts = Hosts(listening, hosts)
        self._callers = Callers(trusted_proxies)
        self._wrong_tokens = WrongTokens(clock)
        self._trouble = ThrottledLogger(_LOG, logging.WARNING, "admin")

    def check_host(self, head: RequestHead) -> None:
        """Refuse a request to a name that is not ours.

        Raises:
            RequestRefused: 421.
        """
        host = "".join(head.headers.get("host", ()))
        if self._hosts.knows(host):
            return
        shown = host if _SHOWN.fullmatch(host) else "an unreadable name"
        self._trouble.say(
            f"a request for the host {shown} was refused; if that is this server, add it to "
            "admin.hosts"
        )
        raise RequestRefused(421, "not a name of this server; see admin.hosts")

    def sent_by_our_page(self, head: RequestHead) -> bool:
        """Whether a form was sent by our own page, according to the browser."""
        return self._hosts.sent(head)

    def address(self, head: RequestHead, peer: str) -> str:
        """Where a request comes from, as far as that can be trusted."""
        return self._callers.address(head, peer)

    def admit(self, head: RequestHead, peer: str, compare: Callable[[], T | None]) -> T | None:
        """What the token of a request opens; ``None``: it is wrong, which is counted.

        Args:
            head: Of the request.
            peer: The other end of its connection.
            compare: Compares the token.

        Raises:
            TooManyAttempts: Too many were wrong, so this one was not compared.
        """
        caller = self._callers.network(head, peer)
        self._wrong_tokens.check(caller)
        found = compare()
        if not found:
            self._wrong_tokens.wrong(caller)
            return None
        return found
