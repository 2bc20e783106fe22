"""What hatchling puts into the sdist and the wheel besides the code.

Into the wheel's ``share/``, which pip installs below the environment's folder: units, documents,
schemas, the example configuration, the locks; and, into both, man pages and completions. These are
made from the program's own help, for which its dependencies must be there. An sdist holds them, so
a wheel that is made from it needs nothing; one that is made from a checkout in an environment
without the dependencies (``pipx install .``) goes without.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_MADE = "share"
_DOCUMENTS = "share/doc/veracore-sync"
_DATA = "share/veracore-sync"
_BY_HAND = (
    ("docs/**/*", _DOCUMENTS),
    ("*.md", _DOCUMENTS),
    ("config.example.toml", _DOCUMENTS),
    ("systemd/*", f"{_DATA}/systemd"),
    ("contrib/**/*", f"{_DATA}/contrib"),
    ("requirements-*.lock", _DATA),
)


class CustomBuildHook(BuildHookInterface[Any]):
    """Adds ``share/`` to either."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make the files, unless an sdist brought them."""
        root = Path(self.root)
        if version == "editable":
            return
        if self.target_name == "wheel":
            build_data["shared_data"].update(shared_by_hand(root))
        made = root / _MADE
        if not made.is_dir():
            made = self._make(root)
        elif self.target_name == "sdist":
            return
        key = "force_include" if self.target_name == "sdist" else "shared_data"
        for path in sorted(one for one in made.rglob("*") if one.is_file()):
            build_data[key][str(path)] = f"{_MADE}/{path.relative_to(made).as_posix()}"

    def _make(self, root: Path) -> Path:
        self._folder = tempfile.TemporaryDirectory(prefix="veracore-sync-")
        made = Path(self._folder.name)
        path = os.pathsep.join(filter(None, (str(root), os.environ.get("PYTHONPATH"))))
        done = subprocess.run(
            [sys.executable, str(root / "supply" / "shared_files.py"), str(made)],
            env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            if self.target_name == "sdist":
                raise RuntimeError(f"no man pages and completions: {done.stderr}")
            self.app.display_warning("without man pages: the program's dependencies are not here")
        return made

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove them again."""
        folder = getattr(self, "_folder", None)
        if folder is not None:
            folder.cleanup()


def shared_by_hand(root: Path) -> Iterator[tuple[str, str]]:
    """Each file that is in the repository already, with its place below the environment."""
    for pattern, target in _BY_HAND:
        top = root / pattern.partition("/")[0] if "/" in pattern else root
        for path in sorted(root.glob(pattern)):
            if path.is_file() and path.suffix not in (".py", ".pyc"):
                yield str(path), f"{target}/{path.relative_to(top).as_posix()}"
