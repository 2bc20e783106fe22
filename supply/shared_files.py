"""Writes what belongs into ``/usr/share``: completions for shells, and man pages.

python supply/shared_files.py DIR
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from typer._completion_shared import get_completion_script

PROGRAM = "veracore-sync"
_MAN = Path(__file__).with_name("man.py")
_COMPLETIONS = {
    "bash": f"bash-completion/completions/{PROGRAM}",
    "zsh": f"zsh/site-functions/_{PROGRAM}",
    "fish": f"fish/vendor_completions.d/{PROGRAM}.fish",
}


def main() -> None:
    """Write them."""
    folder = Path(sys.argv[1])
    variable = f"_{PROGRAM.upper().replace('-', '_')}_COMPLETE"
    for shell, name in _COMPLETIONS.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        script = get_completion_script(prog_name=PROGRAM, complete_var=variable, shell=shell)
        path.write_text(script.strip() + "\n", "utf-8")
    if _MAN.exists():
        pages = folder / "man" / "man1"
        pages.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, str(_MAN), str(pages)], check=True)


if __name__ == "__main__":
    main()
