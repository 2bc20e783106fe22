"""Shop and simulator in processes of their own, so that they do not share our interpreter lock."""

from __future__ import annotations

import json
import multiprocessing
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from veracore_sync.composition.container import Container
from veracore_sync.config import load
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop


def _host_sandbox(pipe: Connection) -> None:
    with Sandbox() as sandbox:
        pipe.send(sandbox.url)
        pipe.recv()


def _host_shop(pipe: Connection, skus: int, orders: int, apart: timedelta) -> None:
    with SmallShop() as shop:
        for n in range(skus):
            shop.state.add_variant(f"SKU-{n:06}", f"Thing {n}", 1000, 1_000_000)
        pipe.send((shop.admin_url, shop.username, shop.password))
        # Once the ledger is there: what is older is looked up before it is sent.
        pipe.recv()
        bought = [f"SKU-{n % skus:06}" for n in range(orders)]
        placed = [shop.state.place_order([(sku, 1)]) for sku in bought]
        for n, order in enumerate(placed):
            order.updated_at -= n * apart
        pipe.send([order.code for order in placed])
        pipe.recv()


@dataclass(frozen=True)
class Bed:
    """Both ends, and the parts between them; `environment` are the settings of a command there."""

    parts: Container
    codes: list[str]
    warehouse_url: str
    shop_url: str
    environment: dict[str, str]

    def control(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """The simulator's control surface."""
        return _json(f"{self.warehouse_url}/_sandbox/{path}", body)

    def shop_control(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """The small shop's control surface."""
        return _json(f"{self.shop_url.removesuffix('/admin-api')}/_shop/{path}", body)

    def requests(self) -> int:
        """How many requests both ends have seen."""
        there = len(self.control("requests")["requests"])
        return there + len(self.shop_control("requests")["requests"])


def _json(url: str, body: dict[str, Any] | None) -> Any:
    data = json.dumps(body).encode() if body is not None else None
    with urllib.request.urlopen(url, data, timeout=120) as answer:
        return json.loads(answer.read())


@contextmanager
def bed(
    dialect: str,
    family: str,
    *,
    skus: int = 1,
    orders: int = 0,
    apart: timedelta = timedelta(0),
    **env: str,
) -> Iterator[Bed]:
    """Start both ends, and close them in the end.

    Args:
        dialect: VeraCore's.
        family: Of the jobs.
        skus: How many variants the shop has.
        orders: How many are paid.
        apart: How long before the next one each of them was changed last.
        env: Settings, as environment variables.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        warehouse, _ = _start(stack, _host_sandbox)
        (shop_url, username, password), pipe = _start(stack, _host_shop, skus, orders, apart)
        environment = {
            "VENDURE_ADMIN_API_URL": shop_url,
            "VENDURE_USERNAME": username,
            "VENDURE_PASSWORD": password,
            "VERACORE_API_URL": f"{warehouse}/v1" if dialect == "rest" else warehouse,
            "VERACORE_CLIENT_ID": "sandbox",
            "VERACORE_CLIENT_SECRET": "sandbox",
            "VERACORE_COMPANY_ID": "SANDBOX",
            "VERACORE_SYNC_VERACORE__RATE_PER_MINUTE": "0",
            "VERACORE_SYNC_LEDGER__PATH": str(folder / "ledger.db"),
            "VERACORE_SYNC_ORDERS__NOT_BEFORE": "2020-01-01T00:00:00Z",
            **env,
        }
        parts = Container(load(None, environment, cwd=folder), family=family)
        stack.callback(parts.close)
        parts.bind()
        pipe.send(None)
        codes = pipe.recv()
        yield Bed(parts, codes, warehouse, shop_url, environment)


def _start(stack: ExitStack, host: Any, *arguments: Any) -> Any:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=host, args=(theirs, *arguments), daemon=True)
    process.start()
    told = ours.recv()

    def stop() -> None:
        ours.send(None)
        process.join(30)

    stack.callback(stop)
    return told, ours
