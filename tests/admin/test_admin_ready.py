"""``/readyz`` of the admin server, in process: which part is not well, and only to this machine."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from veracore_sync.admin.access import Tokens
from veracore_sync.admin.actions import Actions
from veracore_sync.admin.handler import AdminHandler
from veracore_sync.admin.shop_pages import ShopPages
from veracore_sync.clock import SystemClock
from veracore_sync.domain.errors import LedgerError
from veracore_sync.ledger import open_ledger
from veracore_sync.webhooks.counters import Counters
from veracore_sync.webhooks.server import HookServer
from veracore_sync.webhooks.supervision import Health, Part


class Scene:
    """A server over a ledger."""

    def __init__(self, folder: Path) -> None:
        self.ledger = open_ledger(folder / "ledger.db")
        self.health = Health(SystemClock(), server="admin")
        self.part: Part = self.health.part("accept")
        actions = cast(Actions, SimpleNamespace(ledger=self.ledger))
        shop = ShopPages(actions, Tokens("r" * 16, ""), SystemClock())
        handler = AdminHandler([shop], SystemClock(), self.health.troubles)
        self.server = HookServer(
            "127.0.0.1", 0, handler, meter=Counters(), section="admin", part=self.part
        )

    def get(self, path: str, **headers: str) -> tuple[int, Any]:
        port = int(self.server.server_address[1])
        with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    made.server.start()
    yield made
    made.server.stop()
    made.ledger.close()


def test_it_says_which_part_is_not_well(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    assert scene.get("/readyz") == (200, {"ready": True, "troubles": []})
    # It has just accepted who asks: what is told must be of another turn.
    monkeypatch.setattr(scene.part, "works", lambda: None)
    scene.part.failed(OSError(errno.EMFILE, "Too many open files"))
    status, state = scene.get("/readyz")
    assert (status, state["ready"]) == (503, False)
    assert [one["part"] for one in state["troubles"]] == ["accept"]
    assert scene.get("/healthz")[0] == 200
    assert scene.get("/readyz", **{"X-Forwarded-For": "192.0.2.1"})[0] == 404


def test_a_ledger_that_cannot_be_read_is_503(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise LedgerError("the ledger l.db: disk I/O error")

    monkeypatch.setattr(scene.ledger.orders, "newest_synced", broken)
    assert scene.get("/readyz") == (503, {"error": "try again"})
    monkeypatch.undo()
    assert scene.get("/readyz")[0] == 200
