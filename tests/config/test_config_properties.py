"""Whatever is written: settings or a `ConfigError` in plain words, and never a secret in it."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from veracore_sync.config import FreightSettings, Loaded, load, rows
from veracore_sync.config.environment import names_of
from veracore_sync.config.given import Findings, Given, keys
from veracore_sync.config.load import _checked
from veracore_sync.config.secrets import secret_keys
from veracore_sync.domain.errors import ConfigError

JARGON = ("pydantic", "Input should", "validation error", "type=", "tuple", "dict", "NoneType")
NAMES = st.sampled_from(sorted({*FreightSettings.model_fields, "std", "MAIN", "", " ", "a b", "ß"}))
SCALARS = st.one_of(
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.datetimes(timezones=st.none() | st.timezones()),
    st.dates(),
    st.times(),
    st.sampled_from(
        ["UPS", "5%", "~/x", "/", "https://x/v1", "whsec_AAAA", "PaymentSettled", "UTC"]
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(NAMES | st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
LAYERS = st.dictionaries(
    st.sampled_from(sorted(keys())) | st.sampled_from(["log.unknown", "orders.freight.x"]),
    VALUES,
    max_size=6,
)


@given(LAYERS)
@settings(max_examples=150)
def test_any_value_of_any_key_is_settings_or_plain_words(layer: dict[str, Any]) -> None:
    given_values = {key: Given(value, "file x") for key, value in layer.items()}
    findings = Findings()
    try:
        checked = _checked(given_values, {"HOME": "/h"}, findings)
    except ConfigError as error:
        assert error.problems
        for sentence in error.problems:
            assert "(file x): " in sentence
            assert not any(word in sentence.split("): ", 1)[1] for word in JARGON), sentence
    else:
        origins = dict.fromkeys(keys(), "file x")
        assert len(rows(Loaded(checked, origins, None, ()))) >= len(keys())


@given(
    st.dictionaries(
        st.sampled_from([name for key in keys() for name in names_of(key)]),
        st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
        | st.sampled_from(
            ['{"a": {"b": 1}}', "[1, null]", "[]", "{}", "-1", "nan", "9" * 5000, "~x"]
        ),
        max_size=5,
    )
)
@settings(max_examples=150)
def test_any_environment_is_settings_or_plain_words(environ: dict[str, str]) -> None:
    nowhere = Path("/nowhere")
    try:
        loaded = load(None, environ, cwd=nowhere)
    except ConfigError as error:
        assert all("environment" in one for one in error.problems)
    else:
        assert rows(loaded)


@given(
    st.dictionaries(
        st.sampled_from(secret_keys()),
        st.text(string.printable, max_size=5).map(lambda text: f"hunter2{text}"),
    ),
    LAYERS,
)
@settings(max_examples=100)
def test_no_fault_tells_a_secret(secrets: dict[str, str], layer: dict[str, Any]) -> None:
    merged = {key: Given(value, "file x") for key, value in {**layer, **secrets}.items()}
    try:
        checked = _checked(merged, {"HOME": "/h"}, Findings())
    except ConfigError as error:
        assert "hunter2" not in repr(error.problems) + str(error)
    else:
        assert "hunter2" not in repr(checked)
