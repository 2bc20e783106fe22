"""Starts and stops real Vendure servers and a private PostgreSQL for the tests.

A seeded data folder is made once per set of options and kept; every server gets a copy of it, so it
starts in seconds and shares nothing with the next. All servers end with the test process: they read
the end of their standard input as a request to stop.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

PROJECT = Path(__file__).parent / "vendure_server"
INSTALL_SECONDS = 240
START_SECONDS = 200
STOP_SECONDS = 20
_FOREIGN = ("VERACORE", "VENDURE", "SUPERADMIN", "NODE_ENV", "PG")
_ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith(_FOREIGN)}


DEFAULT_VERSION = "3.7.3"
PRE_RELEASE = "3.8.0-minor-202609120217"
VERSIONS = ("3.0.8", "3.6.4", DEFAULT_VERSION, PRE_RELEASE)
_AT_START = (
    "token_methods",
    "session_duration",
    "session_cache_ttl",
    "list_limit",
    "channel_token_key",
    "auth_token_header",
)


class BedMissing(Exception):
    """Something the bed needs is not on this machine; the text says what to install."""


class BedBroken(Exception):
    """A server that should have started did not; the text ends with the tail of its log."""


def project(version: str) -> Path:
    """The npm project of a version of Vendure; server.mjs is one for all."""
    return PROJECT if version == DEFAULT_VERSION else PROJECT / "versions" / version


@dataclass(frozen=True)
class Options:
    """What a server is like: the first group is fixed by its seed, the second at each start.

    Args:
        db: ``sqljs``, ``postgres`` or ``mariadb``.
        version: One of `VERSIONS`.
        money: ``unit`` rounds the price of a unit, ``line`` that of a line; else Vendure's own.
        precision: Decimals of money.
        channels: So many besides the default one: ``channel-1`` … (their tokens are the same), each
            with the stock location "Warehouse of channel-N" and the first twenty variants.
        track_inventory: ``false``: the global switch is off.
        out_of_stock_threshold: The global one.
        list_limit: How many records a list has at most; 0 is Vendure's own limit.
        channel_token_key: The header of the channel's token; empty is ``vendure-token``.
        auth_token_header: The header of the session's token; empty is ``vendure-auth-token``.
    """

    db: str = "sqljs"
    variants: int = 40
    stock: int = 1000
    locations: int = 1
    currency: str = "USD"
    prices_include_tax: bool = False
    custom_fields: bool = False
    search: bool = False
    uuid: bool = False
    multi_vendor: bool = False
    version: str = DEFAULT_VERSION
    money: str = ""
    precision: int = 2
    channels: int = 0
    track_inventory: str = ""
    out_of_stock_threshold: int = 0

    list_limit: int = 0
    channel_token_key: str = ""
    auth_token_header: str = ""
    # without bearer RealVendure itself cannot talk to the server
    token_methods: str = "bearer,cookie,api-key"
    session_duration: str = "1y"
    session_cache_ttl: int = 300

    def arguments(self) -> list[str]:
        """Return the command line for server.mjs."""
        found: list[str] = []
        for name, value in vars(self).items():
            if name == "version":
                continue
            flag = "--" + name.replace("_", "-")
            if value is True:
                found.append(flag)
            elif value is not False:
                found.append(f"{flag}={value}")
        return [*found, "--modules", str(project(self.version))]

    def seed_key(self) -> str:
        """Return a digest of everything the seeded data depends on."""
        digest = hashlib.sha256()
        for path in (PROJECT / "server.mjs", project(self.version) / "package-lock.json"):
            digest.update(path.read_bytes())
        seeding = {k: v for k, v in vars(self).items() if k not in _AT_START}
        digest.update(json.dumps(seeding, sort_keys=True).encode())
        return digest.hexdigest()[:20]


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on the file ``path``, so that two test runs take turns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def require_node() -> None:
    """Raise BedMissing unless node (20 or later) and npm are on the path."""
    if not (shutil.which("node") and shutil.which("npm")):
        raise BedMissing("the real Vendure needs node 20 or later and npm: install nodejs and npm")
    version = _output(["node", "--version"])
    if int(version.lstrip("v").split(".")[0]) < 20:
        raise BedMissing(f"the real Vendure needs node 20 or later, this is {version}")


def install_vendure(version: str = DEFAULT_VERSION) -> None:
    """Install the locked npm packages of the server; raises BedMissing when that fails."""
    install_packages(project(version))


def install_packages(folder: Path) -> None:
    """Install a project's locked npm packages once, under a lock.

    Raises:
        BedMissing: There is no node, or they cannot be installed.
    """
    require_node()
    lock = (folder / "package-lock.json").read_bytes()
    mark = folder / "node_modules" / ".installed"
    wanted = hashlib.sha256(lock).hexdigest()
    with file_lock(Path(tempfile.gettempdir()) / f"veracore-sync-npm-{os.getuid()}.lock"):
        if mark.exists() and mark.read_text() == wanted:
            return
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        done = subprocess.run(
            command,
            cwd=folder,
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=INSTALL_SECONDS,
        )
        if done.returncode != 0:
            raise BedMissing(f"'{' '.join(command)}' failed in {folder}:\n{done.stdout[-2000:]}")
        mark.write_text(wanted)


def _output(command: list[str]) -> str:
    done = subprocess.run(command, env=_ENVIRONMENT, capture_output=True, text=True, timeout=60)
    return done.stdout.strip()


@dataclass(frozen=True)
class Ready:
    """What a server that answers says about itself."""

    pid: int
    version: str
    db: str
    adminUrl: str  # noqa: N815 - the key in ready.json
    shopUrl: str  # noqa: N815
    username: str
    password: str


@dataclass
class VendureServer:
    """One server process over one data folder; it may be stopped and started again in its place."""

    folder: Path
    options: Options
    database: Mapping[str, str] = field(default_factory=dict)
    port: int = 0
    ready: Ready | None = None
    _process: subprocess.Popen[bytes] | None = None
    _is_as_started: bool = True

    def start(self) -> Ready:
        """Start and wait until it answers; raises BedBroken with the log's tail if it does not."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "ready.json").unlink(missing_ok=True)
        command = ["node", "server.mjs", "--dir", str(self.folder), "--port", str(self.port)]
        command += [*self.options.arguments(), "--stop-on-stdin-end"]
        for flag, value in self.database.items():
            command += [f"--db-{flag}", value]
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=PROJECT,
                env=_ENVIRONMENT,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )
        self.ready = self._wait_until_ready(self._process)
        self.port = int(self.ready.adminUrl.split(":")[2].split("/")[0])
        return self.ready

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> Ready:
        # A large catalogue is seeded before it answers.
        most = START_SECONDS + self.options.variants // 50
        deadline = time.monotonic() + most
        path = self.folder / "ready.json"
        while time.monotonic() < deadline:
            if path.exists():
                return Ready(**json.loads(path.read_text()))
            if process.poll() is not None:
                break
            time.sleep(0.02)
        code = process.poll()
        self.kill()
        why = f"ended with {code}" if code is not None else f"said nothing for {most} s"
        raise BedBroken(f"Vendure {why}; its log ends:\n{self.log_tail()}")

    @property
    def can_renew(self) -> bool:
        """Whether it runs as it was started, and `renew` can give it fresh data."""
        is_running = self._process is not None and self._process.poll() is None
        is_plain = self.options.version == DEFAULT_VERSION and not self.options.search
        return is_running and is_plain and self.options.db != "mariadb" and self._is_as_started

    def renew(self, database: str = "") -> Ready:
        """Give it its seeded data again, or the fresh PostgreSQL database of that name."""
        assert self.can_renew
        assert self._process is not None
        assert self._process.stdin is not None
        (self.folder / "ready.json").unlink()
        self._process.stdin.write(f"{database}\n".encode())
        self._process.stdin.flush()
        return self._wait_until_ready(self._process)

    def stop(self) -> None:
        """Stop it in good order (sql.js is saved only so); by force when it does not hear."""
        if self._process is None:
            return
        self._is_as_started = False
        self._process.terminate()
        self._process.send_signal(signal.SIGCONT)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End the process at once; what sql.js held since its start is lost."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()
        self._process = None

    def freeze(self) -> None:
        """Let it hang: connections are accepted by the kernel and nothing answers."""
        assert self._process is not None
        self._is_as_started = False
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen server go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def log_tail(self, lines: int = 40) -> str:
        """Return the last lines that the server wrote."""
        log = self.folder / "server.log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def seeded_folder(cache: Path, options: Options, database: Mapping[str, str] | None = None) -> Path:
    """Return the kept folder of seeded data for ``options``; seeds it when it is not there."""
    install_vendure(options.version)
    target = cache / options.seed_key()
    with file_lock(cache / "seed.lock"):
        if not target.exists():
            with tempfile.TemporaryDirectory(dir=cache) as scratch:
                server = VendureServer(Path(scratch) / "seed", options, database or {})
                server.start()
                server.stop()
                (server.folder / "server.log").unlink()
                server.folder.rename(target)
    return target


def _template(options: Options) -> str:
    return f"seed_{options.seed_key()}"


class PostgresCluster:
    """A private PostgreSQL on a unix socket, not durable; one seeded template a set of options."""

    def __init__(self) -> None:
        self._binaries = _postgres_binaries()
        # Run by another user it could not enter a folder of mode 0700, as pytest's are.
        self.folder = Path(tempfile.mkdtemp(prefix="veracore-pg-", dir="/tmp"))
        self.folder.chmod(0o755)
        # PostgreSQL refuses to run as root; its package brings the user.
        self._user = "postgres" if os.geteuid() == 0 else None
        self._groups: list[str] | None = [] if self._user else None
        self._process: subprocess.Popen[bytes] | None = None
        self._count = 0

    def start(self) -> None:
        """Create the cluster and wait until it accepts connections."""
        home = self.folder / "home"
        home.mkdir()
        if self._user:
            shutil.chown(home, self._user, self._user)
        create = ["initdb", "-D", str(home / "data"), "-U", "vendure", "-A", "trust"]
        self._run([*create, "--no-sync", "--locale=C.UTF-8", "-E", "UTF8"])
        command = [str(self._binaries / "postgres"), "-D", str(home / "data"), "-k", str(home)]
        for setting in (
            "listen_addresses=",
            "fsync=off",
            "synchronous_commit=off",
            "autovacuum=off",
        ):
            command += ["-c", setting]
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd="/",
                env=_ENVIRONMENT,
                stdout=log,
                stderr=log,
                user=self._user,
                group=self._user,
                extra_groups=self._groups,
            )
        self._wait_until_ready()

    def ask(self, database: str, sql: str) -> str:
        """Run SQL and return its rows; raises BedBroken where the database refuses."""
        return self._run(["psql", *self._where(), "-d", database, "-qAtc", sql])

    def log(self) -> str:
        """What the database itself has logged."""
        return (self.folder / "log").read_text(errors="replace")

    def _run(self, command: list[str]) -> str:
        done = subprocess.run(
            [str(self._binaries / command[0]), *command[1:]],
            cwd="/",
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
            user=self._user,
            group=self._user,
            extra_groups=self._groups,
        )
        if done.returncode != 0:
            raise BedBroken(f"{command[0]} failed: {done.stderr[-2000:]}")
        return done.stdout

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            try:
                self._run(["psql", *self._where(), "-d", "postgres", "-c", "select 1"])
            except BedBroken:
                time.sleep(0.1)
            else:
                return
        raise BedBroken(f"PostgreSQL did not start; its log ends:\n{self.log()[-2000:]}")

    def _where(self) -> list[str]:
        return ["-h", str(self.folder / "home"), "-U", "vendure"]

    def connection(self, database: str) -> dict[str, str]:
        """Return what server.mjs needs to reach ``database``."""
        home = str(self.folder / "home")
        return {"host": home, "port": "5432", "user": "vendure", "name": database}

    def new_server(self, options: Options, folder: Path) -> VendureServer:
        """Return a server, not yet started, over a fresh seeded database of its own."""
        template = _template(options)
        cache = self.folder / "seeds"
        cache.mkdir(exist_ok=True)
        if not (cache / options.seed_key()).exists():
            self._run(["dropdb", "--if-exists", *self._where(), template])
            self._run(["createdb", *self._where(), template])
        seed = seeded_folder(cache, options, self.connection(template))
        shutil.copytree(seed, folder)
        return VendureServer(folder, options, self.connection(self.new_database(options)))

    def new_database(self, options: Options) -> str:
        """Return the name of a fresh database, seeded for options that had a server before."""
        self._count += 1
        name = f"vendure_{self._count}"
        self._run(["createdb", *self._where(), "-T", _template(options), name])
        return name

    def stop(self) -> None:
        """Stop the cluster and remove it."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self.folder)


class MariaCluster:
    """A private MariaDB on a unix socket, not durable; one seeded database a set of options."""

    def __init__(self) -> None:
        if not (shutil.which("mariadbd") or Path("/usr/sbin/mariadbd").exists()):
            raise BedMissing("the tests on MariaDB need its server: apt-get install mariadb-server")
        self.folder = Path(tempfile.mkdtemp(prefix="veracore-maria-", dir="/tmp"))
        self.folder.chmod(0o755)
        # It refuses to run as root; its package brings the user.
        self._user = "mysql" if os.geteuid() == 0 else None
        self._socket = self.folder / "home" / "socket"
        self._process: subprocess.Popen[bytes] | None = None
        self._count = 0

    def start(self) -> None:
        """Create the cluster and wait until it accepts connections."""
        home = self.folder / "home"
        home.mkdir()
        if self._user:
            shutil.chown(home, self._user, self._user)
        user = [f"--user={self._user}"] if self._user else []
        data = home / "data"
        install = ["mariadb-install-db", "--no-defaults", f"--datadir={data}", *user]
        self._run([*install, "--skip-test-db", "--auth-root-authentication-method=normal"])
        daemon = shutil.which("mariadbd") or "/usr/sbin/mariadbd"
        command = [daemon, "--no-defaults", f"--datadir={data}", f"--socket={self._socket}", *user]
        command += ["--skip-networking", "--innodb-flush-log-at-trx-commit=0", "--sync-binlog=0"]
        command += ["--innodb-doublewrite=0", f"--pid-file={home / 'pid'}"]
        command += ["--character-set-server=utf8mb4", "--collation-server=utf8mb4_unicode_ci"]
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd="/", env=_ENVIRONMENT, stdout=log, stderr=log
            )
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            try:
                self.ask(
                    "mysql", "create user vendure@localhost; grant all on *.* to vendure@localhost"
                )
            except BedBroken:
                time.sleep(0.1)
            else:
                return
        log_text = (self.folder / "log").read_text(errors="replace")
        raise BedBroken(f"MariaDB did not start; its log ends:\n{log_text[-2000:]}")

    def ask(self, database: str, sql: str) -> str:
        """Run SQL and return its rows; raises BedBroken where the database refuses."""
        return self._run(["mariadb", *self._where(), "-BN", "-e", sql, database])

    def new_server(self, options: Options, folder: Path) -> VendureServer:
        """Return a server, not yet started, over a fresh seeded database of its own."""
        template = _template(options)
        cache = self.folder / "seeds"
        cache.mkdir(exist_ok=True)
        if not (cache / options.seed_key()).exists():
            self._create(template)
        seed = seeded_folder(cache, options, self.connection(template))
        self._count += 1
        name = f"vendure_{self._count}"
        self._create(name)
        copy = f"{self.folder}/{name}.sql"
        dump = ["mariadb-dump", *self._where(), "--single-transaction", f"--result-file={copy}"]
        self._run([*dump, template])
        self.ask(name, f"source {copy}")
        shutil.copytree(seed, folder)
        return VendureServer(folder, options, self.connection(name))

    def connection(self, database: str) -> dict[str, str]:
        """Return what server.mjs needs to reach ``database``."""
        return {"host": str(self._socket), "user": "vendure", "name": database}

    def stop(self) -> None:
        """Stop the cluster and remove it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self.folder)

    def _create(self, name: str) -> None:
        self.ask("mysql", f"drop database if exists {name}; create database {name}")

    def _where(self) -> list[str]:
        return ["--no-defaults", f"--socket={self._socket}", "-u", "root"]

    def _run(self, command: list[str]) -> str:
        done = subprocess.run(
            command,
            cwd="/",
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
        )
        if done.returncode != 0:
            raise BedBroken(f"{command[0]} failed: {done.stderr[-2000:]}")
        return done.stdout


def _postgres_binaries() -> Path:
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=_major)
    on_path = shutil.which("postgres")
    found = installed[-1] if installed else Path(on_path) if on_path else None
    if found is None or not (found.parent / "initdb").exists():
        raise BedMissing("the tests on PostgreSQL need its server: apt-get install postgresql")
    return found.parent


def _major(binary: Path) -> int:
    return int(binary.parts[-3])


def new_server(cache: Path, options: Options, folder: Path) -> VendureServer:
    """Return a server on sql.js, not yet started, over a copy of the seeded data in ``folder``."""
    shutil.copytree(seeded_folder(cache, options), folder)
    return VendureServer(folder, options)
