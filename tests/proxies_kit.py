"""nginx and Caddy from Debian, run with the snippets of the docs before servers on this machine."""

from __future__ import annotations

import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from present import missing

DOCS = Path(__file__).parents[1] / "docs" / "proxies.md"
HOOKS, PAGE = "hooks.example.com", "veracore.example.com"


def snippet(name: str) -> str:
    """A snippet of the docs, as it stands there."""
    kind = name.partition(":")[0]
    found = re.search(f"<!-- {name} -->\n```{kind}\n(.*?)```", DOCS.read_text(), re.S)
    assert found, name
    return found[1]


@dataclass(frozen=True)
class Front:
    """A running proxy: its port for each host name, all of them TLS with one certificate."""

    ports: Mapping[str, int]
    certificate: Path

    def connect(self, host: str) -> ssl.SSLSocket:
        """A connection to one of the hosts."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        plain = socket.create_connection(("127.0.0.1", self.ports[host]), 20)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return context.wrap_socket(plain, server_hostname=host)

    def authority(self, host: str) -> str:
        """What a browser writes as ``Host``."""
        return f"{host}:{self.ports[host]}"


def free_port() -> int:
    """A port that was free a moment ago: a proxy cannot tell which one it took."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def certificate(folder: Path) -> Path:
    """A certificate for both names, with its key beside it."""
    made = folder / "front.pem"
    openssl = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
        f" -subj /CN=front -addext subjectAltName=DNS:{HOOKS},DNS:{PAGE}"
    )
    key = made.with_suffix(".key")
    subprocess.run(
        [*openssl.split(), "-keyout", key, "-out", made], check=True, capture_output=True
    )
    return made


@contextmanager
def nginx(folder: Path, hooks: int, page: int, more: str = "") -> Iterator[Front]:
    """nginx with both snippets.

    Args:
        folder: For its files.
        hooks: The listener's port.
        page: The page's.
        more: Further server blocks.
    """
    made = certificate(folder)
    ports = {HOOKS: free_port(), PAGE: free_port()}
    sites = ""
    for name, host, upstream in (("webhooks", HOOKS, hooks), ("admin", PAGE, page)):
        text = snippet(f"nginx: {name}")
        text = _replaced(text, "listen 443 ssl", f"listen 127.0.0.1:{ports[host]} ssl")
        text = _replaced(text, f"/etc/ssl/{host}.pem", str(made))
        text = _replaced(text, f"/etc/ssl/private/{host}.key", str(made.with_suffix(".key")))
        sites += re.sub(r"(?<=http://127\.0\.0\.1:)\d+", str(upstream), text)
    # The frame that Debian's nginx.conf is, with files where anybody may write.
    paths = [
        f"{one}_temp_path {folder};" for one in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    ]
    user = "user root;" if os.geteuid() == 0 else ""
    settings = folder / "nginx.conf"
    settings.write_text(
        f"daemon off; {user} worker_processes 1; pid {folder}/nginx.pid; error_log stderr;\n"
        f"events {{}}\nhttp {{ access_log off; {' '.join(paths)}\n{sites}\n{more}\n}}\n"
    )
    with _running(
        ["nginx", "-e", "stderr", "-p", str(folder), "-c", str(settings)], ports.values(), folder
    ):
        yield Front(ports, made)


@contextmanager
def caddy(folder: Path, hooks: int, page: int, more: str = "") -> Iterator[Front]:
    """Caddy with both snippets; arguments as for `nginx`, `more` being further sites."""
    made = certificate(folder)
    ports = {HOOKS: free_port(), PAGE: free_port()}
    sites = ""
    for name, host, upstream in (("webhooks", HOOKS, hooks), ("admin", PAGE, page)):
        text = snippet(f"caddy: {name}")
        tls = f"\n    tls {made} {made.with_suffix('.key')}"
        text = _replaced(text, f"{host} {{", f"{host}:{ports[host]} {{{tls}")
        sites += re.sub(r"(?<=127\.0\.0\.1:)\d+", str(upstream), text)
    settings = folder / "Caddyfile"
    own = "{\n    admin off\n    auto_https off\n    default_bind 127.0.0.1\n}\n"
    settings.write_text(f"{own}{sites}{more}\n")
    command = ["caddy", "run", "--adapter", "caddyfile", "--config", str(settings)]
    with _running(command, ports.values(), folder):
        yield Front(ports, made)


def _replaced(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, old
    return text.replace(old, new)


@contextmanager
def _running(command: list[str], ports: Iterable[int], folder: Path) -> Iterator[None]:
    program = shutil.which(command[0], path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        missing(f"{command[0]} is not installed")
    home = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    log = folder / "proxy.log"
    with log.open("wb") as told:
        process = subprocess.Popen(
            [program, *command[1:]], stdout=told, stderr=told, env=home, cwd=folder
        )
    try:
        deadline = time.monotonic() + 600
        for port in ports:
            while not _listens(port):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.02)
        yield
    finally:
        process.terminate()
        process.wait(60)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except OSError:
        return False
    return True
