"""A listener whose ledger was replaced says so, stores nothing in the orphan, and ends."""

from __future__ import annotations

import json
import signal
from contextlib import closing, suppress
from http.client import HTTPException
from pathlib import Path

import pytest
from hook_kit import INVENTORY, signed
from test_serve_process import Process

from veracore_sync.ledger import open_ledger
from veracore_sync.ledger.sqlite.file import companions


def deliver(process: Process, sku: str) -> int:
    body = json.dumps({"sku": sku}).encode()
    with closing(process.connection()) as connection:
        connection.request("POST", INVENTORY, body, signed(body))
        answer = connection.getresponse()
        answer.read()
        return answer.status


@pytest.mark.parametrize("what", ["moved", "replaced", "log removed"])
def test_a_listener_whose_ledger_went_away(tmp_path: Path, what: str) -> None:
    path = tmp_path / "ledger.db"
    process = Process(tmp_path, "--port", "0")
    try:
        assert deliver(process, "BEFORE") == 200
        if what == "log removed":
            companions(path)[0].unlink()
        else:
            for one in (path, *companions(path)):
                if one.exists():
                    one.rename(one.with_name("old-" + one.name))
        if what == "replaced":
            open_ledger(path).close()
        # It ends within a beat; until then it promises nothing.
        if process.process.poll() is None:
            with suppress(OSError, HTTPException):
                assert deliver(process, "AFTER") == 503
        _, err = process.process.communicate(timeout=600)
    finally:
        if process.process.poll() is None:
            process.end(signal.SIGKILL)
    assert process.process.returncode == 74
    assert "ledger" in err
    assert "Traceback" not in err
    if what == "replaced":
        with closing(open_ledger(path)) as ledger:
            assert ledger.inbox.summary()["deliveries"] == 0
