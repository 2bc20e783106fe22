"""The environment of programs that this one starts: an allow-list, so that no secret goes along.

What holds a secret has no end of names (``VERACORE_SYNC_…``, ``PGPASSWORD``, a proxy's address with
its password), so the rule names what is passed, not what is held back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

PASSED = (
    "HOME",
    "LANG",
    "LANGUAGE",
    "LOGNAME",
    "PATH",
    "SHELL",
    "TERM",
    "TMPDIR",
    "TZ",
    "USER",
)
"""Where programs, files and the user's language are found; ``LC_*`` besides."""


def for_child(environ: Mapping[str, str], also: Collection[str] = ()) -> dict[str, str]:
    """What a program that is started gets of this environment.

    Args:
        environ: The environment of this process.
        also: Further names.
    """
    return {
        name: value
        for name, value in environ.items()
        if name in PASSED or name in also or name.startswith("LC_")
    }
