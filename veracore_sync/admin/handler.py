"""The answers of ``serve-admin``: log-in, health, and which shop a request is about."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import cached_property
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from veracore_sync.admin import page
from veracore_sync.admin.access import Role, Session, Sessions, cookie_name, name_of
from veracore_sync.admin.answers import SAFE, html, redirect, refused, unauthenticated
from veracore_sync.admin.attempts import TooManyAttempts
from veracore_sync.admin.door import Door
from veracore_sync.admin.requests import form_of, parameter, path_of
from veracore_sync.admin.shop_pages import ShopPages, bearer, refresh
from veracore_sync.admin.visit import Visit
from veracore_sync.clock import Clock
from veracore_sync.domain.advice import advised
from veracore_sync.domain.audit import Actor
from veracore_sync.domain.errors import LedgerError
from veracore_sync.webhooks.handler import is_local
from veracore_sync.webhooks.request_head import RequestHead, RequestRefused, wrong_method
from veracore_sync.webhooks.server import Response
from veracore_sync.webhooks.throttled_log import ThrottledLogger

_METHODS: Mapping[str, tuple[str, ...]] = {
    "/": ("GET",),
    "/style.css": ("GET",),
    "/login": ("GET", "POST"),
    "/logout": ("POST",),
    "/healthz": ("GET",),
    "/readyz": ("GET",),
}
_LOG = logging.getLogger(__name__)
_SHOPS = "/shops/"
_SOON = (("Retry-After", "5"), ("Refresh", "10"))
_PROBLEMS = {
    400: ("This address makes no sense", "Something in it is no text, or there is too much of it."),
    404: ("No such page", "There is nothing at this address. It may be mistyped."),
}


class AdminHandler:
    """Answers the requests of ``serve-admin``.

    Args:
        shops: Of each shop; a single one without a name has the paths of the server itself.
        clock: The time.
        troubles: The failing parts of the server, for ``/readyz``.
        unreadable: The shops that cannot be served, with the reason.
        door: Who is let in; without one, who addresses the server by a loopback name.
    """

    def __init__(
        self,
        shops: Sequence[ShopPages],
        clock: Clock,
        troubles: Callable[[], Sequence[Mapping[str, Any]]],
        unreadable: Mapping[str, str] | None = None,
        door: Door | None = None,
    ) -> None:
        self._shops = {shop.name: shop for shop in shops}
        self._quoted = {quote(shop.name): shop for shop in shops}
        self._door = door or Door(clock)
        self._unreadable = unreadable or {}
        self._troubles = troubles
        self._clock = clock
        self._trouble = ThrottledLogger(_LOG, logging.ERROR, "admin")
        self._sessions = Sessions(clock)

    def check(self, head: RequestHead) -> None:
        """Refuse unknown hosts, paths and methods before a body is read.

        Raises:
            RequestRefused: 400, 404, 405 or 421.
        """
        # A load balancer asks for the health of an address, whatever name it has.
        if path_of(head) != "/healthz":
            self._door.check_host(head)
        name, path = self._find(head)
        allowed = _METHODS.get(path) if name is None else ShopPages.METHODS.get(path)
        if allowed is None and head.method == "GET":
            # Answered with a page.
            return
        if allowed is None:
            raise RequestRefused(404, "not found")
        if head.method not in allowed:
            raise wrong_method(allowed)

    def answer(self, head: RequestHead, body: bytes, peer: str) -> Response:
        """Answer a whole request.

        Raises:
            RequestRefused: A path for this machine only was requested from another one.
            LedgerError: The ledger cannot be read.
        """
        name, path = self._find(head)
        # A stranger gets the same answers for a shop that exists and one that does not.
        shop = self._quoted.get(name) if name is not None else None
        if name is not None and path == "/admin-api":
            return self._answer_api(shop, head, body, peer)
        if path == "/healthz":
            return Response(200, {"status": "ok"})
        if path == "/readyz":
            return self._readiness(head, peer)
        if path == "/style.css":
            return Response(200, text=self._style, kind="text/css; charset=utf-8", headers=SAFE)
        if path == "/login":
            return self._log_in(head, body, peer)
        session = self._sessions.find(head.headers)
        known = (_METHODS if name is None else ShopPages.METHODS).get(path)
        if known is None:
            seen = session is not None and shop is not None and shop.name in session.roles
            return self._problem(RequestRefused(404, "not found"), session, shop if seen else None)
        if session is None:
            return redirect("/login")
        if name is not None and (shop is None or shop.name not in session.roles):
            return self._problem(RequestRefused(404, "not found"), session)
        try:
            if head.method == "POST":
                return self._act(shop, head, body, session, self._door.address(head, peer))
            if shop is None:
                return self._show_shops(head, session)
            return shop.show(path, head, session)
        except RequestRefused as error:
            return self._problem(error, session, shop)
        except LedgerError as error:
            self._trouble.say(f"a page cannot be shown: {error.message}")
            visit = shop.visit(session, path) if shop is not None else None
            with shop.naming_its_file() if shop is not None else nullcontext():
                why = (f"{error.message}.", f"What to do: {advised(error.hint)}.")
            more = _SOON if head.method == "GET" else _SOON[:1]
            return html(page.problem_page(visit, "The ledger cannot be read", *why), 503, more)

    def _problem(
        self, error: RequestRefused, session: Session | None, shop: ShopPages | None = None
    ) -> Response:
        """A page about a request that is refused; it says nothing that a stranger may not know."""
        visit = None
        only = shop or self._shops.get("")
        if session is not None and only is not None:
            visit = only.visit(session, "")
        elif session is not None:
            visit = Visit(session.csrf_token, several=True, now=self._clock.now(), path="")
        title, why = _PROBLEMS.get(error.status, ("That did not work", error.reason))
        return html(page.problem_page(visit, title, why), error.status, error.headers)

    def finish(self, seconds: float) -> bool:
        """Wait for the acts that run; whether all have ended by then."""
        ends_at = self._clock.monotonic() + seconds
        return all(shop.finish(ends_at - self._clock.monotonic()) for shop in self._shops.values())

    def _find(self, head: RequestHead) -> tuple[str | None, str]:
        """The name of the shop that a request is about, if of any, and the path within it.

        Raises:
            RequestRefused: The target is no path.
        """
        path = path_of(head)
        if "" in self._shops:
            return ("" if path in ShopPages.METHODS else None), path
        name, slash, rest = path.removeprefix(_SHOPS).partition("/")
        if not path.startswith(_SHOPS) or not slash:
            return None, path
        return name, f"/{rest}"

    def _readiness(self, head: RequestHead, peer: str) -> Response:
        if not is_local(head, peer):
            raise RequestRefused(404, "not found")
        for shop in self._shops.values():
            # One row: probes come often, and counting would read an index of every order.
            shop.actions.ledger.orders.newest_synced()
        troubles = list(self._troubles())
        return Response(503 if troubles else 200, {"ready": not troubles, "troubles": troubles})

    @cached_property
    def _style(self) -> str:
        return files(__package__).joinpath("style.css").read_text("utf-8")

    def _answer_api(
        self, shop: ShopPages | None, head: RequestHead, body: bytes, peer: str
    ) -> Response:
        token = bearer(head)
        if not token:
            return unauthenticated()
        try:
            role: Role | None = self._door.admit(
                head, peer, lambda: shop.tokens.role(token) if shop else None
            )
        except TooManyAttempts as error:
            return refused(429, error.reason, "TOO_MANY_ATTEMPTS", _later(error))
        if shop is None or role is None:
            return unauthenticated()
        actor = Actor(name_of(role, token), "api", self._door.address(head, peer))
        return shop.answer_api(head, body, role, actor)

    def _log_in(self, head: RequestHead, body: bytes, peer: str) -> Response:
        if head.method == "GET":
            return html(page.login_page([]))
        if not self._door.sent_by_our_page(head):
            return html(page.login_page(["This request came from another site."]), 403)
        token = form_of(body).get("token", "")
        try:
            roles = self._door.admit(head, peer, lambda: self._roles(token))
        except TooManyAttempts as error:
            wait = f"Too many wrong tokens. Try again in {error.seconds} s."
            return html(page.login_page([wait]), 429, _later(error))
        if not roles:
            return html(page.login_page(["Unknown token."]), 401)
        who = {name: name_of(role, token) for name, role in roles.items()}
        for name in roles:
            self._shops[name].record_log_in(
                Actor(who[name], "page", self._door.address(head, peer))
            )
        cookie = f"{cookie_name(head.headers)}={self._sessions.begin(roles, who)}"
        cookie += "; Path=/; HttpOnly; SameSite=Strict"
        # Secure only behind TLS: over plain http on localhost the browser would drop the cookie.
        if "https" in head.headers.get("x-forwarded-proto", ()):
            cookie += "; Secure"
        return redirect("/", ("Set-Cookie", cookie))

    def _roles(self, token: str) -> Mapping[str, Role]:
        """What a token may do at each shop that knows it."""
        found = ((name, shop.tokens.role(token)) for name, shop in self._shops.items())
        return {name: role for name, role in found if role is not None}

    def _show_shops(self, head: RequestHead, session: Session) -> Response:
        seen = [self._shops[name] for name in session.roles]
        lines = [page.ShopLine(one.name, one.actions.ledger) for one in seen]
        # What is wrong with the shops of others is not for who has the token of one.
        if len(seen) == len(self._shops):
            lines += [page.ShopLine(name, why=why) for name, why in self._unreadable.items()]
        lines.sort(key=lambda line: line.name)
        visit = Visit(
            session.csrf_token,
            several=True,
            now=self._clock.now(),
            refreshes=parameter(head, "refresh") == "on",
        )
        return html(page.shops_page(lines, visit), more=refresh(visit))

    def _act(
        self,
        shop: ShopPages | None,
        head: RequestHead,
        body: bytes,
        session: Session,
        address: str,
    ) -> Response:
        fields = form_of(body)
        # Against CSRF twice: where the browser says the form was, and a token that only our page
        # has.
        if not self._door.sent_by_our_page(head) or not _same(
            fields.get("csrf_token", ""), session.csrf_token
        ):
            return html(page.login_page(["This request was not made by this page."]), 403)
        if shop is not None:
            return shop.act(fields, session, address)
        self._sessions.end(head.headers)
        name = cookie_name(head.headers)
        return redirect("/login", ("Set-Cookie", f"{name}=; Path=/; Max-Age=0; SameSite=Strict"))


def _later(error: TooManyAttempts) -> tuple[tuple[str, str], ...]:
    return (("Retry-After", str(error.seconds)),)


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())
