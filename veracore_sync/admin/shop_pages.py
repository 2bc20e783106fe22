"""One shop of ``serve-admin``: its API by bearer token, its pages by session."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from urllib.parse import quote

from veracore_sync.admin import page
from veracore_sync.admin.access import Role, Session, Tokens
from veracore_sync.admin.actions import ActionOutcome, Actions
from veracore_sync.admin.answers import html, redirect
from veracore_sync.admin.api import AdminApi
from veracore_sync.admin.requests import parameter
from veracore_sync.clock import Clock
from veracore_sync.domain.audit import Actor
from veracore_sync.domain.errors import LedgerError
from veracore_sync.webhooks.request_head import RequestHead, RequestRefused
from veracore_sync.webhooks.server import Response

_LOG = logging.getLogger(__name__)
_LATER = (("Retry-After", "5"),)


class ShopPages:
    """Answers what is asked about one shop.

    Args:
        actions: The actions, and the ledger to read.
        tokens: The shop's tokens.
        clock: The time.
        name: The shop's name; empty if it is the only one.
    """

    METHODS: Mapping[str, tuple[str, ...]] = {
        "/": ("GET",),
        "/order": ("GET",),
        "/act": ("POST",),
        "/admin-api": ("POST",),
    }
    """What may be asked at each path below `base`."""

    def __init__(self, actions: Actions, tokens: Tokens, clock: Clock, name: str = "") -> None:
        self.name = name
        self.base = f"/shops/{quote(name)}" if name else ""
        self.actions = actions
        self.tokens = tokens
        self._clock = clock
        self._api = AdminApi(actions)

    def answer_api(self, head: RequestHead, body: bytes, role: Role, actor: Actor) -> Response:
        """Answer a request to the API by `actor`, who has that role."""
        # A form of another site cannot send this type without the browser asking us first.
        kind = "".join(head.headers.get("content-type", ())).partition(";")[0].strip().lower()
        if kind != "application/json":
            return Response(415, {"errors": [{"message": "send application/json"}]})
        status, document = self._api.answer(body, role, actor)
        return Response(status, document, headers=_LATER if status == 503 else ())

    def show(self, path: str, head: RequestHead, session: Session) -> Response:
        """Answer with a page of this shop, for a session that may view it."""
        visit = self._visit(session)
        flash = session.flash[:]
        session.flash.clear()
        ledger = self.actions.ledger
        if path == "/order":
            name = parameter(head, "name")
            row = ledger.orders.find(name)
            if row is None:
                return html(page.missing_page(name, visit), 404)
            return html(page.order_page(ledger, row, visit, flash))
        return html(page.overview_page(ledger, visit, self._clock.now(), flash))

    def record_log_in(self, actor: Actor) -> None:
        """Put a log-in into the audit trail."""
        audit = self.actions.ledger.audit
        try:
            audit.end(audit.begin(actor, "log-in", None), success=True)
        except LedgerError as error:
            # Who wants to see why the ledger cannot be written must get in.
            _LOG.warning("admin: a log-in could not be recorded: %s", error.message)

    def act(self, fields: Mapping[str, str], session: Session, address: str) -> Response:
        """Do what a form of this shop asks for, sent from that address.

        Raises:
            RequestRefused: There is no such action.
        """
        if session.roles[self.name] != "act":
            return html(page.login_page(["This token can view but not act."]), 403)
        action, name = fields.get("action", ""), fields.get("name", "").strip()
        actor = Actor(session.who[self.name], "page", address)
        work = self._named(action, name, self.actions.by(actor))
        if work is None:
            raise RequestRefused(400, "no such action")
        session.flash.append(_words(action, name, work()))
        if action in ("retry", "tracking-order"):
            row = self.actions.ledger.orders.find(name)
            if row is not None:
                return redirect(f"{self.base}/order?name={quote(row.vendure_id, safe='')}")
        return redirect(f"{self.base}/")

    def _visit(self, session: Session) -> page.Visit:
        return page.Visit(
            session.csrf_token,
            session.roles[self.name],
            self.name,
            several=bool(self.name),
        )

    def _named(
        self, action: str, name: str, actions: Actions
    ) -> Callable[[], ActionOutcome] | None:
        found: dict[str, Callable[[], ActionOutcome]] = {
            "retry": lambda: actions.retry_order(name),
            "force-inventory": actions.force_inventory,
            "inventory-sku": lambda: actions.inventory_for(name),
            "force-tracking": actions.force_tracking,
            "tracking-order": lambda: actions.tracking_for(name),
        }
        return found.get(action)


def bearer(head: RequestHead) -> str:
    """The token in ``Authorization``; empty if it has another scheme."""
    scheme, _, token = "".join(head.headers.get("authorization", ())).partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _words(action: str, name: str, outcome: ActionOutcome) -> str:
    what = f"{action} {name}".strip()
    return f"{what}: done" if outcome.success else f"{what}: {outcome.error}"
