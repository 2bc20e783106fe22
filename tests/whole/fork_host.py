"""A host that has the program loaded, and forks a process for each command that it is asked for.

Most of a command's time on a busy machine is the start of its interpreter, in which nothing can be
lost. Each command is a process of its own all the same: killed, stopped and waited for alone.

Run as a program, in the namespaces that the host shall have, with the path of the socket at which
it is asked. `ForkHost` starts and asks it.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import random
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TextIO

_MOST_BYTES = 65536
_START_SECONDS = 120.0


class Forked:
    """A process that a host has forked, with the part of `subprocess.Popen` that the kits use.

    Args:
        asked: The connection at which the host tells its end.
        pid: Its number.
        stdout: What it prints.
        stderr: What it says.
    """

    def __init__(self, asked: socket.socket, pid: int, stdout: TextIO, stderr: TextIO) -> None:
        self.pid = pid
        self.stdout = stdout
        self.returncode: int | None = None
        # Its number may be another's as soon as it has ended.
        self._handle = os.pidfd_open(pid)
        self._asked = asked
        self._stderr = stderr
        self._told = ""
        self._lock = threading.Lock()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        self._told = self._stderr.read()

    def poll(self) -> int | None:
        """Its exit code, or minus its signal; ``None`` while it lives."""
        return self._end(0)

    def _end(self, seconds: float | None) -> int | None:
        with self._lock:
            if self.returncode is None and select.select([self._asked], [], [], seconds)[0]:
                self.returncode = int(self._asked.recv(_MOST_BYTES) or b"-9")
                self._asked.close()
                os.close(self._handle)
            return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, once it has ended.

        Raises:
            TimeoutExpired: It has not.
        """
        ends = None if timeout is None else time.monotonic() + timeout
        # Not one long wait: others must be able to strike meanwhile.
        while (code := self._end(0.05)) is None:
            if ends is not None and time.monotonic() > ends:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return code

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What is left of what it printed, and all that it said, once it has ended."""
        self.wait(timeout)
        with self.stdout, self._stderr:
            printed = self.stdout.read()
            self._reader.join(timeout)
        return printed, self._told

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it lives.

        Raises:
            ProcessLookupError: It does not.
        """
        with self._lock:
            if self.returncode is not None:
                raise ProcessLookupError(self.pid)
            signal.pidfd_send_signal(self._handle, number)

    def kill(self) -> None:
        """End it at once."""
        with suppress(ProcessLookupError):
            self.send_signal(signal.SIGKILL)

    def is_stopped(self) -> bool:
        """Whether a signal has stopped it."""
        try:
            said = Path(f"/proc/{self.pid}/stat").read_text()
        except OSError:
            return False
        return said.rpartition(")")[2].split()[0] == "T"


class ForkHost:
    """Starts such a host, and asks it for processes.

    Args:
        folder: Where its socket is made.
        around: The command that puts it into its namespaces, if any.
        environment: That of the host; a command has one of its own.
    """

    def __init__(self, folder: Path, around: Sequence[str], environment: Mapping[str, str]) -> None:
        # In a folder that the host's own file system does not cover.
        self._path = str(folder / f"{_new_name()}.host")
        self._host = subprocess.Popen(
            [*around, sys.executable, __file__, self._path],
            env=dict(environment),
            cwd="/",
            stdin=subprocess.DEVNULL,
        )
        ends = time.monotonic() + _START_SECONDS
        while not Path(self._path).exists():
            assert self._host.poll() is None, "the host did not start"
            assert time.monotonic() < ends
            time.sleep(0.05)

    def start(self, arguments: Sequence[str], environment: Mapping[str, str], cwd: str) -> Forked:
        """Let it run a command."""
        asked = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        asked.connect(self._path)
        read_out, write_out = os.pipe()
        read_err, write_err = os.pipe()
        request = json.dumps([list(arguments), dict(environment), cwd]).encode()
        socket.send_fds(asked, [request], [write_out, write_err])
        os.close(write_out)
        os.close(write_err)
        pid = int(asked.recv(_MOST_BYTES))
        return Forked(asked, pid, os.fdopen(read_out), os.fdopen(read_err))

    def end(self) -> None:
        """End the host; what it forked has been ended before."""
        self._host.kill()
        self._host.wait()
        Path(self._path).unlink(missing_ok=True)


def _new_name() -> str:
    """A name for one socket among those of this process."""
    return f"{os.getpid()}-{next(_NUMBERS)}"


_NUMBERS = iter(range(1_000_000))

# ---- the host itself ----------------------------------------------------------------------------


def _load() -> None:
    import veracore_sync

    for module in pkgutil.walk_packages(veracore_sync.__path__, "veracore_sync."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def _forked(listener: socket.socket) -> list[str]:
    """Fork whenever asked; returns in each child, with the command's arguments."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    children: dict[int, socket.socket] = {}
    while True:
        ready = select.select([listener, woken], [], [])[0]
        if woken in ready:
            os.read(woken, _MOST_BYTES)
            _tell_ends(children)
        if listener not in ready:
            continue
        asked, _ = listener.accept()
        request, given, _, _ = socket.recv_fds(asked, _MOST_BYTES, 2)
        pid = os.fork()
        if pid:
            for one in given:
                os.close(one)
            children[pid] = asked
            asked.send(str(pid).encode())
            continue
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for number in (woken, wake):
            os.close(number)
        for connection in (listener, asked, *children.values()):
            connection.close()
        arguments, environment, folder = json.loads(request)
        for number, place in zip(given, (1, 2), strict=True):
            os.dup2(number, place)
            os.close(number)
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(folder)
        random.seed()
        return list(arguments)


def _tell_ends(children: dict[int, socket.socket]) -> None:
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            with children.pop(pid) as asked, suppress(OSError):
                asked.send(str(os.waitstatus_to_exitcode(status)).encode())


def _run_host(path: str) -> None:
    import wrong_clock

    from veracore_sync.__main__ import main

    _load()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    made = f"{path}.new"
    listener.bind(made)
    listener.listen(20)
    Path(made).rename(path)
    arguments = _forked(listener)
    wrong_clock.set_wrong()
    sys.argv = ["veracore-sync", *arguments]
    main()


if __name__ == "__main__":
    _run_host(sys.argv[1])
