"""The real command between a shop and a VeraCore simulator, each on a socket of its own."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from forked import can_fork, run_forked
from typer.testing import CliRunner

from veracore_sync.cli import messages
from veracore_sync.cli.app import app
from veracore_sync.ledger import open_ledger
from veracore_sync.ledger.postgres.place import PostgresPlace
from veracore_sync.ports.ledger import Ledger
from veracore_sync.sandbox.server import Sandbox

TIMEOUT = 600


@dataclass(frozen=True)
class Ended:
    """A process that came to its end."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on stdout."""
        return json.loads(self.out)


@dataclass
class Rig:
    """Runs ``veracore-sync`` as a process, configured by its environment alone.

    `env` holds settings by their environment names; tests change them as operators would.
    """

    folder: Path
    shop_url: str
    username: str
    password: str
    sandbox: Sandbox
    dialect: str = "oms"
    env: dict[str, str] = field(default_factory=dict)
    server: PostgresPlace | None = None
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def ledger_path(self) -> Path:
        return self.folder / "ledger.db"

    @property
    def environment(self) -> dict[str, str]:
        base = {
            name: os.environ[name]
            for name in ("PATH", "HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME")
            if name in os.environ
        }
        veracore = f"{self.sandbox.url}/v1" if self.dialect == "rest" else self.sandbox.url
        settings = {
            "VENDURE_ADMIN_API_URL": self.shop_url,
            "VENDURE_USERNAME": self.username,
            "VENDURE_PASSWORD": self.password,
            "VERACORE_API_URL": veracore,
            "VERACORE_CLIENT_ID": "sandbox",
            "VERACORE_CLIENT_SECRET": "sandbox",
            "VERACORE_COMPANY_ID": "SANDBOX",
            **self._ledger_settings,
            "VERACORE_SYNC_ORDERS__NOT_BEFORE": "2020-01-01T00:00:00Z",
            "VERACORE_SYNC_VERACORE__RATE_PER_MINUTE": "0",
            "VERACORE_SYNC_RETRY__READ_BASE_SECONDS": "0.01",
        }
        return base | settings | self.env

    @property
    def _ledger_settings(self) -> dict[str, str]:
        if self.server is None:
            return {"VERACORE_SYNC_LEDGER__PATH": str(self.ledger_path)}
        return {
            "VERACORE_SYNC_LEDGER__URL": self.server.url,
            "VERACORE_SYNC_LEDGER__SCHEMA_NAME": self.server.schema,
            "VERACORE_SYNC_LEDGER__LEASE_SECONDS": str(self.server.lease_seconds),
        }

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "veracore_sync", *arguments]

    def run(self, *arguments: str, **env: str) -> Ended:
        """Run a command to its end."""
        command, wanted = self.command(*arguments), self.environment | env
        if can_fork(command, wanted):
            ended = Ended(*run_forked(command, wanted, self.folder, TIMEOUT))
        else:
            done = subprocess.run(
                command,
                env=wanted,
                cwd=self.folder,
                capture_output=True,
                text=True,
                timeout=TIMEOUT,
                check=False,
            )
            ended = Ended(done.returncode, done.stdout, done.stderr)
        assert "Traceback" not in ended.err, ended.err
        return ended

    def start(self, *arguments: str, **env: str) -> subprocess.Popen[str]:
        """Start a command and leave it running."""
        process = subprocess.Popen(
            self.command(*arguments),
            env=self.environment | env,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def end(self) -> None:
        """Kill what a failed test has left running."""
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.communicate(timeout=TIMEOUT)

    def sync(self, *arguments: str, code: int = 0, **env: str) -> Any:
        """``sync-orders --json`` that must end with `code`; its document."""
        ended = self.run("sync-orders", "--json", *arguments, **env)
        assert ended.code == code, (ended.code, ended.out, ended.err)
        return ended.json

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """The ledger, to look into."""
        opened = open_ledger(self.server or self.ledger_path, read_only=True)
        yield opened
        opened.close()

    # ---- the simulator's control surface

    def control(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """GET, or POST `body`, under ``/_sandbox/``."""
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self.sandbox.url}/_sandbox/{path}", data=data)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")

    def placed(self) -> dict[str, Any]:
        """The orders at the simulator, by reference (oms) or id."""
        orders = self.control("orders")["orders"]
        return {one.get("reference") or one["id"]: one for one in orders}

    def requests(self, operation: str | None = None) -> list[Any]:
        """The requests that the simulator has seen."""
        found = self.control("requests")["requests"]
        return [one for one in found if operation in (None, one["operation"])]


class HereRig(Rig):
    """Runs the commands in this process: the start of an interpreter would be most of the time."""

    def run(self, *arguments: str, typed: str | None = None, **env: str) -> Ended:
        """Run a command to its end; `typed` are the lines of whoever sits at the terminal."""
        with as_it_was(), chdir(self.folder):
            os.environ.clear()
            os.environ.update(self.environment | env)
            done = CliRunner().invoke(app, arguments, prog_name="veracore-sync", input=typed)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Ended(done.exit_code, done.stdout, done.stderr)


def signalled(process: subprocess.Popen[str], number: signal.Signals) -> None:
    """Send a signal, and wait until the process has taken it."""
    process.send_signal(number)
    status = Path(f"/proc/{process.pid}/status")
    while any(
        int(line.split()[1], 16)
        for line in status.read_text().splitlines()
        if line.startswith(("SigPnd:", "ShdPnd:"))
    ):
        time.sleep(0.005)


@contextmanager
def as_it_was() -> Iterator[None]:
    """Put back what a command sets for its whole process: environment, messages, signals."""
    log = logging.getLogger("veracore_sync")
    environment = dict(os.environ)
    on_signals = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)}
    handlers, level, propagate = log.handlers[:], log.level, log.propagate
    try:
        yield
    finally:
        messages.use("text")
        log.handlers[:] = handlers
        log.setLevel(level)
        log.propagate = propagate
        for number, handler in on_signals.items():
            signal.signal(number, handler)
        os.environ.clear()
        os.environ.update(environment)
