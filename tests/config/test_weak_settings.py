"""What a network or a guess would give away: http:// to other machines, and short secrets."""

from __future__ import annotations

import base64

import pytest
from config_kit import Desk
from pydantic import SecretStr

from veracore_sync.config import Flag, check
from veracore_sync.config.address_types import CALLED
from veracore_sync.config.environment import names_of
from veracore_sync.config.given import bare, is_secret, keys
from veracore_sync.domain.errors import ConfigError

ADDRESSES = sorted(key for key, info in keys().items() if CALLED in info.metadata)
SIGNING = ("hooks.secret", "webhooks.secret", "webhooks.secrets")
LOGINS = ("ledger.password", "vendure.api_key", "vendure.password", "veracore.client_secret")
# An address that holds a secret, and what has a rule of its own.
PROXIES = ("hooks.proxy", "vendure.proxy", "veracore.proxy")
OTHERS = ("admin.act_token", "admin.read_token", "hooks.notify", "hooks.ping_url", *PROXIES)

OTHER_MACHINES = (
    "http://shop.example/a",
    "HTTP://shop.example/a",
    " http://10.0.0.7:3000/a ",
    "http://[fd00::1]/a",
    "http://vendure:3000/a",
    "http://localhost.example/a",
    "http://127.0.0.1.example/a",
    "http://0.0.0.0/a",
)
SAFE = (
    "https://shop.example/a",
    "http://localhost:3000/a",
    "http://127.0.0.1:3000/a",
    "http://127.8.9.1/a",
    "http://[::1]/a",
    "http://[::ffff:127.0.0.1]/a",
    "",
)


def given(key: str, url: str) -> dict[str, str]:
    more = {"VERACORE_SYNC_HOOKS__SECRET": "x" * 24} if key == "hooks.url" else {}
    return {names_of(key)[0]: url, **more}


def test_every_setting_that_is_an_address_has_its_switch() -> None:
    assert ADDRESSES == ["hooks.url", "vendure.admin_api_url", "veracore.api_url"]
    named = {key for key in keys() if key.endswith("url")}
    # Nothing is sent to the dashboard: it is a link for a person's browser.
    shown = {"admin.dashboard_url"}
    assert named - set(ADDRESSES) - shown == {"ledger.url", "hooks.ping_url"}
    for key in ADDRESSES:
        assert f"{key.partition('.')[0]}.allow_http" in keys()


@pytest.mark.parametrize("key", ADDRESSES)
@pytest.mark.parametrize("url", OTHER_MACHINES)
def test_http_to_another_machine_is_refused_until_a_setting_allows_it(
    desk: Desk, key: str, url: str
) -> None:
    switch = f"{key.partition('.')[0]}.allow_http"
    (variable,) = names_of(switch)
    fault = desk.fault(environ=given(key, url))
    assert fault.startswith(f"{key} (environment {names_of(key)[0]}): begins with http://")
    assert f"set {switch} = true" in fault
    assert variable in fault
    assert url.strip() not in fault
    desk.load(environ=given(key, url) | {variable: "true"})
    assert desk.faults(environ=given(key, url) | {variable: "false"})


@pytest.mark.parametrize("key", ADDRESSES)
@pytest.mark.parametrize("url", SAFE)
def test_https_and_this_machine_need_no_switch(desk: Desk, key: str, url: str) -> None:
    desk.load(environ=given(key, url))


def test_a_switch_opens_its_own_section_alone(desk: Desk) -> None:
    toml = "[vendure]\nadmin_api_url = 'http://a.b/c'\nallow_http = true\n"
    desk.load(toml)
    assert "veracore.allow_http" in desk.fault(f"{toml}[veracore]\napi_url = 'http://a.b'\n")


def test_it_is_told_beside_all_other_faults(desk: Desk) -> None:
    found = desk.faults("[vendure]\nadmin_api_url = 'http://a.b/c'\n[orders]\nworkers = 0\n")
    assert len(found) == 2


def test_a_single_setting_is_checked_alike() -> None:
    with pytest.raises(ConfigError, match=r"vendure\.allow_http"):
        check({"vendure.admin_api_url": Flag("--vendure-url", "http://a.b/c")})


def test_every_secret_is_of_a_kind_that_has_a_least_length() -> None:
    secret = {key for key, info in keys().items() if is_secret(info)}
    assert secret == {*SIGNING, *LOGINS, *OTHERS}


@pytest.mark.parametrize("key", SIGNING)
@pytest.mark.parametrize(
    "weak",
    ["x", "x" * 23, "whsec_", "whsec_QQ==", f"whsec_{base64.b64encode(bytes(23)).decode()}"],
)
def test_a_signing_secret_that_can_be_guessed_is_refused(desk: Desk, key: str, weak: str) -> None:
    fault = desk.fault(environ={names_of(key)[0]: weak})
    assert fault.startswith(key)
    assert "is shorter than 24 bytes" in fault
    assert 'make one with `echo "whsec_$(head -c 32 /dev/urandom | base64)"`' in fault
    assert weak not in fault.partition(")")[2] or len(weak) < 8


@pytest.mark.parametrize("key", SIGNING)
@pytest.mark.parametrize(
    "strong", ["x" * 24, "ä" * 12, f"whsec_{base64.b64encode(bytes(24)).decode()}", ""]
)
def test_a_signing_secret_of_enough_bytes_is_taken(desk: Desk, key: str, strong: str) -> None:
    desk.load(environ={names_of(key)[0]: strong})


@pytest.mark.parametrize("key", LOGINS)
def test_a_login_of_a_few_characters_is_refused(desk: Desk, key: str) -> None:
    fault = desk.fault(environ={names_of(key)[0]: "abc"})
    assert fault.startswith(key)
    assert "is shorter than 4 characters" in fault
    assert "abc" not in fault
    loaded = desk.load(environ={names_of(key)[0]: "abcd"})
    section, name = key.split(".")
    value = getattr(getattr(loaded.settings, section), name)
    assert isinstance(value, bare(SecretStr))
    assert value.get_secret_value() == "abcd"


@pytest.mark.parametrize(
    "name",
    [
        "A B",
        "A=B",
        "",
        "1A",
        "VERACORE_SYNC_HOOKS__SECRET",
        "VENDURE_PASSWORD",
        "PGPASSWORD",
        "CREDENTIALS_DIRECTORY",
    ],
)
def test_a_variable_that_no_hook_may_have_is_refused(desk: Desk, name: str) -> None:
    assert desk.fault(f'[hooks]\npass_environment = ["{name}"]\n').startswith(
        "hooks.pass_environment.0"
    )
