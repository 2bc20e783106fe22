"""Write the files that make shells complete veracore-sync's commands, options and values.

    python supply/completions.py [DIR]

DIR is ``completions/`` unless it is given. Packages put them where the shells look:
``/usr/share/bash-completion/completions/veracore-sync``,
``/usr/share/zsh/vendor-completions/_veracore-sync`` and
``/usr/share/fish/vendor_completions.d/veracore-sync.fish``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from typer.completion import get_completion_script

from veracore_sync.cli.help_page import PROGRAM

_FILES = {"bash": PROGRAM, "zsh": f"_{PROGRAM}", "fish": f"{PROGRAM}.fish"}
_VARIABLE = "_VERACORE_SYNC_COMPLETE"
_FUNCTION = "_veracore_sync_completion"
_DEFINED = f"compdef {_FUNCTION} {PROGRAM}"
_LOADED = f"""\
if [[ "$funcstack[1]" = "_{PROGRAM}" ]]; then
  {_FUNCTION} "$@"
else
  {_DEFINED}
fi"""
"""zsh reads the file when the first completion is wanted: that one must be answered, too."""


def main() -> None:
    """Write every file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    standing = Path(__file__).parents[1] / "completions"
    parser.add_argument("dir", type=Path, nargs="?", default=standing, metavar="DIR")
    folder: Path = parser.parse_args().dir
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files().items():
        (folder / name).write_text(text, encoding="utf-8")


def files() -> dict[str, str]:
    """Each file by its name."""
    found = {}
    for shell, name in _FILES.items():
        text = get_completion_script(prog_name=PROGRAM, complete_var=_VARIABLE, shell=shell)
        found[name] = f"{text.replace(_DEFINED, _LOADED)}\n"
    return found


if __name__ == "__main__":
    main()
