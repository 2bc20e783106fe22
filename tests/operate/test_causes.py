"""One cause, one exit code: every command that asks VeraCore, under every form of failure.

The table is that of docs/exit-codes.md. A server in front of the simulator answers in its place.
"""

from __future__ import annotations

import json
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from rig import HereRig
from sample import sample

from veracore_sync.ledger import open_ledger
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

ROOT = Path(__file__).parents[2]
HTML = b"<!DOCTYPE html><html><head><title>Down for maintenance</title></head></html>"


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes = b""
    kind: str = "text/html; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False


def fault(words: str) -> Reply:
    text = (
        "System.Web.Services.Protocols.SoapException: Server was unable to process request. "
        f"---&gt; System.Exception: {words}\n   at ProMail.Orders.Do()"
    )
    body = (
        '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>'
        f"<soap:Fault><faultcode>soap:Server</faultcode><faultstring>{text}</faultstring>"
        "</soap:Fault></soap:Body></soap:Envelope>"
    )
    return Reply(500, body.encode(), "text/xml; charset=utf-8")


def refusal(status: int, words: str) -> Reply:
    return Reply(status, json.dumps({"message": words}).encode(), "application/json")


def to(status: int, place: str) -> Reply:
    return Reply(status, b"", headers={"Location": place})


PAGES: dict[str, tuple[int, Reply]] = {
    "a maintenance page, 200": (69, Reply(200, HTML)),
    "a maintenance page, 503": (69, Reply(503, HTML)),
    "an error page, 500": (69, Reply(500, HTML)),
    "a firewall's page, 403": (69, Reply(403, HTML)),
    "an empty answer, 200": (69, Reply(200)),
    "too many requests, 429": (69, Reply(429, HTML)),
    "an answer that is cut": (69, Reply(200, b"<soap:Envelope", "text/xml", cut=True)),
    "a redirect to a maintenance page": (69, to(302, "/maintenance.html")),
    "a redirect to another host": (78, to(301, "https://elsewhere.example/a?key=hunter2")),
    "a redirect to a login page": (78, to(302, "/VeraCore/Login.aspx?ReturnUrl=x")),
    "nothing there, 404": (78, Reply(404, HTML)),
    "not allowed there, 405": (78, Reply(405, HTML)),
}
SOAP: dict[str, tuple[int, Reply]] = {
    "a database timeout": (
        69,
        fault(
            "Timeout expired.  The timeout period elapsed prior to completion of the operation or "
            "the server is not responding."
        ),
    ),
    "a deadlock": (69, fault("Transaction (Process ID 61) was deadlocked on lock resources")),
    "a busy server": (69, fault("The server is too busy.")),
    "a refused login": (77, fault("Invalid Username or Password")),
    "a permission in listed words": (
        77,
        fault("User WSUSER has no permission to call this method"),
    ),
    "a permission in unknown words": (77, fault("Rights check 0x80 failed")),
}
JSON: dict[str, tuple[int, Reply]] = {
    "a permission, 403": (77, refusal(403, "Missing permission")),
}
GONE = {"connection refused": 69, "no such host": 69, "TLS that fails": 69}
COMMANDS = ("sync-orders", "sync-inventory", "sync-tracking", "doctor", "retry", "a hint")


class Front(ThreadingHTTPServer):
    """Passes requests on to the simulator, or answers with `reply`."""

    daemon_threads = True

    def __init__(self, behind: str) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.behind = behind
        self.reply: Reply | None = None
        self.only: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Passing(BaseHTTPRequestHandler):
    server: Front

    def do_GET(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length", 0))
        body = self.rfile.read(length) or None
        operation = self.headers.get("soapaction", self.path).strip('"').rpartition("/")[2]
        if operation == "token" and self.server.reply and self.server.reply.status == 403:
            is_hit = self.server.reply.kind.startswith("text/html")
        else:
            is_hit = not self.server.only or operation in self.server.only
        if self.server.reply is not None and is_hit:
            self._answer(self.server.reply)
            return
        names = ("content-type", "soapaction", "authorization")
        headers = {name: self.headers[name] for name in names if name in self.headers}
        asked = urllib.request.Request(
            self.server.behind + self.path, body, headers, method=self.command
        )
        try:
            with urllib.request.urlopen(asked, timeout=60) as answer:
                found = Reply(answer.status, answer.read(), answer.headers["content-type"])
        except urllib.error.HTTPError as error:
            found = Reply(error.code, error.read(), error.headers["content-type"])
        self._answer(found)

    def _answer(self, reply: Reply) -> None:
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.kind)
        self.send_header("Content-Length", str(len(reply.body) + 500 * reply.cut))
        self.send_header("Connection", "close")
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is logged."""


@dataclass
class Desk:
    rig: HereRig
    front: Front
    shop: SmallShop

    def codes(self) -> dict[str, tuple[int, str]]:
        """The exit code and the message of each command, one after the other."""
        found = {}
        for command in COMMANDS:
            if command == "a hint":
                found[command] = self._hint()
                continue
            arguments = (command, "--all") if command == "retry" else (command,)
            ended = self.rig.run(*arguments, "--json")
            found[command] = (ended.code, ended.out)
        return found

    def _hint(self) -> tuple[int, str]:
        """A named order, as the listener's worker runs it."""
        ended = self.rig.run("sync-orders", "--order", self.fresh, "--json")
        return ended.code, ended.out

    @property
    def fresh(self) -> str:
        return next(reversed(self.shop.state.orders.values())).code


@contextmanager
def prepared(folder: Path, dialect: str) -> Iterator[Desk]:
    """One order at VeraCore, one in doubt, three that wait."""
    with SmallShop() as shop, Sandbox() as sandbox:
        front = Front(sandbox.url)
        thread = threading.Thread(target=front.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        shop.state.add_variant("MUG", on_hand=100)
        rig = HereRig(folder, shop.admin_url, shop.username, shop.password, sandbox, dialect)
        suffix = "/v1" if dialect == "rest" else ""
        rig.env["VERACORE_API_URL"] = front.url + suffix
        rig.env["VERACORE_SYNC_RETRY__TRIES"] = "1"
        rig.env["VERACORE_SYNC_RETRY__BREAKER_THRESHOLD"] = "1000"
        look_up, create = {"oms": ("GetOrderInfo", "AddOrder"), "rest": ("status", "create")}[
            dialect
        ]
        try:
            shop.state.place_order([("MUG", 1)])
            rig.sync()
            shop.state.place_order([("MUG", 1)])
            rig.control("faults", {"kinds": ["reset_after"], "count": 1, "operations": [create]})
            rig.control("faults", {"kinds": ["http_503"], "operations": [look_up]})
            rig.run("sync-orders", "--json")
            rig.control("faults", {"kinds": []})
            with rig.ledger() as ledger:
                assert ledger.orders.counts()["in_doubt"] == 1
            for _ in range(3):
                shop.state.place_order([("MUG", 1)])
            yield Desk(rig, front, shop)
        finally:
            front.shutdown()
            front.server_close()
            thread.join()


CASES = [
    *(("oms", name) for name in {**PAGES, **SOAP}),
    *(("rest", name) for name in {**PAGES, **JSON}),
]


@pytest.mark.parametrize(("dialect", "name"), CASES)
def test_each_command_ends_alike(tmp_path: Path, dialect: str, name: str) -> None:
    code, reply = {**PAGES, **SOAP, **JSON}[name]
    with prepared(tmp_path, dialect) as desk:
        desk.front.reply = reply
        found = desk.codes()
        assert {command: ended for command, (ended, _) in found.items()} == dict.fromkeys(
            COMMANDS, code
        ), found
        assert not any("hunter2" in said for _, said in found.values())
        if name == "a redirect to another host":
            assert all("https://elsewhere.example/…," in said for _, said in found.values())
        desk.front.reply = None
        # A refused login is remembered, and would not be tried for an hour.
        desk.rig.run("breaker", "reset")
        left = {command: ended for command, (ended, _) in desk.codes().items()}
        # A first stock run withholds increases, which is news.
        assert set(left.values()) <= {0, 3}, left


@pytest.mark.parametrize(("dialect", "name"), CASES)
def test_creates_alone_end_alike(tmp_path: Path, dialect: str, name: str) -> None:
    """The control call passes, and the same code comes of the creates; nothing is parked."""
    code, reply = {**PAGES, **SOAP, **JSON}[name]
    with prepared(tmp_path, dialect) as desk:
        desk.front.reply, desk.front.only = reply, ("AddOrder", "orders")
        ended = desk.rig.run("sync-orders", "--json")
        assert ended.code == code, ended.out
        assert ended.json["parked"] == 0
        with desk.rig.ledger() as ledger:
            assert ledger.orders.counts()["parked"] == 0


@pytest.mark.parametrize("name", GONE)
def test_nobody_answers(tmp_path: Path, name: str) -> None:
    with prepared(tmp_path, "oms") as desk:
        url = {
            "connection refused": "http://127.0.0.1:9",
            "no such host": "https://no-such-host.invalid",
            "TLS that fails": desk.front.url.replace("http:", "https:"),
        }[name]
        ledger = open_ledger(desk.rig.ledger_path)
        ledger.meta.put("identity.warehouse", f"oms {url} sandbox")
        ledger.close()
        desk.rig.env["VERACORE_API_URL"] = url
        found = desk.codes()
        codes = {command: ended for command, (ended, _) in found.items()}
        assert codes == dict.fromkeys(COMMANDS, GONE[name]), found


# The code of each command where one operation is refused. `sync-orders` looks nothing up here, and
# AddOrder cannot be tried without creating an order.
MISSING: dict[tuple[str, str], tuple[int, int, int, int]] = {
    ("oms", "AddOrder"): (77, 0, 0, 0),
    ("oms", "GetOrderInfo"): (0, 0, 77, 77),
    ("oms", "GetProductAvailabilities"): (0, 77, 0, 77),
    ("oms", "GetShippingCharge"): (0, 0, 77, 77),
    ("oms", "GetProductReturns"): (0, 0, 0, 0),
    ("rest", "create"): (77, 0, 0, 0),
    ("rest", "status"): (0, 0, 77, 77),
    ("rest", "inventory"): (0, 77, 0, 77),
}
WORDS = ["", "Code 17", "Access denied."]


@pytest.mark.parametrize(
    ("dialect", "operation", "text"),
    sample([(*which, text) for which in MISSING for text in WORDS], lambda c: (c[:2], c[2]), 1),
)
def test_each_permission_missing(tmp_path: Path, dialect: str, operation: str, text: str) -> None:
    orders, inventory, tracking, doctor = MISSING[dialect, operation]
    with SmallShop() as shop, Sandbox() as sandbox:
        rig = HereRig(tmp_path, shop.admin_url, shop.username, shop.password, sandbox, dialect)
        shop.state.add_variant("MUG", on_hand=100)
        rig.control("stock", {"stock": [{"sku": "MUG", "on_hand": 100}]})
        shop.state.place_order([("MUG", 1)])
        rig.sync()
        for _ in range(3):
            shop.state.place_order([("MUG", 1)])
        rig.control("behaviour", {"denied": [operation], "denied_text": text})
        commands = ("sync-inventory", "sync-tracking", "doctor", "sync-orders")
        found = {command: rig.run(command, "--json") for command in commands}
        codes = {command: ended.code for command, ended in found.items()}
        wanted = dict(zip(commands, (inventory, tracking, doctor, orders), strict=True))
        assert codes == wanted, found
        for command, ended in found.items():
            if ended.code == 77 and command != "doctor":
                error = ended.json["error"]
                assert operation in error["message"]
                assert f"permission for {operation}" in error["hint"]
                with rig.ledger() as ledger:
                    assert not [one for one in ledger.alerts.standing() if one.code], command
        again = rig.run("doctor", "--json")
        lines = [one for one in again.json["findings"] if one["level"] != "ok"]
        named = [one for one in lines if operation in one["todo"] or "AddOrder" in one["todo"]]
        assert named, lines
        if doctor == 77:
            assert named[0]["name"] == operation
            assert "needed by" in named[0]["message"]
            assert "sync-" in named[0]["message"]
        rig.control("behaviour", {"denied": []})
        assert {rig.run(command).code for command in commands} <= {0, 3}


def test_the_table_is_that_of_the_documents() -> None:
    page = (ROOT / "docs" / "exit-codes.md").read_text()
    rows = dict(re.findall(r"^\| ([^|]+?) \| (\d+) \| .*\|$", page, re.MULTILINE))
    wanted = {name: str(code) for name, (code, _) in {**PAGES, **SOAP, **JSON}.items()}
    wanted |= {name: str(code) for name, code in GONE.items()}
    assert {name: rows.get(name) for name in wanted} == wanted
