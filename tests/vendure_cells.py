"""Which Vendure the tests against a real one run on, named as in ``3.0.8/mariadb/hard``.

TEST_VENDURE chooses one for all of them; benchmarks/vendure_matrix.py goes through all.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from realvendure import RealVendure
from vendure_bed import PRE_RELEASE, VERSIONS, Options

DATABASES = ("sqljs", "postgres", "mariadb")
KINDS: dict[str, dict[str, Any]] = {
    "default": {},
    "hard": {
        "list_limit": 20,
        "channel_token_key": "x-shop-channel",
        "auth_token_header": "x-shop-session",
        "money": "line",
        "precision": 3,
        "channels": 2,
        "multi_vendor": True,
    },
}
# The setting that follows an option of the server.
FOLLOWS = {
    "channel_token_key": "channel_token_header",
    "auth_token_header": "auth_token_header",
}


@dataclass(frozen=True)
class Cell:
    """A version on a database, with Vendure's own options or with hard ones."""

    version: str
    db: str
    kind: str

    def __str__(self) -> str:
        return f"{self.version}/{self.db}/{self.kind}"

    def options(self, **given: Any) -> Options:
        """Return the bed's options of this cell; ``given`` are those that a test is about."""
        return Options(**{"version": self.version, "db": self.db, **KINDS[self.kind], **given})


ALL = [Cell(version, db, kind) for version in VERSIONS for db in DATABASES for kind in KINDS]
USUAL = Cell(Options().version, "sqljs", "default")
# What the suite runs of the main journey: the oldest and the newest, where most differs.
IN_SUITE = [Cell("3.0.8", "mariadb", "hard"), Cell(PRE_RELEASE, "postgres", "default")]


def cell(name: str) -> Cell:
    """Return the cell of this name; raises LookupError where there is none."""
    for one in ALL:
        if str(one) == name:
            return one
    raise LookupError(f"no {name!r}; there are {', '.join(map(str, ALL))}")


def chosen() -> Cell | None:
    """Return the cell that the environment chooses."""
    name = os.environ.get("TEST_VENDURE")
    return cell(name) if name else None


def vendure_settings(vendure: RealVendure) -> dict[str, str]:
    """Return what a server's options call for in ``[vendure]``, as its operator would write it."""
    options = vendure.server.options if vendure.server else Options()
    named = {setting: getattr(options, option) for option, setting in FOLLOWS.items()}
    found = {setting: name for setting, name in named.items() if name}
    if options.channels:
        channels = vendure.admin("{ channels { items { code token } } }")["channels"]["items"]
        tokens = {one["code"]: one["token"] for one in channels}
        found["channel_token"] = tokens["__default_channel__"]
    return found
