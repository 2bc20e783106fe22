"""Every template with hostile text in every field, and the templates as they are packaged."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from jinja2 import UndefinedError, meta, nodes

from veracore_sync.admin import page
from veracore_sync.admin.actions import ActionOutcome
from veracore_sync.admin.acts import PageAct
from veracore_sync.admin.charts import Chart, Mark, Series, Tick
from veracore_sync.admin.lists import Page, Tile
from veracore_sync.admin.page import Form
from veracore_sync.admin.visit import Place, Visit
from veracore_sync.admin.words import Piece

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "veracore_sync" / "admin" / "templates"
PARTS = ("base.html", "chart.html", "macros.html")
PAGES = (
    "alerts.html",
    "confirm.html",
    "differences.html",
    "login.html",
    "order.html",
    "orders.html",
    "overview.html",
    "problem.html",
    "running.html",
    "runs.html",
    "search.html",
    "shops.html",
    "states.html",
)
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


class Ours(str):
    """A text that no customer, shop or warehouse can choose."""

    __slots__ = ()


TEXTS = [Piece("text"), Piece("text", is_code=True), Piece("", names=("text", "text"))]
ACT = PageAct(
    "retry",
    "Try again",
    "NAME?",
    "It does.",
    "retry NAME",
    lambda _actions, _fields: ActionOutcome(True),
    about="order",
    needs=("type", "reason"),
    takes=("id",),
    is_grave=True,
)
ORDER = {
    "code": "text",
    "veracore_id": "text",
    "state": "text",
    "tone": Ours("bad"),
    "why": "text",
    "to_do": TEXTS,
    "changed_at": "text",
    "next_attempt_at": "text",
}
OTHER_ORDER = {**ORDER, "veracore_id": "", "to_do": [], "next_attempt_at": None}
ALERT = {
    "severity": Ours("act"),
    "severity_label": Ours("needs you"),
    "label": "text",
    "message": TEXTS,
    "codes": ["text"],
    "more": 2,
    "all_codes": ["text", "text"],
    "since": "text",
    "to_do": TEXTS,
    "acts": [(ACT, "text")],
}
DIFFERENCE = {
    "type": "text",
    "name": "text",
    "detail": "text",
    "is_of_order": True,
    "meaning": "text",
    "ledger": "text",
    "shop": "text",
    "warehouse": "text",
    "lasts": "text",
    "to_do": TEXTS,
    "repair_act": ACT,
    "is_accepted": False,
    "reason": "text",
}
DIFFERENCES = [
    DIFFERENCE,
    {**DIFFERENCE, "is_of_order": False, "repair_act": None},
    {**DIFFERENCE, "is_accepted": True},
]
MARK = Mark("bad", "1%", 1, "2%", 2, "text")
TILE = Tile("/orders/parked", "text", 3, "bad")
VALUES: dict[str, Any] = {
    "session": Visit(
        "text",
        "act",
        "text",
        several=True,
        now=datetime(2026, 3, 1, tzinfo=UTC),
        place=Place("text", "text"),
        path="/order",
        parameters=(("name", "text"),),
    ),
    "flash": ["text"],
    "refresh_every": 60,
    "title": "text",
    "sentences": ["text"],
    # overview
    "tone": Ours("bad"),
    "mark": Ours("✕"),
    "status": TEXTS,
    "why": TEXTS,
    "now_act": ACT,
    "alerts": [ALERT, {**ALERT, "all_codes": (), "more": 0}],
    "more_alerts": 3,
    "troubles": ["text"],
    "tiles": [TILE],
    "zeros": [TILE],
    "compared": {
        "standing": 2,
        "accepted": 1,
        "coverage": "text",
        "ended_at": "text",
        "complete_at": "text",
    },
    "jobs": [
        {
            "name": "text",
            "ended_at": "text",
            "succeeded_at": "text",
            "words": "text",
            "is_good": is_good,
            "act": ACT,
        }
        for is_good in (True, False, None)
    ],
    "stock_read": "text",
    "charts": [
        Chart(
            "a",
            "text",
            "text",
            "text",
            [Series("text", "bad"), Series("text", "calm")],
            [Tick("text", "10")],
            [Tick("text", "10%", is_minor=True)],
            [MARK],
            [MARK],
            [MARK],
            ["text"],
            [["text"]],
            is_wide=True,
        ),
        Chart("b", "text", "text", "", [Series("text", "calm")]),
    ],
    "days": 14,
    "upstreams": [
        {"name": "text", "words": "text", "is_good": False, "since": "text", "next_probe": "text"},
        {"name": "text", "words": "text", "is_good": True, "since": None, "next_probe": None},
    ],
    "queues": [{"words": "text", "is_good": False}],
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
    # lists
    "page": Page(
        [{**ORDER, **ALERT, **DIFFERENCE}, {**OTHER_ORDER, **ALERT, **DIFFERENCE}], "text"
    ),
    "of_state": Ours("parked"),
    "wanted": "text",
    "most": 50,
    "count": 3,
    "runs": [
        {
            "command": "text",
            "begun_at": "text",
            "exact": "text",
            "lasted": "text",
            "words": "text",
            "is_good": False,
        }
    ],
    "accept_act": ACT,
    # an order
    "order": ORDER,
    "fields": [("text", "text", Ours("text")), ("text", "text", Ours("time"))],
    "warnings": ["text"],
    "dashboard": Ours("/dashboard/orders/1"),
    "vendure_id": "text",
    "order_acts": [ACT],
    "differences": DIFFERENCES,
    "shipments": [
        {
            "slip": "text",
            "words": "text",
            "reason": "text",
            "trackingCode": "text",
            "firstSeenAt": "text",
        }
    ],
    "timeline": [{"at": "text", "tone": Ours("bad"), "message": TEXTS}],
    # acts
    "act": ACT,
    "question": "text",
    "form": Form(
        ACT, "text", {"name": "text", "reason": "text", "type": "text", "id": "text"}, "text"
    ),
    "typed": "text",
    "reported": [TEXTS],
    "types": ["text"],
    "longest": 500,
    "what": "text",
    "seconds": 3,
    "refresh_seconds": 2,
    "has_ended": True,
    "success": True,
    "said": [TEXTS],
    "news": [TEXTS],
    "shops": [
        {
            "name": "text",
            "why": "",
            "base": Ours("/shops/a"),
            "tone": Ours("bad"),
            "mark": Ours("✕"),
            "status": TEXTS,
            "alerts": 1,
            "waiting": 1,
            "held": 1,
            "differ": 2,
            "succeeded_at": "text",
        },
        {"name": "text", "why": "text"},
    ],
}
"""Everything that a template may be given, each text that others may choose replaceable."""


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


LABELS: dict[type, str] = {Series: "name", Mark: "says", Tile: "label"}


def filled(value: Any, text: str) -> Any:
    """The value with each text in it replaced."""
    if isinstance(value, Ours | PageAct | datetime):
        return value
    if isinstance(value, Visit):
        place = filled(value.place, text)
        return replace(value, csrf_token=text, shop=text, place=place, parameters=(("name", text),))
    if isinstance(value, Series | Mark | Tile):
        return replace(value, **{LABELS[type(value)]: text})
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
        page.TEMPLATES.get_template("problem.html").render(session=None, flash=())


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
    assert len(names) == len(PAGES) + len(PARTS)
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
    assert '<p class="flash bad" role="status">Hello</p>' in done.stdout
