"""`rows`: every key with its origin, and no secret."""

from __future__ import annotations

import pytest
from config_kit import Desk

from veracore_sync.config import Buffer, rows
from veracore_sync.config.given import keys

ALL_SECRETS = {
    "VENDURE_PASSWORD": "hunter2",
    "VERACORE_CLIENT_SECRET": "hunter2",
    "VERACORE_WEBHOOK_SECRET": "hunter2" * 4,
    "VERACORE_SYNC_WEBHOOKS__SECRETS": f"{'hunter2' * 4},{'hunter2' * 5}",
    "VERACORE_SYNC_HOOKS__SECRET": "hunter2" * 4,
    "VERACORE_SYNC_VENDURE__CHANNEL_TOKEN": "hunter2",
}


def shown(desk: Desk, toml: str | None = None, **environ: str) -> dict[str, tuple[str, str]]:
    return {row.key: (row.value, row.origin) for row in rows(desk.load(toml, environ))}


def test_every_key_has_a_row(desk: Desk) -> None:
    assert list(shown(desk)) == list(keys())


def test_no_secret_is_shown(desk: Desk) -> None:
    loaded = desk.load(environ=ALL_SECRETS)
    masked = [row.key for row in rows(loaded) if row.value == "********"]
    assert len(masked) == len(ALL_SECRETS)
    assert "hunter2" not in repr(rows(loaded))
    key = rows(desk.load(environ={"VENDURE_API_KEY": "hunter2"}))[4]
    assert key == ("vendure.api_key", "********", "environment VENDURE_API_KEY")


def test_no_secret_is_in_the_settings_text(desk: Desk) -> None:
    environ = ALL_SECRETS | {"VERACORE_SYNC_VENDURE__CHANNEL_TOKEN": ""}
    settings = desk.load(environ=environ).settings
    assert "hunter2" not in repr(settings) + str(settings) + settings.model_dump_json()


def test_a_secret_that_is_unset_says_so(desk: Desk) -> None:
    assert shown(desk)["vendure.password"] == ("(not set)", "default")


@pytest.mark.parametrize(
    ("api", "url", "said"),
    [
        ("", "", "auto → oms (api_url is not set)"),
        ("", "https://api.x/v1", "auto → rest (the path of api_url ends in a version)"),
        ("", "https://api.x/api/V2.1/", "auto → rest (the path of api_url ends in a version)"),
        ("", "https://api.x", "auto → oms (the path of api_url does not end in a version)"),
        ("", "https://v1", "auto → oms (the path of api_url does not end in a version)"),
        ("", "https://x/v1/a", "auto → oms (the path of api_url does not end in a version)"),
        ("", "https://x/dev1", "auto → oms (the path of api_url does not end in a version)"),
        ("oms", "https://x/v1", "oms → oms (set by veracore.api)"),
        ("rest", "https://x", "rest → rest (set by veracore.api)"),
    ],
)
def test_the_dialect_and_why(desk: Desk, api: str, url: str, said: str) -> None:
    values = shown(desk, VERACORE_SYNC_VERACORE__API=api, VERACORE_API_URL=url)
    assert values["veracore.api"][0] == said


def test_tables_have_a_row_for_each_entry(desk: Desk) -> None:
    values = shown(
        desk,
        '[orders.freight."by air"]\ncarrier = "UPS"\nservice = "Air"\n'
        '[skus.kits]\n"A.1" = { B = 2 }\n[inventory.buffers]\nx = "5%"\n',
    )
    origin = f"file {desk.file}"
    assert values['orders.freight."by air".carrier'] == ("UPS", origin)
    assert values['skus.kits."A.1".B'] == ("2", origin)
    assert values["inventory.buffers.x"] == ("5%", origin)
    assert "orders.freight" not in values


def test_what_is_unset_says_what_applies(desk: Desk) -> None:
    values = shown(desk, '[veracore]\ntimezone = "Asia/Tokyo"\n[retry]\nbase_seconds = 0.25\n')
    assert values["tracking.timezone"][0] == "Asia/Tokyo (as veracore.timezone)"
    assert values["orders.not_before"][0] == "(when the ledger was created)"
    assert values["retry.base_seconds"][0] == "0.25"
    assert values["retry.cap_seconds"][0] == "3600"
    assert values["vendure.rehearsal"][0] == "false"
    set_ = shown(desk, "[orders]\nnot_before = 2026-01-31T00:00:00Z\n")
    assert set_["orders.not_before"][0] == "2026-01-31T00:00:00+00:00"


def test_the_zone_of_the_tracking_days(desk: Desk) -> None:
    both = desk.load('[veracore]\ntimezone = "Asia/Tokyo"\n[tracking]\ntimezone = "UTC"\n')
    assert both.settings.tracking_zone.key == "UTC"
    one = desk.load('[veracore]\ntimezone = "Asia/Tokyo"\n')
    assert one.settings.tracking_zone == one.settings.veracore.zone


@pytest.mark.parametrize(
    ("buffer", "available", "held_back"),
    [
        (Buffer(3), 100, 3),
        (Buffer(percent=5), 100, 5),
        (Buffer(percent=5), 101, 6),
        (Buffer(), 9, 0),
    ],
)
def test_what_a_buffer_holds_back(buffer: Buffer, available: int, held_back: int) -> None:
    assert buffer.held_back(available) == held_back


def test_a_buffer_of_its_own_for_a_sku(desk: Desk) -> None:
    inventory = desk.load('[inventory]\nbuffer = 2\nbuffers = { Mug = "10%" }\n').settings.inventory
    assert inventory.buffers == {"Mug": Buffer(percent=10)}
    assert inventory.buffer == Buffer(units=2)
