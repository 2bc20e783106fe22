"""Acts that run: each in a thread of its own, begun once however often its form is sent."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from veracore_sync.admin.access import Session
from veracore_sync.admin.actions import ActionOutcome
from veracore_sync.clock import Clock
from veracore_sync.describe import describe
from veracore_sync.domain.errors import SyncError

_LOG = logging.getLogger(__name__)
_AT_ONCE = 4
_PATIENCE = 1.0
"""Seconds that a form waits for its act: most end within them, and need no second page."""
_MOST_FORMS = 50
"""Forms, and acts that they began, that are kept of a session; the oldest go."""
_MOST_SESSIONS = 100
_MOST_SAID = 50


@dataclass(slots=True, eq=False)
class RunningAct:
    """An act that was begun.

    Args:
        id: In the address of its page.
        name: The act's.
        target: What it is about.
        begun_at: When (UTC).
        outcome: How it ended; ``None`` while it runs.
    """

    id: str
    name: str
    target: str
    begun_at: datetime
    outcome: ActionOutcome | None = None
    ended: threading.Event = field(default_factory=threading.Event)


class RunningActs:
    """The acts of one server.

    Args:
        clock: The time.
        at_once: How many run at the same time.
        patience: Seconds that `begin` waits for the end.
    """

    def __init__(self, clock: Clock, at_once: int = _AT_ONCE, patience: float = _PATIENCE) -> None:
        self._clock = clock
        self._patience = patience
        self._room = threading.BoundedSemaphore(at_once)
        self._lock = threading.Lock()
        self._running: set[RunningAct] = set()
        self._forms: dict[str, dict[str, RunningAct | None]] = {}

    def form(self, session: Session) -> str:
        """The number of a new form: it begins one act, or none."""
        number = secrets.token_urlsafe(16)
        with self._lock:
            # Those of whoever was here last stay longest.
            forms = self._forms.pop(session.csrf_token, {})
            self._forms[session.csrf_token] = forms
            forms[number] = None
            while len(forms) > _MOST_FORMS:
                del forms[next(iter(forms))]
            while len(self._forms) > _MOST_SESSIONS:
                del self._forms[next(iter(self._forms))]
        return number

    def of(self, session: Session, number: str) -> RunningAct | None:
        """The act that a form of this session has begun, or ``None``."""
        with self._lock:
            return self._forms.get(session.csrf_token, {}).get(number)

    def begin(
        self,
        session: Session,
        number: str,
        act: RunningAct,
        work: Callable[[], ActionOutcome],
    ) -> RunningAct | str:
        """Begin an act, unless its form has begun one before; that one, then.

        Args:
            session: Whose form it is.
            number: Of the form.
            act: What it begins.
            work: Does it.

        Returns:
            The act; or why nothing was done.
        """
        with self._lock:
            forms = self._forms.get(session.csrf_token, {})
            if number not in forms:
                return (
                    "This form is too old, or was not made for you. Nothing was done: look again, "
                    "and confirm once more."
                )
            before = forms[number]
            if before is not None:
                return before
            if not self._room.acquire(blocking=False):
                return "Too many acts run at once. Nothing was done: try again in a moment."
            forms[number] = act
            self._running.add(act)
        # As a daemon: a server that is stopped must not wait for a run of minutes. Killed at any
        # moment, a run loses nothing.
        thread = threading.Thread(target=self._run, args=(act, work), name="act", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            # Python's "can't start new thread".
            self._ended(act)
            with self._lock:
                forms[number] = None
            return "This machine has no thread left. Nothing was done: try again in a moment."
        act.ended.wait(self._patience)
        return act

    def _run(self, act: RunningAct, work: Callable[[], ActionOutcome]) -> None:
        try:
            act.outcome = _lean(work())
        except SyncError as error:
            act.outcome = ActionOutcome(False, f"{error.message}; {error.hint}")
        except Exception as error:  # noqa: BLE001 - the person must learn that it failed
            _LOG.error("admin: %s failed: %s", act.name, describe(error))
            act.outcome = ActionOutcome(False, "internal error; see the log of serve-admin")
        finally:
            self._ended(act)

    def _ended(self, act: RunningAct) -> None:
        with self._lock:
            self._running.discard(act)
        self._room.release()
        act.ended.set()

    def finish(self, seconds: float) -> bool:
        """Wait for the acts that run; whether they have ended by then."""
        ends_at = self._clock.monotonic() + seconds
        with self._lock:
            running = list(self._running)
        return all(one.ended.wait(max(0.0, ends_at - self._clock.monotonic())) for one in running)


def _lean(outcome: ActionOutcome) -> ActionOutcome:
    """An outcome without what no page shows: a run may name every order, and acts are kept."""
    kept: dict[str, Any] = {
        name: value for name, value in outcome.result.items() if isinstance(value, int)
    }
    kept["reasons"] = list(outcome.result.get("reasons") or ())[:_MOST_SAID]
    for name in ("notes", "news"):
        said = list(outcome.result.get(name) or ())
        more = [f"and {len(said) - _MOST_SAID} more"] if len(said) > _MOST_SAID else []
        kept[name] = said[:_MOST_SAID] + more
    return replace(outcome, result=kept)
