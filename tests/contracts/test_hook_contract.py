"""The contract of the port `Hook`: a command, an address, and the fake."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hook_beds import BEDS, HookBed

from veracore_sync.ports.hooks import NotTaken


@pytest.fixture(params=BEDS)
def bed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[HookBed]:
    with BEDS[request.param](tmp_path) as made:
        yield made


def event(number: int) -> tuple[str, bytes]:
    data = {"vendureOrderCode": "Ä&漢", "filler": "x" * 100_000}
    document = {"id": f"evt_{number}", "type": "order.synced", "data": data}
    return f"evt_{number}", json.dumps(document, ensure_ascii=False).encode()


def test_an_event_arrives_once_and_byte_for_byte(bed: HookBed) -> None:
    first, second = event(1), event(2)
    bed.hook.deliver(*first)
    bed.hook.deliver(*second)
    assert bed.taken() == [first[1], second[1]]


def test_a_refusal_says_nothing_of_the_next_event(bed: HookBed) -> None:
    bed.refuse(refuses=True)
    with pytest.raises(NotTaken) as refused:
        bed.hook.deliver(*event(1))
    assert not refused.value.unreachable
    assert len(refused.value.message.splitlines()) == 1
    bed.refuse(refuses=False)
    bed.hook.deliver(*event(1))
    assert bed.taken() == [event(1)[1]]


def test_one_that_is_away_says_so(bed: HookBed) -> None:
    bed.go_away()
    with pytest.raises(NotTaken) as away:
        bed.hook.deliver(*event(1))
    assert away.value.unreachable
    assert len(away.value.message.splitlines()) == 1
    assert bed.taken() == []


def test_it_can_be_closed_again(bed: HookBed) -> None:
    bed.hook.deliver(*event(1))
    bed.hook.close()
    bed.hook.close()
