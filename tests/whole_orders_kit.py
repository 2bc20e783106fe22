"""What must hold of the whole orders that any Vendure lists."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import chain

from veracore_sync.domain.whole_orders import WholeOrder
from veracore_sync.ports.shop import Shop, Unlisted

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def placed(shop: Shop, since: datetime = LONG_AGO) -> dict[str, WholeOrder]:
    """The orders that were placed since then; each once, and all of them readable."""
    found: dict[str, WholeOrder] = {}
    for one in chain.from_iterable(shop.audit.placed(since)):
        assert not isinstance(one, Unlisted), one
        assert one.code not in found
        assert one.content.placed_at
        found[one.code] = one
    return found


def check_whole_orders(shop: Shop, there: Sequence[str], not_placed: Sequence[str] = ()) -> None:
    """Orders are listed, named and left out as the port says, and hold what other reads show."""
    whole = placed(shop)
    assert set(there) <= set(whole)
    assert not set(not_placed) & set(whole)
    codes = sorted(whole)
    assert shop.audit.named([*codes, "NONE", codes[0].swapcase()]) == [
        whole[code] for code in codes
    ]
    contents = {one.code: one for one in shop.contents(codes)}
    fulfilled = shop.fulfilments.orders(codes)
    for code, one in whole.items():
        assert one.content == contents[code]
        assert one.fulfilments == fulfilled[code].fulfilments
        live = [each for each in one.fulfilments if each.is_live]
        for line in one.content.lines:
            assert line.fulfilled == sum(each.lines.get(line.id, 0) for each in live)
    moments = sorted(one.content.placed_at for one in whole.values() if one.content.placed_at)
    for since in (moments[0], moments[len(moments) // 2], moments[-1]):
        later = {c for c, one in whole.items() if (one.content.placed_at or LONG_AGO) > since}
        assert set(placed(shop, since)) == later
