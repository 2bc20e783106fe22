"""Records ``order-rich.json`` and ``order-jpy.json`` from a real Vendure:

    PYTHONPATH=tests python tests/data/record_orders.py

It starts a fresh server for each currency, takes one order there, asks our ``ReadOrders`` document
for it, and writes the answer as it came, indented.
"""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from realvendure import OrderRef, RealVendure
from vendure_bed import Options, install_vendure, new_server

from veracore_sync.vendure.documents import READ_ORDERS

HERE = Path(__file__).parent
LINES = (("00123", 1), ("1E5", 2), ("A&B<C", 3))
CUSTOMER = {
    "firstName": "Zo\u00eb",
    "lastName": "\u0141ukasiewicz",
    "emailAddress": "zoe@example.com",
    "phoneNumber": "+49 221 12345",
}
RICH_ADDRESS = {
    "fullName": "Zo\u00eb Anne \u0141ukasiewicz",
    "company": "M\u00fcller & S\u00f6hne <GmbH>",
    "streetLine1": "Gro\u00dfe Stra\u00dfe\u0007 12",
    "streetLine2": "Hinterhaus,\t3. OG \u2603",
    "city": "K\u00f6ln",
    "province": "NRW",
    "postalCode": "01067",
}
BILLING_ADDRESS = {
    "fullName": "Buchhaltung",
    "company": "M\u00fcller & S\u00f6hne <GmbH>",
    "streetLine1": "Postfach 1",
    "streetLine2": "",
    "city": "Bru\u0308hl",
    "postalCode": "50321",
}
JPY_ADDRESS = {"fullName": "\u5c71\u7530 \u592a\u90ce", "company": "", "streetLine2": ""}


def main() -> None:
    install_vendure()
    record("order-rich.json", "USD", (1999, 333, 12345))
    record("order-jpy.json", "JPY", (298_000, 33_300, 1_800_000))


def record(file_name: str, currency: str, prices: tuple[int, ...]) -> None:
    with TemporaryDirectory() as folder:
        options = Options(variants=1, currency=currency)
        server = new_server(Path(folder) / "seeds", options, Path(folder) / "data")
        try:
            vendure = RealVendure(server.start(), server)
            order = take_order(vendure, currency, prices)
            answer = {"data": vendure.admin(READ_ORDERS.text, {"codes": [order.code]})}
        finally:
            server.stop()
    text = json.dumps(answer, indent=2, ensure_ascii=True)
    (HERE / file_name).write_text(text + "\n", "utf-8")


def take_order(vendure: RealVendure, currency: str, prices: tuple[int, ...]) -> OrderRef:
    for (sku, _), price in zip(LINES, prices, strict=True):
        vendure.create_variant(sku, price=price)
    vendure.create_coupon("TENTH", 10)
    vendure.create_product_discount(["1E5"], 25)
    rich = currency == "USD"
    order = vendure.place_order(
        LINES,
        address=RICH_ADDRESS if rich else JPY_ADDRESS,
        billing=BILLING_ADDRESS if rich else None,
        coupon="TENTH",
        customer=CUSTOMER,
    )
    if rich:
        add_notes(vendure, order)
    return order


def add_notes(vendure: RealVendure, order: OrderRef) -> None:
    newest = "Please ring twice \u2013 \u201cgarden\u201d door"
    for text, public in (("an older note", True), (newest, True), ("for the staff alone", False)):
        vendure.admin(
            "mutation($i: AddNoteToOrderInput!) { addNoteToOrder(input: $i) { id } }",
            {"i": {"id": order.id, "note": text, "isPublic": public}},
        )


if __name__ == "__main__":
    main()
