"""Whoever has no token learns from no answer which shops the server has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fakes import make_settings

from veracore_sync.admin.access import Tokens
from veracore_sync.admin.actions import Actions
from veracore_sync.admin.handler import AdminHandler
from veracore_sync.admin.shop_pages import ShopPages
from veracore_sync.clock import SystemClock
from veracore_sync.ledger import open_ledger
from veracore_sync.webhooks.request_head import RequestHead, RequestRefused

PATHS = [*ShopPages.METHODS, "/order?name=A", "/login", "/none", ""]
HEADERS: dict[str, dict[str, tuple[str, ...]]] = {
    "nothing": {},
    "a wrong token": {"authorization": ("Bearer " + "x" * 16,)},
    "a token of another shop": {"authorization": ("Bearer " + "s" * 16,)},
    "a made-up cookie": {"cookie": ("veracore_sync=" + "x" * 40,)},
}


@pytest.fixture
def handler(tmp_path: Path) -> Iterator[AdminHandler]:
    clock = SystemClock()
    with closing(open_ledger(tmp_path / "ledger.db")) as ledger:
        actions = cast(Actions, SimpleNamespace(ledger=ledger, settings=make_settings()))
        shops = [
            ShopPages(actions, Tokens("r" * 16, ""), clock, "known"),
            ShopPages(actions, Tokens("s" * 16, ""), clock, "second"),
        ]
        yield AdminHandler(shops, clock, list, {"broken": "its file is not TOML"})


def asked(method: str, target: str, headers: dict[str, tuple[str, ...]]) -> RequestHead:
    path, _, query = target.partition("?")
    return RequestHead(method, target, 1, {"host": ("localhost",), **headers}, path, query)


def answer(handler: AdminHandler, head: RequestHead) -> Any:
    try:
        handler.check(head)
        return handler.answer(head, b'{"query": "{ __typename }"}', "127.0.0.1")
    except RequestRefused as refused:
        return refused.status, str(refused)


@pytest.mark.parametrize("shown", HEADERS)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_shop_that_exists_and_one_that_does_not_answer_alike(
    handler: AdminHandler, method: str, shown: str
) -> None:
    for path in PATHS:
        known, unknown, broken = (
            answer(handler, asked(method, f"/shops/{name}{path}", HEADERS[shown]))
            for name in ("known", "unknown", "broken")
        )
        assert known == unknown == broken, path


def test_whoever_is_logged_in_is_told_that_a_shop_is_not_there(handler: AdminHandler) -> None:
    post = {"content-type": ("application/x-www-form-urlencoded",)}
    come = handler.answer(asked("POST", "/login", post), b"token=" + b"r" * 16, "peer")
    cookie = dict(come.headers)["Set-Cookie"].partition(";")[0]
    for name in ("second", "unknown"):
        head = asked("GET", f"/shops/{name}/", {"cookie": (cookie,)})
        assert answer(handler, head).status == 404
