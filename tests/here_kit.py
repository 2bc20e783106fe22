"""The command in this process, in an empty home, with nothing configured."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import chdir
from dataclasses import dataclass, field
from pathlib import Path

from rig import Ended, _as_it_was
from typer.testing import CliRunner

from veracore_sync.cli.app import app


@dataclass
class Newcomer:
    """Somebody in an empty folder of an empty home."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> Mapping[str, str]:
        return {"HOME": str(self.folder), "PATH": os.environ["PATH"], **self.env}

    def run(self, *arguments: str, typed: str | None = None) -> Ended:
        """Run a command to its end; `typed` are the lines of whoever sits at the terminal."""
        wanted = dict(self.environment)
        with _as_it_was(), chdir(self.folder):
            os.environ.clear()
            os.environ.update(wanted)
            done = CliRunner().invoke(app, arguments, prog_name="veracore-sync", input=typed)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Ended(done.exit_code, done.stdout, done.stderr)
