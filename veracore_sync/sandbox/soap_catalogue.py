"""`GetOffers`, `GetProduct` and `GetProducts` (docs/wire.md §4.2).

Every product of the simulator is sold by itself, as the offer of the same id.
"""

from __future__ import annotations

from zlib import crc32

from veracore_sync.sandbox.exchange import SYSTEM
from veracore_sync.sandbox.soap_order import Refused
from veracore_sync.sandbox.soap_xml import leaf, leaves, nil, tag
from veracore_sync.sandbox.warehouse import Level, World

_NUMBERS = 1_000_000


def offers(world: World, pattern: str, by_id: bool, by_description: bool) -> str:
    """`GetOffersResult`: the offers whose id or description is like the pattern.

    A product's description is its id here, so that both searches find the same.
    """
    searched = by_id or by_description
    found = world.levels(pattern) if searched and pattern else []
    return tag("GetOffersResult", *(_offer(levels) for levels in found))


def product(world: World, owner: str, product_id: str) -> str:
    """`GetProductResult`: the product with that id, and its offer.

    Raises:
        Refused: There is none.
    """
    levels = world.stock_of(product_id) if _is_ours(owner) else []
    if not levels:
        raise Refused(f"Can NOT find information for Product ID {product_id}")
    return _product(levels)


def products(world: World, owner: str, pattern: str) -> str:
    """`GetProductsResult`: the products whose id is like the pattern; none: all of them."""
    found = world.levels(pattern or "%") if _is_ours(owner) else []
    return tag("GetProductsResult", *map(_product, found))


def _is_ours(owner: str) -> bool:
    return owner.upper() in ("", SYSTEM)


def _number(levels: list[Level]) -> int:
    # The same for a product whatever else is in stock.
    return crc32(levels[0].sku.upper().encode()) % _NUMBERS + 1


def _offer(levels: list[Level]) -> str:
    sku = levels[0].sku
    texts = [("ID", sku), ("Description", sku), ("SortKey", "")]
    return tag(
        "GetOfferResult",
        leaf("SeqID", _number(levels)),
        leaves(texts),
        *map(nil, ("OrderMinimum", "OrderLimit", "StartDate", "EndDate")),
        leaves([("Inactive", "0"), ("InactiveText", ""), ("Comments", "")]),
        nil("DefaultPrice"),
        leaf("Available", sum(level.available for level in levels)),
        leaf("Taxable", True),
        leaves([("PriceType", "Each"), ("UnitomDescription", "")]),
    )


def _product(levels: list[Level]) -> str:
    sku, number = levels[0].sku, _number(levels)
    stocked = [("SeqID", number), ("PartNumber", sku), ("Description", sku), ("Comments", "")]
    sold = [("SeqID", number), ("ID", sku), ("Description", sku), ("SortKey", "")]
    header = tag("Header", leaves(stocked), nil("LeadDays"), leaf("BuildType", "Product"))
    return tag(
        "GetProductResult",
        tag("product", header),
        tag("offer", tag("Header", leaves(sold))),
    )
