"""Who comes in: names of the server, paths, wrong tokens and addresses; in process."""

from __future__ import annotations

import hashlib
import logging
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from types import SimpleNamespace
from typing import cast
from urllib.parse import urlencode

import pytest
from fakes import make_settings
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from veracore_sync.admin.access import Tokens
from veracore_sync.admin.actions import ActionOutcome, Actions
from veracore_sync.admin.attempts import FORGOTTEN, FREE, LONGEST, TooManyAttempts, WrongTokens
from veracore_sync.admin.door import Door
from veracore_sync.admin.handler import AdminHandler
from veracore_sync.admin.requests import Callers, Hosts
from veracore_sync.admin.shop_pages import ShopPages
from veracore_sync.clock import SystemClock
from veracore_sync.composition.container import Container
from veracore_sync.config import AdminSettings
from veracore_sync.domain.audit import Actor
from veracore_sync.domain.errors import LedgerError
from veracore_sync.ledger import open_ledger
from veracore_sync.webhooks.request_head import RequestHead, RequestRefused, parse_head
from veracore_sync.webhooks.server import Response

READ, ACT = "read-token-0123456789-abcdefghijk", "act-token-9876543210-abcdefghijk"
QUERY = b'{"query": "{ __typename }"}'


class Clock(SystemClock):
    """Goes when it is told to."""

    def __init__(self) -> None:
        self.at = 1000.0

    def monotonic(self) -> float:
        return self.at


class Scene:
    def __init__(self, shops: tuple[str, ...] = ("",), **door: object) -> None:
        self.clock = Clock()
        self.ledger = open_ledger(None)
        self.acted: list[tuple[str, Actor]] = []
        actions = SimpleNamespace(ledger=self.ledger, by=self._by, settings=make_settings())
        pages = [
            ShopPages(cast(Actions, actions), Tokens(READ, ACT), self.clock, one) for one in shops
        ]
        made = Door(self.clock, **door)  # type: ignore[arg-type]
        self.handler = AdminHandler(pages, self.clock, list, door=made)

    def _by(self, actor: Actor) -> object:
        def note(name: str) -> Callable[..., ActionOutcome]:
            def act(*given: str) -> ActionOutcome:
                self.acted.append((" ".join([name, *given]), actor))
                return ActionOutcome(True)

            return act

        names = ("force_inventory", "inventory_for", "force_tracking", "retry_order")
        return SimpleNamespace(**{name: note(name) for name in (*names, "tracking_for")})

    def ask(
        self, method: str, target: str, body: bytes = b"", peer: str = "192.0.2.7", **headers: str
    ) -> Response:
        given = {"Host": "localhost:8788", **{k.replace("_", "-"): v for k, v in headers.items()}}
        lines = [f"{method} {target} HTTP/1.1", *(f"{k}: {v}" for k, v in given.items() if v)]
        try:
            head = parse_head("\r\n".join(lines).encode())
            self.handler.check(head)
            return self.handler.answer(head, body, peer)
        except RequestRefused as error:
            return Response(error.status, {"error": error.reason})

    def log_in(self, token: str, peer: str = "192.0.2.7", **headers: str) -> int:
        return self.ask(
            "POST", "/login", urlencode({"token": token}).encode(), peer, **headers
        ).status

    def api(self, token: str, peer: str = "192.0.2.7", **headers: str) -> int:
        given = {"Content_Type": "application/json", "Authorization": f"Bearer {token}"}
        return self.ask("POST", "/admin-api", QUERY, peer, **given, **headers).status


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    with closing(made.ledger):
        yield made


# ---- paths and fields ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/admin-api", 405),
        ("//x/admin-api", 404),
        ("//admin-api", 404),
        ("/x//admin-api", 404),
        ("/admin-api/", 404),
        ("/%61dmin-api", 404),
        ("/./admin-api", 404),
        ("/x/../admin-api", 404),
        ("/admin-api;a=b", 404),
        ("/ADMIN-API", 404),
        ("/\\admin-api", 400),
        ("/admin-api#x", 400),
        ("//[", 404),
        ("//]:x/", 404),
        ("http://localhost/admin-api", 400),
        ("http://[/admin-api", 400),
        ("*", 400),
        ("localhost:8788", 400),
        ("?a=b", 400),
        ("/admin-api?x=//y", 405),
        ("/login?a", 200),
        ("/order?name=%00", 303),
    ],
)
def test_only_the_path_itself_is_found(scene: Scene, target: str, status: int) -> None:
    assert scene.ask("GET", target).status == status


@settings(max_examples=50)
@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40))
def test_every_target_is_answered(target: str) -> None:
    for start in ("", "/", "//", "/shops/", "/order?name="):
        assert SHARED.ask("GET", start + target).status in (200, 303, 400, 404, 405)


SHARED = Scene(("shop 1", "b"))


def test_a_shop_is_found_by_its_own_spelling_only() -> None:
    let_in = SHARED.ask("POST", "/login", urlencode({"token": READ}).encode())
    cookie = dict(let_in.headers)["Set-Cookie"].partition(";")[0]
    assert SHARED.ask("GET", "/shops/b/", Cookie=cookie).status == 200
    assert SHARED.ask("GET", "/shops/shop%201/", Cookie=cookie).status == 200
    for other in ("/shops/%62/", "/shops/shop+1/", "/shops/shop%2520/", "/shops//b/", "/shops/b"):
        assert SHARED.ask("GET", other, Cookie=cookie).status == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"&".join(b"a%d=1" % n for n in range(21)), 400),
        (b"&" * 5000, 400),
        (b"token=%00", 400),
        (b"token=" + b"%FF" * 10, 401),
        (b"\xff\xfe", 401),
        (b"", 401),
        (b"&".join(b"a%d=1" % n for n in range(19)) + b"&token=" + READ.encode(), 303),
    ],
)
def test_every_form_is_answered(scene: Scene, body: bytes, status: int) -> None:
    assert scene.ask("POST", "/login", body).status == status


# ---- names of the server ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "listening", "known"),
    [
        ("localhost", "127.0.0.1", True),
        ("LOCALHOST.:9000", "127.0.0.1", True),
        ("127.0.0.1:8788", "127.0.0.1", True),
        ("127.1.2.3", "127.0.0.1", True),
        ("[::1]:8788", "127.0.0.1", True),
        ("admin.example.com", "127.0.0.1", True),
        ("Admin.Example.com:443", "127.0.0.1", True),
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "127.0.0.1", False),
        ("192.0.2.1", "0.0.0.0", True),
        ("[2001:db8::1]", "::", True),
        ("[::ffff:127.0.0.1]", "127.0.0.1", True),
        ("evil.example", "127.0.0.1", False),
        ("evil.example", "0.0.0.0", False),
        ("localhost.evil.example", "127.0.0.1", False),
        ("admin.example.com.evil.example", "127.0.0.1", False),
        ("127.0.0.1.evil.example", "127.0.0.1", False),
        ("evil.example@localhost", "127.0.0.1", False),
        ("localhost:8788:1", "127.0.0.1", False),
        ("[localhost", "0.0.0.0", True),
        ("[", "127.0.0.1", False),
        ("", "0.0.0.0", False),
    ],
)
def test_the_names_of_the_server(host: str, listening: str, known: bool) -> None:
    assert Hosts(listening, ["admin.example.com"]).knows(host) is known


def test_another_name_is_refused_with_what_to_set(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    for target, method in (("/", "GET"), ("/login", "GET"), ("/admin-api", "POST")):
        answer = scene.ask(method, target, Host="evil.example")
        assert (answer.status, "admin.hosts" in answer.document["error"]) == (421, True)
    assert scene.ask("GET", "/readyz", Host="evil.example").status == 421
    # A load balancer asks for an address.
    assert scene.ask("GET", "/healthz", Host="192.0.2.1").status == 200
    said = [one.getMessage() for one in caplog.records]
    assert len(said) == 1
    assert "evil.example was refused" in said[0]
    assert "admin.hosts" in said[0]


def test_a_form_comes_from_our_own_page() -> None:
    scene = Scene(hosts=["admin.example.com"])
    own = {"Origin": "http://localhost:8788"}
    assert scene.log_in(READ, **own) == 303
    # A proxy that sends another Host than the browser did.
    assert scene.log_in(READ, Origin="https://admin.example.com") == 303
    for origin in ("https://evil.example", "null", "http://[", "https://localhost:3000"):
        assert scene.log_in(READ, Origin=origin) == 403
    assert scene.log_in(READ, **own, Sec_Fetch_Site="cross-site") == 403


# ---- wrong tokens -------------------------------------------------------------------------------


def test_who_guesses_waits_and_the_log_says_so_once(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    answers = [scene.log_in(f"guess-{n}") for n in range(500)]
    assert answers == [401] * FREE + [429] * (500 - FREE)
    assert [one.getMessage() for one in caplog.records] == [
        "admin: 5 wrong tokens from 192.0.2.7; it has to wait now"
    ]
    # The right one is not even looked at; others are not kept out.
    assert scene.log_in(ACT) == scene.api(ACT) == 429
    assert scene.log_in(ACT, "192.0.2.8") == 303
    assert scene.api(ACT, "192.0.2.8") == 200
    scene.clock.at += 1.1
    assert scene.log_in(ACT) == 303
    assert scene.api(ACT) == 200


def test_the_page_and_the_api_count_together_and_say_how_long(scene: Scene) -> None:
    for n in range(FREE):
        assert (scene.api if n % 2 else scene.log_in)(f"guess-{n}") == 401
    body = urlencode({"token": READ}).encode()
    answer = scene.ask("POST", "/login", body)
    assert ("Retry-After", "1") in answer.headers
    assert "Try again in 1 s" in (answer.text or "")
    assert any(name == "Content-Security-Policy" for name, _ in answer.headers)
    given = {"Content_Type": "application/json", "Authorization": "Bearer x"}
    refused = scene.ask("POST", "/admin-api", QUERY, **given)
    assert refused.document["errors"][0]["extensions"]["code"] == "TOO_MANY_ATTEMPTS"
    assert ("Retry-After", "1") in refused.headers
    # Whoever is logged in goes on, and a request without any token guesses nothing.
    assert scene.ask("POST", "/admin-api", QUERY).status == 401
    assert scene.ask("POST", "/admin-api", QUERY, Authorization="Basic eDp5").status == 401
    assert scene.ask("GET", "/").status == 303


def test_each_wait_is_longer_up_to_a_minute() -> None:
    clock = Clock()
    wrong = WrongTokens(clock)
    waits = []
    for _ in range(20):
        wrong.wrong("a")
        with_wait = 0.0
        try:
            wrong.check("a")
        except TooManyAttempts as error:
            with_wait = error.seconds
        waits.append(with_wait)
        clock.at += with_wait
    assert waits[: FREE - 1] == [0.0] * (FREE - 1)
    assert waits[FREE - 1 : FREE + 7] == [1, 2, 4, 8, 16, 32, LONGEST, LONGEST]
    clock.at += FORGOTTEN + 1
    wrong.wrong("a")
    wrong.check("a")


def test_many_callers_fill_no_memory(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    wrong = WrongTokens(clock, most=50)
    for n in range(1000):
        for _ in range(FREE):
            wrong.wrong(f"10.0.{n // 250}.{n % 250}")
    assert len(wrong) == 50
    assert len(caplog.records) == 1
    clock.at += 61
    wrong.wrong("10.0.3.249")
    assert "(999 more refused in between)" in caplog.records[-1].getMessage()


# ---- addresses ----------------------------------------------------------------------------------


def head(*forwarded: str) -> RequestHead:
    given = {"x-forwarded-for": forwarded} if forwarded else {}
    return RequestHead("GET", "/", 1, given, "/", "")


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "address", "network"),
    [
        ("192.0.2.7", (), (), "192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", (), (), "192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3::4", (), (), "2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", (), (), "fe80::1", "fe80::/64"),
        ("127.0.0.1", ("1.2.3.4",), (), "127.0.0.1", "127.0.0.1 (a proxy)"),
        ("127.0.0.1", ("1.2.3.4",), ("127.0.0.1/32",), "1.2.3.4", "1.2.3.4"),
        ("127.0.0.1", ("9.9.9.9, 1.2.3.4",), ("127.0.0.1/32",), "1.2.3.4", "1.2.3.4"),
        ("127.0.0.1", ("9.9.9.9", "1.2.3.4"), ("127.0.0.1/32",), "1.2.3.4", "1.2.3.4"),
        ("10.0.0.1", ("1.2.3.4, 10.0.0.2",), ("10.0.0.0/8",), "1.2.3.4", "1.2.3.4"),
        ("10.0.0.1", ("10.0.0.3, 10.0.0.2",), ("10.0.0.0/8",), "10.0.0.3", "10.0.0.3"),
        ("10.0.0.1", ("evil, 10.0.0.2",), ("10.0.0.0/8",), "10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", ("",), ("10.0.0.0/8",), "10.0.0.1", "10.0.0.1"),
        ("10.0.0.1", ("1.2.3.4:567",), ("10.0.0.0/8",), "1.2.3.4", "1.2.3.4"),
        ("10.0.0.1", ("[2001:db8::1]:567",), ("10.0.0.0/8",), "2001:db8::1", "2001:db8::/64"),
        ("10.0.0.1", ("2001:db8::1",), ("10.0.0.0/8",), "2001:db8::1", "2001:db8::/64"),
        ("10.0.0.1", ("2001:db8::1, 10.0.0.2",), ("10.0.0.0/8",), "2001:db8::1", "2001:db8::/64"),
        ("::1", (" [2001:db8::5:66]",), ("::1/128",), "2001:db8::5:66", "2001:db8::/64"),
        ("10.0.0.1", ("1.2.3.4, , 10.0.0.2",), ("10.0.0.0/8",), "10.0.0.2", "10.0.0.2"),
        ("192.0.2.7", ("1.2.3.4",), ("10.0.0.0/8",), "192.0.2.7", "192.0.2.7 (a proxy)"),
        ("", ("1.2.3.4",), (), "", ""),
    ],
)
def test_the_address_that_can_be_trusted(
    peer: str, forwarded: tuple[str, ...], trusted: tuple[str, ...], address: str, network: str
) -> None:
    callers = Callers(trusted)
    assert callers.address(head(*forwarded), peer) == address
    assert callers.network(head(*forwarded), peer) == network


def test_who_invents_addresses_waits_all_the_same() -> None:
    scene = Scene()
    answers = [scene.log_in("guess", "127.0.0.1", X_Forwarded_For=f"10.0.0.{n}") for n in range(20)]
    assert answers.count(401) == FREE
    # Those of this machine who do not come through the proxy are not kept out.
    assert scene.api(ACT, "127.0.0.1") == 200


def test_no_answer_holds_a_token(scene: Scene) -> None:
    answers = [scene.ask("POST", "/login", urlencode({"token": ACT + "x"}).encode())]
    answers.append(scene.ask("GET", f"/{ACT}"))
    assert not [one for one in answers if re.search(ACT, f"{one.document}{one.text}")]


def test_the_logger_is_quiet_about_people_who_mistype(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    assert [scene.log_in("mistyped") for _ in range(FREE - 1)] == [401] * (FREE - 1)
    assert scene.log_in(ACT) == 303
    assert caplog.records == []


# ---- who acts -----------------------------------------------------------------------------------


def mark(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()[:8]


def logged_in(scene: Scene, token: str, peer: str, **headers: str) -> dict[str, str]:
    answer = scene.ask("POST", "/login", urlencode({"token": token}).encode(), peer, **headers)
    assert answer.status == 303
    return {"Cookie": dict(answer.headers)["Set-Cookie"].partition(";")[0], **headers}


def test_servers_on_two_ports_of_a_host_keep_their_logins_apart(scene: Scene) -> None:
    """Browsers have one jar for all ports of a host."""
    jar = dict[str, str]()
    hosts = [f"localhost:{8788 + number}" for number in range(2)]
    for host in hosts:
        name, _, value = logged_in(scene, READ, "192.0.2.7", Host=host)["Cookie"].partition("=")
        jar[name] = value
    cookies = "; ".join(f"{name}={value}" for name, value in jar.items())
    assert [scene.ask("GET", "/", Host=one, Cookie=cookies).status for one in hosts] == [200, 200]
    assert len(jar) == 2


def test_whoever_acts_is_named_with_the_address() -> None:
    scene = Scene(trusted_proxies=["127.0.0.1/32"])
    given = {"Content_Type": "application/json", "Authorization": f"Bearer {ACT}"}
    query = b'{"query": "mutation { syncVeracoreInventoryForSku(sku: \\"MUG\\") { success } }"}'
    assert scene.ask("POST", "/admin-api", query, "192.0.2.9", **given).status == 200
    session = logged_in(scene, ACT, "127.0.0.1", X_Forwarded_For="203.0.113.5")
    page = scene.ask("GET", "/", b"", "127.0.0.1", **session).text or ""
    asks = "/act?action=inventory-sku&name=A1"
    confirms = scene.ask("GET", asks, b"", "127.0.0.1", **session).text or ""
    form = urlencode(re.findall(r'type="hidden" name="(\w+)" value="([^"]+)"', confirms)).encode()
    assert scene.ask("POST", "/act", form, "127.0.0.1", **session).status == 303
    who = f"act_token {mark(ACT)}"
    assert scene.acted == [
        ("inventory_for MUG", Actor(who, "api", "192.0.2.9")),
        ("inventory_for A1", Actor(who, "page", "203.0.113.5")),
    ]
    (entry,) = scene.ledger.audit.latest(9)
    assert (entry.action, entry.actor, entry.outcome) == (
        "log-in",
        Actor(who, "page", "203.0.113.5"),
        "done",
    )
    assert "203.0.113.5" in page
    assert ACT not in page


def test_a_ledger_that_cannot_be_written_keeps_nobody_from_looking(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_given: object) -> int:
        raise LedgerError("the ledger l.db: disk full")

    monkeypatch.setattr(scene.ledger.audit, "begin", full)
    session = logged_in(scene, READ, "192.0.2.7")
    assert scene.ask("GET", "/", **session).status == 200
    assert "a log-in could not be recorded" in caplog.text


def test_nothing_is_done_that_cannot_be_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_given: object) -> int:
        raise LedgerError("the ledger l.db: disk full")

    with closing(open_ledger(None)) as ledger:
        monkeypatch.setattr(ledger.audit, "begin", full)
        actor = Actor("act_token 01234567", "page", "192.0.2.7")
        actions = Actions(cast(Container, SimpleNamespace(ledger=ledger)), actor)
        monkeypatch.setattr(actions, "_run", lambda *_given: pytest.fail("it was done"))
        for act in (actions.force_inventory, actions.force_tracking):
            with pytest.raises(LedgerError):
                act()


@pytest.mark.parametrize("success", [True, False, None])
def test_how_an_action_ended_is_recorded(
    monkeypatch: pytest.MonkeyPatch, *, success: bool | None
) -> None:
    def run(*_given: object) -> ActionOutcome:
        (begun,) = ledger.audit.latest(9)
        assert (begun.outcome, begun.ended_at) == (None, None)
        if success is None:
            raise KeyError("a bug")
        return ActionOutcome(success)

    with closing(open_ledger(None)) as ledger:
        actor = Actor("act_token 01234567", "api", "192.0.2.7")
        actions = Actions(cast(Container, SimpleNamespace(ledger=ledger)), actor)
        monkeypatch.setattr(actions, "_run", run)
        with nullcontext() if success is not None else pytest.raises(KeyError):
            actions.inventory_for("MUG")
        (entry,) = ledger.audit.latest(9)
        assert (entry.action, entry.target, entry.actor) == ("sync-inventory", "MUG", actor)
        assert entry.outcome == ("done" if success else "failed")


def test_who_has_no_name_cannot_act() -> None:
    with closing(open_ledger(None)) as ledger:
        actions = Actions(cast(Container, SimpleNamespace(ledger=ledger)))
        with pytest.raises(RuntimeError):
            actions.force_inventory()


# ---- settings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "why"),
    [
        ("a" * 16, "at least 32 characters"),
        ("a" * 64, "too easily guessed"),
        ("abcabcab" * 4, "too easily guessed"),
        (READ[:31], "at least 32 characters"),
        (READ[:16] + " " + READ[16:], "spaces"),
    ],
)
def test_a_weak_token_is_refused_with_the_command_for_a_good_one(token: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as caught:
        AdminSettings.model_validate({"act_token": SecretStr(token)})
    assert token not in str(caught.value)
    if why != "spaces":
        assert "secrets.token_urlsafe(32)" in str(caught.value)


def test_what_the_command_makes_is_taken() -> None:
    for _ in range(200):
        AdminSettings.model_validate({"act_token": SecretStr(secrets.token_urlsafe(32))})
        AdminSettings.model_validate({"act_token": SecretStr(secrets.token_hex(32))})


@pytest.mark.parametrize(
    ("key", "given", "taken"),
    [
        ("hosts", "Admin.Example.com.", "admin.example.com"),
        ("hosts", "[2001:DB8::1]", "2001:db8::1"),
        ("hosts", "https://admin.example.com", None),
        ("hosts", "admin.example.com:443", None),
        ("hosts", "*.example.com", None),
        ("hosts", "", None),
        ("trusted_proxies", "127.0.0.1", "127.0.0.1/32"),
        ("trusted_proxies", "10.1.0.0/16", "10.1.0.0/16"),
        ("trusted_proxies", "10.1.2.3/16", None),
        ("trusted_proxies", "proxy.example.com", None),
    ],
)
def test_the_settings_of_the_door(key: str, given: str, taken: str | None) -> None:
    if taken is None:
        with pytest.raises(ValueError, match="must be"):
            AdminSettings.model_validate({key: [given]})
    else:
        assert getattr(AdminSettings.model_validate({key: [given]}), key) == (taken,)
