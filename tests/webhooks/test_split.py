"""The two halves of the listener apart: one receives and holds no login, one follows the hints."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import ledger_server
import pytest
from fakes import FakeClock
from hook_kit import INVENTORY, SECRET, signed, until
from test_serve_process import Process

from veracore_sync.cli.serve_webhooks import RECEIVER_SECRETS
from veracore_sync.config import load
from veracore_sync.config.environment import names_of
from veracore_sync.config.secrets import secret_keys
from veracore_sync.domain.errors import ConfigError
from veracore_sync.domain.hints import WebhookDelivery
from veracore_sync.ledger import open_ledger
from veracore_sync.ledger.postgres.place import PostgresPlace

PROXIES = ("hooks.proxy", "vendure.proxy", "veracore.proxy")
OTHERS = sorted(set(secret_keys()) - RECEIVER_SECRETS - set(PROXIES))
MARK = "s3cret-0123456789-0123456789-0123456789-"
INLINE = ("VENDURE_PASSWORD", "VERACORE_CLIENT_SECRET")


def secret_files(folder: Path) -> dict[str, str]:
    """The environment that names a file for each secret that a receiver must not hold."""
    environ = dict.fromkeys(INLINE, "")
    for key in OTHERS:
        if key == "vendure.api_key":
            continue
        path = folder / key
        path.write_text(f"json://{MARK}{key}\n" if key == "hooks.notify" else f"{MARK}{key}\n")
        path.chmod(0o600)
        environ[f"{names_of(key)[0]}_FILE"] = str(path)
    return environ | {"VERACORE_SYNC_HOOKS__URL": "https://hooks.example/events"}


# ---- what is loaded


def loaded(environ: dict[str, str], folder: Path, toml: str = "") -> ConfigError | tuple[str, ...]:
    """The fault of a receiver's load, or its warnings."""
    file = folder / "given.toml"
    file.write_text(toml)
    file.chmod(0o600)
    try:
        found = load(file, environ, folder, secrets_used=RECEIVER_SECRETS)
    except ConfigError as error:
        return error
    assert not any(MARK in repr(one) for one in (found, found.settings.model_dump_json()))
    for key in OTHERS:
        section, name = key.split(".")
        value = getattr(getattr(found.settings, section), name)
        assert not (value if isinstance(value, tuple) else value.get_secret_value()), key
    return found.warnings


@pytest.mark.parametrize("key", OTHERS)
def test_a_secret_that_a_receiver_would_read_ends_it(key: str, tmp_path: Path) -> None:
    for environ, toml in (
        ({names_of(key)[0]: MARK}, ""),
        ({}, "[{}]\n{} = {}\n".format(*key.split("."), json.dumps(MARK))),
        # Overridden, and read all the same.
        (
            {f"{names_of(key)[0]}_FILE": str(tmp_path / "gone")},
            "[{}]\n{} = {}\n".format(*key.split("."), json.dumps(MARK)),
        ),
    ):
        error = loaded(environ, tmp_path, toml)
        assert isinstance(error, ConfigError)
        assert f"{key}_file" in str(error)
        assert MARK not in f"{error} {error.problems}"


@pytest.mark.parametrize("key", OTHERS)
def test_a_secret_in_a_file_is_not_opened_and_one_within_reach_is_warned_of(
    key: str, tmp_path: Path
) -> None:
    name = f"{names_of(key)[0]}_FILE"
    assert loaded({name: str(tmp_path / "gone")}, tmp_path) == ()
    # Opening it would wait for a writer.
    os.mkfifo(tmp_path / "pipe", 0o600)
    warnings = loaded({name: str(tmp_path / "pipe")}, tmp_path)
    assert isinstance(warnings, tuple)
    assert [one.partition(" ")[0] for one in warnings] == [key]


@pytest.mark.parametrize("key", PROXIES)
def test_a_proxy_is_a_secret_where_it_has_a_login(key: str, tmp_path: Path) -> None:
    name = names_of(key)[0]
    for harmless in ("http://proxy.example:3128", "none", ""):
        assert loaded({name: harmless}, tmp_path) == ()
    error = loaded({name: f"http://user:{MARK}@proxy.example:3128"}, tmp_path)
    assert isinstance(error, ConfigError)
    assert MARK not in f"{error} {error.problems}"


def test_its_own_secrets_are_loaded(tmp_path: Path) -> None:
    environ = {names_of(key)[0]: "x" * 24 for key in RECEIVER_SECRETS}
    settings = load(None, environ, tmp_path, secrets_used=RECEIVER_SECRETS).settings
    assert len(settings.webhooks.live_secrets) == 2
    assert settings.ledger.password.get_secret_value() == "x" * 24


# ---- what the process holds


def memory_of(pid: int) -> Iterator[bytes]:
    """What a process can write to, region by region."""
    with Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            region = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
            if region:
                start, end = (int(one, 16) for one in region.groups())
                memory.seek(start)
                try:
                    yield memory.read(end - start)
                except OSError:
                    continue


def post(process: Process, name: str) -> int:
    body = json.dumps({"sku": name}).encode()
    with closing(process.connection()) as connection:
        connection.request("POST", INVENTORY, body, signed(body))
        return connection.getresponse().status


@contextmanager
def ended(*processes: Process) -> Iterator[None]:
    try:
        yield
    finally:
        for one in processes:
            if one.process.poll() is None:
                one.end(signal.SIGKILL)


def test_the_receiver_holds_the_webhook_secret_and_no_other(tmp_path: Path) -> None:
    receiver = Process(
        tmp_path, "--receive-only", "--port", "0", stderr=subprocess.DEVNULL,
        **secret_files(tmp_path),
    )  # fmt: skip
    with ended(receiver):
        assert post(receiver, "A") == 200
        pid = receiver.process.pid
        environ = Path(f"/proc/{pid}/environ").read_bytes()
        assert MARK.encode() not in environ
        files = {one.readlink() for one in Path(f"/proc/{pid}/fd").iterdir()}
        assert not [one for one in files if one.name in OTHERS]
        held = b"".join(memory_of(pid))
        assert SECRET.encode() in held
        assert MARK.encode() not in held
        # Nothing follows the hint, and whoever looks is told so.
        with closing(receiver.connection()) as connection:
            connection.request("GET", "/readyz")
            state = json.loads(connection.getresponse().read())
        assert (state["ready"], state["working"], state["waiting"]) == (True, False, 1)


def test_a_receiver_without_a_worker_forgets_old_ids(tmp_path: Path) -> None:
    then = FakeClock(datetime.now(UTC) - timedelta(days=30))
    with closing(open_ledger(tmp_path / "ledger.db", clock=then)) as ledger:
        ledger.inbox.store([WebhookDelivery("msg_1", "inventory", ("A",))])
    receiver = Process(
        tmp_path, "--receive-only", "--port", "0", stderr=subprocess.DEVNULL,
        **secret_files(tmp_path),
    )  # fmt: skip
    with ended(receiver), closing(open_ledger(tmp_path / "ledger.db", read_only=True)) as ledger:
        until(lambda: ledger.inbox.summary()["deliveries"] == 0)
        assert ledger.inbox.summary()["waiting"] == 1


def test_a_worker_does_not_listen(tmp_path: Path) -> None:
    refused = Process(tmp_path, "--work-only", "--port", "0")
    _, err = refused.process.communicate(timeout=600)
    assert (refused.process.returncode, "does not listen" in err) == (2, True)


# ---- nothing is lost


@pytest.fixture(params=["sqlite", "postgres"])
def server(request: pytest.FixtureRequest) -> Iterator[PostgresPlace | None]:
    if request.param == "sqlite":
        yield None
        return
    place = ledger_server.new_place()
    yield place
    ledger_server.drop(place)


def test_what_either_half_had_when_it_was_killed_is_followed_by_the_next(
    tmp_path: Path, server: PostgresPlace | None
) -> None:
    files = secret_files(tmp_path)
    if server is not None:
        files["VERACORE_SYNC_LEDGER__URL"] = server.url
        files["VERACORE_SYNC_LEDGER__SCHEMA_NAME"] = server.schema
    # Events would be delivered by the worker.
    hookless = {name: "" for name in files if "HOOKS" in name}

    def receiver() -> Process:
        return Process(
            tmp_path, "--receive-only", "--port", "0", stderr=subprocess.DEVNULL,
            **files,
        )  # fmt: skip

    def worker() -> Process:
        return Process(
            tmp_path, "--work-only", "--json", stderr=subprocess.DEVNULL,
            **{**files, **hookless},
        )  # fmt: skip

    first, halted = receiver(), worker()
    # Both are killed at the block's end.
    with ended(first, halted):
        promised = {f"S-{number}" for number in range(8)}
        assert {post(first, name) for name in promised} == {200}
        until(lambda: bool(seen(halted)))
    if server is not None:
        ledger_server.end_leases(server)
    second, last = receiver(), worker()
    with ended(second, last):
        assert post(second, "LAST") == 200
        until(lambda: {*promised, "LAST"} <= seen(last))
        for one in (second, last):
            one.process.terminate()
            one.process.communicate(timeout=600)
            assert one.process.returncode == 0


def seen(process: Process) -> set[str]:
    return set(process.log.read_text().split()) if process.log.exists() else set()
