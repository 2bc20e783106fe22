"""What README and the operator's pages tell people to type, set and look for is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from commands_kit import whole_program

from veracore_sync.config.given import keys, sections
from veracore_sync.domain.kinds import AlertKind

ROOT = Path(__file__).parents[2]
NAMES = (
    "README.md",
    "docs/install.md",
    "docs/operate.md",
    "docs/backups.md",
    "docs/tasks.md",
    "docs/troubleshoot.md",
    "docs/several-shops.md",
)
PAGES = {name: (ROOT / name).read_text() for name in NAMES}
OPERATE = PAGES["docs/operate.md"]
TROUBLESHOOT = PAGES["docs/troubleshoot.md"]


def typed() -> list[str]:
    """Every command line that begins with the program, behind sudo too, or inline."""
    found: list[str] = []
    for text in PAGES.values():
        for block in re.findall(r"```sh\n(.*?)```", text, re.S):
            found += re.findall(r"^(?:sudo (?:-u \S+ )?)?(veracore-sync [^#\n]+)", block, re.M)
        found += re.findall(r"`(veracore-sync [^`]+)`", re.sub(r"```.*?```", "", text, flags=re.S))
    return sorted({line.strip() for line in found})


@pytest.mark.parametrize("line", typed())
def test_what_is_typed_exists(line: str) -> None:
    command: object = whole_program()
    known = options(command)
    for word in shlex.split(line)[1:]:
        below = getattr(command, "commands", {})
        if word in below:
            command = below[word]
            known |= options(command)
        elif word.startswith("--"):
            assert word in known, word
    assert not getattr(command, "commands", None) or line.split()[1].startswith("--"), line


def options(command: object) -> set[str]:
    found = {option for one in getattr(command, "params", []) for option in one.opts}
    return found | {"--install-completion"}


def test_settings_that_are_named_exist() -> None:
    text = "".join(PAGES.values()).replace(TROUBLESHOOT.split("## Alerts")[1], "")
    names = re.findall(rf"`((?:{'|'.join(sections())})\.[a-z_]+)`", text)
    assert set(names) - set(keys()) - set(AlertKind) == set()
    assert len(names) > 10


def test_units_that_are_named_exist() -> None:
    named = set(re.findall(r"veracore-sync-[a-z]+(?:@|\.timer|\.service)?", OPERATE))
    units = (path for path in (ROOT / "systemd").iterdir() if path.suffix != ".py")
    stems = {path.name.split(".")[0] for path in units}
    # The templates have the names of the units, for a shop each (docs/several-shops.md).
    stems -= {f"{stem}@" for stem in stems}
    assert {name.split(".")[0] for name in named} <= stems
    assert [stem for stem in stems - {"veracore-sync"} if f"| `{stem}` |" not in OPERATE] == []


def test_every_kind_of_alert_is_explained() -> None:
    assert rows_of(TROUBLESHOOT, "## Alerts") == set(AlertKind)


def test_every_line_of_doctor_is_explained() -> None:
    checks = [
        *ROOT.glob("veracore_sync/jobs/doctor/*.py"),
        ROOT / "veracore_sync/webhooks/doctor.py",
        ROOT / "veracore_sync/composition/outward.py",
    ]
    code = "".join(path.read_text() for path in checks)
    names = set(re.findall(r'(?:ok|warn|fail)\(\s*"([A-Za-z\' ]+)",', code))
    names |= set(re.findall(r'_?name = "([A-Za-z\' ]+)"', code, re.IGNORECASE))
    names |= {"AddOrder", "create"}  # operations, by their names in either dialect
    assert rows_of(TROUBLESHOOT, "## doctor") == names


def rows_of(page: str, heading: str) -> set[str]:
    """The names in the first column of the table under a heading."""
    section = page.split(f"{heading}\n")[1].split("\n## ")[0]
    rows = re.findall(r"(?m)^\| (`[^|]+) \|", section)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def test_anchors_lead_somewhere() -> None:
    for page in ROOT.glob("docs/*.md"):
        for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text()):
            text = (page.parent / target if target else page).read_text()
            headings = {slug(line) for line in re.findall(r"(?m)^#+ (.+)$", text)}
            assert anchor in headings, f"{page.name} links to {target}#{anchor}"


def slug(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
