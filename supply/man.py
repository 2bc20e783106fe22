"""Write the man pages: one of the program, and one of each command.

    python supply/man.py DIR

They are made from the same data as ``--help``: DIR/veracore-sync.1, DIR/veracore-sync-stats.1,
DIR/veracore-sync-ledger-backup.1 and so on. The date is that of ``SOURCE_DATE_EPOCH``, else none.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer

from veracore_sync import __version__
from veracore_sync.cli.app import app
from veracore_sync.cli.commands import COMMANDS, load_command
from veracore_sync.cli.entries import GROUPS
from veracore_sync.cli.exit_words import EXIT_WORDS
from veracore_sync.cli.help_page import PROGRAM, SHARED, HelpPage, Terms, page_of
from veracore_sync.cli.shared_options import add_shared

_FILES = (
    ("~/.config/veracore-sync/config.toml", "the configuration of one user"),
    ("/etc/veracore-sync/config.toml", "the configuration of this machine"),
    ("/var/lib/veracore-sync/ledger.db", "the ledger of the system-wide install"),
)
_ENVIRONMENT = (
    ("VERACORE_SYNC_CONFIG", "the configuration file, or a folder of them, one a shop"),
    ("VERACORE_SYNC_<SECTION>__<KEY>", "any setting, such as VERACORE_SYNC_ORDERS__WORKERS"),
)


def main() -> None:
    """Write every page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("dir", type=Path, metavar="DIR")
    folder: Path = parser.parse_args().dir
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in manual().items():
        (folder / name).write_text(text, encoding="utf-8")


def manual() -> dict[str, str]:
    """Each man page by the name of its file."""
    found = list(pages())
    titles = [title(one) for one in found]
    return {f"{title(one)}.1": _roff(one, titles) for one in found}


def pages() -> Iterator[HelpPage]:
    """The help of the program, then of each command and of those within groups."""
    program: Any = typer.main.get_command(app)
    root = program.context_class(program, info_name=PROGRAM)
    yield page_of(root)
    for name in COMMANDS:
        command = load_command(name)
        add_shared(command, program.params)
        yield from _with_those_inside(command, name, root)


def _with_those_inside(command: Any, name: str, parent: Any) -> Iterator[HelpPage]:
    context = command.context_class(command, info_name=name, parent=parent)
    yield page_of(context)
    for inside, one in getattr(command, "commands", {}).items():
        yield from _with_those_inside(one, inside, context)


def title(page: HelpPage) -> str:
    """The name of the man page: ``veracore-sync-ledger-backup``."""
    return "-".join((PROGRAM, *page.name.split()))


def _roff(page: HelpPage, titles: list[str]) -> str:
    name = title(page)
    lines = [
        f'.TH "{_text(name.upper())}" "1" "{_day()}" "{PROGRAM} {__version__}" "User Commands"',
        ".nh",
        ".ad l",
        ".SH NAME",
        f"{_text(name)} \\- {_text(_without_stop(page.summary))}",
        ".SH SYNOPSIS",
        ".B " + _text(page.usage),
        ".SH DESCRIPTION",
        _line(page.summary),
    ]
    for one in page.details:
        lines += [".PP", _line(one)]
    commands = [(head, terms) for head, terms in page.lists if head in (*GROUPS, "Commands")]
    if commands:
        lines.append(".SH COMMANDS")
        for head, terms in commands:
            lines += [f".SS {_text(head)}"] if head in GROUPS else []
            lines += _terms(terms)
    for head, terms in page.lists:
        if (head, terms) not in commands:
            lines += [f".SH {head.upper()}", *_terms(terms)]
    lines += [".SH GLOBAL OPTIONS" if page.name else ".SH OPTIONS", _line(f"{SHARED}.")]
    lines += _terms(page.shared)
    codes = sorted({code for code, _ in page.exits} | set(page.other_exits))
    lines += [".SH EXIT STATUS", *_terms(tuple((str(one), EXIT_WORDS[one]) for one in codes))]
    if page.examples:
        lines.append(".SH EXAMPLES")
        lines += _terms(page.examples)
    lines += [".SH ENVIRONMENT", *_terms(_ENVIRONMENT), ".SH FILES", *_terms(_FILES)]
    lines += [".SH SEE ALSO", *_see_also(page, titles)]
    return "\n".join(lines) + "\n"


def _see_also(page: HelpPage, titles: list[str]) -> list[str]:
    own = title(page)
    near = [one for one in titles if one != own and (one.startswith(f"{own}-") or one == PROGRAM)]
    above = own.rpartition("-")[0]
    if above in titles and above != PROGRAM:
        near.append(above)
    named = [f".BR {_text(one)} (1)" for one in near]
    listed = [f"{one}," for one in named[:-1]] + named[-1:]
    return [*listed, ".PP", _line(f"Documentation: {page.document}")]


def _terms(terms: Terms) -> list[str]:
    lines = []
    for term, text in terms:
        lines += [".TP", f".B {_text(term)}", _line(text)]
    return lines


def _line(text: str) -> str:
    """A line of running text: one that begins as a request of roff does not become one."""
    found = _text(text)
    return f"\\&{found}" if found[:1] in (".", "'") else found


def _text(text: str) -> str:
    """A text that groff shows as it is, also where it is copied from the page."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
    text = text.replace("'", "\\(aq").replace("`", "\\(ga").replace("~", "\\(ti")
    text = text.replace("^", "\\(ha").replace("…", "...")
    return re.sub(r"[^\x00-\x7f]", lambda found: f"\\[u{ord(found[0]):04X}]", text)


def _without_stop(text: str) -> str:
    return text[:1].lower() + text[1:].rstrip(".")


def _day() -> str:
    moment = os.environ.get("SOURCE_DATE_EPOCH")
    return f"{datetime.fromtimestamp(int(moment), UTC):%Y-%m-%d}" if moment else ""


if __name__ == "__main__":
    main()
