"""Puts this checkout's program and the tests' kits within reach: imported before what it finds."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_KITS = ("", "fire", "whole", "tracking", "real", "webhooks", "reconcile")

sys.path[:0] = [str(ROOT), *(str(ROOT / "tests" / folder) for folder in _KITS)]
