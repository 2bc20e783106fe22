"""The example file and docs/configuration.md say what the schema says."""

from __future__ import annotations

import json
import re
import runpy
import tomllib
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from config_kit import Desk
from pydantic import SecretStr

from veracore_sync.cli.init_config import init_config
from veracore_sync.config import CarrierSettings, FreightSettings
from veracore_sync.config.environment import names_of
from veracore_sync.config.example import example, has_tables, toml
from veracore_sync.config.given import is_secret, keys, sections
from veracore_sync.config.secrets import CREDENTIALS, secret_keys

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "config.example.toml").read_text(encoding="utf-8")
DOCUMENT = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
SETTING = re.compile(r"# ([a-z_]+ = .*|\[.*\])")


@pytest.fixture(scope="module")
def writer() -> dict[str, Any]:
    """What docs/write_configuration.py defines."""
    return runpy.run_path(str(ROOT / "docs" / "write_configuration.py"))


def uncommented() -> str:
    """The example with every setting in force."""
    return "\n".join(SETTING.sub(r"\1", line) for line in EXAMPLE.splitlines())


def in_section(text: str, heading: str) -> str:
    """What follows the heading, up to the next one of a section."""
    return re.split(r"(?m)^(?:## )?\[[a-z]+\]$", text.split(heading, 1)[1])[0]


def default_in_document(key: str) -> str:
    info = keys()[key]
    value = info.get_default(call_default_factory=True)
    if key == "ledger.path":
        return "see below"
    if is_secret(info) or value in ("", None):
        return "unset"
    if value == {}:
        return "empty"
    if isinstance(value, float):
        return f"`{value:g}`"
    return f"`{value}`" if key == "inventory.buffer" else f"`{json.dumps(value)}`"


def test_both_are_what_the_writer_writes(writer: dict[str, Any]) -> None:
    again = "run: python docs/write_configuration.py"
    assert example() == EXAMPLE, again
    assert writer["document"](DOCUMENT) == DOCUMENT, again


def test_what_was_changed_by_hand_is_written_again(writer: dict[str, Any]) -> None:
    """Rows that are lost, wrong or left over; the text around the tables stays."""
    rows = re.findall(r"(?m)^\| `[a-z_]+` \| .* `VERACORE_SYNC_\w+` \|\n", DOCUMENT)
    assert len(rows) == len(keys())
    for row in rows[::9]:
        for changed in (
            "",
            row.replace("unset", "set"),
            row + "| `left` | text | over | now. | |\n",
        ):
            assert writer["document"](DOCUMENT.replace(row, changed)) == DOCUMENT


def test_a_document_without_a_table_of_the_schema_is_refused(writer: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        writer["document"](DOCUMENT.replace("## [retry]", "## [retries]"))


@pytest.mark.parametrize(
    "value",
    [
        "plain",
        'quote " and \\ backslash',
        "tab\t line\n del\x7f nul\x00 bell\x07",
        "Ünïcode ✓ \U0001f600",
        True,
        7,
        0.5,
        ["a", "b"],
        {"a.b": {"c d": "x", "": 1}},
    ],
)
def test_what_it_writes_toml_reads(value: Any) -> None:
    assert tomllib.loads(f"key = {toml(value)}")["key"] == value


def test_a_secret_is_never_written() -> None:
    assert toml(SecretStr("hush")) == '""'


def test_the_options_of_init_say_what_the_schema_says() -> None:
    for key, option in (
        ("vendure.admin_api_url", "vendure_url"),
        ("veracore.api_url", "veracore_url"),
        ("veracore.client_id", "veracore_client_id"),
        ("veracore.company_id", "company_id"),
    ):
        annotation = get_type_hints(init_config, include_extras=True)[option]
        assert annotation.__metadata__[0].help == keys()[key].description


def test_the_example_as_it_stands_is_the_defaults(desk: Desk) -> None:
    assert desk.load(EXAMPLE).settings == desk.load().settings


def test_the_example_with_every_setting_in_force_is_valid(desk: Desk) -> None:
    loaded = desk.load(uncommented())
    given = {key for key, origin in loaded.origins.items() if origin != "default"}
    empty_secrets = {
        "ledger.password",
        "vendure.api_key",
        "webhooks.secret",
        "webhooks.secrets",
        "hooks.secret",
        "hooks.notify",
        "admin.read_token",
        "admin.act_token",
        "vendure.proxy",
        "veracore.proxy",
        "hooks.proxy",
    }
    assert set(keys()) - given == empty_secrets
    assert len(loaded.settings.orders.freight) == 3


@pytest.mark.parametrize("section", sections())
def test_the_example_names_every_key_with_its_default(desk: Desk, section: str) -> None:
    block = in_section(EXAMPLE, f"\n[{section}]\n")
    defaults, shown = desk.load().settings, desk.load(uncommented()).settings
    for key in sections()[section].model_fields:
        if has_tables(sections()[section].model_fields[key]):
            assert f"# [{section}.{key}." in block
            continue
        line = re.search(rf"(?m)^((?:# .*\n)+)# {key} = ", block)
        assert line, key
        if "example" not in line[1] and "needed" not in line[1] and "password" not in key:
            table = getattr(shown, section), getattr(defaults, section)
            assert getattr(table[0], key) == getattr(table[1], key), key


def test_the_example_names_every_key_of_its_tables() -> None:
    for key in (*FreightSettings.model_fields, *CarrierSettings.model_fields):
        assert re.search(rf"(?m)^# {key} = ", EXAMPLE), key


@pytest.mark.parametrize("key", keys())
def test_the_document_has_a_row_for_the_key(key: str) -> None:
    section, name = key.split(".")
    row = re.search(rf"(?m)^\| `{name}` \|.*", in_section(DOCUMENT, f"\n## [{section}]\n"))
    rows = [
        one for one in re.findall(rf"(?m)^\| `{name}` \|.*", DOCUMENT) if names_of(key)[-1] in one
    ]
    assert row and len(rows) == 1
    cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", rows[0])]
    assert cells[3] == default_in_document(key)
    assert cells[4] == keys()[key].description
    assert cells[5] == ", ".join(f"`{variable}`" for variable in names_of(key))


def test_the_document_names_freight_and_credentials() -> None:
    for key, info in (FreightSettings.model_fields | CarrierSettings.model_fields).items():
        assert re.search(rf"(?m)^\| `{key}` \|.*{re.escape(str(info.description))}", DOCUMENT), key
    for key, name in CREDENTIALS.items():
        assert f"| `{name}` | `{key}` |" in DOCUMENT


def test_no_secret_has_a_plain_default() -> None:
    assert secret_keys() == [
        "vendure.password",
        "vendure.api_key",
        "vendure.proxy",
        "veracore.client_secret",
        "veracore.proxy",
        "webhooks.secret",
        "webhooks.secrets",
        "admin.read_token",
        "admin.act_token",
        "ledger.password",
        "hooks.secret",
        "hooks.notify",
        "hooks.ping_url",
        "hooks.proxy",
    ]
