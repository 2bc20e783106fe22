"""The error tree: every foreseeable failure, each with a category and a next step.

    SyncError                     1
    ├── UsageError                2    wrong arguments
    ├── ConfigError              78    a setting is wrong or missing
    │   └── WrongEndpoint        78    the address answers, but not as the API it should be
    ├── LedgerError              74    the ledger or its disk
    │   ├── LedgerAway           69    its server cannot be reached now
    │   ├── LedgerOutdated       74    of an earlier version: the first run that writes upgrades it
    │   ├── LedgerRefused        78    its server does not let this user or these settings in
    │   ├── CommitUnknown        74    the server was lost while it stored something
    │   └── LeaseLost            75    another run may have the job by now
    ├── LockHeld                 75    another run of the same job is active
    ├── NeedsPerson               3    nothing failed, but a person has to decide
    ├── Interrupted        130, 143    stopped by a signal
    ├── RunOver                  69    the run's time limit was reached
    └── UpstreamError            69    Vendure or VeraCore
        ├── AuthRefused          77    credentials or a permission refused
        ├── Unavailable          69    no connection, 5xx, connection lost
        │   └── BreakerOpen      69    not asked, because its circuit breaker is open
        ├── RateLimited          69    429
        ├── TimedOut             69    no answer in time
        └── ProtocolError        69    an answer that is not understood

The number is the process's exit code (docs/exit-codes.md). No message may carry a secret or
personal data.
"""

from __future__ import annotations

from enum import StrEnum


class Category(StrEnum):
    """The class of a failure, as ``errorClass`` in ``--json`` and in the ledger."""

    AUTH = "auth"
    CONFIG = "config"
    VALIDATION = "validation"
    MAPPING = "mapping"
    DUPLICATE = "duplicate"
    NOT_FOUND = "not_found"
    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"
    TIMEOUT = "timeout"
    PROTOCOL = "protocol"
    CONFLICT = "conflict"
    HOOK = "hook"
    INTERNAL = "internal"


HINTS: dict[Category, str] = {
    Category.AUTH: "check the credentials and their permissions, then run `veracore-sync doctor`",
    Category.CONFIG: "run `veracore-sync config show` to see each value and where it came from",
    Category.VALIDATION: "correct the order in the shop; the next run sends it, "
    "or `veracore-sync retry ORDER` at once",
    Category.MAPPING: "correct the setting that the message names; the next run sends the order",
    Category.DUPLICATE: "see `veracore-sync stats --order ORDER`, "
    "then `veracore-sync resolve ORDER --adopt` or `veracore-sync resolve ORDER --new-id`",
    Category.NOT_FOUND: "check the name with `veracore-sync stats`",
    Category.RATE_LIMITED: "nothing to do: the next run continues; if this repeats, start the jobs "
    "less often, or lower veracore.rate_per_minute",
    Category.UNAVAILABLE: "nothing is lost and the next run continues; "
    "`veracore-sync doctor` shows which side is down",
    Category.TIMEOUT: "nothing is lost and the next run continues; "
    "raise timeout_seconds of that side if this repeats",
    Category.PROTOCOL: "nothing is lost and the next run continues; "
    "`veracore-sync --log-level debug doctor` shows the response",
    Category.CONFLICT: "compare both sides, then `veracore-sync resolve ORDER --adopt`, "
    "`veracore-sync resolve ORDER --new-id` or `veracore-sync resolve ORDER --skip`",
    Category.HOOK: "correct the order hook that the message names, or take it out of orders.hooks; "
    "then `veracore-sync retry ORDER`, or the next run after the hook's version has changed",
    Category.INTERNAL: "please report this to the makers of veracore-sync, with what the same "
    "command prints with --log-level debug before its name",
}
"""The hint of an error that has none of its own, by category."""


PRECEDENCE = (78, 77, 74, 69, 3)
"""Which exit code is given if several apply: the first of these."""


class Occurrence(StrEnum):
    """What happened, on the wire or before a request was made.

    `veracore_sync.domain.failures` says what follows from each.
    """

    NOT_CONNECTED = "could not connect"
    TIMEOUT = "no answer in time"
    RUN_OVER = "the run's time was over before the answer"
    RESET = "connection lost after the request may have left"
    HTTP_4XX = "an HTTP 4xx that says nothing known"
    HTTP_404 = "HTTP 404"
    HTTP_429 = "HTTP 429"
    HTTP_5XX = "an HTTP 5xx that is not a SOAP fault"
    NOT_UNDERSTOOD = "an answer of another kind (HTML, cut short, another shape)"
    TOO_LARGE = "an answer that is larger than what is read of its kind"
    MOVED = "a redirect to another address"
    WEB_PAGE = "a web page, or nothing, instead of an answer"
    BLOCKED = "an HTTP 4xx of a firewall or a gateway"
    REFUSED = "a listed refusal of the data"
    DUPLICATE = "a listed refusal of a used order id"
    FAULT = "a fault that is not listed"
    ODD_SUCCESS = "accepted under another id, or without a sequence number"
    LOGIN_REFUSED = "a listed refusal of the credentials"
    KNOWN_REFUSED = "credentials that were refused before, so nothing was asked"
    FORBIDDEN = "a permission is missing"
    NOT_PERMITTED = "the account may not use this operation"
    ACCESS_REFUSED = "a refusal that may concern the credentials, or one record alone"
    CHANNEL_UNKNOWN = "the channel token is unknown"
    QUERY_REFUSED = "the API does not know the query"
    DATABASE = "a passing database error behind the API"
    BREAKER_OPEN = "not asked, because the upstream was down a moment ago"
    BUDGET_SPENT = "not asked, because the rate budget is used up"


class SyncError(Exception):
    """Base of all foreseeable failures.

    Args:
        message: One sentence without secrets or personal data.
        hint: What to type or change next; the class's or the category's hint if omitted.

    `what` is what happened at an upstream; ``None`` if none was involved.
    `veracore_sync.domain.failures` decides by it what follows.
    """

    category = Category.INTERNAL
    exit_code = 1
    what: Occurrence | None = None
    usual_hint = ""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or self.usual_hint or HINTS[self.category]


class UsageError(SyncError):
    """Wrong arguments (exit 2); each says itself what is right."""

    category = Category.VALIDATION
    exit_code = 2
    usual_hint = "the command's --help says what it takes"


class ConfigError(SyncError):
    """A setting is wrong or missing (exit 78). `problems` holds one sentence per error."""

    category = Category.CONFIG
    exit_code = 78

    def __init__(
        self, message: str, *, hint: str | None = None, problems: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message, hint=hint)
        self.problems = problems


class HooksUnusable(ConfigError):
    """The order hooks cannot be run, whatever the order: none is sent (exit 78)."""


class WrongEndpoint(ConfigError):
    """The address answers, but not as the API it should be (exit 78)."""

    what: Occurrence | None = Occurrence.HTTP_404


class LedgerError(SyncError):
    """The ledger cannot be read or written (exit 74)."""

    exit_code = 74


class LedgerAway(LedgerError):
    """The ledger's server cannot be reached now (exit 69); a later run may find it again."""

    category = Category.UNAVAILABLE
    exit_code = 69


class LedgerRefused(LedgerError):
    """The ledger's server does not let us in as ``[ledger]`` says (exit 78)."""

    category = Category.CONFIG
    exit_code = 78


class LedgerOutdated(LedgerError):
    """The ledger is of an earlier version, and was opened to read only (exit 74)."""


class CommitUnknown(LedgerError):
    """The connection broke while the ledger was storing something (exit 74).

    It may be stored or not, so nothing may be done that needs it to be stored.
    """

    category = Category.UNAVAILABLE


class LeaseLost(LedgerError):
    """This run's hold on its job ended before the run did (exit 75); nothing more is written."""

    category = Category.UNAVAILABLE
    exit_code = 75


class LockHeld(SyncError):
    """Another run of the same job is active (exit 75)."""

    category = Category.UNAVAILABLE
    exit_code = 75


class NeedsPerson(SyncError):
    """Nothing failed, but a person has to decide (exit 3); says between what."""

    category = Category.VALIDATION
    exit_code = 3
    usual_hint = "`veracore-sync stats` shows what needs a person"


class Interrupted(SyncError):
    """A signal stopped the run; what was in progress is recorded (exit 128 + signal)."""

    category = Category.UNAVAILABLE

    def __init__(self, message: str, *, signal_number: int = 15) -> None:
        super().__init__(message, hint="the next run continues where this one stopped")
        self.exit_code = 128 + signal_number


class RunOver(SyncError):
    """The run's time limit was reached (exit 69); no further request is made.

    Not an `UpstreamError`, because it says nothing about the upstream or the order.
    """

    category = Category.TIMEOUT
    exit_code = 69
    what: Occurrence | None = Occurrence.RUN_OVER

    def __init__(self, message: str) -> None:
        super().__init__(
            message,
            hint="nothing is lost and the next run continues; raise max_run_minutes of the job "
            "if this repeats",
        )


class UpstreamError(SyncError):
    """A failure of Vendure or VeraCore (exit 69 unless a subclass says otherwise).

    Args:
        message: One sentence without secrets or personal data.
        upstream: ``"vendure"`` or ``"veracore"``.
        hint: What to type or change next.
        retry_after: Seconds that the upstream asked us to wait, if it did.
        what: What happened, if that is more specific than the class.

    `has_ended`: the upstream itself answered, so it has finished the request. After a time-out, a
    reset or a gateway's answer it may still be working on it.
    """

    category = Category.UNAVAILABLE
    exit_code = 69
    what: Occurrence | None = Occurrence.NOT_CONNECTED

    def __init__(
        self,
        message: str,
        *,
        upstream: str,
        hint: str | None = None,
        retry_after: float | None = None,
        what: Occurrence | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.upstream = upstream
        self.retry_after = retry_after
        self.what = what or self.what
        self.has_ended = False


class AuthRefused(UpstreamError):
    """Credentials, or a permission they need, were refused (exit 77)."""

    category = Category.AUTH
    exit_code = 77
    what: Occurrence | None = Occurrence.ACCESS_REFUSED

    @property
    def listed(self) -> bool:
        """Whether the message is listed as a refusal of the credentials."""
        # Only a listed refusal is remembered: to remember a wrong one would stop all runs for an
        # hour.
        return self.what is Occurrence.LOGIN_REFUSED


class Unavailable(UpstreamError):
    """No connection, the connection was lost, or a server error (exit 69)."""


class BreakerOpen(Unavailable):
    """Not asked, because the upstream's circuit breaker is open (exit 69)."""

    what: Occurrence | None = Occurrence.BREAKER_OPEN


class RateLimited(UpstreamError):
    """The upstream asked us to slow down (exit 69)."""

    category = Category.RATE_LIMITED
    what: Occurrence | None = Occurrence.HTTP_429


class TimedOut(UpstreamError):
    """No answer in time (exit 69)."""

    category = Category.TIMEOUT
    what: Occurrence | None = Occurrence.TIMEOUT


class ProtocolError(UpstreamError):
    """An answer that is not understood: HTML, truncated, or of another shape (exit 69)."""

    category = Category.PROTOCOL
    what: Occurrence | None = Occurrence.NOT_UNDERSTOOD
