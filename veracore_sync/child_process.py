"""A process for others' code, which is asked and answers in lines of JSON.

A process, because only a process can be ended whatever it does: a thread cannot be stopped at all,
and a signal reaches only Python's main thread, and not while it is in a library of C.
"""

from __future__ import annotations

import json
import os
import resource
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, TextIO

_LARGEST = 4 * 1024 * 1024
_BOOT = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from {0} import main; main()"
_OVER = 2.0
"""So many seconds after its limit it ends itself, if nobody is left who does."""
_MEMORY = 256 * 1024 * 1024


class NoAnswer(Exception):
    """The process did not answer; `why` is the end of a sentence about it."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class ChildProcess:
    """A process and its two pipes: it is asked and answers in lines of JSON.

    Args:
        module: Its ``main`` is what runs in it.
        environment: Its whole environment.

    Raises:
        OSError: It cannot be started.
    """

    def __init__(self, module: str, environment: Mapping[str, str]) -> None:
        path = json.dumps([one for one in sys.path if one])
        requests, self._in = os.pipe()
        self._out, answers = os.pipe()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-s", "-c", _BOOT.format(module), path],
                stdin=requests,
                stdout=answers,
                stderr=subprocess.DEVNULL,
                env=dict(environment),
                start_new_session=True,
            )
        except BaseException:
            os.close(self._in)
            os.close(self._out)
            raise
        finally:
            os.close(requests)
            os.close(answers)
        os.set_blocking(self._in, False)
        os.set_blocking(self._out, False)

    def ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Its answer.

        Args:
            request: What it is asked.
            seconds: How long it may take.

        Raises:
            NoAnswer: None came in time, or the process has ended.
        """
        left = memoryview(json.dumps(request).encode() + b"\n")
        answer = b""
        until = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self._in, selectors.EVENT_WRITE)
            selector.register(self._out, selectors.EVENT_READ)
            while not answer.endswith(b"\n"):
                ready = selector.select(max(0.0, until - time.monotonic()))
                if not ready:
                    raise NoAnswer(f"gave no answer in {seconds:g} s")
                for key, _ in ready:
                    try:
                        if key.fd == self._in:
                            left = left[os.write(self._in, left) :]
                            if not left:
                                selector.unregister(self._in)
                        else:
                            part = os.read(self._out, 65536)
                            if not part:
                                raise NoAnswer("ended its process")
                            answer += part
                    except BrokenPipeError:
                        raise NoAnswer("ended its process") from None
                if len(answer) > _LARGEST:
                    raise NoAnswer("gave an answer that is too large")
        try:
            found = json.loads(answer)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise NoAnswer("gave an answer that is none")
        return found

    def end(self) -> None:
        """Kill it and all that it started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._in)
        os.close(self._out)


# ---- in the process ------------------------------------------------------------------------------


def begin() -> tuple[TextIO, TextIO]:
    """Limit this process, and take its pipes.

    Returns:
        Requests and answers, which others' code cannot reach as stdin and stdout.
    """
    # A dump of this process would hold what it is asked.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Beyond the unit's own limit systemd would end the run, not this process alone.
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = _MEMORY if hard == resource.RLIM_INFINITY else min(_MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    # Others' code may fork and return in both: a second answer would be taken for the next one.
    os.register_at_fork(after_in_child=answers.close)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    os.close(nothing)
    return requests, answers


def end_after(seconds: float) -> None:
    """End this process then, and a little later, unless it is let live."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds + _OVER)


def let_live() -> None:
    """It was in time."""
    signal.setitimer(signal.ITIMER_REAL, 0)


def tell(answers: TextIO, answer: dict[str, Any]) -> None:
    """Answer a request."""
    answers.write(json.dumps(answer) + "\n")
    answers.flush()
