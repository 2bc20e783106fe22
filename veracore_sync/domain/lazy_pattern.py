"""Regular expressions that are compiled when they are first used.

The large ones take milliseconds, and most commands that import their modules never use them.
"""

from __future__ import annotations

import re
from typing import Any, cast


def lazy_pattern(text: str, flags: re.RegexFlag = re.NOFLAG) -> re.Pattern[str]:
    """As `re.compile`, but a wrong expression is found at its first use."""
    return cast("re.Pattern[str]", _Uncompiled(text, flags))


class _Uncompiled:
    def __init__(self, text: str, flags: re.RegexFlag) -> None:
        self._given = text, flags

    def __getattr__(self, name: str) -> Any:
        # Only for a method's first use: afterwards it is an attribute, as quick as the pattern's.
        if name.startswith("_"):
            raise AttributeError(name)
        found = getattr(re.compile(*self._given), name)
        setattr(self, name, found)
        return found
