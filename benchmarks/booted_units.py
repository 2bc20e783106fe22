"""The units as systemd runs them: Debian 12 and 13, booted, installed as docs/install.md says.

``python benchmarks/booted_units.py [bookworm] [trixie] [--roots FOLDER]``, as root. Each Debian is
made with debootstrap and booted with systemd-nspawn; FOLDER keeps them for the next time. The shop
and the warehouse are the sandbox's, on this machine's loopback. For each job it prints how the run
ended, what it was given, what it could do besides its work, and systemd's exposure; at last what a
link that the units' user puts into /etc/veracore-sync gets to read, in the folder as it is set up
now, and as it was before. It exits 1 if one of them is not as it should be.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

ROOT = Path(__file__).parents[1]
PACKAGES = "systemd,systemd-sysv,dbus,python3,python3-venv,ca-certificates"
EXPOSURE = 1.2
JOBS = ("orders", "inventory", "tracking", "returns", "deliver", "prune", "backup")
SERVERS = ("webhooks", "webhooks-worker", "admin")
SECRETS = {
    "webhook_secret": "webhook-secret-of-thirty-two-characters",
    "admin_read_token": "read-token-of-more-than-thirty-two-characters",
    "admin_act_token": "act-token-of-more-than-thirty-two-characters!",
}

# Runs before each job, inside its unit: what would a program see and do that took the job over?
INSIDE = r"""#!/bin/sh
out=$STATE_DIRECTORY/inside-$1
{
    echo "given: $(ls "$CREDENTIALS_DIRECTORY" | xargs)"
    echo "filled: $(cd "$CREDENTIALS_DIRECTORY" && find . -type f -size +1c | sort | xargs)"
    echo "status: $(grep -E '^(NoNewPrivs|CapEff|Seccomp):' /proc/self/status | tr -s '\t\n' ' ')"
    did=""
    touch /etc/planted 2>/dev/null && did="$did wrote-etc"
    touch /usr/planted 2>/dev/null && did="$did wrote-usr"
    touch /etc/veracore-sync/planted 2>/dev/null && did="$did wrote-configuration"
    ln -s /root/secret /etc/veracore-sync/planted 2>/dev/null && did="$did linked-configuration"
    cat /root/secret >/dev/null 2>&1 && did="$did read-root"
    ls /home/person >/dev/null 2>&1 && did="$did read-home"
    cat /proc/1/environ >/dev/null 2>&1 && did="$did read-pid1"
    unshare -r true 2>/dev/null && did="$did new-namespace"
    mount -t tmpfs x /tmp 2>/dev/null && did="$did mounted"
    echo "did:$did"
} >"$out" 2>&1
exit 0
"""

# Runs as the machine's own last service, and turns it off.
EXAM = r"""#!/bin/bash
exec >/exam/out 2>&1
systemctl daemon-reload
for job in {jobs}; do
    systemctl start veracore-sync-$job.service
    show() { systemctl show -P $1 veracore-sync-$job.service; }
    echo "== $job"
    echo "ended: $(show Result) $(show ExecMainStatus)"
    cat /var/lib/veracore-sync/inside-$job
    echo "exposure: $(systemd-analyze security --no-pager veracore-sync-$job.service | tail -n1)"
done
for job in {servers}; do
    systemctl start veracore-sync-$job.service
    echo "== $job"
    echo "ended: $(systemctl is-active veracore-sync-$job.service) 0"
    cat /var/lib/veracore-sync/inside-$job
    echo "exposure: $(systemd-analyze security --no-pager veracore-sync-$job.service | tail -n1)"
    pid=$(systemctl show -P MainPID veracore-sync-$job.service)
    echo "memory: $(grep VmHWM /proc/$pid/status | tr -s '\t ' ' ')"
    systemctl stop veracore-sync-$job.service
done
echo "== instance"
systemctl start veracore-sync-orders@shop1.service
show() { systemctl show -P $1 veracore-sync-orders@shop1.service; }
echo "ended: $(show Result) $(show ExecMainStatus)"
echo "ledger: $(stat -c '%U %a' /var/lib/veracore-sync/shop1/ledger.db)"
# The units' user owns the folder of ledgers, and systemd makes folders in it as root.
echo "== link in the state"
mkdir -m 0755 /root/folder && touch /root/folder/file
runuser -u veracore-sync -- ln -s /root/folder /var/lib/veracore-sync/shop2
systemctl start veracore-sync-orders@shop2.service
echo "became: $(stat -c '%U %a' /root/folder /root/folder/file | xargs)"
attack() {
    runuser -u veracore-sync -- ln -sfn /root/secret /etc/veracore-sync/hooks_secret
    [ -L /etc/veracore-sync/hooks_secret ] && echo "link: made" || echo "link: refused"
    rm -f /var/lib/veracore-sync/stolen
    systemctl start veracore-sync-thief.service
    echo "stolen: $(cat /var/lib/veracore-sync/stolen)"
    $as_user doctor --offline --json >/exam/doctor
    echo "doctor: $? $(grep -c '"name": "credentials"' /exam/doctor)"
    rm -f /etc/veracore-sync/hooks_secret
}
named="veracore-sync --config /etc/veracore-sync/config.toml"
as_user="runuser -u veracore-sync -- $named"
echo "== attack now"
attack
echo "== attack before"
chown -R veracore-sync: /etc/veracore-sync
chmod 0700 /etc/veracore-sync
attack
$named timers >/dev/null 2>/exam/refused
echo "by root: $? $(head -n1 /exam/refused)"
python3 -c '
import json
for one in json.load(open("/exam/doctor"))["findings"]:
    if one["name"] == "credentials":
        print(one["todo"].removeprefix("as root: ").split(";")[0])
' >/exam/remedy
echo "remedy: $(cat /exam/remedy)"
sh /exam/remedy
echo "== attack after the remedy"
attack
echo "== end"
systemctl poweroff --no-block
"""
THIEF = """
[Service]
ExecStart=
ExecStart=/bin/sh -c 'cat %d/hooks_secret >/var/lib/veracore-sync/stolen'
"""


@dataclass
class Debian:
    """A root of that release."""

    release: str
    root: Path

    def run(self, *command: str, **more: str) -> str:
        """Run a command in it, with this machine's network."""
        pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        env = {"PATH": path, "HOME": "/root", "LANG": "C.UTF-8", **pip, **more}
        done = subprocess.run(
            ["chroot", str(self.root), *command],
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{self.release}: {' '.join(command)}\n{done.stdout}{done.stderr}")
        return done.stdout

    def write(self, name: str, text: str, mode: int = 0o644) -> None:
        """Write a file of root's."""
        path = self.root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)


def bootstrap(release: str, folder: Path) -> Debian:
    """The bare system, made once."""
    root = folder / release
    if not (root / "bare").exists():
        shutil.rmtree(root, ignore_errors=True)
        print(f"{release}: debootstrap", file=sys.stderr)
        command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", release, str(root)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        (root / "bare").touch()
    return Debian(release, root)


def install(debian: Debian) -> None:
    """As docs/install.md says, from this checkout."""
    print(f"{debian.release}: installing", file=sys.stderr)
    for name in ("/etc/resolv.conf", "/etc/ssl/certs/ca-certificates.crt"):
        shutil.copyfile(name, debian.root / name.lstrip("/"))
    for name in ("/etc/veracore-sync", "/var/lib/veracore-sync", "/source", "/exam"):
        shutil.rmtree(debian.root / name.lstrip("/"), ignore_errors=True)
    links = os.environ.get("PIP_FIND_LINKS", "")
    if links and Path(links).is_dir():
        shutil.copytree(links, debian.root / links.lstrip("/"), dirs_exist_ok=True)
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    names = listed.stdout.decode().split("\0")[:-1]
    (debian.root / "source").mkdir()
    copy = ["cp", "--parents", "-t", str(debian.root / "source"), *names]
    subprocess.run(copy, cwd=ROOT, check=True)
    debian.run("python3", "-m", "venv", "/opt/veracore-sync")
    pip = "cd /source && /opt/veracore-sync/bin/pip install -q"
    debian.run("sh", "-c", f"{pip} --require-hashes -r requirements-run.lock")
    debian.run("sh", "-c", f"{pip} --no-deps --no-build-isolation .")
    debian.run("ln", "-sf", "/opt/veracore-sync/bin/veracore-sync", "/usr/bin/veracore-sync")
    page = (ROOT / "docs/install.md").read_text()
    # systemd-tmpfiles needs it.
    proc = str(debian.root / "proc")
    subprocess.run(["mount", "--bind", "/proc", proc], check=True)
    try:
        for line in page.split("<!-- machine -->")[1].split("<!-- /machine -->")[0].splitlines():
            if line.startswith(("install ", "systemd-")):
                debian.run("sh", "-c", f"cd /source && {line}")
    finally:
        subprocess.run(["umount", proc], check=True)
    debian.run(
        "sh", "-c", "cp /source/systemd/*.service /source/systemd/*.timer /etc/systemd/system"
    )


def configure(debian: Debian, shop: SmallShop, sandbox: Sandbox) -> None:
    """A configuration as `init` writes it, and what the exam needs."""
    for name, text in (("p", shop.password), ("s", "sandbox")):
        debian.write(f"/root/{name}", f"{text}\n", 0o600)
    given = {
        "--vendure-url": shop.admin_url,
        "--vendure-username": shop.username,
        "--password-file": "/etc/veracore-sync/vendure_password",
        "--veracore-url": sandbox.url,
        "--veracore-client-id": "sandbox",
        "--client-secret-file": "/etc/veracore-sync/veracore_client_secret",
        "--company-id": "SANDBOX",
    }
    keep = "install -m 0640 -g veracore-sync"
    debian.run("sh", "-c", f"{keep} /root/p /etc/veracore-sync/vendure_password")
    debian.run("sh", "-c", f"{keep} /root/s /etc/veracore-sync/veracore_client_secret")
    words = [word for pair in given.items() for word in pair]
    file = "/etc/veracore-sync/config.toml"
    debian.run("veracore-sync", "--config", file, "init", *words, "--offline")
    text = (debian.root / file.lstrip("/")).read_text()
    for key, value in {
        "[webhooks]": f"port = {free_port()}",
        "[admin]": f"port = {free_port()}",
        "[hooks]": 'command = ["/usr/bin/true"]',
        "[vendure]": "rehearsal = true",
    }.items():
        text = text.replace(f"\n{key}\n", f"\n{key}\n{value}\n")
    (debian.root / file.lstrip("/")).write_text(text)
    for name, value in SECRETS.items():
        debian.write(f"/root/{name}", f"{value}\n", 0o600)
        debian.run("sh", "-c", f"{keep} /root/{name} /etc/veracore-sync/{name}")
    shops = "/etc/veracore-sync/shops"
    debian.run("sh", "-c", f"install -d -m 0750 -g veracore-sync {shops}")
    for name in ("shop1", "shop2"):
        debian.run(
            "sh", "-c", f"cd {shops}/.. && install -d -m 0750 -g veracore-sync {shops}/{name}"
        )
        debian.run("sh", "-c", f"cd {shops}/.. && cp -p *.toml *_password *_secret {shops}/{name}")
        own = (debian.root / file.lstrip("/")).read_text()
        own = own.replace("/veracore-sync/ledger.db", f"/veracore-sync/{name}/ledger.db")
        (debian.root / f"{shops}/{name}/config.toml".lstrip("/")).write_text(own)
    shutil.rmtree(debian.root / "root/folder", ignore_errors=True)
    debian.write("/root/secret", "the secret of root alone\n", 0o600)
    (debian.root / "home/person").mkdir(exist_ok=True)
    debian.write("/usr/local/bin/inside", INSIDE, 0o755)
    for job in (*JOBS, *SERVERS):
        drop_in = f"[Service]\nExecStartPre=/usr/local/bin/inside {job}\n"
        debian.write(f"/etc/systemd/system/veracore-sync-{job}.service.d/inside.conf", drop_in)
    unit = (ROOT / "systemd/veracore-sync-deliver.service").read_text()
    debian.write("/etc/systemd/system/veracore-sync-thief.service", unit)
    debian.write("/etc/systemd/system/veracore-sync-thief.service.d/thief.conf", THIEF)
    exam = EXAM.replace("{jobs}", " ".join(JOBS)).replace("{servers}", " ".join(SERVERS))
    debian.write("/exam/run", exam, 0o755)
    debian.write(
        "/etc/systemd/system/exam.service",
        "[Service]\nType=oneshot\nExecStart=/exam/run\nTimeoutStartSec=10min\n"
        "[Install]\nWantedBy=multi-user.target\n",
    )
    wants = debian.root / "etc/systemd/system/multi-user.target.wants/exam.service"
    wants.unlink(missing_ok=True)
    wants.symlink_to("../exam.service")


def free_port() -> int:
    """One that nobody listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def boot(debian: Debian) -> dict[str, dict[str, str]]:
    """Boot it until it turns itself off; what the exam wrote, by its parts."""
    print(f"{debian.release}: booting", file=sys.stderr)
    command = ["systemd-nspawn", "-q", "-D", str(debian.root), "--register=no", "--keep-unit"]
    machine = f"--machine=veracore-{debian.release}"
    # Where this machine still has the old control groups, theirs are those of today.
    env = os.environ | {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
    with (debian.root.parent / f"{debian.release}.console").open("w") as console:
        subprocess.run(
            [*command, machine, "--console=pipe", "-b"],
            env=env,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            timeout=900,
        )
    found: dict[str, dict[str, str]] = {}
    for line in (debian.root / "exam/out").read_text().splitlines():
        if line.startswith("== "):
            part = found.setdefault(line[3:], {})
        elif ": " in line or line.endswith(":"):
            key, _, value = line.partition(":")
            part[key] = value.strip()
    return found


def faults(found: dict[str, dict[str, str]]) -> list[str]:
    """What is not as it should be."""
    wrong = [] if "end" in found else ["the exam did not end"]
    for job in (*JOBS, *SERVERS):
        part = found.get(job, {})
        ended = "success 0" if job in JOBS else "active 0"
        if part.get("ended") != ended:
            wrong.append(f"{job} ended with {part.get('ended')}")
        if part.get("did") != "":
            wrong.append(f"{job} could do: {part.get('did')}")
        words = part.get("exposure", "").split()
        figure = next((float(word) for word in words if word[0].isdigit()), 99.0)
        if figure > EXPOSURE:
            wrong.append(f"{job} has exposure {figure}")
    if found.get("instance") != {"ended": "success 0", "ledger": "veracore-sync 600"}:
        wrong.append(f"an instance: {found.get('instance')}")
    if found.get("link in the state", {}).get("became") != "root 755 root 644":
        wrong.append(f"a link in the state: {found.get('link in the state')}")
    for when, stolen in (("now", False), ("before", True), ("after the remedy", False)):
        part = found.get(f"attack {when}", {})
        if (part.get("link") == "made") != stolen or bool(part.get("stolen")) != stolen:
            wrong.append(f"the attack {when}: {part}")
        if (part.get("doctor", "").split() == ["78", "1"]) != stolen:
            wrong.append(f"doctor {when}: {part.get('doctor')}")
    return wrong


def main(arguments: Sequence[str]) -> int:
    """Run it for each release; 1 if anything is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("releases", nargs="*", default=["bookworm", "trixie"])
    parser.add_argument("--roots", type=Path)
    given = parser.parse_args(arguments)
    folder = given.roots or Path(tempfile.mkdtemp(prefix="veracore-sync-units-"))
    folder.mkdir(parents=True, exist_ok=True)
    wrong: list[str] = []
    try:
        for release in given.releases:
            debian = bootstrap(release, folder)
            install(debian)
            with SmallShop() as shop, Sandbox() as sandbox:
                shop.state.add_variant("MUG", on_hand=10)
                sandbox.world.set_stock("MUG", "MAIN", 10)
                configure(debian, shop, sandbox)
                shop.state.place_order([("MUG", 1)])
                found = boot(debian)
            version = debian.run("systemctl", "--version").splitlines()[0]
            print(f"\n# {release}: {version}")
            print(json.dumps(found, indent=1, ensure_ascii=False))
            wrong += [f"{release}: {sentence}" for sentence in faults(found)]
    finally:
        if given.roots is None:
            shutil.rmtree(folder)
    print("\n".join(wrong) or "all as it should be")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
