"""The answers of ``serve-admin``: log-in, health, and which shop a request is about."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from veracore_sync.admin import page
from veracore_sync.admin.access import COOKIE, Role, Session, Sessions
from veracore_sync.admin.answers import SAFE, html, redirect, unauthenticated
from veracore_sync.admin.shop_pages import ShopPages
from veracore_sync.clock import Clock
from veracore_sync.webhooks.handler import is_local
from veracore_sync.webhooks.request_head import RequestHead, RequestRefused, wrong_method
from veracore_sync.webhooks.server import Response

_METHODS: Mapping[str, tuple[str, ...]] = {
    "/": ("GET",),
    "/style.css": ("GET",),
    "/login": ("GET", "POST"),
    "/logout": ("POST",),
    "/healthz": ("GET",),
    "/readyz": ("GET",),
}
_SHOPS = "/shops/"


class AdminHandler:
    """Answers the requests of ``serve-admin``.

    Args:
        shops: Of each shop; a single one without a name has the paths of the server itself.
        clock: The time.
        troubles: The failing parts of the server, for ``/readyz``.
        unreadable: The shops that cannot be served, with the reason.
    """

    def __init__(
        self,
        shops: Sequence[ShopPages],
        clock: Clock,
        troubles: Callable[[], Sequence[Mapping[str, Any]]],
        unreadable: Mapping[str, str] | None = None,
    ) -> None:
        self._shops = {shop.name: shop for shop in shops}
        self._unreadable = unreadable or {}
        self._troubles = troubles
        self._sessions = Sessions(clock)

    def check(self, head: RequestHead) -> None:
        """Refuse unknown paths and methods before a body is read.

        Raises:
            RequestRefused: 404 or 405.
        """
        name, path = self._find(head)
        allowed = _METHODS.get(path) if name is None else ShopPages.METHODS.get(path)
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
        shop = self._shops.get(name) if name is not None else None
        if name is not None and path == "/admin-api":
            return shop.answer_api(head, body) if shop is not None else unauthenticated()
        if path == "/healthz":
            return Response(200, {"status": "ok"})
        if path == "/readyz":
            return self._readiness(head, peer)
        if path == "/style.css":
            return Response(200, text=self._style, kind="text/css; charset=utf-8", headers=SAFE)
        if path == "/login":
            return self._log_in(head, body)
        session = self._sessions.find(head.headers)
        if session is None:
            return redirect("/login")
        if name is not None and name not in session.roles:
            raise RequestRefused(404, "not found")
        if head.method == "POST":
            return self._act(shop, head, body, session)
        if shop is None:
            return self._show_shops(session)
        return shop.show(path, head, session)

    def _find(self, head: RequestHead) -> tuple[str | None, str]:
        """The name of the shop that a request is about, if of any, and the path within it."""
        path = head.path
        if "" in self._shops:
            return ("" if path in ShopPages.METHODS else None), path
        name, slash, rest = path.removeprefix(_SHOPS).partition("/")
        if not path.startswith(_SHOPS) or not slash:
            return None, path
        return unquote(name), f"/{rest}"

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

    def _log_in(self, head: RequestHead, body: bytes) -> Response:
        if head.method == "GET":
            return html(page.login_page([]))
        if not _is_own(head):
            return html(page.login_page(["This request came from another site."]), 403)
        roles = self._roles(_fields(body).get("token", ""))
        if not roles:
            return html(page.login_page(["Unknown token."]), 401)
        cookie = f"{COOKIE}={self._sessions.begin(roles)}; Path=/; HttpOnly; SameSite=Strict"
        # Secure only behind TLS: over plain http on localhost the browser would drop the cookie.
        if "https" in head.headers.get("x-forwarded-proto", ()):
            cookie += "; Secure"
        return redirect("/", ("Set-Cookie", cookie))

    def _roles(self, token: str) -> Mapping[str, Role]:
        """What a token may do at each shop that knows it."""
        found = ((name, shop.tokens.role(token)) for name, shop in self._shops.items())
        return {name: role for name, role in found if role is not None}

    def _show_shops(self, session: Session) -> Response:
        flash = session.flash[:]
        session.flash.clear()
        seen = [self._shops[name] for name in session.roles]
        lines = [page.ShopLine(one.name, one.actions.ledger) for one in seen]
        # What is wrong with the shops of others is not for who has the token of one.
        if len(seen) == len(self._shops):
            lines += [page.ShopLine(name, why=why) for name, why in self._unreadable.items()]
        lines.sort(key=lambda line: line.name)
        return html(page.shops_page(lines, page.Visit(session.csrf_token, several=True), flash))

    def _act(
        self, shop: ShopPages | None, head: RequestHead, body: bytes, session: Session
    ) -> Response:
        fields = _fields(body)
        # Against CSRF twice: where the browser says the form was, and a token that only our page
        # has.
        if not _is_own(head) or not _same(fields.get("csrf_token", ""), session.csrf_token):
            return html(page.login_page(["This request was not made by this page."]), 403)
        if shop is not None:
            return shop.act(fields, session)
        self._sessions.end(head.headers)
        return redirect("/login", ("Set-Cookie", f"{COOKIE}=; Path=/; Max-Age=0; SameSite=Strict"))


def _fields(body: bytes) -> dict[str, str]:
    read = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=20)
    return {name: values[0] for name, values in read.items()}


def _is_own(head: RequestHead) -> bool:
    """Whether the form was sent by our own page, according to the browser."""
    site = head.headers.get("sec-fetch-site", ("same-origin",))[0]
    origin = head.headers.get("origin")
    if site not in ("same-origin", "none"):
        return False
    return origin is None or urlsplit(origin[0]).netloc == "".join(head.headers.get("host", ()))


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())
