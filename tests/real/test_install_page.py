"""docs/install.md is typed word for word, into a bare root and into a bare home.

The root is a layer over this machine's, in a mount namespace of its own: what is installed there is
gone with the test, and what this machine has of ours is not seen in it. The shop is a real Vendure,
with the role that docs/vendure.md lists.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from present import missing
from realvendure import RealVendure
from rig import Rig
from terminal_kit import on_terminal

from veracore_sync.sandbox.server import Sandbox

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "install.md").read_text()
PATH = "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
SKU = "SKU-000001"
QUESTION = r"(Vendure|VeraCore): [^\n]*: $"
LAYER = """
set -e
mount -t tmpfs layer "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o lowerdir=/,upperdir="$1/upper",workdir="$1/work" "$1/root"
mount --rbind /proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
mount -t tmpfs checkout "$1/root/mnt"
for ours in etc var/lib var/backups; do rm -rf "$1/root/$ours/veracore-sync"; done
cp -r "$2/." "$1/root/mnt"
cd "$1/root"
exec chroot . sh -c 'cd /mnt && exec "$@"' sh "${@:3}"
"""


def typed(mark: str) -> list[str]:
    """The command lines between two marks of the page."""
    part = PAGE.split(f"<!-- {mark} -->")[1].split(f"<!-- /{mark} -->")[0]
    blocks = re.findall(r"```sh\n(.*?)```", part, re.S)
    return [line for block in blocks for line in block.splitlines()]


@dataclass
class Novice:
    """Somebody with a shop and a warehouse, who reads the page."""

    vendure: RealVendure
    rig: Rig
    answers: Sequence[str]


@pytest.fixture
def novice(fresh_vendure: RealVendure, tmp_path: Path) -> Iterator[Novice]:
    table = (ROOT / "docs" / "vendure.md").read_text().split("| permissions |")[1]
    permissions = set(re.findall(r"`((?:Read|Update)[A-Za-z]+)`", table.split("\n\n")[0]))
    name, password = fresh_vendure.create_administrator(sorted(permissions))
    with Sandbox(strict=True) as sandbox:
        rig = Rig(tmp_path, fresh_vendure.admin_url, name, password, sandbox)
        skus = [f"SKU-{number:06}" for number in range(1, 41)]
        rig.control("stock", {"stock": [{"sku": sku, "on_hand": 25} for sku in skus]})
        shop = (fresh_vendure.admin_url, name, password)
        yield Novice(fresh_vendure, rig, (*shop, sandbox.url, "sandbox", "sandbox", "SANDBOX"))


def checkout(folder: Path) -> Path:
    """What a clone would hold, as it stands now."""
    listed = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True).stdout
    folder.mkdir()
    copied = ["cp", "--parents", "-t", str(folder), *names.decode().split("\0")[:-1]]
    subprocess.run(copied, cwd=ROOT, check=True)
    return folder


def bare(home: str, path: str) -> dict[str, str]:
    """The environment of a fresh login; where packages come from is the machine's to say."""
    pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    return {"PATH": path, "HOME": home, "LANG": "C.UTF-8", **pip}


def script(lines: Sequence[str]) -> str:
    """They are typed one by one, and the first that fails is the last."""
    return "\n".join(["set -e", *lines])


def as_their_user(mark: str) -> list[str]:
    """As the page says: every ``veracore-sync`` is typed as that user."""
    return [f"sudo -u veracore-sync {line}" for line in typed(mark)]


def ends(novice: Novice, seen: str, code: str) -> None:
    """The order is at the warehouse and the stock in the shop."""
    assert list(novice.rig.placed()) == [code], seen
    assert sum(one.on_hand - one.allocated for one in novice.vendure.stock(SKU).values()) == 23


def test_from_a_bare_root_to_the_first_order(novice: Novice, tmp_path: Path) -> None:
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        missing("a root of its own can only be made by root, with unshare")
    folder = tmp_path / "layer"
    folder.mkdir()
    # The order comes between init, which says from when on orders are sent, and the first run.
    waits = "until test -e /mnt/placed; do sleep 0.1; done"
    lines = [
        *typed("machine"),
        *typed("user"),
        "echo INIT IS DONE",
        waits,
        *as_their_user("check"),
        *as_their_user("first"),
    ]
    source = checkout(tmp_path / "source")
    layer = ["unshare", "--mount", "--propagation", "private", "bash", "-c", LAYER, "layer"]
    command = [*layer, str(folder), str(source), "bash", "-c", script(lines)]
    placed: list[str] = []
    code, seen = on_terminal(
        command,
        {**bare("/root", PATH), "DEBIAN_FRONTEND": "noninteractive"},
        tmp_path,
        answers=novice.answers,
        asked=QUESTION,
        when={"INIT IS DONE": lambda pid: placed.append(placed_in(novice, pid))},
    )
    assert code == 0, seen
    ends(novice, seen, placed[0])


def placed_in(novice: Novice, pid: int) -> str:
    """A paid order, and a word of it into the namespace of that process."""
    order = novice.vendure.place_order([(SKU, 2)])
    inside = ["nsenter", "--mount", "--root", f"--target={pid}", "touch", "/mnt/placed"]
    subprocess.run(inside, check=True)
    return order.code


def test_from_a_bare_home_to_the_first_order(novice: Novice, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    env = bare(str(home), f"{home}/.local/bin:{Path(sys.base_prefix) / 'bin'}:{PATH}")
    source = checkout(tmp_path / "source")
    install = ["bash", "-c", script(typed("venv"))]
    code, seen = on_terminal(install, env, source, answers=novice.answers, asked=QUESTION)
    assert code == 0, seen
    assert (home / ".config/veracore-sync/config.toml").stat().st_mode & 0o777 == 0o600
    order = novice.vendure.place_order([(SKU, 2)])
    lines = script([*typed("check"), *typed("first")])
    code, seen = on_terminal(["bash", "-c", lines], env, home)
    assert code == 0, seen
    ends(novice, seen, order.code)
