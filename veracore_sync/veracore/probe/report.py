"""What a probe has found so far; one piece that fails never stops the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from veracore_sync.domain.errors import RunOver, SyncError
from veracore_sync.domain.tenant import FORMAT
from veracore_sync.veracore.probe.wire import NotShown
from veracore_sync.veracore.probe.words import Cleaner

_CREATES = "it shows only when an order is created"
_CANCELS = "it shows only when an order is cancelled"
# What cannot be seen without changing something, by the simulator's switch for it.
NEVER_SHOWN = {
    "require_city": _CREATES,
    "sources": _CREATES,
    "carriers": _CREATES,
    "services": _CREATES,
    "freight_codes": _CREATES,
    "shipping_options": _CREATES,
    "variables": _CREATES,
    "reserve": _CREATES,
    "backorder_slips": "it shows only while an order waits for stock",
    "cancel": _CANCELS,
    "cancel_text": _CANCELS,
    "token_seconds": "this dialect has no such token",
}
# What reading may show; every one of them is either in `behaviour` or in `notShown`.
MAY_SHOW = (
    "denied",
    "denied_text",
    "fault_text",
    "longest_id",
    "reference",
    "soap",
    "timezone",
    "unknown_order",
    "unknown_text",
    "voided_charges",
    "window_end",
)


@dataclass(slots=True)
class ProbeFindings:
    """The document as it grows.

    Args:
        cleaner: Blanks what must not be shown.
        behaviour: Switches of the simulator, as this tenant would have them.
        not_shown: Why something is not known, by a switch or by a piece of the document.
        pieces: The rest of the document.
    """

    cleaner: Cleaner
    behaviour: dict[str, Any] = field(default_factory=dict)
    not_shown: dict[str, str] = field(default_factory=lambda: dict(NEVER_SHOWN))
    pieces: dict[str, Any] = field(default_factory=dict)

    def try_to(self, piece: str, find: Callable[[], object]) -> None:
        """Find a piece; a failure is named as the reason why it is not known."""
        try:
            find()
        except RunOver:
            raise
        except NotShown as error:
            self.miss(piece, str(error))
        except SyncError as error:
            # Of a request that got no answer: the words are our own.
            self.miss(piece, error.message)
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            # Whatever a tenant answers, the other pieces are worth having. The error's own text may
            # have a value of the answer.
            self.miss(piece, f"its answer was not understood ({type(error).__name__})")

    def miss(self, piece: str, why: str) -> None:
        """Say why something is not known."""
        self.not_shown[piece] = self.cleaner.words(why)

    def show(self, switch: str, value: Any) -> None:
        """Say how the tenant behaves."""
        self.behaviour[switch] = value
        self.not_shown.pop(switch, None)

    def document(self, face: str) -> dict[str, Any]:
        """The whole document."""
        for switch in MAY_SHOW:
            if switch not in self.behaviour:
                self.not_shown.setdefault(switch, "nothing was answered that shows it")
        return {
            "format": FORMAT,
            "face": face,
            "behaviour": dict(sorted(self.behaviour.items())),
            "notShown": dict(sorted(self.not_shown.items())),
            **self.pieces,
        }
