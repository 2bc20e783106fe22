"""The answers of ``serve-admin``: the API by bearer token, the page by session."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs, urlsplit

from veracore_sync.admin import page
from veracore_sync.admin.access import COOKIE, Role, Session, Sessions, Tokens
from veracore_sync.admin.actions import ActionOutcome, Actions
from veracore_sync.admin.api import AdminApi
from veracore_sync.clock import Clock
from veracore_sync.webhooks.handler import is_local
from veracore_sync.webhooks.request_head import RequestHead, RequestRefused
from veracore_sync.webhooks.server import Response

_HTML = "text/html; charset=utf-8"
_SAFE = (
    (
        "Content-Security-Policy",
        "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; "
        "base-uri 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    # With "no-referrer" browsers send "Origin: null" for our own forms, which _is_own refuses.
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
)
_METHODS: Mapping[str, tuple[str, ...]] = {
    "/": ("GET",),
    "/order": ("GET",),
    "/style.css": ("GET",),
    "/login": ("GET", "POST"),
    "/logout": ("POST",),
    "/act": ("POST",),
    "/healthz": ("GET",),
    "/readyz": ("GET",),
    "/admin-api": ("POST",),
}


class AdminHandler:
    """Answers the requests of ``serve-admin``.

    Args:
        actions: The actions, and the ledger to read.
        tokens: The configured tokens.
        clock: The time.
        troubles: The failing parts of the server, for ``/readyz``.
    """

    def __init__(
        self,
        actions: Actions,
        tokens: Tokens,
        clock: Clock,
        troubles: Callable[[], Sequence[Mapping[str, Any]]],
    ) -> None:
        self._troubles = troubles
        self._actions = actions
        self._tokens = tokens
        self._clock = clock
        self._api = AdminApi(actions)
        self._sessions = Sessions(clock)

    def check(self, head: RequestHead) -> None:
        """Refuse unknown paths and methods before a body is read.

        Raises:
            RequestRefused: 404 or 405.
        """
        allowed = _METHODS.get(urlsplit(head.target).path)
        if allowed is None:
            raise RequestRefused(404, "not found")
        if head.method not in allowed:
            raise RequestRefused(405, f"{' or '.join(allowed)} only")

    def answer(self, head: RequestHead, body: bytes, peer: str) -> Response:
        """Answer a whole request.

        Raises:
            RequestRefused: A path for this machine only was requested from another one.
            LedgerError: The ledger cannot be read.
        """
        path = urlsplit(head.target).path
        if path == "/healthz":
            return Response(200, {"status": "ok"})
        if path == "/readyz":
            return self._readiness(head, peer)
        if path == "/style.css":
            return Response(200, text=self._style, kind="text/css; charset=utf-8", headers=_SAFE)
        if path == "/admin-api":
            return self._answer_api(head, body)
        if path == "/login":
            return self._log_in(head, body)
        session = self._sessions.find(head.headers)
        if session is None:
            return _redirect("/login")
        if head.method == "POST":
            return self._act(path, head, body, session)
        return self._show(path, head, session)

    def _readiness(self, head: RequestHead, peer: str) -> Response:
        if not is_local(head, peer):
            raise RequestRefused(404, "not found")
        self._actions.ledger.orders.counts()
        troubles = list(self._troubles())
        return Response(503 if troubles else 200, {"ready": not troubles, "troubles": troubles})

    @cached_property
    def _style(self) -> str:
        return files(__package__).joinpath("style.css").read_text("utf-8")

    # ---- the API ------------------------------------------------------------------------------

    def _answer_api(self, head: RequestHead, body: bytes) -> Response:
        role = self._bearer(head)
        if role is None:
            error = {"message": "send a token: Authorization: Bearer …"}
            document = {"errors": [{**error, "extensions": {"code": "UNAUTHENTICATED"}}]}
            return Response(401, document, headers=(("WWW-Authenticate", "Bearer"),))
        # A form of another site cannot send this type without the browser asking us first.
        kind = "".join(head.headers.get("content-type", ())).partition(";")[0].strip().lower()
        if kind != "application/json":
            return Response(415, {"errors": [{"message": "send application/json"}]})
        status, document = self._api.answer(body, role)
        return Response(status, document)

    def _bearer(self, head: RequestHead) -> Role | None:
        scheme, _, token = "".join(head.headers.get("authorization", ())).partition(" ")
        return self._tokens.role(token.strip()) if scheme.lower() == "bearer" else None

    # ---- the page -----------------------------------------------------------------------------

    def _log_in(self, head: RequestHead, body: bytes) -> Response:
        if head.method == "GET":
            return _html(page.login_page([]))
        if not _is_own(head):
            return _html(page.login_page(["This request came from another site."]), 403)
        role = self._tokens.role(_fields(body).get("token", ""))
        if role is None:
            return _html(page.login_page(["Unknown token."]), 401)
        cookie = f"{COOKIE}={self._sessions.begin(role)}; Path=/; HttpOnly; SameSite=Strict"
        # Secure only behind TLS: over plain http on localhost the browser would drop the cookie.
        if "https" in head.headers.get("x-forwarded-proto", ()):
            cookie += "; Secure"
        return _redirect("/", ("Set-Cookie", cookie))

    def _show(self, path: str, head: RequestHead, session: Session) -> Response:
        flash = session.flash[:]
        session.flash.clear()
        ledger = self._actions.ledger
        if path == "/order":
            name = parse_qs(urlsplit(head.target).query).get("name", [""])[0].strip()
            row = ledger.orders.find(name)
            if row is None:
                return _html(page.missing_page(name, session), 404)
            return _html(page.order_page(ledger, row, session, flash))
        return _html(page.overview_page(ledger, session, self._clock.now(), flash))

    def _act(self, path: str, head: RequestHead, body: bytes, session: Session) -> Response:
        fields = _fields(body)
        # Against CSRF twice: where the browser says the form was, and a token that only our page
        # has.
        if not _is_own(head) or not _same(fields.get("csrf_token", ""), session.csrf_token):
            return _html(page.login_page(["This request was not made by this page."]), 403)
        if path == "/logout":
            self._sessions.end(head.headers)
            return _redirect(
                "/login", ("Set-Cookie", f"{COOKIE}=; Path=/; Max-Age=0; SameSite=Strict")
            )
        if session.role != "act":
            return _html(page.login_page(["This token can view but not act."]), 403)
        action, name = fields.get("action", ""), fields.get("name", "").strip()
        work = self._named(action, name)
        if work is None:
            raise RequestRefused(400, "no such action")
        session.flash.append(_words(action, name, work()))
        if action in ("retry", "tracking-order"):
            row = self._actions.ledger.orders.find(name)
            if row is not None:
                return _redirect(f"/order?name={row.vendure_id}")
        return _redirect("/")

    def _named(self, action: str, name: str) -> Callable[[], ActionOutcome] | None:
        actions = self._actions
        found: dict[str, Callable[[], ActionOutcome]] = {
            "retry": lambda: actions.retry_order(name),
            "force-inventory": actions.force_inventory,
            "inventory-sku": lambda: actions.inventory_for(name),
            "force-tracking": actions.force_tracking,
            "tracking-order": lambda: actions.tracking_for(name),
        }
        return found.get(action)


def _words(action: str, name: str, outcome: ActionOutcome) -> str:
    what = f"{action} {name}".strip()
    return f"{what}: done" if outcome.success else f"{what}: {outcome.error}"


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


def _html(content: str, status: int = 200) -> Response:
    return Response(status, text=content, kind=_HTML, headers=_SAFE)


def _redirect(path: str, *headers: tuple[str, str]) -> Response:
    return Response(303, text="", kind=_HTML, headers=(("Location", path), *headers, *_SAFE))
