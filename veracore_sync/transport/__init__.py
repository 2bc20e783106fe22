"""The HTTP client, its deadlines, retries, circuit breaker and rate budget."""

import sys
from typing import Any

_NOT_THERE: Any = None
# Where click is installed, httpx imports its own command line with it, and rich and pygments: four
# tenths of what its import takes. Nothing here is a command line of httpx.
sys.modules.setdefault("httpx._main", _NOT_THERE)
