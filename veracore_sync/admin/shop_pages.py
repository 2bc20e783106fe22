"""One shop of ``serve-admin``: its API by bearer token, its pages by session."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from urllib.parse import quote

from veracore_sync.admin import lists, page
from veracore_sync.admin.access import Role, Session, Tokens
from veracore_sync.admin.actions import Actions
from veracore_sync.admin.acts import ACTS, LONGEST_REASON
from veracore_sync.admin.answers import html, redirect
from veracore_sync.admin.api import AdminApi
from veracore_sync.admin.requests import parameter
from veracore_sync.admin.running import RunningAct, RunningActs
from veracore_sync.admin.visit import REFRESH_SECONDS, Visit, place_of
from veracore_sync.clock import Clock
from veracore_sync.domain.advice import repeating
from veracore_sync.domain.audit import Actor
from veracore_sync.domain.errors import LedgerError
from veracore_sync.domain.states import OrderState
from veracore_sync.webhooks.request_head import RequestHead, RequestRefused
from veracore_sync.webhooks.server import Response

_LOG = logging.getLogger(__name__)
_LATER = (("Retry-After", "5"),)
_GET, _STATES = ("GET",), "/orders/"
_MOST_FOUND = 50
_FIELDS = ("name", "reason", "type", "id")
"""What the form of an act may have."""
_READ_ONLY = "This token can view but not act."


class ShopPages:
    """Answers what is asked about one shop.

    Args:
        actions: The actions, and the ledger to read.
        tokens: The shop's tokens.
        clock: The time.
        name: The shop's name; empty if it is the only one.
        running: The acts that run.
        options: The global options that the commands on a page must have, quoted for a shell.
    """

    METHODS: Mapping[str, tuple[str, ...]] = {
        "/": _GET,
        "/orders": _GET,
        **{f"{_STATES}{state}": _GET for state in OrderState},
        "/alerts": _GET,
        "/differences": _GET,
        "/runs": _GET,
        "/search": _GET,
        "/order": _GET,
        "/act": ("GET", "POST"),
        "/running": _GET,
        "/admin-api": ("POST",),
    }
    """What may be asked at each path below `base`."""

    def __init__(
        self,
        actions: Actions,
        tokens: Tokens,
        clock: Clock,
        name: str = "",
        running: RunningActs | None = None,
        options: str = "",
    ) -> None:
        self.name = name
        self.base = f"/shops/{quote(name)}" if name else ""
        self.actions = actions
        self.tokens = tokens
        self._clock = clock
        self._api = AdminApi(actions)
        self._running = running or RunningActs(clock)
        self._options = options

    def answer_api(self, head: RequestHead, body: bytes, role: Role, actor: Actor) -> Response:
        """Answer a request to the API by `actor`, who has that role."""
        # A form of another site cannot send this type without the browser asking us first.
        kind = "".join(head.headers.get("content-type", ())).partition(";")[0].strip().lower()
        if kind != "application/json":
            return Response(415, {"errors": [{"message": "send application/json"}]})
        with self.naming_its_file():
            status, document = self._api.answer(body, role, actor)
        return Response(status, document, headers=_LATER if status == 503 else ())

    def show(self, path: str, head: RequestHead, session: Session) -> Response:
        """Answer with a page of this shop, for a session that may view it."""
        with self.naming_its_file():
            return self._page(path, head, session)

    def naming_its_file(self) -> AbstractContextManager[None]:
        """In the block, commands in texts are about this shop."""
        return repeating(self._options)

    def _page(self, path: str, head: RequestHead, session: Session) -> Response:
        if path == "/act":
            return self._confirm(head, session)
        if path == "/running":
            return self._show_running(head, session)
        if path in ("/order", "/search"):
            return self._find(path, head, session)
        visit = self._visit(session, path, head, "before", "after", "page")
        return html(self._listed(path, head, visit), more=refresh(visit))

    def visit(self, session: Session, path: str = "/") -> Visit:
        """What a page of this shop is given."""
        return Visit(
            session.csrf_token,
            session.roles[self.name],
            self.name,
            several=bool(self.name),
            now=self._clock.now(),
            place=place_of(self.actions.settings),
            path=path,
        )

    def _visit(self, session: Session, path: str, head: RequestHead, *names: str) -> Visit:
        given = [(name, parameter(head, name)) for name in names]
        return replace(
            self.visit(session, path),
            parameters=tuple((name, value) for name, value in given if value),
            refreshes=parameter(head, "refresh") == "on",
        )

    def _listed(self, path: str, head: RequestHead, visit: Visit) -> str:
        ledger = self.actions.ledger
        if path.startswith(_STATES):
            state = OrderState(path.removeprefix(_STATES))
            found = lists.orders_in(ledger, state, parameter(head, "before"))
            return page.orders_page(found, state, visit)
        if path == "/orders":
            return page.states_page(ledger, visit)
        if path == "/alerts":
            return page.alerts_page(ledger, parameter(head, "page"), visit)
        if path == "/differences":
            return page.differences_page(ledger, parameter(head, "after"), visit)
        if path == "/runs":
            return page.runs_page(ledger, visit)
        return page.overview_page(ledger, self.actions.settings, self._clock, visit)

    def _find(self, path: str, head: RequestHead, session: Session) -> Response:
        """The page of an order, or those that a search finds."""
        ledger = self.actions.ledger
        name = parameter(head, "name")
        visit = self._visit(session, path, head, "name")
        row = ledger.orders.find(name) if name else None
        if path == "/order":
            if row is None:
                return html(page.problem_page(visit, *_no_order(name)), 404)
            return html(page.order_page(ledger, row, visit), more=refresh(visit))
        if row is not None:
            return self._to_order(row.code)
        found = ledger.orders.beginning_with(name, _MOST_FOUND) if name else []
        if len(found) == 1:
            return self._to_order(found[0].code)
        return html(page.search_page(found, name, _MOST_FOUND, visit), 200 if found else 404)

    def _to_order(self, code: str) -> Response:
        return redirect(f"{self.base}/order?name={quote(code, safe='')}")

    def finish(self, seconds: float) -> bool:
        """Wait for the acts that run; whether they have ended by then."""
        return self._running.finish(seconds)

    def record_log_in(self, actor: Actor) -> None:
        """Put a log-in into the audit trail."""
        audit = self.actions.ledger.audit
        try:
            audit.end(audit.begin(actor, "log-in", None), success=True)
        except LedgerError as error:
            # Who wants to see why the ledger cannot be written must get in.
            _LOG.warning("admin: a log-in could not be recorded: %s", error.message)

    # ---- acts ---------------------------------------------------------------------------------

    def act(self, fields: Mapping[str, str], session: Session, address: str) -> Response:
        """Begin what a form of this shop asks for, sent from that address.

        Raises:
            RequestRefused: There is no such act.
        """
        visit = self.visit(session, "/act")
        if not visit.may_act:
            return html(page.problem_page(visit, "Not allowed", _READ_ONLY), 403)
        act = ACTS.get(fields.get("action", ""))
        if act is None:
            raise RequestRefused(400, "no such action")
        number = fields.get("form", "")
        given = {name: fields.get(name, "").strip()[:LONGEST_REASON] for name in _FIELDS}
        if fault := act.missing(given):
            return self._form(page.Form(act, number, given, fault), visit, 422)
        actor = Actor(session.who[self.name], "page", address)
        running = RunningAct(number, act.name, given["name"], self._clock.now())
        begun = self._running.begin(
            session, number, running, lambda: act.do(self.actions.by(actor), given)
        )
        if isinstance(begun, str):
            return self._form(page.Form(act, self._running.form(session), given, begun), visit, 409)
        return redirect(f"{self.base}/running?form={quote(begun.id, safe='')}")

    def _confirm(self, head: RequestHead, session: Session) -> Response:
        visit = self.visit(session, "/act")
        if not visit.may_act:
            return html(page.problem_page(visit, "Not allowed", _READ_ONLY), 403)
        act = ACTS.get(parameter(head, "action"))
        if act is None:
            raise RequestRefused(404, "not found")
        given = {name: parameter(head, name)[:LONGEST_REASON] for name in _FIELDS}
        name = given["name"]
        if act.about == "order" and name and self.actions.ledger.orders.find(name) is None:
            return html(page.problem_page(visit, *_no_order(name)), 404)
        return self._form(page.Form(act, self._running.form(session), given), visit)

    def _form(self, form: page.Form, visit: Visit, status: int = 200) -> Response:
        with self.naming_its_file():
            return html(page.confirm_page(self.actions.ledger, form, visit), status)

    def _show_running(self, head: RequestHead, session: Session) -> Response:
        number = parameter(head, "form")
        running = self._running.of(session, number)
        visit = replace(self.visit(session, "/running"), parameters=(("form", number),))
        if running is None:
            why = "No act of yours has this number. The page of runs shows what was done."
            return html(page.problem_page(visit, "No such act", why), 404)
        # Often at first, because most acts end soon; then seldom, so that it can be read aloud.
        seconds = min(15, 2 + int((visit.now - running.begun_at).total_seconds()) // 4)
        more = () if running.outcome is not None else (("Refresh", str(seconds)),)
        return html(page.running_page(self.actions.ledger, running, visit, seconds), more=more)


def _no_order(name: str) -> tuple[str, str]:
    return "No such order", f"The ledger holds no order {name}."


def refresh(visit: Visit) -> tuple[tuple[str, str], ...]:
    """What has a browser look again, where that was chosen."""
    # A header, not an element: assistive technology and checkers take an element for one that the
    # reader did not choose.
    return (("Refresh", str(REFRESH_SECONDS)),) if visit.refreshes else ()


def bearer(head: RequestHead) -> str:
    """The token in ``Authorization``; empty if it has another scheme."""
    scheme, _, token = "".join(head.headers.get("authorization", ())).partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
