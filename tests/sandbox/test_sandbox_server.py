"""The server itself: what outlives it, connections, and the process that runs it."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from wire_client import Wire, line

from veracore_sync.sandbox.listener import _Handler
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop_to_try import open_shop, someone_buys

SERVE = """
import sys
from pathlib import Path
from veracore_sync.sandbox.server import serve
serve(0, Path(sys.argv[1]) if sys.argv[1] else None, strict=bool(sys.argv[2]))
"""


@contextmanager
def served(
    state: Path | str = "", strict: str = ""
) -> Iterator[tuple[subprocess.Popen[str], Wire]]:
    command = [sys.executable, "-W", "error", "-c", SERVE, str(state), strict]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert url.startswith("http://127.0.0.1:")
            yield process, Wire(url)
        finally:
            process.kill()


def test_a_killed_sandbox_loses_no_accepted_order(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    accepted: list[str] = []
    with served(state) as (process, wire):
        wire.do("stock", stock=[{"sku": "MUG-BLUE", "on_hand": 500}])
        wire.do("behaviour", fault_text="short", sources=["WEB"])
        threads = [
            threading.Thread(target=_place_until_it_dies, args=(wire, name, accepted))
            for name in "ABCD"
        ]
        for thread in threads:
            thread.start()
        while len(accepted) < 40:
            time.sleep(0.005)
        process.kill()
        for thread in threads:
            thread.join()
    with served(state) as (_, wire):
        orders = wire.see("orders")
        assert {order["id"] for order in orders} >= set(accepted)
        assert len({order["sequence"] for order in orders}) == len(orders)
        assert wire.stock("MUG-BLUE").text("Reserved") == str(len(orders))
        assert wire.add_order(accepted[0]).fault().endswith("already exists")
        newest = max(order["sequence"] for order in orders)
        assert int(wire.add_order("NEXT").text("OrderSeqID")) == newest + 1


def _place_until_it_dies(wire: Wire, name: str, accepted: list[str]) -> None:
    for number in range(10_000):
        order_id = f"{name}-{number}"
        try:
            reply = wire.add_order(order_id, line("MUG-BLUE", 1))
        except (OSError, http.client.HTTPException):
            return
        assert reply.status == 200
        accepted.append(order_id)


def test_everything_that_happened_to_an_order_is_kept(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    with Sandbox(state_file=state) as sandbox:
        wire = Wire(sandbox.url)
        wire.add_order("A-1")
        wire.add_order("A-1")
        wire.do("ship", order="A-1", lines=[{"sku": "MUG-BLUE", "quantity": 1}])
        (tracking,) = [one["tracking"] for one in wire.see("orders")[0]["packages"]]
        wire.do("void", order="A-1", tracking=tracking, relabel=True)
        wire.do("cancel", order="A-1", lines=[{"sku": "TEE-M", "quantity": 1}])
        wire.do("behaviour", timezone="America/Chicago")
        before = wire.see("orders"), wire.stock("%").body, wire.order_info("A-1").body
        # What is on disk is what was answered, with nothing left to be written at the end.
        kept = state.read_bytes()
    assert state.read_bytes() == kept
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]
    with Sandbox(state_file=state) as sandbox:
        wire = Wire(sandbox.url)
        after = wire.see("orders"), wire.stock("%").body, wire.order_info("A-1").body
        assert after == before
        slips = wire.do("ship", order="A-1")["slip"]
        assert slips not in {one["slip"] for one in before[0][0]["packages"]}
        wire.do("reset")
    assert json.loads(state.read_text())["orders"] == []


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"orders": 7}'])
def test_a_file_that_is_no_state_is_refused_and_kept(tmp_path: Path, text: str) -> None:
    state = tmp_path / "state.json"
    state.write_text(text)
    with pytest.raises(ValueError, match=r"state\.json is not the state of a sandbox"):
        Sandbox(state_file=state)
    assert state.read_text() == text


def test_stopped_and_started_it_keeps_its_port_and_what_it_knows() -> None:
    sandbox = Sandbox()
    with sandbox:
        url, wire = sandbox.url, Wire(sandbox.url)
        wire.add_order("A-1")
    with pytest.raises(ConnectionRefusedError):
        wire.order_info("A-1")
    with sandbox:
        assert sandbox.url == url
        assert [order["id"] for order in wire.see("orders")] == ["A-1"]


def test_a_stop_cuts_idle_connections() -> None:
    with Sandbox() as sandbox:
        wire = Wire(sandbox.url)
        idle = socket.create_connection((wire.host, wire.port), timeout=60)
        wire.see("orders")
    with idle:
        assert idle.recv(1) == b""


def test_one_connection_serves_many_requests_without_a_delay(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nagle's algorithm against delayed acknowledgements would cost 40 ms each."""
    delays: list[int] = []
    send = _Handler._send

    def look(handler: _Handler, *answer: Any) -> None:
        delays.append(handler.connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        send(handler, *answer)

    monkeypatch.setattr(_Handler, "_send", look)
    connection = http.client.HTTPConnection(wire.host, wire.port, timeout=60)
    for _ in range(5):
        connection.request("GET", "/_sandbox/orders")
        answer = connection.getresponse()
        assert answer.version == 11
        answer.read()
    connection.close()
    assert len(delays) == 5
    assert all(delays)


def test_the_world_can_be_looked_at(sandbox: Sandbox, wire: Wire) -> None:
    wire.add_order("A-1")
    with sandbox.world.lock:
        assert sandbox.world.orders["A-1"].reference == "100234"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_says_where_it_listens_and_ends_on_a_signal(number: signal.Signals) -> None:
    with served(strict="yes") as (process, wire):
        assert "Invalid Product ID" in wire.add_order().fault()
        process.send_signal(number)
        assert process.wait(60) == 0
        assert process.stdout is not None
        assert process.stdout.read() == ""


def test_customers_of_a_shop_that_is_sold_out_go_away() -> None:
    with Sandbox() as sandbox, open_shop(sandbox.world, 0) as shop:
        shop.state.set_stock("TEE-M", 0)
        shop.state.set_stock("POSTER-A2", 4)
        for _ in range(3 * 60):
            someone_buys(shop)
        bought = [line.variant.sku for order in shop.state.orders.values() for line in order.lines]
    assert "TEE-M" not in bought
    assert bought.count("POSTER-A2") == 1
    assert bought.count("MUG-BLUE") > 1


def test_with_a_small_shop_there_is_something_to_try(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "veracore_sync", "sandbox", "--shop", "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            there, shop = (process.stdout.readline().strip() for _ in range(2))
            said = "".join(process.stderr.readline() for _ in range(4))
            assert "`veracore-sync init --config trial.toml`" in said
            [login] = re.findall(rf"{re.escape(shop)}, user (\S+), password (\S+)", said)
            plain = {name: os.environ[name] for name in ("PATH", "HOME")}
            ours = [sys.executable, "-m", "veracore_sync"]
            env = plain | {
                "VENDURE_ADMIN_API_URL": shop,
                "VENDURE_USERNAME": login[0],
                "VENDURE_PASSWORD": login[1],
                "VERACORE_API_URL": there,
                "VERACORE_CLIENT_ID": "sandbox",
                "VERACORE_CLIENT_SECRET": "sandbox",
                "VERACORE_COMPANY_ID": "SANDBOX",
                "VERACORE_SYNC_LEDGER__PATH": str(tmp_path / "ledger.db"),
                "VERACORE_SYNC_ORDERS__NOT_BEFORE": "2020-01-01T00:00:00Z",
            }
            secret = tmp_path / "secret"
            secret.write_text(f"{login[1]}\n")
            there_file = tmp_path / "sandbox"
            there_file.write_text("sandbox\n")
            given = ["--vendure-url", shop, "--vendure-username", login[0]]
            given += ["--password-file", str(secret), "--veracore-url", there]
            given += ["--veracore-client-id", "sandbox", "--company-id", "SANDBOX"]
            given += ["--client-secret-file", str(there_file)]
            init = [*ours, "init", "--config", "trial.toml", *given]
            subprocess.run(init, cwd=tmp_path, env=plain, capture_output=True, check=True)
            assert (tmp_path / "trial.toml").is_file()
            for words, told in (
                (["sync-orders", "--json"], "submitted"),
                (["sync-inventory", "--allow-mass-change", "--json"], "updated"),
            ):
                done = subprocess.run(
                    [*ours, *words],
                    env=env,
                    capture_output=True,
                    text=True,
                    check=True,
                )
                assert json.loads(done.stdout)[told] >= 1, done.stdout
        finally:
            process.terminate()
        process.communicate()
        assert process.returncode == 0
