"""Random lives of cancellations: shop, person, permission, outages and kills.

After each run that went through, of every order that is to be cancelled and that VeraCore may still
ship, either VeraCore is asked soon, or an alert says so (until a person accepts what it says).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bench import Bench
from fakes import FakeWarehouse, make_order, make_settings

from veracore_sync.clock import from_text
from veracore_sync.domain.errors import Occurrence, SyncError
from veracore_sync.domain.states import CANCELLING, OrderState
from veracore_sync.jobs.cancel import run as cancel_run
from veracore_sync.jobs.cancel.command import CancelOrders
from veracore_sync.jobs.resolve import Resolver
from veracore_sync.ledger import open_ledger
from veracore_sync.ports.warehouse import (
    CancelNotPermitted,
    CancelNotSent,
    CancelOutcome,
    CancelSent,
)

GAPS = ("cancellation intended", "cancellation answered", "cancellation recorded")
WARNINGS = ("by hand, or it", "it will ship", "it ships", "and may ship", "too late")
ACTS = ["run"] * 22 + ["wait"] * 16 + ["shop"] * 10 + ["person"] * 8 + ["permission"] * 6
ACTS += ["place"] * 6 + ["answer"] * 6 + ["accept"] * 5 + ["mode"] * 4 + ["outage"] * 4
ACTS += ["again"] * 3


class Died(BaseException):
    """The process is gone; only what was committed is left."""


@dataclass
class MoodyWarehouse(FakeWarehouse):
    """Cancels as it likes: `word` is ``yes``, ``nothing``, ``not connected`` or ``429``."""

    is_permitted: bool = True
    word: str = "yes"

    def cancel(self, order_id: str) -> CancelOutcome:
        if self.down or self.word in ("not connected", "429"):
            return CancelNotSent(Occurrence.NOT_CONNECTED, "not now")
        if not self.is_permitted:
            return CancelNotPermitted("Missing permission 'CancelOrder'")
        if self.word == "yes":
            record = self.held[order_id.casefold()]
            self.held[order_id.casefold()] = replace(record, status="cancelled")
        return CancelSent(self.word)


class Lives:
    """One shop, one VeraCore, one ledger on disk, and what a person was told and did."""

    def __init__(self, path: Path, seed: int, patch: pytest.MonkeyPatch) -> None:
        self.random = random.Random(seed)
        self.there = MoodyWarehouse()
        self.bench = Bench(path, warehouse=self.there)
        self.codes: list[str] = []
        self.wanted: set[str] = set()
        self.accepted: dict[str, list[str]] = {}
        self.gap, self.commits = "", 0
        patch.setattr(cancel_run, "pass_failpoint", self.passes)
        self.count_commits()
        self.act_mode()

    def passes(self, gap: str) -> None:
        if gap == self.gap:
            raise Died

    def count_commits(self) -> None:
        database: Any = self.bench.ledger.database
        real = database.transaction

        @contextmanager
        def transaction() -> Iterator[Any]:
            is_outermost = not database._nested
            with real() as connection:
                yield connection
            self.commits -= is_outermost
            if is_outermost and self.commits == 0:
                raise Died

        database.transaction = transaction

    def attempt(self, work: Any, *, is_mortal: bool = False) -> bool:
        """Whether it came to its end; a run may be killed in a gap, or after some commit."""
        if is_mortal and self.random.random() < 0.25:
            self.gap, self.commits = self.random.choice(GAPS), self.random.randrange(1, 14)
        try:
            work()
        except Died:
            self.bench.ledger.close()
            self.bench.ledger = open_ledger(self.bench.path, clock=self.bench.clock)
            self.count_commits()
            return False
        except SyncError:
            return False
        finally:
            self.gap, self.commits = "", 0
        return True

    def act_run(self) -> None:
        run = self.bench._run({})
        is_whole = self.attempt(run.run, is_mortal=True) and not self.there.down
        for told in run.report.needs_person:
            assert "VeraCore is asked to cancel it" not in told
        self.judge(is_whole=is_whole)

    def act_place(self) -> None:
        code, now = f"A{len(self.codes)}", self.bench.clock.now()
        self.codes.append(code)
        self.bench.shop.add(make_order(code, placed_at=now, updated_at=now, paid_at=now))
        self.there.script.append(self.random.choice(["", "", "lost after", "refused"]))

    def act_shop(self) -> None:
        self.cancel_in_shop(self.random.choice(self.codes))

    def cancel_in_shop(self, code: str) -> None:
        if self.bench.shop.by_code[code].state != "Cancelled":
            self.accepted.pop(code, None)
            self.bench.shop.change(code, state="Cancelled", updated_at=self.bench.clock.now())

    def act_person(self, *codes: str) -> None:
        known = [code for code in self.codes if self.bench.ledger.orders.get(code)]
        chosen = codes or self.random.sample(known, min(len(known), 2))
        get = self.bench.ledger.cancellations.get
        before = {code: get(code) for code in chosen}
        command = CancelOrders(self.bench.context())
        self.attempt(lambda: command.execute(chosen), is_mortal=not codes)
        for code in chosen:
            wish = self.bench.ledger.cancellations.get(code)
            if wish is not None and wish != before[code]:
                self.wanted.add(code)
                self.accepted.pop(code, None)

    def act_accept(self) -> None:
        alerts = [(one.code, one.message) for one in self.bench.ledger.alerts.standing()]
        code = self.random.choice(alerts)[0] if alerts else None
        if code and self.attempt(lambda: Resolver(self.bench.context()).accept(code, "so be it")):
            self.accepted[code] = [message for of, message in alerts if of == code]

    def act_again(self) -> None:
        """A person looks at an order once more, and wants it sent under a new id."""
        code, resolver = self.random.choice(self.codes), Resolver(self.bench.context())
        self.attempt(lambda: resolver.adopt(code, None))
        if self.attempt(lambda: resolver.new_id(code)):
            self.wanted.discard(code)

    def act_mode(self) -> None:
        mode = self.random.choice(["off", "ask", "auto", "auto"])
        self.bench.settings = make_settings(orders={"cancel": mode})

    def act_permission(self) -> None:
        self.there.is_permitted = not self.there.is_permitted

    def act_answer(self) -> None:
        self.there.word = self.random.choice(["yes", "yes", "nothing", "not connected", "429"])

    def act_outage(self) -> None:
        self.there.down = self.random.random() < 0.5

    def act_wait(self) -> None:
        self.bench.clock.forward(seconds=self.random.choice([60, 200, 200, 600, 3700, 90_000]))

    def live(self, times: int) -> None:
        self.act_place()
        for _ in range(times):
            self.bench.clock.forward(seconds=1)
            getattr(self, f"act_{self.random.choice(ACTS)}")()

    def judge(self, *, is_whole: bool) -> None:
        alerts = self.bench.ledger.alerts.standing()
        for code in self.codes:
            row = self.bench.ledger.orders.get(code)
            wish = self.bench.ledger.cancellations.get(code)
            if row is None:
                continue
            live = [
                one.id
                for one in self.there.held.values()
                if one.reference == code and one.status != "cancelled"
            ]
            assert not (row.state == OrderState.CANCELLED and live), (code, live)
            is_wanted = row.shop_cancelled_at is not None or code in self.wanted
            if not is_whole or row.state != OrderState.SYNCED or not is_wanted or not live:
                continue
            said = [one.message for one in alerts if one.code == code]
            if any(word in one for one in said + self.accepted.get(code, []) for word in WARNINGS):
                continue
            assert wish is not None and wish.state in CANCELLING, (code, wish, said)
            soon = self.bench.clock.now() + timedelta(minutes=61)
            assert not wish.next_attempt_at or from_text(wish.next_attempt_at) <= soon, code

    def end_well(self) -> None:
        """Everything works from now on; a person asks for what was refused."""
        self.there.is_permitted, self.there.word, self.there.down = True, "yes", False
        self.there.script.clear()
        self.bench.settings = make_settings(orders={"cancel": "auto"})
        for again in (True, False):
            for hours in (1, 1, 30, 1, 1, 1, 1, 1):
                self.bench.clock.forward(hours=hours)
                self.judge(is_whole=self.attempt(self.bench.run))
            for code in self.codes if again else ():
                wish = self.bench.ledger.cancellations.get(code)
                if wish is not None and wish.state == "refused":
                    self.act_person(code)
                if wish is not None:
                    self.cancel_in_shop(code)
        for code in set(self.codes) - self.accepted.keys():
            if self.bench.shop.by_code[code].state == "Cancelled":
                row = self.bench.ledger.orders.get(code)
                assert row is None or row.state in ("cancelled", "skipped"), (code, row)
        kinds = ("order.cancelled_in_shop", "order.not_cancelled", "order.cancelled")
        assert [one for one in self.bench.ledger.alerts.standing() if one.kind in kinds] == []


@pytest.mark.parametrize("seed", [4, 10, 15, 20, 33, 38])
def test_what_is_to_be_cancelled_is_asked_for_or_told(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    lives = Lives(tmp_path / "ledger.db", seed, monkeypatch)
    try:
        lives.live(90)
        lives.end_well()
    finally:
        lives.bench.ledger.close()
