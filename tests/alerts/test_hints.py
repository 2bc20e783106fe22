"""Every hint leads on: each command that a text names is a real one, and was run where it is named.

`WALKED` has a row for each command that the source names in backticks: the situations of this file
in which it is shown and then typed, or the tests that obey it. A command without a row fails.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from alerts_kit import Desk, desk
from hints_kit import ROOT, commands_in, parsed, shape, shapes
from rig import Ended

from veracore_sync.ledger import open_ledger

_OF_A_PERSON = {"UsageError", "NeedsPerson", "LedgerError"}
DEAD = "http://127.0.0.1:9"
NOUNS = {"cancel", "resolve --new-id", "X", "--help"}
"""Named as what it is, not to be typed so; or filled in with any command."""


@dataclass
class Operator:
    """Who runs the program with a file of a shop of theirs, and types what it says."""

    desk: Desk
    file: Path
    made: int = 0

    def run(self, line: str) -> Ended:
        """A command as it was typed, or as it was said with the program's name."""
        words = shlex.split(line.split("&&")[0])
        if words[0] == "veracore-sync":
            return self.desk.run(*words[1:])
        return self.desk.run("--config", str(self.file), *words)

    def place(self, *lines: tuple[str, int]) -> str:
        """A paid order; its code."""
        if not lines:
            return str(self.desk.place().code)
        return str(self.desk.shop.state.place_order(list(lines)).code)

    def synced(self) -> str:
        code = self.place()
        self.desk.run("sync-orders", "--order", code)
        return code

    def path(self, name: str) -> Path:
        return self.desk.rig.folder / name

    def set(self, **settings: str) -> None:
        """Change settings for the rest of the situation."""
        self.desk.rig.env |= settings


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    folder = tmp_path_factory.mktemp("hints")
    file = folder / "shop2.toml"
    file.write_text("[log]\n")
    with desk(folder) as made:
        one = Operator(made, file)
        one.synced()
        yield one


@pytest.fixture
def operator(shared: Operator) -> Iterator[Operator]:
    """With the settings as they were."""
    before = dict(shared.desk.rig.env)
    yield shared
    shared.desk.rig.env.clear()
    shared.desk.rig.env.update(before)
    shared.desk.mend()
    shared.file.write_text("[log]\n")
    shared.desk.run("breaker", "reset")


Start = Callable[[Operator], str]
"""Brings a situation about; the command that is typed in it."""


def typing(command: str, **env: str) -> Start:
    """Nothing but these settings and this command."""

    def start(one: Operator) -> str:
        one.set(**env)
        return command

    return start


def on_a_new_ledger(command: str, **env: str) -> Start:
    """The same where the ledger belongs to no shop and no warehouse yet."""

    def start(one: Operator) -> str:
        place = one.path("of-nobody.db")
        place.unlink(missing_ok=True)
        one.set(VERACORE_SYNC_LEDGER__PATH=str(place), **env)
        return command

    return start


def after_refusal(one: Operator) -> str:
    one.set(VENDURE_PASSWORD="wrong-password")
    one.run("sync-orders")
    return "sync-orders"


def behind_a_breaker(one: Operator) -> str:
    one.set(VENDURE_ADMIN_API_URL=DEAD, VERACORE_SYNC_RETRY__BREAKER_THRESHOLD="1")
    one.set(VERACORE_SYNC_LEDGER__PATH=str(one.path("breaker.db")))
    one.run("sync-orders")
    # Off a terminal an outage is said once, and not again in text.
    return "sync-orders --json"


def on_a_fresh_ledger(one: Operator) -> str:
    one.place()
    one.set(
        VERACORE_SYNC_LEDGER__PATH=str(one.path("fresh.db")),
        VERACORE_SYNC_ORDERS__MAX_FIRST_RUN="0",
    )
    return "sync-orders"


def parked(one: Operator) -> str:
    one.set(VERACORE_SYNC_ORDERS__FREIGHT='{"other": {"carrier": "UPS", "service": "Ground"}}')
    one.place()
    return "sync-orders"


def in_conflict(one: Operator) -> str:
    code = one.synced()
    with one.desk.rig.sandbox.world.lock:
        one.desk.rig.sandbox.world.orders[code].reference = "PO-77"
    return code


def retry_of_what_was_sent(one: Operator) -> str:
    return f"retry {one.synced()}"


def skip_of_what_was_sent(one: Operator) -> str:
    return f"resolve {one.synced()} --skip"


def decide_without_a_decision(one: Operator) -> str:
    return f"resolve {one.synced()}"


def accept_without_a_reason(one: Operator) -> str:
    return f"resolve {one.synced()} --accept ' '"


def accept_nothing(one: Operator) -> str:
    return f"resolve {one.synced()} --accept fine"


def adopt_without_an_id(one: Operator) -> str:
    one.set(VERACORE_SYNC_ORDERS__FREIGHT='{"other": {"carrier": "UPS", "service": "Ground"}}')
    code = one.place()
    one.run(f"sync-orders --order {code}")
    return f"resolve {code} --adopt"


def guarded(one: Operator) -> str:
    for number in range(30):
        one.desk.shop.state.add_variant(f"SKU{number}", "Thing", 1000, on_hand=100)
    rows = [{"sku": f"SKU{number}", "on_hand": 100} for number in range(30)]
    one.desk.control("stock", stock=rows)
    one.run("sync-inventory --allow-mass-change")
    one.desk.control("stock", stock=[row | {"on_hand": 0} for row in rows])
    return "sync-inventory"


def damaged(one: Operator) -> str:
    place = one.path("damaged.db")
    one.set(VERACORE_SYNC_LEDGER__PATH=str(place))
    one.run("sync-orders --allow-first-run")
    one.run(f"ledger backup {one.path('FILE')}")
    place.write_bytes(b"this is no database, and was one " * 500)
    for name in ("-wal", "-shm"):
        place.with_name(place.name + name).unlink(missing_ok=True)
    return "stats"


def in_a_folder_of_shops(one: Operator) -> str:
    folder = one.path("shops")
    folder.mkdir(exist_ok=True)
    (folder / "SHOP.toml").write_text(f'[ledger]\npath = "{one.path("SHOP.db")}"\n')
    return f"veracore-sync --config {folder} ledger export"


def in_an_empty_folder(one: Operator) -> str:
    folder = one.path("no-shops")
    folder.mkdir(exist_ok=True)
    return f"veracore-sync --config {folder} stats"


def with_another_interval(one: Operator) -> str:
    units = one.path("units")
    units.mkdir(exist_ok=True)
    (units / "veracore-sync-orders.timer").write_text("[Timer]\nOnCalendar=hourly\n")
    return f"timers --check --systemd-dir {units}"


def broken_line(one: Operator) -> str:
    one.file.write_text("[log\n")
    return "init --offline"


def laid_out_otherwise(one: Operator) -> str:
    one.file.write_text('vendure = { username = "sync" }\n')
    values = {
        "--vendure-url": DEAD,
        "--vendure-username": "a",
        "--veracore-url": DEAD,
        "--veracore-client-id": "a",
        "--company-id": "a",
        "--password-file": str(one.path("secret")),
        "--client-secret-file": str(one.path("secret")),
    }
    one.path("secret").write_text("four\n")
    return shlex.join(["init", "--offline", *(word for pair in values.items() for word in pair)])


def with_an_empty_ledger(one: Operator) -> str:
    open_ledger(one.path("empty.db")).close()
    one.set(VERACORE_SYNC_LEDGER__PATH=str(one.path("empty.db")))
    return "doctor"


def like_nothing(one: Operator) -> str:
    one.path("tenant.json").write_text("{}")
    return f"sandbox --like {one.path('tenant.json')}"


SITUATIONS: Mapping[str, tuple[int, Start]] = {
    "a password is missing": (78, typing("sync-orders", VENDURE_PASSWORD="")),
    "nothing configured": (78, typing("veracore-sync --config nowhere.toml stats")),
    "the shop is down": (
        69,
        on_a_new_ledger("sync-orders", VENDURE_ADMIN_API_URL=DEAD),
    ),
    "VeraCore is down": (
        69,
        on_a_new_ledger("sync-inventory", VERACORE_API_URL=DEAD),
    ),
    "the shop refuses us": (77, typing("sync-orders", VENDURE_PASSWORD="wrong-password")),
    "the shop refused us before": (77, after_refusal),
    "doctor, and the shop refuses us": (77, typing("doctor", VENDURE_PASSWORD="wrong-password")),
    "the breaker is open": (69, behind_a_breaker),
    "stats of no order": (2, typing("stats --order NOPE")),
    "retry of no order": (2, typing("retry NOPE")),
    "retry of nothing": (2, typing("retry")),
    "resolve of no order": (2, typing("resolve NOPE --skip")),
    "cancel of no order": (2, typing("cancel NOPE")),
    "acceptance of no order": (2, typing("resolve NOPE --accept fine")),
    "no such SKU": (2, typing("sync-inventory --sku NOPE")),
    "no decision": (2, decide_without_a_decision),
    "no reason": (2, accept_without_a_reason),
    "nothing to accept": (2, accept_nothing),
    "no id to adopt": (2, adopt_without_an_id),
    "many orders at first": (3, on_a_fresh_ledger),
    "an order is parked": (3, parked),
    "retry of what was sent": (3, retry_of_what_was_sent),
    "skip of what was sent": (2, skip_of_what_was_sent),
    "the guard withholds": (3, guarded),
    "the ledger is damaged": (74, damaged),
    "one of several shops": (2, in_a_folder_of_shops),
    "no shop in the folder": (78, in_an_empty_folder),
    "a timer differs": (3, with_another_interval),
    "init over a broken line": (78, broken_line),
    "init over another layout": (78, laid_out_otherwise),
    "init off a terminal": (2, typing("init")),
    "no such event": (2, typing("deliver --skip nope", VERACORE_SYNC_HOOKS__COMMAND="true")),
    "no such breaker": (2, typing("breaker reset nope")),
    "half an acceptance": (2, typing("reconcile --accept fine")),
    "no such difference": (
        2,
        typing("reconcile --accept fine --type tracking_differs --order NOPE"),
    ),
    "a period that is turned round": (
        2,
        typing("report --since 2026-02-01 --until 2026-01-01"),
    ),
    "a period that is too long": (2, typing("report --since 2000-01-01")),
    "a period of another age": (2, typing("report --until 9999-12-31")),
    "seconds of no watch": (2, typing("stats 5")),
    "rebuild of a ledger in use": (2, typing("ledger rebuild --apply")),
    "check of no ledger": (74, on_a_new_ledger("ledger rebuild --check")),
    "a token of no use": (
        78,
        on_a_new_ledger("sync-orders", VERACORE_SYNC_VENDURE__CHANNEL_TOKEN="a b"),
    ),
    "like no tenant": (78, like_nothing),
    "doctor before anything": (0, with_an_empty_ledger),
}

_ALERTS = "tests/alerts/test_alert_walks.py"
_RECONCILE = "tests/reconcile/test_reconcile_command.py"
_REBUILD = "tests/cli/test_ledger_rebuild.py"
_ACTS = "tests/jobs/test_acts.py"
WALKED: Mapping[str, tuple[str, ...]] = {
    "breaker reset": ("the shop refused us before", "the breaker is open", "no such breaker"),
    "cancel X": ("skip of what was sent",),
    "config show": ("a token of no use",),
    "config validate": ("init over another layout",),
    "deliver --force": ("tests/events/test_deliver_process.py",),
    "deliver --skip X": ("tests/events/test_skip_process.py",),
    "demo": ("tests/cli/test_demo.py",),
    "doctor": ("the shop is down", "VeraCore is down", "no such SKU"),
    "doctor --offline": ("tests/operate/test_doctor_lines.py",),
    "init": (
        "a password is missing",
        "nothing configured",
        "no shop in the folder",
        "init off a terminal",
    ),
    "init --config trial.toml": ("tests/sandbox/test_sandbox_server.py",),
    "init --force": ("init over a broken line",),
    "ledger backup X": ("doctor before anything",),
    "ledger check": ("tests/ledger/test_sqlite_file.py",),
    "ledger move --to X": ("tests/ledger/test_move.py",),
    "ledger rebind": ("tests/ledger/test_rebind.py",),
    "ledger rebind --apply": ("tests/ledger/test_rebind.py",),
    "ledger rebind --apply --allow-missing": ("tests/ledger/test_rebind.py",),
    "ledger rebuild": ("check of no ledger",),
    "ledger rebuild --apply": (_REBUILD,),
    "ledger rebuild --check": ("rebuild of a ledger in use",),
    "ledger restore X": ("the ledger is damaged",),
    "probe": ("doctor before anything",),
    "probe --out X": ("like no tenant",),
    "reconcile": (_RECONCILE,),
    'reconcile --accept "reason" --type X --order X': (_RECONCILE,),
    'reconcile --accept "reason" --type foreign_at_warehouse --name X': (_ALERTS,),
    'reconcile --accept "reason" --type stock_differs --name X': (_ALERTS,),
    'reconcile --accept "why" --type tracking_differs --order X': ("half an acceptance",),
    "reconcile --order X": (_RECONCILE,),
    'resolve X --accept "reason"': ("no reason", "skip of what was sent"),
    "resolve X --adopt": (_ALERTS,),
    "resolve X --adopt X": ("no id to adopt",),
    "resolve X --new-id": (_ALERTS,),
    "resolve X --new-id X": ("tests/fire/test_fire_resolve.py",),
    "resolve X --skip": ("nothing to accept",),
    "resolve X XX": (_ACTS,),
    'resolve stock.drift --accept "reason"': (_ALERTS,),
    "report --since X --until X": ("a period that is turned round", "a period that is too long"),
    "report --until X": ("a period of another age",),
    "retry X": ("nothing to accept",),
    "sandbox --like X": ("tests/probe/test_probe_like.py",),
    "serve-webhooks --work-only": ("tests/webhooks/test_serve_process.py",),
    "stats": ("an order is parked", "acceptance of no order", "no such event"),
    "stats --check": ("tests/operate/test_stats_text.py",),
    "stats --differences": ("no such difference",),
    "stats --failed": ("retry of nothing",),
    "stats --json": ("tests/operate/test_stats_text.py",),
    "stats --order X": ("no decision", "retry of what was sent"),
    "stats --runs": ("tests/operate/test_exit_codes.py",),
    "stats --watch 5": ("seconds of no watch",),
    "sync-inventory": (_ALERTS,),
    "sync-inventory --allow-mass-change": ("the guard withholds",),
    "sync-inventory --dry-run": ("the guard withholds",),
    "sync-inventory --full": (_ALERTS,),
    "sync-inventory --sku X": ("tests/real/test_inventory.py",),
    "sync-inventory --sku X --allow-mass-change": ("tests/real/test_tracking.py",),
    "sync-orders": ("the ledger is damaged",),
    "sync-orders --allow-first-run": ("many orders at first",),
    "sync-orders --dry-run": ("many orders at first",),
    "sync-orders --limit 1": ("doctor before anything",),
    "sync-orders --order X": (_ALERTS,),
    "sync-orders --order X --dry-run": (
        "stats of no order",
        "resolve of no order",
        "retry of no order",
        "cancel of no order",
    ),
    "sync-tracking --order X": (_ALERTS,),
    "sync-tracking --order X --force": (_ALERTS,),
    "timers --crontab": ("tests/operate/test_timers.py",),
    "timers --write X": ("a timer differs",),
}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_what_is_said_leads_on(operator: Operator, situation: str) -> None:
    code, start = SITUATIONS[situation]
    typed = start(operator)
    before = operator.run(typed)
    assert before.code == code, before
    said = commands_in(before.out + before.err)
    wanted = {one for one, where in WALKED.items() if situation in where}
    assert wanted <= {shape(one) for one in said}, before
    for command in dict.fromkeys(said):
        parsed(command)
        assert "--config " in command, "it would be about another shop"
        if situation != "nothing configured" and "shops" not in situation + command:
            assert f"--config {operator.file}" in command
        if "on a terminal" in before.err or shape(command) in _LONG & tried:
            continue
        tried.add(shape(command))
        after = operator.run(filled_in(command))
        assert "Usage:" not in after.err, after
        assert after.code == 0 or (after.out, after.err) != (before.out, before.err), command


tried: set[str] = set()
_LONG = {"probe", "doctor", "ledger backup X"}
"""Run once: what follows from them does not depend on where they are named."""


def filled_in(command: str) -> str:
    """With something in the place of what a person fills in."""
    return command.replace("--out FILE", "--out probe.json").replace("backup FILE", "backup b.db")


def test_every_command_that_is_named_is_walked() -> None:
    named = set(shapes()) - NOUNS
    assert set(WALKED) - named == set(), "nothing names it any more"
    assert named - set(WALKED) == set(), {one: shapes()[one] for one in named - set(WALKED)}
    for where in (place for places in WALKED.values() for place in places):
        assert where in SITUATIONS or (ROOT / where).exists(), where


def test_what_a_person_did_is_answered_with_what_to_do() -> None:
    """The hint of a category is about orders and upstreams; of a command only it knows more."""
    bare = []
    for path in (ROOT / "veracore_sync").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in _OF_A_PERSON:
                hinted = any(one.arg == "hint" for one in node.keywords)
                bare += [] if hinted else [f"{path}:{node.lineno}"]
    assert bare == []


def test_every_command_that_is_named_is_a_real_one() -> None:
    for one in set(shapes()) - NOUNS:
        line = re.sub(r"(--since|--until) X", r"\1 2026-01-01", one)
        parsed(line.replace("--type X", "--type paid_not_sent").replace("XX", "--skip"))


def test_the_tests_named_type_the_command() -> None:
    """In the file or its folder's kits: its options in one expression, and its words as texts."""
    for one, places in WALKED.items():
        # A type of difference is a member of its enumeration there.
        line = re.sub(r"(?<=--type )\S+", "X", one)
        words = [word for word in line.split() if word[0].islower() or word[:2] == "--"]
        options = {word for word in words if word[:2] == "--"}
        for where in (place for place in places if "/" in place):
            path = ROOT / where
            said = [
                texts for file in (path, *path.parent.glob("*_kit.py")) for texts in typed(file)
            ]
            assert any(options <= texts for texts in said), (one, where)
            assert set(words) <= set().union(*said), (one, where)


def typed(path: Path) -> list[set[str]]:
    """The words in each call, list and text of a file that may be a command line."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call | ast.Tuple | ast.List | ast.JoinedStr | ast.Constant):
            parts = [part for part in ast.walk(node) if isinstance(part, ast.Constant)]
            texts = [part.value for part in parts if isinstance(part.value, str)]
            # A method called like the command runs it.
            called = (
                [node.func.attr] if isinstance(getattr(node, "func", None), ast.Attribute) else []
            )
            if len(parts) <= _A_LINE:
                found.append({*" ".join([*texts, *called]).replace("`", " ").split()})
    return found


_A_LINE = 40
"""More words are no command line but a table."""
