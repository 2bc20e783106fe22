"""A socket that systemd holds: taken where it was meant, and no connection lost by a restart."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

from hook_kit import INVENTORY, signed, until
from test_serve_process import Process

_CASES = """
import json, os, socket, sys
from veracore_sync.domain.errors import ConfigError
from veracore_sync.webhooks.systemd_listen import handed_over

def listening(kind=socket.SOCK_STREAM, family=socket.AF_INET, listens=True):
    one = socket.socket(family, kind)
    one.bind(("127.0.0.1", 0) if family == socket.AF_INET else "\\0ours-%d" % os.getpid())
    if listens:
        one.listen()
    return one

def outcome(given, count="1", pid=None):
    os.environ["LISTEN_FDS"], os.environ["LISTEN_PID"] = count, pid or str(os.getpid())
    if given is None:
        os.close(3)
    else:
        os.dup2(given.fileno(), 3)
        given.close()
    try:
        found = handed_over()
    except ConfigError as error:
        return str(error)
    finally:
        said = "leaks" if os.path.exists("/proc/self/fd/3") and os.get_inheritable(3) else "listens"
        os.dup2(0, 3)
    if found is None:
        return "none"
    found.detach()
    return said if "LISTEN_FDS" not in os.environ else "leaks"

os.dup2(0, 3)
print(json.dumps({
    "right": outcome(listening()),
    "of another process": outcome(listening(), pid=str(os.getppid())),
    "without a process": outcome(listening(), pid=" "),
    "not a number": outcome(listening(), count="x"),
    "zero": outcome(listening(), count="0"),
    "two": outcome(listening(), count="2"),
    "does not listen": outcome(listening(listens=False)),
    "datagrams": outcome(listening(socket.SOCK_DGRAM, listens=False)),
    "unix": outcome(listening(family=socket.AF_UNIX)),
    "a file": outcome(open(os.devnull)),
    "nothing": outcome(None),
}))
"""


def test_only_a_socket_that_was_meant_for_this_process_is_taken() -> None:
    done = subprocess.run([sys.executable, "-c", _CASES], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found.pop("right") == "listens"
    for name in ("of another process", "without a process", "not a number", "zero"):
        assert found.pop(name) == "none", name
    assert found.pop("two") == "2 sockets were handed over"
    assert found.pop("nothing").startswith("no socket was handed over")
    assert found.pop("a file").startswith("no socket was handed over")
    unfit = "the socket that was handed over does not listen for TCP connections"
    assert set(found.values()) == {unfit}


class Activated(Process):
    """The listener as systemd starts it: the socket is descriptor 3."""

    def __init__(self, folder: Path, door: socket.socket) -> None:
        self._door = door
        super().__init__(folder)

    def popen(self, command: list[str], **how: object) -> subprocess.Popen[str]:
        number = self._door.fileno()
        shell = f'exec 3<&{number}; LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"'
        return super().popen(["bash", "-c", shell, "bash", *command], pass_fds=[number], **how)


def test_a_restart_loses_no_connection(tmp_path: Path) -> None:
    door = socket.create_server(("127.0.0.1", 0), backlog=128)
    port = door.getsockname()[1]
    first = Activated(tmp_path, door)
    assert first.url == f"http://127.0.0.1:{port}"
    stop = threading.Event()
    statuses: list[int] = []
    errors: list[Exception] = []

    def client() -> None:
        count = 0
        while not stop.is_set():
            count += 1
            body = json.dumps({"sku": f"S-{count}"}).encode()
            try:
                with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
                    connection.request("POST", INVENTORY, body, signed(body))
                    statuses.append(connection.getresponse().status)
            except OSError as error:
                errors.append(error)

    thread = threading.Thread(target=client)
    thread.start()
    try:
        until(lambda: len(statuses) > 5)
        code, err = first.end(signal.SIGTERM)
        assert (code, err) == (0, "")
        before = len(statuses)
        second = Activated(tmp_path, door)
        until(lambda: len(statuses) > before + 5)
    finally:
        stop.set()
        thread.join()
    second.end(signal.SIGKILL)
    door.close()
    assert errors == []
    assert set(statuses) == {200}
