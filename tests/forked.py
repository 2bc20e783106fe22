"""Python commands as processes that are forked from one which has imported the whole program.

Starting an interpreter and importing takes ten times as long as most commands do their work. Such a
process is otherwise one of its own: its memory, its pid, its signals, its streams.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import pkgutil
import runpy
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path

import new_ledgers

import veracore_sync

_OF_THE_INTERPRETER = ("PYTHON", "LC_", "LANG")
"""What is read when an interpreter starts."""


def can_fork(command: Sequence[str], env: Mapping[str, str]) -> bool:
    """Whether nothing in the command or its environment asks for an interpreter of its own."""
    ours = command[0] == sys.executable and command[1] in ("-m", "-c")
    return ours and not any(name.startswith(_OF_THE_INTERPRETER) for name in env)


def run_forked(
    command: Sequence[str], env: Mapping[str, str], folder: Path, timeout: float
) -> tuple[int, str, str]:
    """Run a command to its end; its exit code (negative: the signal), and what it printed.

    Raises:
        subprocess.TimeoutExpired: It took more than `timeout` seconds, and was killed.
    """
    made = context()
    (out, out_end), (err, err_end) = made.Pipe(duplex=False), made.Pipe(duplex=False)
    with out, err, ThreadPoolExecutor(2) as pool:
        with out_end, err_end:
            process = made.Process(
                target=_run, args=(list(command), dict(env), str(folder), out_end, err_end)
            )
            process.start()
        told = [pool.submit(_read, end) for end in (out, err)]
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(command, timeout)
        return process.exitcode, told[0].result(), told[1].result()


def _read(end: Connection) -> str:
    with open(end.fileno(), encoding="utf-8", closefd=False) as stream:
        return stream.read()


def context() -> ForkServerContext:
    """What forks processes that have imported the whole program."""
    made = multiprocessing.get_context("forkserver")
    every = pkgutil.walk_packages(veracore_sync.__path__, "veracore_sync.")
    parts = [one.name for one in every if "__main__" not in one.name]
    made.set_forkserver_preload([*parts, new_ledgers.__name__])
    return made


def _run(
    command: Sequence[str], env: Mapping[str, str], folder: str, out: Connection, err: Connection
) -> None:
    """What the interpreter would do, in the forked process."""
    gc.freeze()
    new_ledgers.install()
    for end, number in ((out, 1), (err, 2)):
        os.dup2(end.fileno(), number)
        end.close()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    sys.stdout = sys.__stdout__ = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = sys.__stderr__ = open(  # noqa: SIM115
        2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False
    )
    _, how, what, *arguments = command
    sys.argv = ["-c" if how == "-c" else what, *arguments]
    if how == "-c":
        exec(what, {"__name__": "__main__"})
    else:
        runpy.run_module(what, run_name="__main__", alter_sys=True)
