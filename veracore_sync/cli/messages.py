"""How messages are written to stderr: text for people, or one JSON object a line for machines.

Everything that this program writes to stderr goes through here or through the log, so that with
``--log-format json`` each line is an object, also where the command line cannot be parsed, the
configuration is wrong, or the program has a bug. The fields are described in docs/json.md.
"""

from __future__ import annotations

import json
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import typer

from veracore_sync.cli.advice import advised
from veracore_sync.cli.journal import DEBUG, ERROR, INFO, WARNING, prefix
from veracore_sync.clock import SystemClock, to_text
from veracore_sync.describe import describe
from veracore_sync.domain.texts import visible

VARIABLE = "VERACORE_SYNC_LOG__FORMAT"
OPTION = "--log-format"
_PROGRAM = "veracore-sync: "
_LEVELS = {ERROR: "error", WARNING: "warning", INFO: "info", DEBUG: "debug"}
_LOGGER = "veracore_sync.cli"


@dataclass(slots=True)
class _Format:
    is_json: bool = False
    shop: str = ""
    thread_hook: Callable[[Any], Any] | None = None


_format = _Format()


def is_json() -> bool:
    """Whether stderr is for machines."""
    return _format.is_json


def from_command_line(arguments: Sequence[str], environ: Mapping[str, str]) -> None:
    """Choose the format by what was typed or is in the environment, before anything is parsed."""
    chosen = environ.get(VARIABLE, "").strip()
    for number, argument in enumerate(arguments):
        if argument == "--":
            break
        if argument == OPTION and number + 1 < len(arguments):
            chosen = arguments[number + 1]
        elif argument.startswith(f"{OPTION}="):
            chosen = argument.partition("=")[2]
    use("json" if chosen == "json" else "text")


def use(format: str, shop: str = "") -> None:
    """From now on, write messages in that format (``text`` or ``json``).

    Args:
        format: As ``log.format``.
        shop: The shop that they are about, if there are several.
    """
    _format.is_json, _format.shop = format == "json", shop
    if _format.is_json and _format.thread_hook is None:
        _format.thread_hook, threading.excepthook = threading.excepthook, _thread_failed
    elif not _format.is_json and _format.thread_hook is not None:
        threading.excepthook, _format.thread_hook = _format.thread_hook, None


def write(
    text: str, priority: int = WARNING, fields: Mapping[str, Any] = MappingProxyType({})
) -> None:
    """Write a message: a line, in the journal with its syslog priority.

    Args:
        text: For a person.
        priority: As syslog counts.
        fields: For a machine; those that are ``None`` are left out.
    """
    text = advised(text)
    if not _format.is_json:
        sys.stderr.write(prefix(priority) + visible(text) + "\n")
        return
    message = text.strip().removeprefix(_PROGRAM)
    typed = {key: advised(one) if isinstance(one, str) else one for key, one in fields.items()}
    sys.stderr.write(prefix(priority) + line(_LEVELS[priority], _LOGGER, message, typed) + "\n")


def line(level: str, logger: str, message: str, fields: Mapping[str, Any]) -> str:
    """One JSON object: ``at`` (UTC), ``level``, ``logger``, ``message``, ``shop``, and others."""
    shop = {"shop": _format.shop} if _format.shop else {}
    given = {name: value for name, value in fields.items() if value is not None}
    at = to_text(SystemClock().now())
    # Escapes of JSON, not characters: the line is one line to everything that reads it.
    return json.dumps(
        {"at": at, "level": level, "logger": logger, "message": message} | shop | given, default=str
    )


def bug(error: BaseException) -> None:
    """Write an exception that nothing foresaw, for a machine; its text may be a customer's."""
    fields = {
        "event": "failure",
        "class": "internal",
        "exitCode": 1,
        "hint": "please report this with the traceback",
        "traceback": frames(error),
    }
    write(f"unexpected: {describe(error)}", ERROR, fields)


def frames(error: BaseException) -> list[str]:
    """Where it happened, the outermost call first, without its text."""
    return [text.strip() for text in traceback.format_tb(error.__traceback__)]


def _thread_failed(given: Any) -> None:
    if given.exc_value is not None and given.exc_type is not SystemExit:
        bug(given.exc_value)


def in_json(work: Callable[[], Any]) -> int:
    """Parse the command line and run the command; what goes wrong is an object. Its exit code."""
    try:
        code = work()
    except typer.TyperException as error:
        fields = {
            "event": "failure",
            "class": "validation",
            "exitCode": error.exit_code,
            "hint": "see `veracore-sync --help`",
        }
        write(error.format_message(), ERROR, fields)
        return error.exit_code
    except typer.Abort:
        return 1
    except Exception as error:  # noqa: BLE001 - a traceback would be many lines, and no JSON
        bug(error)
        return 1
    # Only an exit has a code; what a command returns is none.
    return code if isinstance(code, int) else 0
