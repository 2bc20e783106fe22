"""The failure table, row by row: what each row does to an order, and how a run ends."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from bench import Bench
from fakes import FakeClock, FakeWarehouse, make_order

import veracore_sync
from veracore_sync.domain import errors, failures
from veracore_sync.domain.errors import (
    HINTS,
    Category,
    ConfigError,
    Interrupted,
    LedgerError,
    LockHeld,
    NeedsPerson,
    Occurrence,
    SyncError,
    UsageError,
)
from veracore_sync.domain.failures import (
    CREATING,
    READING,
    Action,
    FailureBudget,
    Group,
    read_error,
    slows_down,
)
from veracore_sync.domain.warehouse import WarehouseOrder
from veracore_sync.jobs.inventory.execute import StockWriter
from veracore_sync.ports.warehouse import NotAccepted, SubmitOutcome

# What a create ends in at once, and after two look-ups have not found the order. From the design,
# not from the table: a row that is changed by mistake must fail here.
CREATES: dict[Occurrence, tuple[str, str]] = {
    Occurrence.NOT_CONNECTED: ("pending", "synced"),
    Occurrence.TIMEOUT: ("in_doubt", "synced"),
    Occurrence.RUN_OVER: ("in_doubt", "synced"),
    Occurrence.RESET: ("in_doubt", "synced"),
    Occurrence.HTTP_4XX: ("in_doubt", "parked"),
    Occurrence.HTTP_404: ("in_doubt", "parked"),
    Occurrence.HTTP_429: ("pending", "synced"),
    Occurrence.HTTP_5XX: ("in_doubt", "synced"),
    Occurrence.NOT_UNDERSTOOD: ("in_doubt", "synced"),
    Occurrence.TOO_LARGE: ("in_doubt", "synced"),
    Occurrence.MOVED: ("in_doubt", "parked"),
    Occurrence.WEB_PAGE: ("in_doubt", "synced"),
    Occurrence.BLOCKED: ("in_doubt", "parked"),
    Occurrence.REFUSED: ("parked", "parked"),
    Occurrence.DUPLICATE: ("conflict", "conflict"),
    Occurrence.FAULT: ("in_doubt", "parked"),
    Occurrence.ODD_SUCCESS: ("in_doubt", "parked"),
    Occurrence.LOGIN_REFUSED: ("in_doubt", "parked"),
    Occurrence.FORBIDDEN: ("in_doubt", "synced"),
    Occurrence.NOT_PERMITTED: ("pending", "synced"),
    Occurrence.CHANNEL_UNKNOWN: ("in_doubt", "parked"),
    Occurrence.QUERY_REFUSED: ("in_doubt", "parked"),
    Occurrence.DATABASE: ("in_doubt", "synced"),
    Occurrence.KNOWN_REFUSED: ("pending", "synced"),
    Occurrence.ACCESS_REFUSED: ("in_doubt", "parked"),
    Occurrence.BREAKER_OPEN: ("pending", "synced"),
    Occurrence.BUDGET_SPENT: ("pending", "synced"),
}
READS: dict[Occurrence, tuple[Category, int]] = {
    Occurrence.NOT_CONNECTED: (Category.UNAVAILABLE, 69),
    Occurrence.TIMEOUT: (Category.TIMEOUT, 69),
    Occurrence.RUN_OVER: (Category.TIMEOUT, 69),
    Occurrence.RESET: (Category.UNAVAILABLE, 69),
    Occurrence.HTTP_4XX: (Category.PROTOCOL, 69),
    Occurrence.HTTP_404: (Category.CONFIG, 78),
    Occurrence.HTTP_429: (Category.RATE_LIMITED, 69),
    Occurrence.HTTP_5XX: (Category.UNAVAILABLE, 69),
    Occurrence.NOT_UNDERSTOOD: (Category.PROTOCOL, 69),
    Occurrence.TOO_LARGE: (Category.PROTOCOL, 69),
    Occurrence.MOVED: (Category.CONFIG, 78),
    Occurrence.WEB_PAGE: (Category.UNAVAILABLE, 69),
    Occurrence.BLOCKED: (Category.UNAVAILABLE, 69),
    Occurrence.REFUSED: (Category.PROTOCOL, 69),
    Occurrence.DUPLICATE: (Category.PROTOCOL, 69),
    Occurrence.FAULT: (Category.PROTOCOL, 69),
    Occurrence.ODD_SUCCESS: (Category.PROTOCOL, 69),
    Occurrence.LOGIN_REFUSED: (Category.AUTH, 77),
    Occurrence.FORBIDDEN: (Category.AUTH, 77),
    Occurrence.NOT_PERMITTED: (Category.AUTH, 77),
    Occurrence.CHANNEL_UNKNOWN: (Category.CONFIG, 78),
    Occurrence.QUERY_REFUSED: (Category.CONFIG, 78),
    Occurrence.DATABASE: (Category.UNAVAILABLE, 69),
    Occurrence.KNOWN_REFUSED: (Category.AUTH, 77),
    Occurrence.ACCESS_REFUSED: (Category.AUTH, 77),
    Occurrence.BREAKER_OPEN: (Category.UNAVAILABLE, 69),
    Occurrence.BUDGET_SPENT: (Category.RATE_LIMITED, 69),
}
TRANSIENT = {Category.UNAVAILABLE, Category.TIMEOUT, Category.RATE_LIMITED}
# About the account, if VeraCore has accepted no other order in the same run.
_NOT_ALLOWED = {Occurrence.FORBIDDEN, Occurrence.NOT_PERMITTED}
NOT_SENT = {
    Occurrence.NOT_PERMITTED,
    Occurrence.NOT_CONNECTED,
    Occurrence.KNOWN_REFUSED,
    Occurrence.BREAKER_OPEN,
    Occurrence.BUDGET_SPENT,
}
DEFINITE = {Occurrence.HTTP_429, Occurrence.REFUSED} | NOT_SENT

# Every group by its members, again from the design: of whom a failure speaks, and what follows.
_RECORD = {
    Occurrence.HTTP_4XX,
    Occurrence.NOT_UNDERSTOOD,
    Occurrence.TOO_LARGE,
    Occurrence.REFUSED,
    Occurrence.DUPLICATE,
    Occurrence.FAULT,
    Occurrence.ODD_SUCCESS,
}
_DOWN = {Occurrence.NOT_CONNECTED, Occurrence.TIMEOUT, Occurrence.RESET, Occurrence.HTTP_5XX}
_SERVER = _DOWN | {Occurrence.DATABASE, Occurrence.WEB_PAGE, Occurrence.BLOCKED}
_PACE = {Occurrence.HTTP_429, Occurrence.BUDGET_SPENT}
_CALLER = {
    Occurrence.LOGIN_REFUSED,
    Occurrence.KNOWN_REFUSED,
    Occurrence.FORBIDDEN,
    Occurrence.NOT_PERMITTED,
    Occurrence.BREAKER_OPEN,
}
_ACCESS = {Occurrence.ACCESS_REFUSED}
_RUN = {Occurrence.RUN_OVER}
_SETTINGS = {
    Occurrence.HTTP_404,
    Occurrence.MOVED,
    Occurrence.CHANNEL_UNKNOWN,
    Occurrence.QUERY_REFUSED,
}
GROUPS: dict[str, set[Occurrence]] = {
    "ENDS_THE_RUN": _RUN | _SETTINGS,
    "OF_AN_UPSTREAM_OR_THE_SETTINGS": set(Occurrence) - _RUN,
    "OF_AN_UPSTREAM_OR_TIME": set(Occurrence) - _SETTINGS,
    "OF_ONE_DECISION": set(),
    "NOTHING_FOLLOWS": set(),
    "REFUSES_ALL": _CALLER,
    "NOT_ASKED": {Occurrence.BREAKER_OPEN},
    "TOO_FAST": _PACE,
    "NOT_BEGUN": _CALLER | _ACCESS | _PACE,
    "OF_ALL_RECORDS": _CALLER | _ACCESS | _PACE | _RUN | _SETTINGS,
    "MAY_BE_AN_ENTRYS": _RECORD | _SERVER | _PACE | _SETTINGS,
    "MAY_BE_AN_ORDERS": _RECORD | _SERVER | _PACE | _SETTINGS | _ACCESS | {Occurrence.FORBIDDEN},
    "MAY_BE_A_RECORDS": _RECORD | _SERVER,
    "AN_ANSWER_OF_ITS_OWN": _RECORD,
    "ANOTHER_RECORD_TELLS": _SERVER | _PACE | _CALLER | _ACCESS,
    "SAYS_NOTHING_OF_ITS_NAME": _SERVER | _PACE | _CALLER | _ACCESS | _RUN,
    "MAY_PASS": _SERVER,
    "NOT_ALLOWED": _NOT_ALLOWED,
    "MAY_BE_OF_ALL": {
        Occurrence.HTTP_4XX,
        Occurrence.HTTP_404,
        Occurrence.MOVED,
        Occurrence.BLOCKED,
        Occurrence.FAULT,
        Occurrence.LOGIN_REFUSED,
        Occurrence.FORBIDDEN,
        Occurrence.ACCESS_REFUSED,
        Occurrence.CHANNEL_UNKNOWN,
        Occurrence.QUERY_REFUSED,
    },
    "TOO_MUCH_AT_ONCE": {Occurrence.TOO_LARGE},
    "PROVES_PERMISSION": {Occurrence.REFUSED, Occurrence.DUPLICATE},
    "LISTED_REFUSALS": {Occurrence.REFUSED, Occurrence.NOT_PERMITTED},
    "NO_ANSWER_OF_ITS_OWN": {Occurrence.WEB_PAGE, Occurrence.BLOCKED},
    "WRONG_ADDRESS": {Occurrence.HTTP_404, Occurrence.MOVED},
    "ONLY_THIS_OPERATION": {Occurrence.NOT_PERMITTED},
    "NO_SUCH_CHANNEL": {Occurrence.CHANNEL_UNKNOWN},
    "ROLLED_BACK": {Occurrence.DATABASE},
    "OVERLOADED": {
        Occurrence.TIMEOUT,
        Occurrence.RESET,
        Occurrence.HTTP_429,
        Occurrence.DATABASE,
    },
    "TRIED_AGAIN": _SERVER | _PACE,
    "COUNTS_AGAINST_CREATING": (
        _SERVER - {Occurrence.BLOCKED}
        | _PACE
        | {Occurrence.NOT_UNDERSTOOD, Occurrence.TOO_LARGE}
        | NOT_SENT
    ),
    "OPENS_THE_BREAKER": _DOWN,
    "ENDS_A_PROBE": {Occurrence.HTTP_429},
}
# Errors that no upstream causes, and the groups that each belongs to.
_STOPS = {"ENDS_THE_RUN", "OF_ALL_RECORDS"}
LOCAL: list[tuple[SyncError, set[str]]] = [
    (SyncError("words"), set()),
    (UsageError("words"), {"OF_ONE_DECISION"}),
    (NeedsPerson("words"), {"OF_ONE_DECISION"}),
    (ConfigError("words"), _STOPS | {"OF_AN_UPSTREAM_OR_THE_SETTINGS"}),
    (LockHeld("words"), _STOPS),
    (LedgerError("words"), _STOPS | {"NOTHING_FOLLOWS"}),
    (Interrupted("words"), _STOPS | {"NOTHING_FOLLOWS"}),
]


class Scripted(FakeWarehouse):
    """Answers the next create with `answer`, without having stored it."""

    answer: Occurrence | None = None

    def submit(self, order: WarehouseOrder) -> SubmitOutcome:
        what, self.answer = self.answer, None
        if what is None:
            return super().submit(order)
        return NotAccepted(what, "its own words")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "ledger.db")
    made.shop.add(make_order("OK"))
    made.warehouse = Scripted()
    made.run()
    yield made
    made.ledger.close()


@pytest.mark.parametrize("what", Occurrence)
def test_every_row_has_both_rules(what: Occurrence) -> None:
    assert what in READING
    assert what in CREATING
    assert what in CREATES
    assert what in READS


def test_every_class_has_a_hint_that_names_a_next_step() -> None:
    for category in Category:
        hint = HINTS[category]
        named = "veracore-sync" in hint or "veracore." in hint or "next run" in hint
        assert named or "setting" in hint, hint


@pytest.mark.parametrize("what", Occurrence)
def test_creating(bench: Bench, what: Occurrence) -> None:
    at_once, when_absent = CREATES[what]
    bench.shop.add(make_order("A"))
    assert isinstance(bench.warehouse, Scripted)
    bench.warehouse.answer = what
    if what in _NOT_ALLOWED:
        assert bench.stopped()[1].exit_code == 77
    else:
        bench.run()
    row = bench.row("A")
    assert row.state == at_once
    assert row.retry_count == 0
    if at_once != "pending":
        assert "its own words" in (row.error_message or "")
    for _ in range(2):
        bench.clock.forward(seconds=200)
        bench.run()
    assert bench.state("A") == when_absent
    assert bench.row("A").retry_count == 0


@pytest.mark.parametrize("what", [what for what in Occurrence if what not in DEFINITE])
def test_creating_when_it_was_stored_all_the_same(bench: Bench, what: Occurrence) -> None:
    """Whatever was answered: what is in doubt is found, and sent once."""
    bench.shop.add(make_order("A"))
    warehouse = bench.warehouse
    assert isinstance(warehouse, Scripted)
    warehouse.answer = what
    store = warehouse._store
    real = warehouse.submit

    def submit(order: WarehouseOrder) -> SubmitOutcome:
        store(order)
        return real(order)

    warehouse.submit = submit  # type: ignore[method-assign]
    if what in _NOT_ALLOWED:
        bench.stopped()
    else:
        bench.run()
    assert bench.state("A") == "synced"
    assert warehouse.submissions == {"OK": 1}, "no second request"


@pytest.mark.parametrize("what", Occurrence)
def test_reading(bench: Bench, what: Occurrence) -> None:
    """A control call that fails so ends the run so, and nothing is sent, counted or parked."""
    category, code = READS[what]
    bench.shop.add(make_order("A"))
    bench.warehouse.control_error = read_error(what, "its own words", upstream="veracore")
    result, error = bench.stopped()
    assert (error.category, error.exit_code) == (category, code)
    assert error.hint
    row = bench.row("A")
    assert (row.state, row.retry_count, row.attempt) == ("pending", 0, 0)
    assert result.outcomes == {"A": "pending"}
    bench.warehouse.control_error = None
    assert bench.run().outcomes == {"A": "submitted"}


@pytest.mark.parametrize("what", Occurrence)
def test_no_class_that_may_pass_ever_parks(what: Occurrence) -> None:
    rule = CREATING[what]
    if rule.category in TRANSIENT:
        assert rule.action in (Action.PENDING, Action.LATER, Action.DOUBT_LOST)
    assert rule.category is not Category.AUTH, "one order's answer tells nothing of a login"


@pytest.mark.parametrize("what", Occurrence)
def test_only_what_may_pass_is_read_again(what: Occurrence) -> None:
    rule = READING[what]
    passing = rule.category in TRANSIENT and what not in (
        Occurrence.RUN_OVER,
        Occurrence.BREAKER_OPEN,
    )
    assert rule.action is (Action.RETRY if passing else Action.END_RUN)
    assert isinstance(read_error(what, "words", upstream="vendure"), SyncError)


# ---- the groups ----------------------------------------------------------------------------------


def _groups() -> dict[str, Group]:
    return {name: one for name, one in vars(failures).items() if isinstance(one, Group)}


def test_every_group_is_walked() -> None:
    assert GROUPS.keys() == _groups().keys()


@pytest.mark.parametrize("name", GROUPS)
def test_every_group_decides_something(name: str) -> None:
    named = re.compile(rf"\b{name}\b")
    assert any(named.search(path.read_text()) for path in _outside())


@pytest.mark.parametrize("name", GROUPS)
def test_groups(name: str) -> None:
    """Asked about what happened, and about the error that carries it: the same answer."""
    group = _groups()[name]
    for what in Occurrence:
        wanted = what in GROUPS[name]
        assert (what in group) is wanted, what
        error = read_error(what, "words", upstream="vendure")
        assert error.what is what
        # A wrong endpoint is wrong settings, whatever was seen of it.
        is_settings = isinstance(error, ConfigError) and ConfigError in group.others
        assert (error in group) is (wanted or is_settings), what


@pytest.mark.parametrize(("error", "names"), LOCAL, ids=lambda it: type(it).__name__)
def test_errors_that_no_upstream_causes(error: SyncError, names: set[str]) -> None:
    assert {name for name, group in _groups().items() if error in group} == names


@pytest.mark.parametrize("what", Occurrence)
def test_the_class_of_an_error_alone_says_as_much_as_its_row(what: Occurrence) -> None:
    """Raised without more, an error is in each group that the row of its default is in."""
    kind = type(read_error(what, "words", upstream="vendure"))
    assert kind.what is not None
    assert READING[kind.what].category is READING[what].category


@pytest.mark.parametrize("what", [*Occurrence, None])
@pytest.mark.parametrize("retry_after", [None, 0.0, 5.0])
def test_what_slows_down(what: Occurrence | None, retry_after: float | None) -> None:
    wanted = what is Occurrence.HTTP_429 or (
        what is Occurrence.HTTP_5XX and retry_after is not None
    )
    assert slows_down(what, retry_after) is wanted


@pytest.mark.parametrize("what", Occurrence)
def test_only_what_was_rolled_back_is_written_again(what: Occurrence) -> None:
    """Whatever the message says: levels are sent again after a deadlock, and after nothing else."""
    calls = 0

    def set_levels(levels: object) -> dict[str, object]:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise read_error(what, "Deadlock found, or so it says", upstream="vendure")
        return {}

    shop, clock = SimpleNamespace(stock=SimpleNamespace(set_levels=set_levels)), FakeClock()
    writer = cast(StockWriter, SimpleNamespace(shop=shop, clock=clock))
    if what is Occurrence.DATABASE:
        assert StockWriter._send_patiently(writer, []) == {}
        assert calls == 2
    else:
        with pytest.raises(SyncError):
            StockWriter._send_patiently(writer, [])
        assert calls == 1


# ---- nobody else decides -------------------------------------------------------------------------

PACKAGE = Path(veracore_sync.__file__).parent
ERRORS = {name for name, one in vars(errors).items() if isinstance(one, type)} - {"StrEnum"}
SEARCHES = {"search", "match", "fullmatch", "findall", "finditer"}
TEXT = {"lower", "casefold", "startswith", "endswith", "find", "split", "partition", "count"}


def _is_listed(node: ast.AST) -> bool:
    """Two or more error classes, or values of `Occurrence`, side by side."""
    if isinstance(node, ast.Tuple | ast.Set | ast.List):
        items: list[ast.expr] = node.elts
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        items = [node.left, node.right]
    else:
        return False
    items = [one.value if isinstance(one, ast.Starred) else one for one in items]
    return sum(map(_is_of_failure, items)) > 1


def _is_of_failure(node: ast.expr) -> bool:
    if isinstance(node, ast.Attribute):
        return isinstance(node.value, ast.Name) and node.value.id == "What"
    return isinstance(node, ast.Name) and node.id in ERRORS - {"What"}


def _is_message(node: ast.AST | None) -> bool:
    """``error.message``, or ``str(error)``, of something that is called an error."""
    if isinstance(node, ast.Attribute) and node.attr == "message":
        return isinstance(node.value, ast.Name | ast.Attribute) and "error" in ast.unparse(
            node.value
        )
    is_text = isinstance(node, ast.Call) and ast.unparse(node.func) == "str"
    return is_text and "error" in ast.unparse(node)


def _reads_a_message(node: ast.AST) -> bool:
    if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn):
        return any(_is_message(one) for one in ast.walk(node))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr in SEARCHES:
            return any(_is_message(one) for one in node.args)
        return node.func.attr in TEXT and _is_message(node.func.value)
    return False


def _is_a_decision(node: ast.AST) -> bool:
    return _is_listed(node) or _reads_a_message(node)


def _outside() -> list[Path]:
    keep = {PACKAGE / "domain/failures.py"}
    return [path for path in sorted(PACKAGE.rglob("*.py")) if path not in keep]


def test_nobody_else_decides_what_a_failure_means() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{node.lineno} {ast.unparse(node)}"
        for path in _outside()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.expr) and _is_a_decision(node)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "code",
    [
        "_WIDE = (Unavailable, TimedOut)",
        "_COUNTED = frozenset({What.RESET, What.TIMEOUT})",
        "isinstance(error, RunOver | UpstreamError)",
        "what in [What.RESET, What.TIMEOUT]",
        "ENDS = (*ENDS, BreakerOpen, LockHeld)",
        "'deadlock' in error.message.lower()",
        "_ID.search(error.message)",
        "error.message.startswith('HTTP 5')",
        "'reset' not in str(error)",
    ],
)
def test_such_a_decision_would_be_found(code: str) -> None:
    nodes = ast.walk(ast.parse(code))
    assert any(isinstance(node, ast.expr) and _is_a_decision(node) for node in nodes)


@pytest.mark.parametrize(
    "code",
    [
        "error in OPENS_THE_BREAKER",
        "what is What.RESET",
        "isinstance(error, LedgerError)",
        "_LOG.info('failed: %s', error.message)",
        "def f() -> What | None: ...",
        "is_login_refusal(fault.message)",
    ],
)
def test_what_is_no_decision_is_let_through(code: str) -> None:
    nodes = ast.walk(ast.parse(code))
    assert not any(isinstance(node, ast.expr) and _is_a_decision(node) for node in nodes)


# ---- how many in a row ---------------------------------------------------------------------------


def test_a_budget_is_used_up_by_failures_in_a_row() -> None:
    budget = FailureBudget()
    assert [budget.spend("a") for _ in range(2)] == [1, 2]
    assert not budget.is_spent("a")
    budget.restore("a")
    assert [budget.spend("a") for _ in range(3)] == [1, 2, 3]
    assert budget.is_spent("a")
    assert not budget.is_spent("b"), "another upstream's"


@pytest.mark.parametrize(
    ("script", "asked"),
    [
        (["not connected"] * 9, 3),
        (["not connected", "429", "lost before", *["not connected"] * 9], 3),
        (["not connected", "not connected", "", *["not connected"] * 9], 6),
        (["429", "", "429", "", "429", "", "429", ""], 8),
        (["refused"] * 9, 9),
    ],
)
def test_three_failures_in_a_row_end_sending(bench: Bench, script: list[str], asked: int) -> None:
    """A success starts the count anew, and what VeraCore refuses is no failure of VeraCore's."""
    for number in range(9):
        bench.shop.add(make_order(f"A{number}"))
    met: list[str] = []
    bench.warehouse.before_submit = lambda order: met.append(order.id)
    bench.warehouse.script.extend(script)
    if asked < len(script):
        bench.stopped()
    else:
        bench.run()
    assert len(met) == (asked if asked < len(script) else 9)
