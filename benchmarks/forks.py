"""Acts done in a fork of this process: what each returned, or how its fork ended without that."""

from __future__ import annotations

import os
import pickle
import resource
import select
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

STUCK_SECONDS = 900
MEMORY = 4 << 30


class EndedError(Exception):
    """A fork ended without a result: by a signal, or by an error of what it ran."""


class OutOfTimeError(EndedError):
    """It computed for longer than it might."""


def in_fork(act: Callable[[], Any], *, cpu_seconds: float = 0) -> Any:
    """What `act` returns in a fork.

    Args:
        cpu_seconds: How long it may compute; 0: as long as it needs, and nothing else is limited.

    Raises:
        EndedError: The fork ended without; an `OutOfTimeError` if the processor time was up.
        TimeoutError: It stood still.
    """
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(read)
        try:
            os.setpgid(0, 0)
            if cpu_seconds:
                seconds = int(cpu_seconds) + 1
                resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
                resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            with os.fdopen(write, "wb") as out:
                out.write(pickle.dumps(act()))
            os._exit(0)
        finally:
            os._exit(70)
    os.close(write)
    data = _read_all(read, pid, STUCK_SECONDS if cpu_seconds else None)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    # Killed while it wrote, it has said half of it.
    with suppress(EOFError, pickle.UnpicklingError):
        return pickle.loads(data)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU:
        raise OutOfTimeError
    raise EndedError(f"a fork ended without a result (status {status})")


def _read_all(source: int, pid: int, seconds: float | None) -> bytes:
    ends = None if seconds is None else time.monotonic() + seconds
    data = b""
    with os.fdopen(source, "rb", buffering=0) as pipe:
        while True:
            left = None if ends is None else max(0.0, ends - time.monotonic())
            ready, _, _ = select.select([pipe], [], [], left)
            if not ready:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                raise TimeoutError
            more = pipe.read(1 << 16)
            if not more:
                return data
            data += more
