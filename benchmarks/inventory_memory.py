"""Peak memory and time of ``sync-inventory`` at two sizes of catalogue, on this machine.

    python benchmarks/inventory_memory.py [--sizes 10000 200000] [--dialect oms]

A small shop and a VeraCore simulator are filled and served by a process of their own; the command
is another, whose peak resident size is printed. One SKU in `--every` differs and is written by the
first run, which reads everything; a second one reads what changed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import time
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path

from peaks import peak_mb


def serve(count: int, every: int, ready: Connection) -> None:
    """Fill both sides with `count` SKUs, tell their addresses, and serve until told to stop."""
    from veracore_sync.sandbox.server import Sandbox
    from veracore_sync.sandbox.shop import SmallShop

    with Sandbox() as sandbox, SmallShop() as shop:
        for number in range(count):
            sku = f"SKU-{number:07d}"
            shop.state.add_variant(sku, on_hand=10)
            sandbox.world.set_stock(sku, "MAIN", 10 if number % every else 7)
        # As those of a shop that was not filled a moment ago: few changed since the last run.
        for variant in shop.state.variants.values():
            variant.updated_at -= timedelta(days=1)
        ready.send((shop.admin_url, shop.username, shop.password, sandbox.url))
        ready.recv()


def measure(count: int, every: int, dialect: str) -> list[tuple[float, float]]:
    """Peak resident MB and seconds of a first run over `count` SKUs and of one by change."""
    ours, theirs = multiprocessing.Pipe()
    served = multiprocessing.Process(target=serve, args=(count, every, theirs))
    served.start()
    try:
        shop, username, password, sandbox = ours.recv()
        with tempfile.TemporaryDirectory() as folder:
            place, login = Path(folder), (shop, username, password)
            first = _run(place, login, sandbox, dialect, "--allow-mass-change")
            return [first, _run(place, login, sandbox, dialect)]
    finally:
        ours.send("stop")
        served.join(30)


def _run(
    folder: Path, shop: tuple[str, str, str], sandbox: str, dialect: str, *options: str
) -> tuple[float, float]:
    environment = {
        "VENDURE_ADMIN_API_URL": shop[0],
        "VENDURE_USERNAME": shop[1],
        "VENDURE_PASSWORD": shop[2],
        "VERACORE_API_URL": f"{sandbox}/v1" if dialect == "rest" else sandbox,
        "VERACORE_CLIENT_ID": "sandbox",
        "VERACORE_CLIENT_SECRET": "sandbox",
        "VERACORE_COMPANY_ID": "SANDBOX",
        "VERACORE_SYNC_VERACORE__RATE_PER_MINUTE": "0",
        "VERACORE_SYNC_VERACORE__TIMEOUT_SECONDS": "600",
        "VERACORE_SYNC_LEDGER__PATH": str(folder / "ledger.db"),
    }
    command = [sys.executable, "-m", "veracore_sync", "sync-inventory", *options]
    began = time.monotonic()
    return peak_mb(command, environment, folder, silent=False), time.monotonic() - began


def main() -> None:
    """Print a line a size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 200_000])
    parser.add_argument("--every", type=int, default=2000)
    parser.add_argument("--dialect", choices=["oms", "rest"], default="oms")
    wanted = parser.parse_args()
    peaks = []
    for count in wanted.sizes:
        runs = measure(count, wanted.every, wanted.dialect)
        for what, (peak, seconds) in zip(("all", "by change"), runs, strict=True):
            peaks.append(peak)
            print(f"{count:>9} SKUs, {what}: {peak:6.1f} MB, {seconds:6.1f} s", flush=True)
    print(f"largest over smallest: {max(peaks) / min(peaks):.2f}")


if __name__ == "__main__":
    main()
