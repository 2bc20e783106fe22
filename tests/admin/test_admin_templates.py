"""Every template with hostile text in every field, and the templates as they are packaged."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from jinja2 import UndefinedError, meta, nodes

from veracore_sync.admin import page
from veracore_sync.admin.chart import ChartDay, RunChart

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "veracore_sync" / "admin" / "templates"
PAGES = ("login.html", "missing.html", "order_history.html", "overview.html", "shops.html")
LINK = re.compile(r"/(?!/)|#content$")
HOSTILE = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "' autofocus onfocus='alert(1)",
    '" style="background:url(//evil.example)" x="',
    "</td></table></main><form action=//evil.example>",
    "javascript:alert(1)",
    "&quot;&#34;&lt;script&gt;",
    "{{ 7 * 7 }}{% raw %}",
    "--><!--]]><![CDATA[",
    "../%2e%2e?name=1&name=2#x",
)

ORDER = {
    "code": "text",
    "veracore_id": "text",
    "state": "text",
    "why": "text",
    "what_to_do": "text",
    "next_attempt_at": "text",
    "can_retry": True,
    "warnings": ["text"],
}
DIFFERENCE = {
    "type": "text",
    "name": "text",
    "detail": "text",
    "ledger": "text",
    "shop": "text",
    "warehouse": "text",
    "since": "text",
    "firstSeenAt": "text",
    "age": "text",
    "advice": "text",
    "isAccepted": False,
    "reason": "text",
}
QUEUE = {"waiting": 3, "oldestWaiting": "text"}
VALUES: dict[str, Any] = {
    "session": {"may_act": True, "csrf_token": "text", "shop": "text", "several": True},
    "flash": ["text"],
    "name": "text",
    "order": ORDER,
    "orders": [ORDER],
    "most_orders": 100,
    "timeline": [{"at": "text", "message": "text"}],
    "totals": [("text", 1)],
    "alerts": [{"openedAt": "text", "kind": "text", "vendureOrderCode": "text", "message": "text"}],
    "compared": {
        "standing": 2,
        "accepted": 1,
        "coverage": "text",
        "ended_at": "text",
        "complete_at": "text",
    },
    "most_differences": 100,
    "differences": [
        {**DIFFERENCE, "is_of_order": True},
        {**DIFFERENCE, "is_of_order": False, "isAccepted": True},
    ],
    "jobs": [
        {
            "name": "text",
            "ended_at": "text",
            "succeeded_at": "text",
            "result": "text",
            "action": "text",
            "label": "text",
        }
    ],
    "acts": [
        {
            "at": "text",
            "who": "text",
            "way": "text",
            "address": "text",
            "action": "text",
            "target": "text",
            "outcome": "text",
        }
    ],
    "chart": RunChart((ChartDay("text", 1, 1, 6, 50, 50),), "text"),
    "shops": [
        {
            "name": "text",
            "why": "",
            "counts": [1, 2, 3, 4, 5],
            "alerts": 1,
            "differ": 2,
            "succeeded_at": "text",
        },
        {"name": "text", "why": "text"},
    ],
    "upstreams": [
        {"name": "text", "state": "text", "refused_since": "text", "next_probe": "text"},
        {"name": "text", "state": "text", "refused_since": None, "next_probe": "text"},
    ],
    "webhooks": QUEUE,
    "events": {
        "waiting": 3,
        "failing": [{"hook": "text"}],
        "blocked": [{"id": "text", "hook": "text"}],
    },
}
"""Everything that a template may be given, each text of it replaceable."""


class Skeleton(HTMLParser):
    """The elements and attributes of a page, without its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.parts: list[tuple[str, ...]] = []
        self.links: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.parts.append((tag, *(name for name, _ in attrs)))
        self.links += [value or "" for name, value in attrs if name in ("href", "action", "src")]

    def handle_endtag(self, tag: str) -> None:
        self.parts.append(("/", tag))

    def handle_comment(self, data: str) -> None:
        self.parts.append(("!", data))


def filled(value: Any, text: str) -> Any:
    """The value with each text in it replaced."""
    if isinstance(value, str):
        return text
    if isinstance(value, dict):
        return {key: filled(one, text) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(filled(one, text) for one in value)
    if is_dataclass(value) and not isinstance(value, type):
        inside = {one.name: filled(getattr(value, one.name), text) for one in fields(value)}
        return replace(value, **inside)
    return value


def rendered(name: str, text: str) -> str:
    return page.TEMPLATES.get_template(name).render(filled(VALUES, text))


def wanted() -> set[str]:
    """What all templates together ask for."""
    names: set[str] = set()
    macros: set[str] = set()
    for name in page.TEMPLATES.list_templates():
        tree = page.TEMPLATES.parse((SOURCES / name).read_text("utf-8"))
        names |= meta.find_undeclared_variables(tree)
        macros |= {macro.name for macro in tree.find_all(nodes.Macro)}
    return names - macros - {"self"}


def test_nothing_that_a_template_is_given_is_left_out_here() -> None:
    assert wanted() == set(VALUES)


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text_in_every_field(name: str, text: str) -> None:
    plain, hostile = Skeleton(rendered(name, "text")), Skeleton(rendered(name, text))
    assert hostile.parts == plain.parts
    assert not [link for link in hostile.links if not LINK.match(link)]
    assert not [part for part in hostile.parts if part[0] in ("script", "img", "iframe", "!")]
    attributes = {one for part in hostile.parts for one in part[1:]}
    assert not [one for one in attributes if one.startswith("on") or one == "style"]


def test_the_hostile_test_sees_what_is_not_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each page fails it as soon as the texts of that page are not escaped."""
    careless = page.TEMPLATES.overlay(autoescape=False)
    monkeypatch.setattr(page, "TEMPLATES", careless)
    for name in set(PAGES) - {"login.html"}:
        with pytest.raises(AssertionError):
            test_hostile_text_stays_text_in_every_field(name, HOSTILE[0])
        with pytest.raises(AssertionError):
            test_hostile_text_stays_text_in_every_field(name, HOSTILE[1])


@pytest.mark.parametrize("path", sorted(SOURCES.iterdir()), ids=lambda path: path.name)
def test_no_template_goes_round_the_escaping(path: Path) -> None:
    text = path.read_text("utf-8")
    for forbidden in ("safe", "autoescape", "<script", "style=", "javascript:", "://"):
        assert forbidden not in text, forbidden


def test_a_template_that_asks_for_what_it_is_not_given_fails() -> None:
    with pytest.raises(UndefinedError):
        page.TEMPLATES.get_template("missing.html").render(session=None, flash=())


def members(package: Path) -> set[str]:
    if package.suffix == ".whl":
        with zipfile.ZipFile(package) as wheel:
            return set(wheel.namelist())
    with tarfile.open(package) as sdist:
        return {name.partition("/")[2] for name in sdist.getnames()}


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("packages")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-t", "sdist"]
    done = subprocess.run(
        [*command, "-d", str(folder)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return lambda pattern: next(folder.glob(pattern))


def test_both_packages_hold_the_templates(packages: Callable[[str], Path]) -> None:
    names = {f"veracore_sync/admin/templates/{one.name}" for one in SOURCES.iterdir()}
    assert len(names) == len(PAGES) + 3
    for pattern in ("*.whl", "*.tar.gz"):
        assert names <= members(packages(pattern)), pattern


def test_the_wheel_renders_its_own_templates(
    packages: Callable[[str], Path], tmp_path: Path
) -> None:
    with zipfile.ZipFile(packages("*.whl")) as wheel:
        wheel.extractall(tmp_path)
    program = (
        "from veracore_sync.admin import page\nprint(page.__file__, page.login_page(['Hello']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(str(tmp_path))
    assert '<p class="flash" role="status">Hello</p>' in done.stdout
