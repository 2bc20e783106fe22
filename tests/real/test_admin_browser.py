"""The page in a real browser: a parked order is seen, its cause mended, and it leaves."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from admin_kit import ACT, READ, serving
from present import missing
from rig import Rig

from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PICTURES = os.environ.get("PAGE_PICTURES")
"""A folder that gets pictures of the page, for docs/."""


_TOO_WIDE = """[...document.querySelectorAll("body *")]
  .filter(one => one.getBoundingClientRect().right > window.innerWidth + 1)
  .map(one => one.outerHTML.slice(0, 80))"""


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


def test_a_parked_order_is_mended_and_leaves(rig: Rig, shop: SmallShop) -> None:
    if CHROMIUM is None:
        missing("there is no chromium")
    from playwright.sync_api import sync_playwright

    for units in (1, 2, 3):
        shop.state.place_order([("MUG-BLUE", units)])
    order = shop.state.place_order([("TEAPOT", 1)])
    rig.sync(code=3)
    rig.run("sync-inventory", "--allow-mass-change")
    with serving(rig) as admin, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1100, "height": 1000})
        troubles: list[str] = []
        page.on(
            "console", lambda told: troubles.append(told.text) if told.type == "error" else None
        )
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.goto(f"http://{admin.host}:{admin.port}/")
        page.get_by_label("Token").fill(ACT)
        page.keyboard.press("Enter")
        row = page.get_by_role("row").filter(has_text=order.code).last
        assert "parked" in row.inner_text()
        if PICTURES:
            page.screenshot(path=Path(PICTURES) / "admin.png", full_page=True)
            page.emulate_media(color_scheme="dark")
            page.set_viewport_size({"width": 390, "height": 844})
            page.screenshot(path=Path(PICTURES) / "admin-phone.png")
            page.emulate_media(color_scheme="light")
            page.set_viewport_size({"width": 1100, "height": 1000})
        assert page.evaluate(_TOO_WIDE) == []

        rig.control("stock", {"stock": [{"sku": "TEAPOT", "on_hand": 5}]})
        page.get_by_role("button", name=f"Retry {order.code}").click()
        assert "done" in page.get_by_role("status").inner_text()
        page.get_by_role("heading", name="History").wait_for()
        assert "accepted" in page.get_by_role("list").last.inner_text()
        if PICTURES:
            page.screenshot(path=Path(PICTURES) / "admin-order.png", full_page=True)
        assert order.code in rig.placed()
        page.get_by_role("button", name="Log out").click()
        page.get_by_label("Token").wait_for()

        page.set_viewport_size({"width": 360, "height": 700})
        page.get_by_label("Token").fill(READ)
        page.keyboard.press("Enter")
        page.get_by_role("link", name="Overview").wait_for()
        assert page.get_by_role("button", name="Sync all stock").count() == 0
        assert page.evaluate(_TOO_WIDE) == []
        assert troubles == []
        browser.close()
