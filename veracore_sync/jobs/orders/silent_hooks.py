"""Whether an order hook that gives no answer fails for one order, or for all.

One order that a hook hangs on is parked by name, and the others go. A hook that hangs on every
order must park none: nothing is wrong with them, and each costs its time limit. Which it is shows
in other orders only, and a shop with few orders meets one a run, so the count outlives the run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from veracore_sync.domain.errors import HooksUnusable
from veracore_sync.domain.failures import IN_A_ROW
from veracore_sync.ports.meta_store import MetaStore
from veracore_sync.ports.order_hooks import HookFailed, HookRefused, HookSilent

_KEY = "order_hooks.silent"
Ask = Callable[[], object]
"""Asks a hook about one order."""


@dataclass(slots=True)
class SilentHooks:
    """What hooks gave no answer about, in a row.

    Args:
        meta: Where it is remembered.
        identity: The name and the version of each hook: another version begins anew.
        remembers: Whether to write; a dry run does not.
    """

    meta: MetaStore
    identity: Sequence[str]
    remembers: bool
    suspects: set[str] = field(default_factory=set, init=False)
    """The orders of this run that a hook gave no answer about, and nothing shows whose fault."""
    _codes: dict[str, list[str]] = field(init=False)
    _proofs: dict[str, Ask] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        stored = json.loads(self.meta.get(_KEY) or "{}")
        known = stored.get("identity") == list(self.identity)
        self._codes = stored["codes"] if known else {}

    @property
    def codes(self) -> set[str]:
        """The orders that no answer came about; what else is due shows more, so it comes first."""
        return {code for codes in self._codes.values() for code in codes}

    def answered(self, name: str, ask: Ask) -> None:
        """A hook has answered about an order, about which `ask` asks it again."""
        self._proofs[name] = ask
        if self._codes.get(name):
            self._keep(name, [])

    def silent(self, name: str, code: str, why: str) -> None:
        """A hook gave no answer about an order.

        Raises:
            HooksUnusable: For as many orders in a row, and not for one that it answered about
                before: no order is at fault.
        """
        self.suspects.add(code)
        codes = self._codes.get(name, [])
        if code not in codes:
            self._keep(name, [*codes, code])
        if len(self._codes[name]) < IN_A_ROW:
            return
        if name in self._proofs and self._answers(self._proofs[name]):
            self._keep(name, [])
            return
        raise HooksUnusable(
            f"the order hook {name} {why}, for {IN_A_ROW} orders in a row: no more orders are sent",
            hint="correct the hook, or take it out of orders.hooks; "
            "`veracore-sync doctor` shows its package",
        )

    def _answers(self, ask: Ask) -> bool:
        try:
            ask()
        except HookSilent:
            return False
        except (HookFailed, HookRefused):
            pass
        return True

    def _keep(self, name: str, codes: list[str]) -> None:
        self._codes[name] = codes
        if self.remembers:
            text = json.dumps({"identity": list(self.identity), "codes": self._codes})
            self.meta.put(_KEY, text)
