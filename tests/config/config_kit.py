"""Shared by the configuration tests: load from texts, and the faults of a load that fails."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import pytest

from veracore_sync.config import Loaded, Need, load, require
from veracore_sync.domain.errors import ConfigError


class Desk:
    """An empty working directory with a home, in which configurations are tried."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "given.toml"

    def load(self, toml: str | None = None, environ: Mapping[str, str] | None = None) -> Loaded:
        """Load this TOML text (None: no file) with this environment."""
        if toml is not None:
            self.file.write_text(toml, encoding="utf-8")
            self.file.chmod(0o600)
        path = self.file if toml is not None else None
        return load(path, {"HOME": str(self.folder), **(environ or {})}, cwd=self.folder)

    def faults(
        self, toml: str | None = None, environ: Mapping[str, str] | None = None
    ) -> list[str]:
        """The problems of a load that must fail."""
        with pytest.raises(ConfigError) as caught:
            self.load(toml, environ)
        assert caught.value.exit_code == 78
        return list(caught.value.problems)

    def fault(self, toml: str | None = None, environ: Mapping[str, str] | None = None) -> str:
        """The one problem of a load that must fail."""
        problems = self.faults(toml, environ)
        assert len(problems) == 1, problems
        return problems[0].replace(str(self.folder), "~")

    def missing(self, loaded: Loaded, key: str) -> list[str]:
        """What a command that uses this secret is refused with; no other command is."""
        section = key.split(".")[0]
        with pytest.raises(ConfigError) as caught:
            require(loaded.settings, cast(Need, section), unusable=loaded.unusable)
        assert (caught.value.exit_code, list(loaded.unusable)) == (78, [key])
        return [one.replace(str(self.folder), "~") for one in caught.value.problems if key in one]
