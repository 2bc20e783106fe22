"""The page in a real browser: at both widths, in both schemes, by keyboard, and its acts."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from admin_kit import ACT, READ, serving
from page_world import CONFLICT, DRIFTED, PARKED, Pages, open_world
from present import missing
from rig import Rig
from vendure_bed import BedMissing, install_packages

from veracore_sync.admin.actions import ActionOutcome
from veracore_sync.admin.running import RunningActs
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop
from veracore_sync.webhooks.counters import Counters
from veracore_sync.webhooks.server import HookServer

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PACKAGES = Path(__file__).parents[1] / "browser_packages"
PICTURES = os.environ.get("PAGE_PICTURES")
"""A folder that gets pictures of the page, for docs/."""
WIDE, PHONE = 1280, 390
PATHS = (
    "/",
    "/orders",
    "/orders/shipped",
    "/orders/parked",
    "/alerts",
    "/differences",
    "/runs",
    f"/order?name={DRIFTED}",
    "/search?name=T-10010",
    "/act?action=allow-mass-change",
    f"/act?action=adopt&name={CONFLICT}",
    f"/act?action=accept-difference&type=content_differs&name={DRIFTED}",
    "/login",
    "/nothing",
)
_TOO_WIDE = """[...document.querySelectorAll("body *")]
  .filter(one => one.getBoundingClientRect().right > window.innerWidth + 1)
  .map(one => one.outerHTML.slice(0, 80))"""
_FOUND = """async rules => (await axe.run(
    rules.length ? {runOnly: {type: "rule", values: rules}} : {})).violations.map(
  one => one.id + ": " + one.nodes.map(node => node.html.slice(0, 160)).join(" | "))"""
_FOCUSED = """() => { const one = document.activeElement;
  const style = getComputedStyle(one);
  return [(one.innerText || one.name || "").trim(), style.outlineStyle !== "none"]; }"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    if CHROMIUM is None:
        missing("there is no chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def axe() -> str:
    try:
        install_packages(PACKAGES)
    except BedMissing as error:
        missing(str(error))
    return (PACKAGES / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8")


@pytest.fixture(scope="module")
def site() -> Iterator[tuple[str, Pages]]:
    """The page over two weeks of a shop, in this process."""
    ledger, clock = open_world()
    with closing(ledger):
        pages = Pages(ledger, clock)
        server = HookServer("127.0.0.1", 0, pages.handler, meter=Counters(), section="admin")
        server.start()
        yield server.url, pages
        server.stop()


@pytest.fixture(scope="module")
def house(site: tuple[str, Pages]) -> Iterator[str]:
    """The same for two shops, and a third that cannot be read."""
    _, pages = site
    handler = Pages(pages.ledger, pages.clock, ("east", "west")).handler
    handler._unreadable = {"north": "its file is not valid TOML"}
    server = HookServer("127.0.0.1", 0, handler, meter=Counters(), section="admin")
    server.start()
    yield server.url
    server.stop()


def opened(chromium: Any, url: str, token: str, troubles: list[str], **context: Any) -> Any:
    page = chromium.new_context(**context).new_page()
    page.set_default_timeout(600_000)
    page.on("console", lambda told: troubles.append(told.text) if told.type == "error" else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.goto(f"{url}/")
    page.get_by_label("Token").fill(token)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Log out").wait_for()
    return page


def looked_through(page: Any, axe: str, url: str, paths: Sequence[str], *rules: str) -> list[str]:
    """What is wrong with these pages at both widths, with everything unfolded."""
    findings = []
    for path in paths:
        page.goto(f"{url}{path}")
        page.evaluate(axe)
        for width in (WIDE, PHONE):
            page.set_viewport_size({"width": width, "height": 900})
            for one in page.query_selector_all("details"):
                one.evaluate("one => { one.open = true; }")
            found = (*page.evaluate(_FOUND, rules), *page.evaluate(_TOO_WIDE))
            findings += [f"{path} at {width}: {one}" for one in found]
    page.context.close()
    return findings


# The policy of the page lets no checker in, so it is set aside here; it has its own tests.


def test_every_page_at_both_widths_has_no_finding(
    chromium: Any, axe: str, site: tuple[str, Pages]
) -> None:
    url, _ = site
    page = opened(chromium, url, ACT, [], color_scheme="light", bypass_csp=True)
    assert looked_through(page, axe, url, PATHS) == []


def test_the_dark_pages_can_be_read(chromium: Any, axe: str, site: tuple[str, Pages]) -> None:
    # They differ in their colours alone.
    url, _ = site
    page = opened(chromium, url, ACT, [], color_scheme="dark", bypass_csp=True)
    rules = "color-contrast", "link-in-text-block"
    assert looked_through(page, axe, url, PATHS, *rules) == []


def test_the_pages_of_several_shops_have_no_finding(chromium: Any, axe: str, house: str) -> None:
    page = opened(chromium, house, ACT, [], bypass_csp=True)
    assert looked_through(page, axe, house, ("/", "/shops/east/orders", "/shops/none/")) == []


def test_it_is_used_by_keyboard_without_a_script(chromium: Any, site: tuple[str, Pages]) -> None:
    url, pages = site
    troubles: list[str] = []
    page = opened(chromium, url, ACT, troubles, java_script_enabled=True)
    page.keyboard.press("Tab")
    assert page.evaluate(_FOCUSED) == ["Skip to content", True]
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        name, has_outline = page.evaluate(_FOCUSED)
        assert has_outline, name
        reached.append(name)
    assert reached[:9] == [
        "veracore-sync",
        "Overview",
        "Orders",
        "Alerts",
        "Differences",
        "Runs",
        "name",
        "Find",
        "Log out",
    ]
    assert "Sync orders now" in reached

    page.get_by_role("link", name="Sync orders now").first.focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Sync orders now?").wait_for()
    page.get_by_role("button", name="Sync orders now").focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Done: Sync orders now").wait_for()
    assert "3 sent." in page.get_by_role("status").inner_text()
    page.reload()
    page.get_by_role("heading", name="Done: Sync orders now").wait_for()
    assert pages.asked == ["sync-orders"], "a reload begins nothing"
    assert troubles == []
    page.context.close()


def test_without_scripts_a_long_act_is_followed_to_its_end(
    chromium: Any, site: tuple[str, Pages]
) -> None:
    url, pages = site
    goes_on = threading.Event()

    def slow() -> ActionOutcome:
        goes_on.wait(60)
        return ActionOutcome(True, None, {"ordersChecked": 7})

    (shop,) = pages.handler._shops.values()
    before, shop._running = shop._running, RunningActs(pages.clock, patience=0.0)
    stub, pages.done = pages.done, slow
    page = opened(chromium, url, ACT, [], java_script_enabled=False)
    page.get_by_role("link", name="Sync all tracking").click()
    page.get_by_role("button", name="Sync all tracking").click()
    page.get_by_role("heading", name="Running: Sync all tracking").wait_for()
    goes_on.set()
    # By itself: nobody clicks, and there is no script.
    page.get_by_role("heading", name="Done: Sync all tracking").wait_for()
    assert "7 orders looked up" in page.get_by_role("status").inner_text()
    shop._running, pages.done = before, stub
    page.context.close()


def test_pictures_for_the_docs(chromium: Any, site: tuple[str, Pages]) -> None:
    if not PICTURES:
        return
    url, _ = site
    for name, path, width, scheme, height in (
        ("admin", "/", WIDE, "light", None),
        ("admin-order", f"/order?name={DRIFTED}", WIDE, "light", None),
        ("admin-confirm", f"/act?action=skip&name={PARKED}", WIDE, "light", 620),
        ("admin-phone", "/", PHONE, "dark", 1500),
        ("admin-phone-order", f"/order?name={PARKED}", PHONE, "dark", 1500),
    ):
        page = opened(chromium, url, ACT, [], color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": height or 900})
        page.goto(f"{url}{path}")
        page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=height is None)
        page.context.close()


# ---- the whole program --------------------------------------------------------------------------


@pytest.fixture
def shop() -> Iterator[SmallShop]:
    with SmallShop() as running:
        for sku, name in (("MUG-BLUE", "Mug, blue"), ("TEAPOT", "Teapot")):
            running.state.add_variant(sku, name, 1000)
        yield running


@pytest.fixture
def rig(shop: SmallShop, tmp_path: Path) -> Iterator[Rig]:
    with Sandbox(strict=True) as sandbox:
        made = Rig(tmp_path, shop.admin_url, shop.username, shop.password, sandbox)
        made.control("stock", {"stock": [{"sku": "MUG-BLUE", "on_hand": 50}]})
        made.env |= {
            "VERACORE_SYNC_ADMIN__READ_TOKEN": READ,
            "VERACORE_SYNC_ADMIN__ACT_TOKEN": ACT,
        }
        yield made


def test_a_parked_order_is_mended_and_leaves(chromium: Any, rig: Rig, shop: SmallShop) -> None:
    order = shop.state.place_order([("TEAPOT", 1)])
    other = shop.state.place_order([("TEAPOT", 2)])
    rig.sync(code=3)
    troubles: list[str] = []
    with serving(rig) as admin:
        page = opened(chromium, f"http://{admin.host}:{admin.port}", ACT, troubles)
        page.get_by_role("heading", name="2 orders need you").wait_for()
        page.get_by_role("link", name="2 parked").click()
        page.get_by_role("link", name=order.code).click()
        rig.control("stock", {"stock": [{"sku": "TEAPOT", "on_hand": 5}]})
        page.get_by_role("link", name="Try again").click()
        page.get_by_role("button", name="Try again").click()
        page.get_by_role("heading", name=f"Done: Try again: {order.code}").wait_for()
        assert order.code in rig.placed()
        page.get_by_role("link", name=order.code).click()
        assert "accepted" in page.get_by_role("list").last.inner_text()

        page.get_by_label("Find an order").fill(other.code[:-2].lower())
        page.keyboard.press("Enter")
        page.get_by_role("heading", name=f"Order {other.code}").wait_for()
        page.get_by_role("link", name="Never send it").click()
        page.get_by_role("button", name="Never send it").click()
        page.get_by_role("heading", name=f"Done: Never send it: {other.code}").wait_for()
        page.get_by_role("link", name="Overview").first.click()
        page.get_by_role("heading", name="nothing needs you").wait_for()
        page.get_by_role("button", name="Log out").click()
        page.get_by_label("Token").fill(READ)
        page.keyboard.press("Enter")
        page.get_by_role("link", name="Overview").wait_for()
        assert page.get_by_role("link", name="Sync all stock").count() == 0
        assert page.goto(f"http://{admin.host}:{admin.port}/none").status == 404
        page.get_by_role("heading", name="No such page").wait_for()
        page.context.close()
    assert other.code not in rig.placed()
    assert [one for one in troubles if "404" not in one] == []
