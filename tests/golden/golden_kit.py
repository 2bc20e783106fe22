"""From an order as a real Vendure answered it to the bytes that each dialect sends.

``PYTHONPATH=tests/golden python -m golden_kit`` writes the files anew; read the difference, value
by value against docs/order-mapping.md, before it is committed.
"""

from __future__ import annotations

import json
from pathlib import Path

from veracore_sync.config import Settings
from veracore_sync.domain.orders import Order
from veracore_sync.jobs.orders.ids import warehouse_id
from veracore_sync.jobs.orders.render import Renderer
from veracore_sync.vendure import mapping
from veracore_sync.vendure.node import Node
from veracore_sync.veracore.oms import write
from veracore_sync.veracore.oms.service import NAMESPACES
from veracore_sync.veracore.rest.write import create_document

HERE = Path(__file__).parent
DATA = HERE.parent / "data"

VERACORE = {
    "api_url": "https://rhu000.veracore.com",
    "client_id": "WSUSER",
    "client_secret": "WSPASS",
    "company_id": "ABCOMS",
    "timezone": "America/Chicago",
}
FULL = {
    "source": "WEB",
    "price_class": "RETAIL",
    "project": "P-1",
    "campaign": "SPRING",
    "customer_code": "C-9",
    "comment": "note",
    "freight": {
        "standard-shipping": {
            "carrier": "UPS",
            "service": "Ground",
            "third_party_type": 4,
            "third_party_account": "A1B2C3",
        }
    },
}
CASES = {
    f"{order}-{variant}.{face}": (order, variant, face)
    for order in ("rich", "jpy")
    for variant in ("full", "bare", "net")
    for face in ("oms.xml", "order.xml", "rest.json")
}
SETTINGS = {"full": FULL, "bare": {}, "net": {"prices": "net"}}


def recorded(name: str) -> Order:
    """The order as the shop's side reads it."""
    root = Node(json.loads((DATA / f"order-{name}.json").read_text())["data"])
    item = root.node("orders").nodes("items")[0]
    return mapping.order(item, mapping.money_precision(root))


def produce(case: str) -> bytes:
    """The body of the create request."""
    name, variant, form = CASES[case]
    tree = {"veracore": VERACORE, "orders": SETTINGS[variant]}
    settings = Settings.model_validate(tree)
    order = recorded(name)
    identity = warehouse_id(order.code, "", lambda _: False)
    renderer = Renderer(settings.orders, settings.skus, zone=settings.veracore.zone)
    sent = renderer.render(order, identity).order
    if form == "rest.json":
        return create_document(sent, settings.veracore.company_id) + b"\n"
    namespace = NAMESPACES[form.removesuffix(".xml")]
    return (
        write.envelope(
            namespace,
            settings.veracore.client_id,
            settings.veracore.client_secret.get_secret_value(),
            lambda body: write.add_order(body, namespace, sent, settings.veracore.zone),
        )
        + b"\n"
    )


if __name__ == "__main__":
    for case in CASES:
        (HERE / case).write_bytes(produce(case))
