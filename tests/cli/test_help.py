"""Help, man pages and messages about typing errors: nothing is cut, and everything leads on."""

from __future__ import annotations

import importlib
import re
import shlex
import shutil
import subprocess
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from present import missing
from typer.testing import CliRunner

from veracore_sync.cli import config_show, ledger, output, retry
from veracore_sync.cli.app import app
from veracore_sync.cli.commands import COMMANDS, entry_of
from veracore_sync.cli.entries import GROUPS, SUBCOMMANDS
from veracore_sync.cli.exit_words import EXIT_WORDS, OF_EVERY_COMMAND
from veracore_sync.cli.globals import Globals
from veracore_sync.cli.help_page import PROGRAM, HelpPage, text_of
from veracore_sync.cli.run_command import write_report
from veracore_sync.composition.locked_run import CommandReport
from veracore_sync.ledger.opening import open_ledger

ROOT = Path(__file__).parents[2]
NAMES = ("", *COMMANDS, *SUBCOMMANDS)


@pytest.fixture(scope="module")
def man() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "supply")
        return importlib.import_module("man")


@pytest.fixture(scope="module")
def pages(man: Any) -> dict[str, HelpPage]:
    return {page.name: page for page in man.pages()}


def typed(line: str, **env: str) -> tuple[int, str, str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", [PROGRAM, *shlex.split(line)])
        done = CliRunner().invoke(app, shlex.split(line), prog_name=PROGRAM, env=env)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout, done.stderr


# ---- the pages ----------------------------------------------------------------------------------


def test_every_command_has_a_page(pages: dict[str, HelpPage]) -> None:
    assert set(pages) == set(NAMES)


def test_every_command_belongs_to_a_group() -> None:
    assert {one.group for one in COMMANDS.values()} <= set(GROUPS)


@pytest.mark.parametrize("width", [60, 72, 80, 120])
def test_nothing_is_cut_or_too_wide(pages: dict[str, HelpPage], width: int) -> None:
    for page in pages.values():
        text = text_of(page, width)
        flat = " ".join(text.split())
        for _, terms in (*page.lists, ("", page.shared), ("", page.examples)):
            for term, words in terms:
                assert f"{term} {words}" in flat, (page.name, term)
        assert "..." not in text
        assert "<" not in text, page.name
        lines = {line for line, _ in page.examples}
        wide = [one for one in text.splitlines() if len(one) > width and one.strip() not in lines]
        assert wide == [], page.name


def test_examples_fit_80_columns(pages: dict[str, HelpPage]) -> None:
    lines = [line for page in pages.values() for line, _ in page.examples]
    assert [line for line in lines if len(line) > 78] == []


def test_every_command_has_examples_exit_codes_and_a_page_of_the_docs(
    pages: dict[str, HelpPage],
) -> None:
    for name, page in pages.items():
        assert page.examples or any(one.startswith(f"{name} ") for one in SUBCOMMANDS), name
        assert page.exits[0] == (0, "done")
        file, _, anchor = page.document.partition("#")
        text = (ROOT / file).read_text()
        heads = re.findall(r"^#+ (.*)$", text, re.M)
        slugs = {re.sub(r"[^a-z0-9 _-]", "", head.lower()).replace(" ", "-") for head in heads}
        assert not anchor or anchor in slugs, page.document
    assert {code for code, _ in pages[""].exits} == set(EXIT_WORDS)


def test_a_subcommand_is_listed_with_the_first_sentence_of_its_own_help(
    pages: dict[str, HelpPage],
) -> None:
    for name in SUBCOMMANDS:
        assert pages[name].summary == entry_of(name).summary


def test_exit_codes_are_called_the_same_in_the_docs() -> None:
    text = (ROOT / "docs" / "exit-codes.md").read_text()
    rows = dict(re.findall(r"^\| ([0-9, ]+) \| ([^|]+) \|", text, re.M))
    said = {int(code): words for codes, words in rows.items() for code in codes.split(",")}
    assert said.keys() == EXIT_WORDS.keys()
    for code, words in EXIT_WORDS.items():
        assert said[code].startswith(words.removesuffix(" SIGINT").removesuffix(" SIGTERM")), code
    assert set(OF_EVERY_COMMAND) < set(EXIT_WORDS)


def test_values_have_names_for_people(pages: dict[str, HelpPage]) -> None:
    """Not those of the parameters, which an option without a metavar would show."""
    shown = {term.split()[-1] for page in pages.values() for _, t in page.lists for term, _ in t}
    assert [one for one in shown if one.isupper() and "_" in one] == ["EVENT_ID"]


# ---- where it is asked for ----------------------------------------------------------------------


@pytest.mark.parametrize("line", ["-h", "sync-orders -h", "ledger --help", "ledger backup -h"])
def test_help_is_the_page(pages: dict[str, HelpPage], line: str) -> None:
    name = " ".join(line.split()[:-1])
    assert typed(line, COLUMNS="80") == (0, text_of(pages[name], 80), "")
    assert typed(line) == (0, text_of(pages[name], 80), "")


@pytest.mark.parametrize("name", ["", "ledger", "config", "breaker"])
def test_a_group_without_a_command_shows_its_help(pages: dict[str, HelpPage], name: str) -> None:
    assert typed(name, COLUMNS="80") == (2, "", text_of(pages[name], 80))


# ---- options before and behind the command -------------------------------------------------------

EVERYWHERE = {
    "--config there.toml": lambda got: got.config == Path("there.toml"),
    "--config=there.toml": lambda got: got.config == Path("there.toml"),
    "--all": lambda got: got.every_shop,
    "--log-level debug": lambda got: got.messages == ("--log-level", "debug"),
    "--log-format json": lambda got: got.log_format == "json",
    "-q": lambda got: got.messages == ("-q", "error"),
    "--quiet": lambda got: got.quiet,
    "-v": lambda got: got.messages == ("-v", "info"),
    "-vv": lambda got: got.messages == ("-v", "debug"),
    "-v --verbose": lambda got: got.messages == ("-v", "debug"),
    "-q --log-level debug": lambda got: got.messages == ("--log-level", "debug"),
}


@pytest.mark.parametrize("option", EVERYWHERE)
@pytest.mark.parametrize("command", ["ledger check", "config show"])
def test_an_option_of_every_command_stands_anywhere(
    monkeypatch: pytest.MonkeyPatch, command: str, option: str
) -> None:
    got: list[Globals] = []
    for module in (ledger, config_show):
        monkeypatch.setattr(module, "run_command", lambda _job, options, *_: got.append(options))
    group, name = command.split()
    for line in (f"{option} {command}", f"{group} {option} {name}", f"{command} {option}"):
        assert typed(line)[0] == 0
    assert len(got) == 3
    assert all(EVERYWHERE[option](one) for one in got), got


def test_the_last_one_counts_and_both_places_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[Globals] = []
    monkeypatch.setattr(ledger, "run_command", lambda _job, options, *_: got.append(options))
    assert typed("--config a.toml -v ledger check --config b.toml -v")[0] == 0
    assert (got[0].config, got[0].verbose) == (Path("b.toml"), 2)


def test_a_command_s_own_option_of_the_same_name_is_its_own(
    pages: dict[str, HelpPage], monkeypatch: pytest.MonkeyPatch
) -> None:
    got: list[Any] = []
    monkeypatch.setattr(retry, "run_command", lambda job, options, *_: got.append((job, options)))
    assert typed("retry --all")[0] == 0
    assert typed("--all retry --all")[0] == 0
    assert [options.every_shop for _, options in got] == [False, True]
    assert "--all" not in dict(pages["retry"].shared)


def test_quiet_is_silent_about_what_nobody_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    for quiet, is_asked_for in product((False, True), (False, True)):
        output.set_quiet(quiet)
        report = CommandReport({}, show=lambda: output.say("a line"), asked_for=is_asked_for)
        write_report(report, as_json=False, repeated=False)
        shown = capsys.readouterr().out
        assert (shown == "a line\n") == (is_asked_for or not quiet)
    output.set_quiet(False)


# ---- typing errors ------------------------------------------------------------------------------

MISTAKES = {
    "sync-order": ("no such command: sync-order", "`veracore-sync sync-orders`", ""),
    "Stats": ("no such command: Stats", "`veracore-sync stats`", ""),
    "status": ("no such command: status", "`veracore-sync stats`", ""),
    "backup": ("no such command: backup", "`veracore-sync ledger backup`", ""),
    "help": ("no such command: help", "`veracore-sync --help`", ""),
    "ledger chek": ("no such command: ledger chek", "`veracore-sync ledger check`", "ledger"),
    "--verison": ("no such option before a command: --verison", "--version", ""),
    "--dry-run sync-orders": ("own options go behind its name", "", ""),
    "sync-orders --ordr X": ("--ordr", "did you mean --order?", "sync-orders"),
    "stats --conf x.toml": ("--conf", "did you mean --config?", "stats"),
    "sync-orders 3PWKZ4D6": ("unexpected argument", "--order 3PWKZ4D6?", "sync-orders"),
    "sync-orders '#1 A' B": ("unexpected argument", "--order '#1 A' --order B?", "sync-orders"),
    "sync-inventory MUG-BLUE": ("unexpected argument", "--sku MUG-BLUE?", "sync-inventory"),
    "sync-orders --limit": ("'--limit' requires an argument", "", "sync-orders"),
    "sync-orders --limit x": ("a valid integer", "", "sync-orders"),
    "reconcile --since soon": ("'soon' is no day such as 2026-01-31", "", "reconcile"),
    "resolve": ("missing argument 'ORDER'", "", "resolve"),
    "-q stats -v": ("-q and -v exclude each other", "", "stats"),
}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_leads_on(line: str) -> None:
    said, meant, command = MISTAKES[line]
    code, out, err = typed(line)
    assert (code, out) == (2, "")
    first, hint = err.splitlines()
    assert first.startswith("veracore-sync: ")
    assert said in first
    assert meant in first
    command_help = re.fullmatch(r"  see `veracore-sync (.*)`", hint)
    assert command_help is not None
    assert command_help[1] == f"{command} --help".strip()
    assert typed(command_help[1])[0] == 0


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("breaker reset vendur", 'did you mean "vendure"?'),
        ("retry --class unavailble", 'did you mean "unavailable"?'),
        ("reconcile --type tracking_difers", 'did you mean "tracking_differs"?'),
    ],
)
def test_a_value_that_is_misspelled_leads_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, line: str, meant: str
) -> None:
    monkeypatch.chdir(tmp_path)
    open_ledger(tmp_path / "ledger.db").close()
    code, out, err = typed(line, VERACORE_SYNC_LEDGER__PATH=str(tmp_path / "ledger.db"))
    assert (code, out) == (2, "")
    assert meant in err


def test_a_mistake_with_json_is_a_document() -> None:
    code, out, err = typed("sync-orders --json --ordr X")
    assert (code, err) == (2, "")
    assert '"exitCode": 2' in out


# ---- man pages ----------------------------------------------------------------------------------


def test_man_pages_say_what_help_says(man: Any, pages: dict[str, HelpPage]) -> None:
    manual = man.manual()
    assert set(manual) == {f"{'-'.join((PROGRAM, *name.split()))}.1" for name in NAMES}
    for page in pages.values():
        text = manual[f"{man.title(page)}.1"]
        for _, terms in (*page.lists, ("", page.shared), ("", page.examples)):
            for term, _ in terms:
                assert f".B {man._text(term)}\n" in text


def test_groff_has_nothing_to_say_about_them(man: Any) -> None:
    if shutil.which("groff") is None:
        missing("groff is missing")
    text = "".join(man.manual().values())
    command = ["groff", "-man", "-Tutf8", "-Kutf8", "-ww", "-rLL=80n", "-P-cbou"]
    done = subprocess.run(command, input=text.encode(), capture_output=True, check=True)
    assert done.stderr == b""
    assert "EXIT STATUS" in done.stdout.decode()
