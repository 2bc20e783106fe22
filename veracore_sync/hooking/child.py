"""The process in which order hooks run: one request a line, one answer a line, all JSON.

Its output is not the hooks': what they print goes nowhere, because it may be personal data.
"""

from __future__ import annotations

import importlib
import json
import traceback
from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any

from veracore_sync.child_process import begin, end_after, let_live, tell
from veracore_sync.domain.orders import Order
from veracore_sync.domain.warehouse import WarehouseOrder
from veracore_sync.hooking.codec import WrongType, decode, encode
from veracore_sync.order_hooks import RefuseOrder


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
    requests, answers = begin()
    first = json.loads(requests.readline())
    hooks: dict[str, Callable[..., Any]] = {}
    end_after(first["seconds"])
    for name, target in first["hooks"].items():
        with _Raised() as raised:
            hooks[name] = _loaded(target)
        if raised.error is not None:
            # No order is known yet, so the name of a missing module is none of an order's texts.
            missing = raised.error.name if isinstance(raised.error, ImportError) else None
            tell(answers, {"broken": name, "what": _shape(raised.error, missing)})
            return
    let_live()
    tell(answers, {"ready": sorted(hooks)})
    for line in requests:
        request = json.loads(line)
        end_after(request["seconds"])
        answer = _answer(hooks[request["hook"]], request)
        let_live()
        tell(answers, answer)


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


def _shape(error: BaseException, missing: str | None = None) -> str:
    """What was raised, and where: no message, which may hold what the order holds."""
    what = f"{type(error).__name__} of {missing}" if missing else type(error).__name__
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
