"""Where values come from: files, environment, secret files, credentials; and which one wins."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from config_kit import Desk

from veracore_sync.config import Flag, load
from veracore_sync.domain.errors import ConfigError


def put(path: Path, text: str, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def test_nothing_at_all_gives_the_defaults(desk: Desk) -> None:
    loaded = desk.load()
    assert loaded.path is None
    assert loaded.warnings == ()
    assert set(loaded.origins.values()) == {"default"}
    assert loaded.settings.orders.trigger_states == ("PaymentSettled",)
    assert loaded.settings.ledger.path == desk.folder / ".local/state/veracore-sync/ledger.db"


def test_the_brief_names_alone_configure_the_warehouse(desk: Desk) -> None:
    loaded = desk.load(
        environ={
            "VERACORE_API_URL": "https://api.veracore.com/v1/",
            "VERACORE_CLIENT_ID": "id",
            "VERACORE_CLIENT_SECRET": "hush",
            "VERACORE_COMPANY_ID": "acme",
            "VERACORE_WEBHOOK_SECRET": "hook" * 6,
        }
    )
    veracore = loaded.settings.veracore
    assert veracore.api_url == "https://api.veracore.com/v1"
    assert (veracore.client_id, veracore.company_id) == ("id", "acme")
    assert veracore.client_secret.get_secret_value() == "hush"
    assert [one.get_secret_value() for one in loaded.settings.webhooks.live_secrets] == ["hook" * 6]
    assert loaded.origins["veracore.api_url"] == "environment VERACORE_API_URL"


def test_flag_over_environment_over_file_over_default(desk: Desk) -> None:
    put(desk.file, "[webhooks]\nport = 1\nhost = 'a'\ntolerance_seconds = 9\n")
    loaded = load(
        desk.file,
        {"VERACORE_SYNC_WEBHOOKS__PORT": "2", "VERACORE_SYNC_WEBHOOKS__HOST": "b"},
        cwd=desk.folder,
        flags={"webhooks.port": Flag("--port", 3)},
    )
    webhooks = loaded.settings.webhooks
    assert (webhooks.port, webhooks.host, webhooks.tolerance_seconds) == (3, "b", 9)
    assert loaded.origins["webhooks.port"] == "flag --port"
    assert loaded.origins["webhooks.host"] == "environment VERACORE_SYNC_WEBHOOKS__HOST"
    assert loaded.origins["webhooks.tolerance_seconds"] == f"file {desk.file}"
    assert loaded.origins["webhooks.body_signature"] == "default"


def test_a_wrong_flag_is_a_fault_that_names_the_flag(desk: Desk) -> None:
    with pytest.raises(ConfigError) as caught:
        load(None, {}, cwd=desk.folder, flags={"webhooks.port": Flag("--port", 70_000)})
    assert caught.value.problems == ("webhooks.port = 70000 (flag --port): must be at most 65535",)


def test_the_long_name_wins_over_the_short_one(desk: Desk) -> None:
    loaded = desk.load(
        environ={"VERACORE_CLIENT_ID": "short", "VERACORE_SYNC_VERACORE__CLIENT_ID": "long"}
    )
    assert loaded.settings.veracore.client_id == "long"
    assert loaded.origins["veracore.client_id"] == "environment VERACORE_SYNC_VERACORE__CLIENT_ID"


def test_an_empty_variable_counts_as_unset(desk: Desk) -> None:
    loaded = desk.load(
        '[veracore]\nclient_id = "kept"\n',
        {"VERACORE_CLIENT_ID": "", "VERACORE_SYNC_NONSENSE": " ", "VERACORE_SYNC_CONFIG": ""},
    )
    assert loaded.settings.veracore.client_id == "kept"


def test_every_kind_of_value_from_the_environment(desk: Desk) -> None:
    settings = desk.load(
        environ={
            "VERACORE_SYNC_VENDURE__REHEARSAL": "Yes",
            "VERACORE_SYNC_VERACORE__TIMEOUT_SECONDS": "2.5",
            "VERACORE_SYNC_ORDERS__WORKERS": "7",
            "VERACORE_SYNC_ORDERS__NOT_BEFORE": "2026-01-31T01:00:00+01:00",
            "VERACORE_SYNC_ORDERS__TRIGGER_STATES": "PaymentSettled, PaymentAuthorized",
            "VERACORE_SYNC_ORDERS__SKIP_SHIPPING_METHODS": '["pick,up"]',
            "VERACORE_SYNC_ORDERS__FREIGHT": '{"s": {"carrier": "UPS", "third_party_type": null}}',
            "VERACORE_SYNC_INVENTORY__BUFFER": "5%",
            "VERACORE_SYNC_INVENTORY__LOCATIONS": '{"B": "2", "A": "1"}',
            "VERACORE_SYNC_WEBHOOKS__SECRETS": f"{'one' * 8},{'two' * 8}",
            "VERACORE_SYNC_HOOKS__COMMAND": "notify --to 'the team', now",
        }
    ).settings
    assert settings.vendure.rehearsal is True
    assert settings.veracore.timeout_seconds == 2.5
    assert settings.orders.workers == 7
    assert str(settings.orders.not_before) == "2026-01-31 00:00:00+00:00"
    assert settings.orders.trigger_states == ("PaymentSettled", "PaymentAuthorized")
    assert settings.orders.skip_shipping_methods == ("pick,up",)
    assert settings.orders.freight["s"].carrier == "UPS"
    assert settings.inventory.buffer.held_back(21) == 2
    assert list(settings.inventory.locations.items()) == [("B", "2"), ("A", "1")]
    assert len(settings.webhooks.live_secrets) == 2
    assert settings.hooks.command == ("notify", "--to", "the team,", "now")


def test_a_table_from_the_environment_replaces_the_one_in_the_file(desk: Desk) -> None:
    loaded = desk.load('[skus.aliases]\na = "1"\n', {"VERACORE_SYNC_SKUS__ALIASES": '{"b": "2"}'})
    assert loaded.settings.skus.aliases == {"b": "2"}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("ORDERS__WORKRS", "1", 'did you mean "VERACORE_SYNC_ORDERS__WORKERS"?'),
        ("SKUS__ALIASES__A", "1", "a table is JSON in VERACORE_SYNC_SKUS__ALIASES as a whole"),
        ("ORDERS__WORKERS", "many", "must be a whole number"),
        ("VENDURE__REHEARSAL", "maybe", "must be true or false"),
        ("SKUS__ALIASES", "[1]", "must be a JSON object"),
        ("SKUS__ALIASES", "{", "must be a JSON object"),
        ("SKUS__ALIASES", '{"a": "1", "a": "2"}', 'names "a" twice'),
        ("SKUS__ALIASES", "[" * 100_000, "must be a JSON object"),
        ("SKUS__EXCLUDE", "[1", "must be a JSON list"),
    ],
)
def test_a_wrong_variable_is_named(desk: Desk, name: str, value: str, said: str) -> None:
    fault = desk.fault(environ={f"VERACORE_SYNC_{name}": value})
    assert f"environment VERACORE_SYNC_{name}" in fault
    assert said in fault


def test_variables_of_the_tests_are_let_be(desk: Desk) -> None:
    desk.load(environ={"VERACORE_SYNC_TEST_FAILPOINT": "x:kill"})


# ---- which file


def test_the_search_goes_from_near_to_far(desk: Desk) -> None:
    own = desk.folder / ".config/veracore-sync/config.toml"
    system = desk.folder / "etc/config.toml"
    for place in (system, own):
        put(place, "")
        assert desk.load().path == place
    put(desk.folder / "xdg/veracore-sync/config.toml", "")
    xdg = desk.load(environ={"XDG_CONFIG_HOME": str(desk.folder / "xdg")})
    assert xdg.path == desk.folder / "xdg/veracore-sync/config.toml"
    named = put(desk.folder / "named.toml", "")
    assert desk.load(environ={"VERACORE_SYNC_CONFIG": "named.toml"}).path == named
    assert desk.load("", {"VERACORE_SYNC_CONFIG": "named.toml"}).path == desk.file


def test_a_named_file_must_exist(desk: Desk) -> None:
    fault = desk.fault(environ={"VERACORE_SYNC_CONFIG": "~/gone.toml"})
    assert fault.startswith("~/gone.toml (environment VERACORE_SYNC_CONFIG): there is no such")
    with pytest.raises(ConfigError, match="flag --config"):
        load(desk.folder / "gone.toml", {}, cwd=desk.folder)


def test_a_file_that_is_no_toml_is_named_with_the_line(desk: Desk) -> None:
    fault = desk.fault("[vendure]\npassword = hunter2\n")
    assert "file ~/given.toml: is not valid TOML" in fault
    assert "line 2" in fault
    assert "hunter2" not in fault


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"\xff\xfe", "is not UTF-8"),
        (b"a = " + b"[" * 50_000, "is not valid TOML"),
        (b"a = " + b"9" * 50_000, "is not valid TOML"),
    ],
)
def test_a_file_of_anything_else_is_a_fault(desk: Desk, raw: bytes, said: str) -> None:
    desk.file.write_bytes(raw)
    with pytest.raises(ConfigError, match=said):
        load(desk.file, {}, cwd=desk.folder)


def test_a_folder_is_no_file(desk: Desk) -> None:
    with pytest.raises(ConfigError, match="is a folder, not a file; name a file"):
        load(desk.folder, {}, cwd=desk.folder)


def test_a_byte_order_mark_does_no_harm(desk: Desk) -> None:
    assert desk.load("\ufeff[log]\nlevel = 'debug'\n").settings.log.level == "debug"


def test_a_place_that_cannot_be_looked_into_is_passed_over_with_a_warning(desk: Desk) -> None:
    put(desk.folder / "etc/config.toml", "")
    loaded = desk.load(environ={"XDG_CONFIG_HOME": "/" + "x" * 5000})
    assert loaded.path == desk.folder / "etc/config.toml"
    (warning,) = loaded.warnings
    assert "is ignored" in warning


# ---- secrets


def test_a_secret_from_a_file_named_in_the_file(desk: Desk) -> None:
    put(desk.folder / "shop.secret", "hush\r\n")
    loaded = desk.load('[vendure]\npassword_file = "shop.secret"\n')
    assert loaded.settings.vendure.password.get_secret_value() == "hush"
    assert loaded.origins["vendure.password"].endswith("shop.secret")
    assert loaded.warnings == ()


@pytest.mark.parametrize("name", ["VENDURE_PASSWORD_FILE", "VERACORE_SYNC_VENDURE__PASSWORD_FILE"])
def test_a_secret_from_a_file_named_in_the_environment(desk: Desk, name: str) -> None:
    put(desk.folder / "secret", " two words \n")
    loaded = desk.load('[vendure]\npassword = "old"\n', {name: "~/secret"})
    assert loaded.settings.vendure.password.get_secret_value() == " two words "
    assert loaded.origins["vendure.password"].startswith(f"environment {name}")


def test_several_secrets_from_one_file(desk: Desk) -> None:
    put(desk.folder / "secrets", f"{'one' * 8}\n{'two' * 8}\n")
    loaded = desk.load('[webhooks]\nsecrets_file = "secrets"\n')
    assert [s.get_secret_value() for s in loaded.settings.webhooks.secrets] == [
        "one" * 8,
        "two" * 8,
    ]


def test_a_byte_order_mark_is_no_part_of_a_secret(desk: Desk) -> None:
    first, second, token = (
        f"{name}-0123456789abcdefghijklmnopqrstu" for name in ("one", "two", "read")
    )
    (desk.folder / "secrets").write_bytes(f"\ufeff{first}\r\n{second}\r\n".encode())
    (desk.folder / "token").write_bytes(f"\ufeff{token}".encode())
    loaded = desk.load('[webhooks]\nsecrets_file = "secrets"\n[admin]\nread_token_file = "token"\n')
    assert [s.get_secret_value() for s in loaded.settings.webhooks.secrets] == [first, second]
    assert loaded.settings.admin.read_token.get_secret_value() == token


def test_only_the_secret_file_that_is_used_is_opened(desk: Desk) -> None:
    loaded = desk.load(
        '[vendure]\npassword_file = "/nowhere/at/all"\n', {"VENDURE_PASSWORD": "given"}
    )
    assert loaded.settings.vendure.password.get_secret_value() == "given"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read"),
        (b"\n", "is empty"),
        (b"\xef\xbb\xbf\n", "is empty"),
        (b"\xff", "is not UTF-8"),
        ("hush".encode("utf-16"), "is not UTF-8"),
        (b"x" * 70_000, "is larger than 64 kB"),
    ],
)
def test_a_secret_file_that_cannot_serve(desk: Desk, content: bytes | None, said: str) -> None:
    path = desk.folder / "secret"
    if content is not None:
        path.write_bytes(content)
    loaded = desk.load(environ={"VERACORE_CLIENT_SECRET_FILE": "secret"})
    [fault] = desk.missing(loaded, "veracore.client_secret")
    assert fault.startswith("veracore.client_secret (environment VERACORE_CLIENT_SECRET_FILE")
    assert f"~/secret {said}" in fault


def test_a_secret_and_its_file_in_one_place_are_a_fault(desk: Desk) -> None:
    put(desk.folder / "secret", "hunter2")
    both = {"VENDURE_PASSWORD": "hunter2", "VENDURE_PASSWORD_FILE": "secret"}
    assert "keep one of the two" in desk.fault(environ=both)
    fault = desk.fault('[vendure]\npassword = "hunter2"\npassword_file = "secret"\n')
    assert "keep one of the two" in fault
    assert "hunter2" not in fault


@pytest.mark.parametrize(("mode", "count"), [(0o600, 0), (0o400, 0), (0o640, 0), (0o604, 1)])
def test_a_secret_file_open_to_others_is_warned_of(desk: Desk, mode: int, count: int) -> None:
    put(desk.folder / "secret", "hush", mode)
    warnings = desk.load(environ={"VENDURE_API_KEY_FILE": "secret"}).warnings
    assert len(warnings) == count
    assert all("vendure.api_key" in one and "hush" not in one for one in warnings)


def test_a_config_file_with_a_secret_open_to_anybody_is_warned_of(desk: Desk) -> None:
    put(desk.file, f'[hooks]\nsecret = "{"hush" * 6}"\n', 0o644)
    (warning,) = load(desk.file, {}, cwd=desk.folder).warnings
    assert "hooks.secret" in warning
    assert "hush" not in warning
    desk.file.chmod(0o640)
    assert load(desk.file, {}, cwd=desk.folder).warnings == ()
    put(desk.file, '[hooks]\nsecret = ""\n', 0o644)
    assert load(desk.file, {}, cwd=desk.folder).warnings == ()


def test_credentials_serve_where_nothing_else_does(desk: Desk) -> None:
    folder = desk.folder / "credentials"
    for name in ("vendure_password", "veracore_client_secret", "webhook_secret", "hooks_secret"):
        put(folder / name, f"{name}!" * 3 + "\n", 0o440)
    loaded = desk.load(
        f'[webhooks]\nsecret = "{"file" * 6}"\n[hooks]\nsecret = ""\n',
        {"CREDENTIALS_DIRECTORY": str(folder), "VERACORE_CLIENT_SECRET": "environment"},
    )
    settings = loaded.settings
    assert settings.vendure.password.get_secret_value() == "vendure_password!" * 3
    assert settings.veracore.client_secret.get_secret_value() == "environment"
    assert settings.webhooks.secret.get_secret_value() == "file" * 6
    assert settings.hooks.secret.get_secret_value() == "hooks_secret!" * 3
    assert loaded.origins["vendure.password"] == "credential vendure_password"
    assert loaded.warnings == ()


def test_an_empty_credential_counts_as_none(desk: Desk) -> None:
    """A unit is given one in place of each that is not on the machine (SetCredential=)."""
    put(desk.folder / "vendure_api_key", "\n")
    loaded = desk.load(environ={"CREDENTIALS_DIRECTORY": str(desk.folder)})
    assert (loaded.origins["vendure.api_key"], loaded.warnings) == ("default", ())


# ---- the ledger's place


@pytest.mark.parametrize(
    ("environ", "path"),
    [
        ({"STATE_DIRECTORY": "/var/lib/a:/var/lib/b"}, "/var/lib/a/ledger.db"),
        ({"XDG_STATE_HOME": "/state"}, "/state/veracore-sync/ledger.db"),
        ({"XDG_STATE_HOME": "relative"}, "~/.local/state/veracore-sync/ledger.db"),
        ({"HOME": ""}, "/var/lib/veracore-sync/ledger.db"),
        ({"VERACORE_SYNC_LEDGER__PATH": "~/l.db"}, "~/l.db"),
        ({"VERACORE_SYNC_LEDGER__PATH": "l.db"}, "~/l.db"),
    ],
)
def test_where_the_ledger_lies(desk: Desk, environ: dict[str, str], path: str) -> None:
    found = desk.load(environ=environ).settings.ledger.path
    assert str(found).replace(str(desk.folder), "~") == path


def test_a_relative_ledger_begins_at_the_file_that_names_it(desk: Desk, tmp_path: Path) -> None:
    file = put(tmp_path / "deep/config.toml", '[ledger]\npath = "l.db"\n')
    for cwd in (tmp_path, Path(os.sep)):
        assert load(file, {}, cwd=cwd).settings.ledger.path == tmp_path / "deep/l.db"
