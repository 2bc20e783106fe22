"""The process in which order hooks run: one request a line, one answer a line, all JSON.

Its output is not the hooks': what they print goes nowhere, because it may be personal data.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import traceback
from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any, TextIO

from veracore_sync.domain.orders import Order
from veracore_sync.domain.warehouse import WarehouseOrder
from veracore_sync.hooking.codec import WrongType, decode, encode
from veracore_sync.order_hooks import RefuseOrder

_OVER = 2.0
"""So many seconds after its limit a hook, or its import, ends this process, if nobody is left who
does."""
_MEMORY = 256 * 1024 * 1024


class _Raised:
    """What a block of others' code raised, whatever it is: also what would end this process."""

    error: BaseException | None = None

    def __enter__(self) -> _Raised:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> bool:
        self.error = error
        return True


def main() -> None:
    """Answer requests until there are no more."""
    requests, answers = _take_streams()
    # A dump of this process would hold whole orders.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Beyond the unit's own limit systemd would end the run, not this process alone.
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = _MEMORY if hard == resource.RLIM_INFINITY else min(_MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
    first = json.loads(requests.readline())
    hooks: dict[str, Callable[..., Any]] = {}
    _end_after(first["seconds"])
    for name, target in first["hooks"].items():
        with _Raised() as raised:
            hooks[name] = _loaded(target)
        if raised.error is not None:
            _tell(answers, {"broken": name, "what": _shape(raised.error)})
            return
    _let_live()
    _tell(answers, {"ready": sorted(hooks)})
    for line in requests:
        request = json.loads(line)
        _end_after(request["seconds"])
        answer = _answer(hooks[request["hook"]], request)
        _let_live()
        _tell(answers, answer)


def _end_after(seconds: float) -> None:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds + _OVER)


def _let_live() -> None:
    signal.setitimer(signal.ITIMER_REAL, 0)


def _answer(hook: Callable[..., Any], request: dict[str, Any]) -> dict[str, Any]:
    order = decode(request["order"], Order, "order")
    rendered = decode(request["rendered"], WarehouseOrder, "rendered")
    made = None
    with _Raised() as raised:
        made = hook(order, rendered)
    if isinstance(raised.error, RefuseOrder):
        return {"refused": str(raised.error.reason)}
    if raised.error is not None:
        return {"failed": _shape(raised.error)}
    try:
        return {"made": encode(made, WarehouseOrder, "its order")}
    except WrongType as wrong:
        return {"failed": str(wrong)}


def _loaded(target: str) -> Callable[..., Any]:
    module, _, names = target.partition(":")
    found = reduce(getattr, names.split(".") if names else [], importlib.import_module(module))
    if not callable(found):
        raise TypeError
    return found


def _shape(error: BaseException) -> str:
    """What was raised, and where: no message, which may hold what the order holds."""
    what = type(error).__name__
    if isinstance(error, ImportError) and error.name:
        what += f" of {error.name}"
    frames = [
        (frame.f_code.co_filename, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if not _is_ours(frame.f_code.co_filename)
    ]
    if not frames:
        return what
    # In the hook itself, as deep as that goes, not in a library that it calls.
    line = [line for file, line in frames if file == frames[0][0]][-1]
    return f"{what} at {Path(frames[0][0]).name}:{line}"


def _is_ours(file: str) -> bool:
    return file in (__file__, importlib.__file__) or file.startswith("<frozen importlib")


def _take_streams() -> tuple[TextIO, TextIO]:
    """Requests and answers, which the hooks cannot reach as stdin and stdout."""
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    os.close(nothing)
    return requests, answers


def _tell(answers: TextIO, answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()
