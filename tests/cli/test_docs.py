"""What the docs say about commands, options and exit codes is what the program has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from commands_kit import whole_program

from veracore_sync.domain import errors

ROOT = Path(__file__).parents[2]
COMMANDS = (ROOT / "docs" / "commands.md").read_text()
EXIT_CODES = (ROOT / "docs" / "exit-codes.md").read_text()


def command_tree() -> dict[str, list[str]]:
    """Every command by its full name, with its options."""
    found: dict[str, list[str]] = {}

    def walk(command: object, name: str) -> None:
        children = getattr(command, "commands", None)
        if children:
            for child_name, child in children.items():
                walk(child, f"{name} {child_name}".strip())
            return
        parameters = getattr(command, "params", [])
        found[name] = [
            max(parameter.opts, key=len)
            for parameter in parameters
            if any(option.startswith("--") for option in parameter.opts)
        ]

    walk(whole_program(), "")
    return found


TREE = command_tree()


def section(name: str) -> str:
    match = re.search(rf"^## `{re.escape(name)}[^\n]*\n(.*?)(?=^## |\Z)", COMMANDS, re.M | re.S)
    assert match, f"docs/commands.md has no section on {name}"
    return match.group(0)


@pytest.mark.parametrize("name", sorted(TREE))
def test_a_command_is_documented_with_every_option(name: str) -> None:
    text = section(name)
    missing = [o for o in TREE[name] if o not in text and o not in ("--help", "--json")]
    assert not missing


def test_the_options_of_every_command_are_documented_once_for_all() -> None:
    text = COMMANDS.partition("## `")[0]
    found = {option for one in whole_program().params for option in one.opts}
    named = set(re.findall(r"`(-[-a-z]+)", text))
    assert found - named == {"--install-completion", "--show-completion"}


def test_no_command_is_documented_that_does_not_exist() -> None:
    documented = set(re.findall(r"^## `([a-z][a-z -]*[a-z])", COMMANDS, re.M))
    assert documented == set(TREE)


def test_every_exit_code_of_the_error_tree_is_documented() -> None:
    codes = {
        kind.exit_code
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.SyncError)
    }
    documented = {int(code) for code in re.findall(r"^\| (\d+)", EXIT_CODES, re.M)}
    assert codes <= documented | {errors.SyncError.exit_code}


def test_links_between_documents_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *ROOT.glob("docs/*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
