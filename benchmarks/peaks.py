"""The most memory of a command, whatever starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

# A process counts the memory of the one that started it as its own peak, so a small one starts it.
_STARTER = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[2:])
with open(sys.argv[1], "w") as out:
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=out)
sys.exit(code)
"""


def peak_mb(
    command: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    *,
    silent: bool = True,
    ends: Sequence[int] = (0,),
) -> float:
    """Run *command* in *folder*; its peak resident memory in MB (millions of bytes).

    Ends this process with what the command wrote where it did not end with one of *ends*.
    """
    with TemporaryDirectory() as place:
        kept = Path(place, "kept")
        out = subprocess.PIPE if silent else None
        done = subprocess.run(
            [sys.executable, "-S", "-c", _STARTER, str(kept), *command],
            env=os.environ | environment,
            cwd=folder,
            stdout=out,
            stderr=subprocess.STDOUT if silent else None,
            check=False,
            text=True,
        )
        if done.returncode not in ends:
            sys.exit(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout or ''}")
        return int(kept.read_text()) * 1024 / 1e6
