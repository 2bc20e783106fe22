"""A setting is changed in place: nothing else of the file moves."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from veracore_sync.config.edit import NotEditable, edited
from veracore_sync.config.example import example
from veracore_sync.config.lines import lines_of, with_lines

MINE = """\
# mine
[vendure]
username = "old"   # whose login
password_file = 'pw'
# admin_api_url = "https://shop.example.com/admin-api"

[orders.freight."a b"]
code = "username = 1"
[skus]
exclude = [
  "X", # username = "no"
  "[vendure]",
]
"""


@pytest.mark.parametrize(
    ("changes", "was", "now"),
    [
        ({"vendure.username": "new"}, '"old"   # whose', '"new"   # whose'),
        ({"vendure.password_file": "/x/y"}, "'pw'", '"/x/y"'),
        (
            {"vendure.admin_api_url": "https://b"},
            '# admin_api_url = "https://shop.example.com/admin-api"',
            'admin_api_url = "https://b"',
        ),
        ({"vendure.allow_http": True}, "[vendure]\nuser", "[vendure]\nallow_http = true\nuser"),
        ({"vendure.password_file": None}, "password_file = 'pw'\n", ""),
        ({"vendure.username": "# a \"b' \\"}, '"old"', '"# a \\"b\' \\\\"'),
    ],
)
def test_only_that_line_changes(changes: dict[str, object], was: str, now: str) -> None:
    assert edited(MINE, changes) == MINE.replace(was, now)


def test_a_section_that_is_not_there_is_added_below() -> None:
    new = edited(MINE, {"veracore.api_url": "https://v"})
    assert new == f'{MINE}\n[veracore]\napi_url = "https://v"\n'
    assert edited("", {"log.level": "debug"}) == '[log]\nlevel = "debug"\n'
    assert edited("vendure.username = 'a'", {"vendure.username": "b"}) == 'vendure.username = "b"\n'
    windows = "[vendure]\r\nusername = 'a'\r\n"
    assert edited(windows, {"vendure.username": "b"}) == windows.replace("'a'", '"b"')


@pytest.mark.parametrize(
    "text",
    [
        'vendure = { username = "a" }\n',
        '[vendure]\nusername = """\na"""\n',
        "vendure = 3\n",
    ],
)
def test_what_cannot_be_changed_safely_is_refused(text: str) -> None:
    with pytest.raises(NotEditable, match=r"vendure\.username"):
        edited(text, {"vendure.username": "b"})


@settings(max_examples=50)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_any_text_is_read_back(value: str) -> None:
    text = edited(example(), {"veracore.company_id": value})
    assert tomllib.loads(text)["veracore"]["company_id"] == value


def test_each_setting_has_its_line() -> None:
    lines = lines_of(MINE)
    texts = MINE.splitlines()
    for place, number in lines.items():
        assert place[-1] in texts[number - 1], place
    assert ("skus", "username") not in lines
    assert lines["orders", "freight", "a b", "code"] == 8
    assert lines_of("a = [\n" + "1,\n" * 9999 + "]\nb = 1\n") == {("a",): 1}, "bounded"


def test_a_fault_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(MINE)
    said = with_lines(
        [
            f'vendure.username = "old" (file {path}): is wrong',
            f"vendure (file {path}): has both",
            f'orders.freight."a b".carier (file {path}): there is no such key',
            f"vendure.password (file {path}, /pw): /pw is empty",
            f"nope (file {path}): there is no such section",
            "log.level (environment X): is wrong",
            f"file {path}: is not valid TOML",
        ]
    )
    assert [one.partition(", line ")[2][:3] for one in said] == [
        "3):", "2):", "7):", "4, ", "", "", "",
    ]  # fmt: skip
