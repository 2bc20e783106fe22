"""Commands in hints can be typed as they stand, whatever an order's code, a SKU or an id holds."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer

import veracore_sync
from veracore_sync.admin.acts import ACTS
from veracore_sync.cli.commands import load_command
from veracore_sync.cli.run_reconcile import repair_of
from veracore_sync.domain.advice import about, command, typed, without
from veracore_sync.domain.alert_words import ALERT_WORDS, next_step
from veracore_sync.domain.differences import DIFFERENCES, Difference
from veracore_sync.jobs.reconcile.words import advice

ORDINARY = ["A1B2", "2026-0001", "sku_1.5", "12"]
ODD = ["#1001", "A B'c", "$(touch x)", "-5", "--skip", "a`b`c", 'say "x"', "!1*", "~x", "Ä;&|<", ""]
NAMES = [*ORDINARY, *ODD]
LINES = {
    "resolve CODE --adopt": {"order": "CODE", "adopt": True, "veracore_id": None},
    "resolve CODE --adopt ID": {"order": "CODE", "adopt": True, "veracore_id": "ID"},
    "resolve CODE --new-id ID": {"order": "CODE", "new_id": True, "veracore_id": "ID"},
    "resolve CODE --skip": {"order": "CODE", "skip": True},
    'resolve CODE --accept "reason"': {"order": "CODE", "accept": "reason"},
    "retry CODE": {"orders": ["CODE"]},
    "cancel CODE": {"orders": ["CODE"]},
    "stats --order CODE": {"order": "CODE"},
    "sync-orders --order CODE --dry-run": {"order": ["CODE"], "dry_run": True},
    "sync-tracking --order CODE --force": {"order": ["CODE"], "force": True},
    "sync-inventory --sku CODE --allow-mass-change": {"sku": ["CODE"], "allow_mass_change": True},
    "reconcile --apply paid_not_sent --order CODE": {"order": ["CODE"], "apply": "paid_not_sent"},
    "reconcile --accept why --type stock_differs --name CODE": {"name": "CODE", "accept": "why"},
    "sandbox --like CODE": {"like": Path("CODE")},
}
"""What hints name, and how the program must understand it."""


def words_of(lines: list[str]) -> list[list[str]]:
    """The words of command lines, as a shell reads them."""
    script = "".join(f"printf '%s\\0' {line}; printf '\\n\\0'\n" for line in lines)
    # Of a folder without files, as a pattern could name one.
    ended = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=True, cwd="/proc/self/fdinfo"
    )
    said = ended.stdout.split("\0")[:-1]
    found: list[list[str]] = [[]]
    for word in said:
        if word == "\n":
            found.append([])
        else:
            found[-1].append(word)
    return found[:-1]


LOADED = cache(load_command)


def parsed(words: list[str]) -> dict[str, object]:
    context = LOADED(words[0]).make_context(words[0], words[1:])
    return dict(context.params)


def test_a_command_is_understood_with_any_name() -> None:
    rows = [
        (typed(line, CODE=name, ID=other), wanted, name, other)
        for line, wanted in LINES.items()
        for name in NAMES
        for other in (["7", "-7", "x y"] if "ID" in line else ["7"])
    ]
    for words, (line, wanted, name, other) in zip(
        words_of([row[0] for row in rows]), rows, strict=True
    ):
        params = parsed(words)
        got = {key: params[key] for key in wanted}
        assert got == {key: put(value, name, other) for key, value in wanted.items()}, line


def put(value: object, name: str, other: str) -> object:
    if isinstance(value, list):
        return [put(one, name, other) for one in value]
    if isinstance(value, Path):
        return Path(name)
    return {"CODE": name, "ID": other}.get(value, value) if isinstance(value, str) else value


@pytest.mark.parametrize("name", ORDINARY)
def test_an_ordinary_name_stands_as_it_is(name: str) -> None:
    for line in LINES:
        assert (
            command(line, CODE=name, ID="7")
            == "`veracore-sync " + line.replace("CODE", name).replace("ID", "7") + "`"
        )


def said_of(name: str) -> Iterator[str]:
    """Every command about a record that an alert, a difference or the page names."""
    for kind in ALERT_WORDS:
        yield from re.findall(r"`veracore-sync ([^`]+)`", next_step(kind, name))
    for kind in DIFFERENCES:
        one = Difference(kind, name, "", "", "", None)
        yield from re.findall(r"(?:`|Repair: )veracore-sync ([^`]+)", advice(one))
        shown = SimpleNamespace(is_accepted=False, reason=None, difference=one)
        yield from re.findall(r"`veracore-sync ([^`]+)`", repair_of(shown))  # type: ignore[arg-type]
    for act in ACTS.values():
        fields = {"name": name, "reason": "kept", "type": "stock_differs"}
        yield act.typed(fields).removeprefix("veracore-sync ")


def test_what_alerts_differences_and_the_page_name_is_understood() -> None:
    for name in ("A1", "-5", "A B'c"):
        lines = list(said_of(name))
        assert len(lines) > 20
        for words in words_of(lines):
            try:
                assert name in str(parsed(words)) or not {"CODE", "NAME"} & set(words)
            except typer.TyperException as error:  # pragma: no cover - what the message is for
                pytest.fail(f"{words}: {error.format_message()}")


def test_a_sentence_names_a_record_as_it_is_outside_of_its_commands() -> None:
    text = "NAME waits: `veracore-sync retry NAME`, RENAMED"
    assert about(text, NAME="A b") == "A b waits: `veracore-sync retry 'A b'`, RENAMED"
    assert without(about(text, NAME="A b"), "A b", "NAME") == text
    assert without(about(text, NAME="it's"), "it's", "NAME") == text


def test_no_text_puts_a_value_into_a_command_on_its_own() -> None:
    """`advice.command` does: it alone knows what a shell and this program make of a name."""
    found = []
    for path in Path(veracore_sync.__file__).parent.rglob("*.py"):
        joined = re.sub(r"[\"']\n\s*f?[\"']", "", path.read_text())
        for value in re.findall(r"`veracore-sync [a-z][^`\n]*?\{([^}\n]*)\}[^`\n]*`", joined):
            if value not in ("HERE", "shlex.quote(str(folder))", "place"):
                found.append((path.name, value))
    assert found == []
