"""Every difference made in one bed, then found, repaired and gone: what each step showed."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reconcile_kit import Bed, Dump, changes
from reconcile_makers import GIFT, MAKERS, NEAR_MISSES, SETTINGS, Maker, NearMiss, prepare

from veracore_sync.domain.differences import DifferenceType

ELSE = ("SOMETHING-ELSE", "LEAFLET", GIFT)
NO_WAIT = dict(SETTINGS)


def skus_for(keys: Iterable[str]) -> dict[str, str]:
    """A SKU of its own for each."""
    return {key: f"SKU-{count:06}" for count, key in enumerate(keys, start=1)}


@dataclass
class Step:
    """What a step showed: the run's document, and both sides after it."""

    document: Any
    dump: Mapping[str, Dump]
    written: list[tuple[str, str | None]]
    alerts: list[tuple[str, str | None, bool]]

    @property
    def standing(self) -> list[Any]:
        """The differences that nobody accepted."""
        return [one for one in self.document["differences"] if not one["isAccepted"]]

    def types_of(self, name: str) -> list[str]:
        """How what stands about an order or a SKU is named."""
        return sorted(one["type"] for one in self.standing if one["name"] == name)

    def difference(self, type: DifferenceType, name: str) -> Any:
        """That difference."""
        (found,) = (
            one
            for one in self.document["differences"]
            if (one["type"], one["name"]) == (type, name)
        )
        return found


@dataclass
class Made:
    """All makers' work, and what followed."""

    bed: Bed
    skus: dict[str, str]
    codes: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    steps: dict[str, Step] = field(default_factory=dict)

    # ---- making ---------------------------------------------------------------------------------

    def make(self, makers: Mapping[str, Maker], misses: Mapping[str, NearMiss]) -> None:
        """Make all of them; afterwards they have had the time to settle."""
        stages = {key: one.stage for key, one in (misses | makers).items()}
        wanted = {key: (stage, self.skus[key]) for key, stage in stages.items()}
        self.codes = prepare(self.bed, wanted)
        self.bed.clock.forward(minutes=1)
        for key, miss in misses.items():
            miss.strike(self.bed, self.codes.get(key, ""), self.skus[key])
        for key, maker in makers.items():
            name = maker.strike(self.bed, self.codes.get(key, ""), self.skus[key])
            self.names[key] = name or self.codes[key]
        self.bed.clock.forward(hours=2)

    def step(self, name: str, *arguments: str, codes: Iterable[int] = (0, 3)) -> Step:
        """A run of `reconcile`, remembered."""
        document = self.bed.reconcile(*arguments, codes=codes)
        made = Step(document, self.bed.dump(), self.bed.there.written(), self.bed.ledger.alerts())
        self.steps[name] = made
        return made

    def look(self, name: str) -> Step:
        """How both sides are, without a run."""
        alerts = self.bed.ledger.alerts()
        made = Step({"differences": []}, self.bed.dump(), self.bed.there.written(), alerts)
        self.steps[name] = made
        return made

    # ---- repairing ------------------------------------------------------------------------------

    def apply(self, types: Iterable[DifferenceType]) -> None:
        """``--apply`` of each type by itself."""
        for type in types:
            self.step(f"apply {type}", "--apply", type, "--max", "100")

    def type_repairs(self, keys: Iterable[str], step: Step) -> dict[str, str]:
        """Type every repair that was printed; which, by key."""
        typed = {}
        for key in keys:
            printed = step.difference(MAKERS[key].type, self.names[key])["repair"]
            if printed:
                self.bed.run(*shlex.split(printed), codes=(0, 3))
                typed[key] = printed
        return typed

    def mend(self, keys: Iterable[str]) -> None:
        """What a person does by hand, or accepts."""
        for key in keys:
            maker = MAKERS[key]
            if maker.accepted:
                self.bed.accept(maker.type, self.names[key])
            elif maker.mend is not None:
                maker.mend(self.bed, self.codes.get(key, ""), self.skus[key])
        self.bed.clock.forward(hours=2)

    # ---- what may have changed -------------------------------------------------------------------

    def places(self, keys: Iterable[str]) -> set[tuple[str, str]]:
        """Where the repair of these may leave traces: their orders and their SKUs' stock."""
        found = set()
        for key in keys:
            code, sku = self.codes.get(key) or self.names[key], self.skus[key]
            found |= {("shop", f"order {code}"), ("warehouse", f"order {code}")}
            found |= {("shop", f"stock {sku}"), ("warehouse", f"stock {sku}")}
        return found

    def changed(self, before: str, after: str) -> set[tuple[str, str]]:
        """What of both sides differs between two steps."""
        return changes(self.steps[before].dump, self.steps[after].dump)


def all_keys() -> list[str]:
    """Of makers and near-misses."""
    return [*MAKERS, *NEAR_MISSES]
