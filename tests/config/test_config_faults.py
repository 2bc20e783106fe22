"""Every fault names the key, its origin, what is wrong and what would be right."""

from __future__ import annotations

import pytest
from config_kit import Desk

from veracore_sync.config import require
from veracore_sync.domain.errors import ConfigError

ORIGIN = "(file ~/given.toml)"


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("[veracor]", f'veracor {ORIGIN}: there is no such section; did you mean "veracore"?'),
        ("api_url = 'x'", f"api_url {ORIGIN}: there is no such section; it belongs in [veracore]"),
        ("zzzz = 1", f"zzzz {ORIGIN}: there is no such section; docs/configuration.md lists"),
        ("['log.level']", f'"log.level" {ORIGIN}: there is no such section'),
        ("log = 3", f"log {ORIGIN}: must be a table, [log]"),
        ("[vendure]\npasword = 'hunter2'", "vendure.pasword {}: there is no such key; did you m"),
        ("[vendure]\npassword_fil = 'x'", 'did you mean "password_file"?'),
        ("[vendure]\napi_url = 'x'", "vendure.api_url {}: there is no such key; did you mean"),
        ("[vendure]\nurl = 'x'", 'there is no such key; did you mean "admin_api_url"?'),
        ("[veracore]\nsecret_file = 'x'", 'did you mean "client_secret_file"?'),
        ("[veracore]\npath = 'x'", "there is no such key; it belongs in [ledger]"),
        ("[log]\ncarrier_x = 1", "docs/configuration.md lists them all"),
        ("[orders]\nlocations = {}", "it belongs in [inventory]"),
        ("[orders.freight.a]\ncarier = 'x'", "orders.freight.a.carier {}: there is no such key"),
        ("[orders.freight]\n'a b' = 1", 'orders.freight."a b" = 1 {}: must be a table'),
        ("[veracore]\napi = 'soap'", 'veracore.api = "soap" {}: must be "auto", "oms" or "rest"'),
        ("[veracore]\napi = 'OMS'", 'did you mean "oms"?'),
        ("[veracore]\napi = 1", 'veracore.api = 1 {}: must be "auto", "oms" or "rest"'),
        ("[veracore]\nclient_id = 12", "veracore.client_id = 12 {}: must be text in quotes"),
        ("[veracore]\nclient_secret = 12", "veracore.client_secret {}: must be text in quotes"),
        ('[vendure]\npassword = "hunter2\\n"', "vendure.password {}: holds a control character"),
        ('[veracore]\nclient_id = "a\\nb"', "holds a control character"),
        ("[veracore]\ntimeout_seconds = '60'", "must be a number, without quotes"),
        ("[veracore]\ntimeout_seconds = true", "must be a number, without quotes"),
        ("[veracore]\ntimeout_seconds = nan", "must be a finite number"),
        ("[veracore]\ntimeout_seconds = 0", "must be more than 0"),
        (
            "[veracore]\nrate_per_minute = -1",
            "veracore.rate_per_minute = -1 {}: must be at least 0",
        ),
        ("[veracore]\nrate_per_minute = 1.5", "must be a whole number"),
        ("[veracore]\ntimezone = 'Europe/Berln'", 'did you mean "Europe/Berlin"?'),
        ("[veracore]\ntimezone = '../../etc/passwd'", 'must be a time zone such as "UTC"'),
        ("[veracore]\ntimezone = 'America'", 'must be a time zone such as "UTC"'),
        ("[webhooks]\nport = 80\nprivate_port = 80", "webhooks {}: has one port for both"),
        ("[vendure]\nrehearsal = 1", "must be true or false, without quotes"),
        ("[vendure]\nadmin_api_url = 'shop.example'", "must be an address such as https://"),
        ("[vendure]\nadmin_api_url = 'ftp://shop.example'", "must be an address such as https://"),
        ("[vendure]\nadmin_api_url = 'https://'", "must be an address such as https://host/path"),
        ("[vendure]\nadmin_api_url = 'https://x:y:z'", "is not an address"),
        ("[vendure]\nadmin_api_url = 'https://[x'", "is not an address"),
        ("[vendure]\nadmin_api_url = 'https://u:hunter2@x'", "must not hold a user or password"),
        ("[vendure]\nadmin_api_url = 'https://x/?q=hunter2'", "must end with the path"),
        (
            "[vendure]\npassword = 'hunter2'\napi_key = 'hunter2'",
            "vendure {}: has both an api_key and a",
        ),
        ("[orders]\nnot_before = 2026-01-01", "is a day without a time; it must be a moment with"),
        ("[orders]\nnot_before = 2026-01-01T00:00:00", "has no offset from UTC; it must be"),
        ("[orders]\nnot_before = 00:00:00", "must be a moment with its offset, such as 2026-"),
        ("[orders]\nnot_before = 'soon'", "must be a moment with its offset"),
        ("[orders]\nnot_before = 0001-01-01T00:00:00+14:00", "must be a moment with its offset"),
        ("[orders]\ntrigger_states = []", "must name at least one"),
        ("[orders]\ntrigger_states = 'PaymentSettled'", 'must be a list, such as ["a", "b"]'),
        ("[orders]\ntrigger_states = ['paymentSettled']", 'did you mean "PaymentSettled"?'),
        ("[orders]\ntrigger_states = ['modifying']", "an order in it is not ready to ship"),
        ("[orders]\nid_prefix = 'A_B'", 'must be at most 8 of A-Z, a-z, 0-9 and "-"'),
        ("[orders]\nid_prefix = 'ABCDEFGHI'", "must be at most 8 of"),
        ("[orders]\nworkers = 0", "orders.workers = 0 {}: must be at least 1"),
        ("[orders.freight.a]", "must name exactly one of carrier, code and shipping_option"),
        ("[orders.freight.a]\ncarrier='x'\ncode='y'", "must name exactly one of carrier, code"),
        ("[orders.freight.a]\ncode='y'\nservice='z'", "a service; that goes only with a carrier"),
        ("[orders.freight.a]\ncode='y'\nthird_party_type=1", "or neither"),
        ("[orders.freight.a]\ncode='y'\nthird_party_type=8", "must be at most 7"),
        ("[orders.freight]\na.code='y'\n'a '.code='y'", "the same without spaces"),
        ("[skus.aliases]\na = '1'\nA = '2'", 'names "a" and "A", which are the same without case'),
        ("[skus.aliases]\n'' = '1'", 'skus.aliases."" {}: must not be empty'),
        ("[skus.aliases]\na = ' '", "must not be empty"),
        ("[skus]\naliases = ['a']", "skus.aliases {}: must be a table"),
        ("[skus]\nexclude = ['']", 'skus.exclude.0 = "" {}: must not be empty'),
        ("[skus.kits]\nA = { B = 0 }", "skus.kits.A.B = 0 {}: must be at least 1"),
        ("[skus.kits]\nA = { B = 1, b = 1 }", "which are the same without case"),
        ("[inventory]\nbuffer = -1", 'must be whole units from 0, or a share such as "5%"'),
        ("[inventory]\nbuffer = '101%'", "must be whole units from 0"),
        ("[inventory]\nbuffer = true", "must be whole units from 0"),
        ("[inventory.buffers]\na = 1.5", "inventory.buffers.a = 1.5 {}: must be whole units"),
        ("[inventory]\nmax_zero_percent = 101", "must be at most 100"),
        ("[inventory.locations]\nMAIN = 1", "inventory.locations.MAIN = 1 {}: must be text in q"),
        ("[tracking]\nhandler = ''", "must not be empty"),
        ("[tracking]\ntimezone = 'Mars'", "must be a time zone"),
        ("[webhooks]\nsecret = 'whsec_hunter2!'", "webhooks.secret {}: must be base64 after"),
        ("[webhooks]\nsecrets = [12345]", "webhooks.secrets.0 {}: must be text in quotes"),
        ("[webhooks]\nport = 65536", "must be at most 65535"),
        ("[ledger]\npath = ''", 'ledger.path = "" {}: must be a path in quotes'),
        ("[ledger]\npath = 3", "ledger.path = 3 {}: must be a path in quotes"),
        ("[ledger]\nurl = 'mysql://me:hunter2@db/x'", "must begin with postgresql://"),
        ("[ledger]\nschema_name = 'public'", "must be a schema of its own"),
        ("[ledger]\nschema_name = 'a\"b'", "must be a schema of its own"),
        ("[ledger]\nlease_seconds = 1", "must be at least 5"),
        ("[retry]\nbase_seconds = 9\ncap_seconds = 8", "has a cap_seconds below base_seconds"),
        ('[hooks]\ncommand = "a \'b"', "has an open quote"),
        ("[hooks]\ncommand = ['']", "begins with an empty word"),
        ('[hooks]\ncommand = ["a", "b\\u0000"]', "holds a zero byte"),
        ("[vendure]\npassword_file = 3", "vendure.password_file {}: must be a path in quotes"),
    ],
)
def test_a_fault_says_what_would_be_right(desk: Desk, toml: str, said: str) -> None:
    fault = desk.fault(toml)
    assert said.replace("{}", ORIGIN) in fault
    assert ORIGIN in fault
    assert "hunter2" not in fault


def test_all_faults_of_all_sources_are_told_at_once(desk: Desk) -> None:
    faults = desk.faults(
        "[orders]\nworkers = 0\nprices = 'x'\n[lgo]\n",
        {
            "VERACORE_SYNC_LOG__LEVEL": "loud",
            "VERACORE_SYNC_SKUS__KITS": "{",
            "VERACORE_SYNC_X__Y": "1",
            "VENDURE_PASSWORD_FILE": "gone",
        },
    )
    for key in ("orders.workers", "orders.prices", "lgo", "log.level", "skus.kits", "SYNC_X__Y"):
        assert sum(key in one for one in faults) == 1, key
    assert any(
        one.startswith("vendure.password (environment VENDURE_PASSWORD_FILE") for one in faults
    )
    assert len(faults) == 7


def test_one_fault_is_the_message_and_many_are_counted(desk: Desk) -> None:
    with pytest.raises(ConfigError, match=r"orders\.workers = 0 .*at least 1"):
        desk.load("[orders]\nworkers = 0\n")
    with pytest.raises(ConfigError, match=r"^the configuration has 2 faults$"):
        desk.load("[orders]\nworkers = 0\nprices = 'x'\n")


def test_an_address_without_the_secret_that_signs_stops_only_what_posts_to_it(desk: Desk) -> None:
    """Units get only the secrets that they use: a job that delivers nothing has none."""
    loaded = desk.load("[hooks]\nurl = 'https://x'\n")
    [fault] = desk.missing(loaded, "hooks.secret")
    assert "hooks.url (file ~/given.toml) has no secret" in fault


def test_a_long_value_is_cut(desk: Desk) -> None:
    fault = desk.fault(f"[orders]\nprices = '{'x' * 5000}'\n")
    assert len(fault) < 250


def test_what_is_missing_is_named_with_both_ways_to_set_it(desk: Desk) -> None:
    settings = desk.load().settings
    with pytest.raises(ConfigError) as caught:
        require(settings, "vendure", "veracore", "webhooks", "hooks")
    problems = caught.value.problems
    assert problems[0] == (
        "vendure.admin_api_url is missing: set admin_api_url in [vendure] of the file, "
        "or VENDURE_ADMIN_API_URL in the environment"
    )
    for key in ("vendure.username", "veracore.client_secret", "webhooks.secret", "hooks.command"):
        assert sum(one.startswith(f"{key} is missing") for one in problems) == 1
    assert len(problems) == 8


@pytest.mark.parametrize(
    ("login", "missing"),
    [
        ({}, ["vendure.username"]),
        ({"VENDURE_API_KEY": "key-1"}, []),
        ({"VENDURE_USERNAME": "u"}, ["vendure.password"]),
        ({"VENDURE_PASSWORD": "pass"}, ["vendure.username"]),
        ({"VENDURE_USERNAME": "u", "VENDURE_PASSWORD": "pass"}, []),
        ({"VENDURE_USERNAME": "u", "VENDURE_API_KEY": "key-1"}, []),
    ],
)
def test_a_login_or_a_key(desk: Desk, login: dict[str, str], missing: list[str]) -> None:
    settings = desk.load(environ={"VENDURE_ADMIN_API_URL": "http://localhost/a", **login}).settings
    if not missing:
        require(settings, "vendure")
        return
    with pytest.raises(ConfigError) as caught:
        require(settings, "vendure")
    assert [one.split()[0] for one in caught.value.problems] == missing
