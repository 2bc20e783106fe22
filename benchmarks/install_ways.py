"""docs/install.md and docs/backups.md typed word for word into a bare Debian 12, and timed.

``PYTHONPATH=tests python benchmarks/install_ways.py [pip] [package] [container] [--root FOLDER]``,
as root, from a commit (the checkout is cloned). The Debian is made with debootstrap and kept in
FOLDER; each way gets a layer of its own over it, which is gone at the end. The shop and the
warehouse are the sandbox's, on this machine's loopback. It prints how long each block of the pages
took, and how long it was from the first line to the first order at the warehouse (without building
the package or the image, which is done once): the aim is two minutes. After the package follow
backups, a restore, an upgrade of an old ledger, the way to another host, removal and purge. It
exits 1 where a line fails or the aim is missed.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from terminal_kit import on_terminal

from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

ROOT = Path(__file__).parents[1]
AIM_SECONDS = 120
BASE = "debian:bookworm-slim"
PACKAGES = "systemd,ca-certificates"
SKU = "MUG"
QUESTION = r"(Vendure|VeraCore): [^\n]*: $"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LAYER = r"""
set -e
mount -t tmpfs layer "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o lowerdir="$2",upperdir="$1/upper",workdir="$1/work" "$1/root"
mount --rbind /proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
for folder in $4; do mkdir -p "$1/root$folder"; mount --bind "$folder" "$1/root$folder"; done
mkdir -p "$1/root/mnt"
mount --bind "$3" "$1/root/mnt"
cp /etc/resolv.conf "$1/root/etc/resolv.conf"
install -m 0755 "$3/systemctl" "$1/root/usr/local/sbin/systemctl"
exec chroot "$1/root" bash -c "$5"
"""
# A layer is not booted: what systemd itself would do is left out (booted_units.py has it).
SYSTEMCTL = """#!/bin/sh
verb=$1
shift
case "$verb" in
enable|disable)
    [ "$1" != --now ] || shift
    exec /usr/bin/systemctl "$verb" "$@" ;;
list-unit-files)
    exec /usr/bin/systemctl "$verb" "$@" ;;
esac
echo "not booted, so not done: systemctl $verb $*"
"""
CONTAINERS = """[containers]
cgroups = "disabled"
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
"""


def block(page: str, mark: str) -> list[str]:
    """The command lines between two marks of a page."""
    text = (ROOT / "docs" / page).read_text()
    part = text.split(f"<!-- {mark} -->")[1].split(f"<!-- /{mark} -->")[0]
    return [line for one in re.findall(r"```sh\n(.*?)```", part, re.S) for line in one.splitlines()]


def as_their_user(lines: Sequence[str]) -> list[str]:
    """As install.md says: every ``veracore-sync`` is typed as that user."""
    return [f"sudo -u veracore-sync {line}" for line in lines]


@dataclass
class Bed:
    """A shop, a warehouse and a bare Debian."""

    shop: SmallShop
    sandbox: Sandbox
    debian: Path
    folder: Path
    deb: Path | None = None
    failures: list[str] = field(default_factory=list)

    @property
    def answers(self) -> tuple[str, ...]:
        """What is typed behind the questions of `init`."""
        warehouse = (self.sandbox.url, "sandbox", "sandbox", "SANDBOX")
        return (self.shop.admin_url, self.shop.username, self.shop.password, *warehouse)

    def control(self, path: str, body: object = None) -> Any:
        """Ask the simulator about itself, or set something."""
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(f"{self.sandbox.url}/_sandbox/{path}", data) as answer:
            return json.loads(answer.read() or b"null")

    def placed(self) -> int:
        """How many orders the warehouse has."""
        return len(self.control("orders")["orders"])

    def typed(
        self, way: str, blocks: Sequence[tuple[str, Sequence[str]]], *, on_this: bool = False
    ) -> None:
        """Type the blocks into a layer of their own; prints how long each took."""
        lines = ["set -e", "cd /mnt/source"]
        for name, its_lines in blocks:
            lines += [f"echo '<begin {name}>'", *its_lines, f"echo '<end {name}>'"]
        moments: dict[str, float] = {}

        def note(what: str) -> Callable[[int], None]:
            def noted(_: int) -> None:
                moments[what] = time.monotonic()
                # The order comes after init, which says from when on orders are sent.
                if what == "end init":
                    self.shop.state.place_order([(SKU, 2)])

            return noted

        marks = [f"{edge} {name}" for name, _ in blocks for edge in ("begin", "end")]
        code, seen = self._run(
            "\n".join(lines), {f"<{mark}>\r": note(mark) for mark in marks}, on_this=on_this
        )
        (self.folder.parent / f"{way}.log").write_text(seen)
        for name, _ in blocks:
            if f"end {name}" in moments:
                took = moments[f"end {name}"] - moments[f"begin {name}"]
                print(f"{way:10} {name:10} {took:6.1f} s", flush=True)
        if code != 0:
            self.failures.append(f"{way}: ended with {code}")
            print("\n".join(seen.splitlines()[-40:]))
        elif "end first" in moments:
            first = next(name for name, _ in blocks if name not in ("build", "prepare"))
            self._judge(way, moments["end first"] - moments[f"begin {first}"])

    def _judge(self, way: str, seconds: float) -> None:
        print(f"{way:10} first order after {seconds:.1f} s; at the warehouse: {self.placed()}")
        if self.placed() != 1:
            self.failures.append(f"{way}: {self.placed()} orders at the warehouse")
        if seconds > AIM_SECONDS:
            self.failures.append(f"{way}: {seconds:.0f} s to the first order")

    def _run(
        self, script: str, when: dict[str, Callable[[int], None]], *, on_this: bool
    ) -> tuple[int, str]:
        environment = {"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8"}
        mnt = self.folder / "mnt"
        if on_this:
            # podman, for which a layer is one too many. The rest of the pages is as it is.
            environment |= {"CONTAINERS_CONF": str(mnt / "containers.conf")}
            environment |= {"BUILDAH_ISOLATION": "chroot"}
            words = ["bash", "-c", script.replace("/mnt/source", str(mnt / "source"), 1)]
        else:
            layer = Path(tempfile.mkdtemp(prefix="layer-", dir=self.folder))
            environment |= {"DEBIAN_FRONTEND": "noninteractive", "PIP_CONFIG_FILE": "/mnt/pip.conf"}
            words = ["bash", "-c", LAYER, "layer", str(layer), str(self.debian), str(mnt)]
            words += [" ".join(pip_folders()), script]
        return on_terminal(
            ["unshare", "--mount", "--propagation", "private", *words],
            environment,
            self.folder,
            answers=self.answers,
            asked=QUESTION,
            when=when,
        )


def pip_folders() -> list[str]:
    """The folders of packages that pip is configured with on this machine."""
    found = re.findall(r"(?:file://)?(/[^\s']+)", " ".join(_pip().values()))
    # An index in files links to what lies beside it.
    folders = [Path(one).parent if Path(one).name == "simple" else Path(one) for one in found]
    return [str(one) for one in dict.fromkeys(folders) if one.is_dir()]


def _pip() -> dict[str, str]:
    said = subprocess.run(["pip", "config", "list"], capture_output=True, text=True, check=False)
    found = {}
    for line in said.stdout.splitlines():
        key, _, value = line.partition("=")
        name = key.rpartition(".")[2]
        if name in ("index-url", "extra-index-url", "find-links"):
            found[name] = value.strip("'\"").replace("\\n", " ")
    return found


@contextmanager
def bed(debian: Path, folder: Path, deb: Path | None) -> Iterator[Bed]:
    """A new shop and a new warehouse."""
    with SmallShop() as shop, Sandbox() as sandbox:
        shop.state.add_variant(SKU)
        made = Bed(shop, sandbox, debian, folder, deb)
        made.control("stock", {"stock": [{"sku": SKU, "on_hand": 25}]})
        yield made


def bootstrap(root: Path) -> Path:
    """The bare system, made once."""
    if not (root / "etc/bare").exists():
        shutil.rmtree(root, ignore_errors=True)
        print("debootstrap", file=sys.stderr)
        command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm"]
        subprocess.run([*command, str(root)], check=True, stdout=subprocess.DEVNULL)
        (root / "etc/bare").touch()
    return root


def prepare(folder: Path) -> None:
    """What lies in /mnt of every layer: a clone, where pip finds its packages, an old ledger."""
    mnt = folder / "mnt"
    mnt.mkdir()
    subprocess.run(["git", "clone", "-q", str(ROOT), str(mnt / "source")], check=True)
    ca = "/etc/ssl/certs/ca-certificates.crt"
    shutil.copy(ca, mnt / "ca.crt")
    values = {**_pip(), "cert": "/mnt/ca.crt", "default-timeout": "180"}
    lines = [f"{key} = {value}" for key, value in values.items()]
    (mnt / "pip.conf").write_text("\n".join(["[global]", *lines, ""]))
    (mnt / "systemctl").write_text(SYSTEMCTL)
    with closing(sqlite3.connect(mnt / "old.db")) as old:
        old.executescript((ROOT / "tests/data/ledger-8.sql").read_text())
        old.execute("DELETE FROM meta WHERE key LIKE 'identity.%'")
        old.commit()


INIT = ("init", block("install.md", "user"))
FIRST = (
    ("check", as_their_user(block("install.md", "check"))),
    ("first", as_their_user(block("install.md", "first"))),
)


def by_pip(here: Bed) -> None:
    """The system-wide install, and its end."""
    here.typed(
        "pip",
        (
            ("install", block("install.md", "machine")),
            INIT,
            *FIRST,
            ("uninstall", [*block("backups.md", "uninstall"), "! command -v veracore-sync",
                           "ls /var/lib/veracore-sync/ledger.db"]),
        ),
    )  # fmt: skip


def by_package(here: Bed) -> None:
    """The package: built, installed, used; backups, upgrade, another host, purge."""
    mnt = here.folder / "mnt"
    debs = mnt / "debs"
    debs.mkdir()
    if here.deb:
        shutil.copy(here.deb, debs)
    else:
        keep = "cp /tmp/*.deb /mnt/debs/"
        here.typed("package", (("build", [*block("install.md", "package-build"), keep]),))
    if here.failures:
        return
    old = [
        "rm /var/lib/veracore-sync/ledger.db*",
        "install -m 0600 -o veracore-sync -g veracore-sync /mnt/old.db "
        "/var/lib/veracore-sync/ledger.db",
        "apt-get install -y --reinstall /tmp/veracore-sync_*.deb",
    ]
    purged = [
        "apt-get remove -y veracore-sync",
        "ls /var/lib/veracore-sync/ledger.db /etc/veracore-sync/config.toml",
        "! command -v veracore-sync",
        "apt-get purge -y veracore-sync 2>&1 | tee /mnt/purged",
        "grep 'ledgers and backups in /var/lib/veracore-sync are kept' /mnt/purged",
        "ls /var/lib/veracore-sync/ledger.db",
        "! ls -d /etc/veracore-sync",
    ]
    here.typed(
        "package",
        (
            ("build", ["cp /mnt/debs/*.deb /tmp/"]),
            ("install", block("install.md", "package")),
            INIT,
            *FIRST,
            ("nightly", block("backups.md", "nightly")),
            ("by hand", block("backups.md", "by-hand")),
            ("verify", block("backups.md", "verify")),
            ("restore", block("backups.md", "restore")),
            ("leave", [*block("backups.md", "leave"), "cp /root/veracore-sync.tar /mnt/"]),
            ("upgrade", [*old, *block("backups.md", "upgraded")]),
            ("purge", purged),
        ),
    )
    if not here.failures:
        here.typed(
            "other host",
            (
                ("install", ["cp /mnt/debs/*.deb /tmp/", *block("install.md", "package")]),
                ("arrive", ["cp /mnt/veracore-sync.tar /root/", *block("backups.md", "arrive")]),
                ("goes on", ["sudo -u veracore-sync veracore-sync sync-orders"]),
            ),
        )
        print(f"other host: orders at the warehouse: {here.placed()}")


def by_container(here: Bed) -> None:
    """The image, with podman of this machine."""
    if not shutil.which("podman"):
        print("container: there is no podman on this machine: not built, not run")
        return
    mnt = here.folder / "mnt"
    folders = [f"{one}:{one}:ro" for one in pip_folders()]
    mounts = [*folders, f"{mnt}:/mnt:ro", f"{mnt}/pip.conf:/etc/pip.conf:ro"]
    text = CONTAINERS + f"volumes = {json.dumps(mounts)}\n"
    (mnt / "containers.conf").write_text(text)
    has_base = ["podman", "image", "exists", BASE]
    if subprocess.run(has_base, check=False).returncode != 0:
        # What a registry would give. Where none is reached, debootstrap's.
        print(f"container: {BASE} is made from debootstrap's Debian")
        packed = subprocess.Popen(["tar", "-C", here.debian, "-c", "."], stdout=subprocess.PIPE)
        subprocess.run(["podman", "import", "-q", "-", BASE], stdin=packed.stdout, check=True)
    # Where the kernel has both kinds of control groups, crun refuses them.
    alone = ["umount /sys/fs/cgroup/unified 2>/dev/null || true"]
    volumes = "veracore-sync-etc veracore-sync-ledger"
    check, first = ([f"vs {line.removeprefix('veracore-sync ')}" for line in block(
        "install.md", mark)] for mark in ("check", "first"))  # fmt: skip
    here.typed(
        "container",
        (
            ("prepare", [*alone, f"podman volume rm -f {volumes} || true"]),
            ("build", block("install.md", "image")),
            ("init", block("install.md", "container")),
            ("check", check),
            ("first", first),
            ("end", [f"podman volume rm -f {volumes}"]),
        ),
        on_this=True,
    )


WAYS = {"pip": by_pip, "package": by_package, "container": by_container}


def main() -> int:
    """Try the ways; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("ways", nargs="*", metavar="WAY", help="pip, package, container")
    parser.add_argument("--root", type=Path, default=Path("/tmp/veracore-sync-bare"))
    parser.add_argument("--deb", type=Path, help="the package, instead of building it")
    given = parser.parse_args()
    debian = bootstrap(given.root / "bookworm")
    failures = []
    for way in given.ways or WAYS:
        with tempfile.TemporaryDirectory(dir=given.root) as name:
            prepare(Path(name))
            with bed(debian, Path(name), given.deb) as here:
                WAYS[way](here)
                failures += here.failures
    print("\n".join(failures) or "every line of the pages did what they say")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
