"""The example file and docs/configuration.md say what the schema says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from config_kit import Desk

from veracore_sync.config import FreightSettings
from veracore_sync.config.environment import names_of
from veracore_sync.config.given import is_secret, keys, sections
from veracore_sync.config.secrets import CREDENTIALS, secret_keys

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "config.example.toml").read_text(encoding="utf-8")
DOCUMENT = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
SETTING = re.compile(r"# ([a-z_]+ = .*|\[.*\])")


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
    if key == "orders.not_before":
        return "ledger's creation"
    if is_secret(info) or value == "":
        return "unset"
    if value == {}:
        return "empty"
    if isinstance(value, float):
        return f"`{value:g}`"
    return f"`{value}`" if key == "inventory.buffer" else f"`{json.dumps(value)}`"


def test_the_example_as_it_stands_is_the_defaults(desk: Desk) -> None:
    assert desk.load(EXAMPLE).settings == desk.load().settings


def test_the_example_with_every_setting_in_force_is_valid(desk: Desk) -> None:
    loaded = desk.load(uncommented())
    given = {key for key, origin in loaded.origins.items() if origin != "default"}
    empty_secrets = {
        "vendure.api_key",
        "webhooks.secret",
        "webhooks.secrets",
        "hooks.secret",
        "hooks.notify",
        "admin.read_token",
        "admin.act_token",
    }
    assert set(keys()) - given == empty_secrets
    assert len(loaded.settings.orders.freight) == 3


@pytest.mark.parametrize("section", sections())
def test_the_example_names_every_key_with_its_default(desk: Desk, section: str) -> None:
    block = in_section(EXAMPLE, f"\n[{section}]\n")
    defaults, shown = desk.load().settings, desk.load(uncommented()).settings
    for key in sections()[section].model_fields:
        if key == "freight":
            continue
        line = re.search(rf"(?m)^((?:# .*\n)+)# {key} = ", block)
        assert line, key
        if "example" not in line[1] and "needed" not in line[1] and "password" not in key:
            table = getattr(shown, section), getattr(defaults, section)
            assert getattr(table[0], key) == getattr(table[1], key), key


def test_the_example_names_every_key_of_freight() -> None:
    for key in FreightSettings.model_fields:
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
    for key, info in FreightSettings.model_fields.items():
        assert re.search(rf"(?m)^\| `{key}` \|.*{re.escape(str(info.description))}", DOCUMENT), key
    for key, name in CREDENTIALS.items():
        assert f"| `{name}` | `{key}` |" in DOCUMENT


def test_no_secret_has_a_plain_default() -> None:
    assert secret_keys() == [
        "vendure.password",
        "vendure.api_key",
        "veracore.client_secret",
        "webhooks.secret",
        "webhooks.secrets",
        "admin.read_token",
        "admin.act_token",
        "hooks.secret",
        "hooks.notify",
    ]
