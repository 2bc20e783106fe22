"""The page: what it shows, whom it lets act, and that text stays text."""

from __future__ import annotations

import html
import http.client
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import pytest
from admin_kit import ACT, READ, Admin, serving
from rig import Rig

from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

EVIL = "<script>alert('x')</script>\"&"


@pytest.fixture
def shop() -> Iterator[SmallShop]:
    with SmallShop() as running:
        running.state.add_variant("MUG", "Mug", 1000)
        running.state.add_variant(EVIL, "Evil", 1000)
        yield running


@pytest.fixture
def rig(shop: SmallShop, tmp_path: Path) -> Iterator[Rig]:
    with Sandbox(strict=True) as sandbox:
        made = Rig(tmp_path, shop.admin_url, shop.username, shop.password, sandbox)
        made.env |= {
            "VERACORE_SYNC_ADMIN__READ_TOKEN": READ,
            "VERACORE_SYNC_ADMIN__ACT_TOKEN": ACT,
        }
        yield made


@dataclass
class Browser:
    """Follows redirects on one host, keeps a cookie, and sends what a form holds."""

    admin: Admin
    cookie: str = ""
    status: int = 0
    text: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def go(self, path: str, form: dict[str, str] | None = None, **headers: str) -> Browser:
        given = {"host": f"{self.admin.host}:{self.admin.port}", **headers}
        if self.cookie:
            given["cookie"] = self.cookie
        body = None
        if form is not None:
            body = urlencode(form)
            given["content-type"] = "application/x-www-form-urlencoded"
        address = (self.admin.host, self.admin.port)
        with closing(http.client.HTTPConnection(*address, timeout=60)) as connection:
            connection.request("POST" if form is not None else "GET", path, body, given)
            answer = connection.getresponse()
            self.headers = {name.lower(): value for name, value in answer.getheaders()}
            self.status, self.text = answer.status, answer.read().decode()
        if "set-cookie" in self.headers:
            self.cookie = self.headers["set-cookie"].partition(";")[0]
        if self.status == 303:
            return self.go(self.headers["location"])
        return self

    def log_in(self, token: str) -> Browser:
        return self.go("/login", {"token": token})

    def csrf_token(self) -> str:
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.text)
        assert found
        return found[1]


def test_a_parked_order_is_seen_repaired_and_retried(rig: Rig, shop: SmallShop) -> None:
    order = shop.state.place_order([("MUG", 1)])
    rig.sync(code=3)
    with serving(rig) as admin:
        browser = Browser(admin).go("/")
        assert "admin.act_token" in browser.text
        browser.log_in(ACT)
        assert browser.status == 200
        assert order.code in browser.text
        assert "parked" in browser.text
        rig.control("stock", {"stock": [{"sku": "MUG", "on_hand": 5}]})
        form = {"action": "retry", "name": order.code, "csrf_token": browser.csrf_token()}
        browser.go("/act", form, origin=f"http://{admin.host}:{admin.port}")
        assert browser.status == 200
        assert f"retry {order.code}: done" in browser.text
        assert "accepted" in browser.text
        browser.go("/")
        assert f"retry {order.code}: done" not in browser.text
        assert "Nothing needs a person" in browser.text
    assert order.code in rig.placed()


def test_markup_stays_text(rig: Rig, shop: SmallShop) -> None:
    order = shop.state.place_order([(EVIL, 1)], customer={"firstName": EVIL})
    rig.sync(code=3)
    with serving(rig) as admin:
        browser = Browser(admin).log_in(ACT)
        for path in ("/", f"/order?name={order.code}", f"/order?{urlencode({'name': EVIL})}"):
            browser.go(path)
            assert "<script" not in browser.text
        assert EVIL in html.unescape(browser.text)
        assert browser.status == 404


def test_headers_keep_browsers_in_bounds(rig: Rig) -> None:
    with serving(rig) as admin:
        browser = Browser(admin).go("/login", {"token": ACT})
        policy = browser.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe-inline" not in policy
        assert browser.headers["x-content-type-options"] == "nosniff"
        login = http.client.HTTPConnection(admin.host, admin.port, timeout=10)
        login.request("POST", "/login", urlencode({"token": READ}))
        cookie = login.getresponse().getheader("set-cookie") or ""
        login.close()
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert not re.search(r"<script|\son\w+=|javascript:|https?://(?!127)", browser.text)
        assert " style=" not in browser.text


def test_forged_and_forbidden_requests_are_refused(rig: Rig, shop: SmallShop) -> None:
    order = shop.state.place_order([("MUG", 1)])
    rig.sync(code=3)
    rig.control("stock", {"stock": [{"sku": "MUG", "on_hand": 5}]})
    with serving(rig) as admin:
        browser = Browser(admin).log_in(ACT)
        csrf_token = browser.csrf_token()
        form = {"action": "retry", "name": order.code}
        assert browser.go("/act", form).status == 403
        assert browser.go("/act", form | {"csrf_token": "wrong"}).status == 403
        elsewhere = {"origin": "https://evil.example"}
        assert browser.go("/act", form | {"csrf_token": csrf_token}, **elsewhere).status == 403
        cross = {"sec-fetch-site": "cross-site"}
        assert browser.go("/act", form | {"csrf_token": csrf_token}, **cross).status == 403
        stranger = Browser(admin).go("/act", form | {"csrf_token": csrf_token})
        assert "Log in" in stranger.text

        reader = Browser(admin).log_in(READ)
        assert "Retry" not in reader.text
        assert reader.go("/act", form | {"csrf_token": reader.csrf_token()}).status == 403
        assert Browser(admin).log_in("wrong-token-0123456789").status == 401
        ended = browser.go("/logout", {"csrf_token": csrf_token})
        assert "Log in" in ended.text
        assert "Log in" in browser.go("/").text
    assert rig.placed() == {}


def test_stats_the_page_and_the_api_agree(rig: Rig, shop: SmallShop) -> None:
    shop.state.place_order([("MUG", 1)])
    rig.sync(code=3)
    stats = rig.run("stats", "--json").json["orders"]
    with serving(rig) as admin:
        browser = Browser(admin).log_in(READ)
        for name, count in stats.items():
            if name.startswith("total"):
                card = f"<strong>{count}</strong>{name.removeprefix('total')}"
                assert card in browser.text
                found = admin.data(f"{{ veracoreOrderSyncStats {{ {name} }} }}", READ)
                assert found["veracoreOrderSyncStats"][name] == count


def test_what_is_not_there(rig: Rig) -> None:
    with serving(rig) as admin:
        browser = Browser(admin)
        assert browser.go("/nothing").status == 404
        assert browser.go("/admin-api").status == 405
        assert browser.go("/healthz").text == '{"status": "ok"}\n'
        assert browser.go("/style.css").headers["content-type"].startswith("text/css")


def test_what_was_not_sent_of_an_order_is_seen(rig: Rig, shop: SmallShop) -> None:
    shop.state.add_variant("GIFT", "Gift", 700)
    rig.env["VERACORE_SYNC_SKUS__EXCLUDE"] = "GIFT"
    rig.control("stock", {"stock": [{"sku": "MUG", "on_hand": 5}]})
    code = shop.state.place_order([("MUG", 1), ("GIFT", 1)]).code
    ended = rig.run("sync-orders")
    assert (ended.code, ended.out, ended.err) == (0, "", "")  # as cron runs it
    document = rig.run("stats", "--order", code, "--json").json
    (warning,) = document["warnings"]
    assert warning.startswith("not sent: excluded SKUs of ")
    assert f"warning: {warning}" in rig.run("stats", "--order", code).out
    with serving(rig) as admin:
        assert warning in Browser(admin).log_in(READ).go(f"/order?name={code}").text
        query = f'{{ veracoreOrderSyncStatus(orderId: "{code}") {{ warnings }} }}'
        assert admin.data(query, READ)["veracoreOrderSyncStatus"]["warnings"] == [warning]
