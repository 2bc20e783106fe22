"""What the owner of a Vendure shop sets up: variants, stock, promotions, channels, roles, keys."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from vendure_graphql import AdminEndpoint


@dataclass(frozen=True)
class ChannelRef:
    """A sales channel and the token that selects it."""

    id: str
    token: str


@dataclass(frozen=True)
class Level:
    """Stock of one variant at one location."""

    on_hand: int
    allocated: int


class Catalogue:
    """The part of the Admin API that orders do not touch; SKUs or ids name variants."""

    def __init__(self, admin: AdminEndpoint) -> None:
        self._admin = admin

    def _input(self, mutation: str, kind: str, value: Any, shape: str = "") -> Any:
        """Run a mutation whose only argument is ``input``; ``shape`` selects of its good result."""
        result = {
            "addFulfillmentToOrder": "Fulfillment",
            "cancelOrder": "Order",
            "modifyOrder": "Order",
            "addManualPaymentToOrder": "Order",
            "refundOrder": "Refund",
            "createChannel": "Channel",
            "createPromotion": "Promotion",
        }.get(mutation)
        fields = f"__typename {shape}"
        if result:
            fields = f"""__typename ... on {result} {{ {shape or "id"} }}
              ... on ErrorResult {{ errorCode message }}"""
        query = f"mutation($i: {kind}) {{ {mutation}(input: $i) {{ {fields} }} }}"
        return self._admin.root(query, {"i": value})

    def _items(self, query: str, options: Mapping[str, Any] | None = None) -> list[Any]:
        found = self._admin.root(query, {"o": options} if options else None)
        return found if isinstance(found, list) else list(found["items"])

    # --- variants

    def variant_id(self, key: str) -> str:
        """Return the id of the oldest variant with SKU ``key``; else ``key`` is taken for an id."""
        query = """query($o: ProductVariantListOptions) {
          productVariants(options: $o) { items { id } } }"""
        found = self._items(query, {"filter": {"sku": {"eq": key}}, "sort": {"createdAt": "ASC"}})
        return str(found[0]["id"]) if found else key

    def create_variant(
        self,
        sku: str,
        *,
        name: str | None = None,
        price: int = 1000,
        tax_percent: float = 20,
        stock: int = 100,
        **more: Any,
    ) -> str:
        """Create a variant on a product of its own; ``price`` is net by default; returns its id.

        ``more`` are fields of CreateProductVariantInput, such as ``trackInventory="FALSE"``.
        """
        title, slug = name or f"Variant {sku}", f"p-{secrets.token_hex(6)}"
        text = {"languageCode": "en", "name": title, "slug": slug, "description": ""}
        given = {"translations": [text]}
        product = self._input("createProduct", "CreateProductInput!", given, "id")
        variant = {
            "productId": product["id"],
            "sku": sku,
            "price": price,
            "taxCategoryId": self._tax_category(tax_percent),
            "stockLevels": [{"stockLocationId": self.locations()[0], "stockOnHand": stock}],
            "translations": [{"languageCode": "en", "name": title}],
            **more,
        }
        kind = "[CreateProductVariantInput!]!"
        (made,) = self._input("createProductVariants", kind, [variant], "id")
        return str(made["id"])

    def _tax_category(self, percent: float) -> str:
        rates = self._items("{ taxRates { items { value category { id } } } }")
        for rate in rates:
            if rate["value"] == percent:
                return str(rate["category"]["id"])
        name = f"Tax {percent}"
        category = self._input("createTaxCategory", "CreateTaxCategoryInput!", {"name": name}, "id")
        for zone in self._items("{ zones { items { id } } }"):
            given = {"name": f"{name} in {zone['id']}", "enabled": True, "value": percent}
            given |= {"categoryId": category["id"], "zoneId": zone["id"]}
            self._input("createTaxRate", "CreateTaxRateInput!", given)
        return str(category["id"])

    def update_variant(self, key: str, **fields: Any) -> None:
        """Change fields of UpdateProductVariantInput, such as ``price`` or ``trackInventory``."""
        given = {"id": self.variant_id(key), **fields}
        self._input("updateProductVariants", "[UpdateProductVariantInput!]!", [given])

    def rename_sku(self, key: str, sku: str) -> None:
        """Give a variant another SKU; lines already ordered show the new one."""
        self.update_variant(key, sku=sku)

    def delete_variant(self, key: str) -> None:
        """Delete a variant (Vendure keeps it hidden)."""
        query = "mutation($id: ID!) { deleteProductVariant(id: $id) { result message } }"
        self._admin.root(query, {"id": self.variant_id(key)})

    # --- stock

    def locations(self) -> list[str]:
        """Return the ids of the stock locations, oldest first."""
        query = """query($o: StockLocationListOptions) {
          stockLocations(options: $o) { items { id } } }"""
        return [str(i["id"]) for i in self._items(query, {"sort": {"createdAt": "ASC"}})]

    def create_location(self, name: str) -> str:
        """Create a stock location in the default channel and return its id."""
        made = self._input("createStockLocation", "CreateStockLocationInput!", {"name": name}, "id")
        return str(made["id"])

    def set_stock(self, key: str, on_hand: int, location: str | None = None) -> None:
        """Set what is on hand at one location (the first, if not named)."""
        level = {"stockLocationId": location or self.locations()[0], "stockOnHand": on_hand}
        self.update_variant(key, stockLevels=[level])

    def stock(self, key: str) -> dict[str, Level]:
        """Return the stock of a variant by location id."""
        query = """query($id: ID!) { productVariant(id: $id) {
          stockLevels { stockLocationId stockOnHand stockAllocated } } }"""
        levels = self._admin.root(query, {"id": self.variant_id(key)})["stockLevels"]
        return {
            str(i["stockLocationId"]): Level(i["stockOnHand"], i["stockAllocated"]) for i in levels
        }

    # --- prices off

    def create_coupon(self, code: str, percent: int = 10) -> str:
        """Create a coupon with ``percent`` off the whole order; returns the promotion's id."""
        return self._promotion(code, "order_percentage_discount", {"discount": str(percent)}, code)

    def create_product_discount(self, keys: Iterable[str], percent: int = 25) -> str:
        """Create a promotion without a code that takes ``percent`` off some variants."""
        ids = ",".join(f'"{self.variant_id(key)}"' for key in keys)
        values = {"discount": str(percent), "productVariantIds": f"[{ids}]"}
        return self._promotion("Product discount", "products_percentage_discount", values, None)

    def create_item_coupon(self, code: str, keys: Iterable[str], percent: int) -> str:
        """Create a coupon with ``percent`` off some variants; returns the promotion's id."""
        ids = ",".join(f'"{self.variant_id(key)}"' for key in keys)
        values = {"discount": str(percent), "productVariantIds": f"[{ids}]"}
        return self._promotion(code, "products_percentage_discount", values, code)

    def create_amount_coupon(self, code: str, amount: int) -> str:
        """Create a coupon with an amount off the whole order; returns the promotion's id."""
        return self._promotion(code, "order_fixed_discount", {"discount": str(amount)}, code)

    def create_free_shipping(self, code: str) -> str:
        """Create a coupon that makes shipping free; returns the promotion's id."""
        return self._promotion(code, "free_shipping", {}, code)

    def _promotion(
        self, name: str, action: str, values: Mapping[str, str], code: str | None
    ) -> str:
        arguments = [{"name": key, "value": value} for key, value in values.items()]
        # Vendure wants a condition or a coupon code; this condition always holds
        always = {
            "code": "minimum_order_amount",
            "arguments": [
                {"name": "amount", "value": "0"},
                {"name": "taxInclusive", "value": "true"},
            ],
        }
        given = {
            "enabled": True,
            "couponCode": code,
            "translations": [{"languageCode": "en", "name": name}],
            "conditions": [] if code else [always],
            "actions": [{"code": action, "arguments": arguments}],
        }
        return str(self._input("createPromotion", "CreatePromotionInput!", given, "id")["id"])

    def delete_promotion(self, promotion: str) -> None:
        """End a promotion."""
        query = "mutation($id: ID!) { deletePromotion(id: $id) { result } }"
        self._admin.root(query, {"id": promotion})

    # --- shipping methods and channels

    def rename_shipping_method(self, code: str, new_code: str) -> None:
        """Change the code of a shipping method."""
        methods = self._items("{ shippingMethods { items { id code } } }")
        (found,) = [m for m in methods if m["code"] == code]
        given = {"id": found["id"], "code": new_code, "translations": []}
        self._input("updateShippingMethod", "UpdateShippingMethodInput!", given)

    def create_channel(self, code: str, currency: str = "USD") -> ChannelRef:
        """Create a channel that sells everything of the default one, in its own currency."""
        zone = self._items("{ zones { items { id name } } }")[0]["id"]
        token = f"{code}-{secrets.token_hex(6)}"
        given = {
            "code": code,
            "token": token,
            "defaultLanguageCode": "en",
            "availableLanguageCodes": ["en"],
            "pricesIncludeTax": False,
            "defaultCurrencyCode": currency,
            "availableCurrencyCodes": [currency],
            "defaultTaxZoneId": zone,
            "defaultShippingZoneId": zone,
        }
        channel = str(self._input("createChannel", "CreateChannelInput!", given, "id")["id"])
        self._assign("products", "Products", "productIds", channel)
        self._assign("shippingMethods", "ShippingMethods", "shippingMethodIds", channel)
        self._assign("paymentMethods", "PaymentMethods", "paymentMethodIds", channel)
        self._assign("stockLocations", "StockLocations", "stockLocationIds", channel)
        return ChannelRef(channel, token)

    def _assign(self, listed: str, what: str, field: str, channel: str) -> None:
        ids = [i["id"] for i in self._items(f"{{ {listed} {{ items {{ id }} }} }}")]
        given = {field: ids, "channelId": channel}
        self._input(f"assign{what}ToChannel", f"Assign{what}ToChannelInput!", given)

    # --- people and keys

    def create_role(self, permissions: Iterable[str]) -> str:
        """Create a role with these permissions and return its id."""
        code = f"role-{secrets.token_hex(4)}"
        given = {"code": code, "description": code, "permissions": list(permissions)}
        return str(self._input("createRole", "CreateRoleInput!", given, "id")["id"])

    def create_administrator(self, permissions: Iterable[str]) -> tuple[str, str]:
        """Create an administrator with these permissions; returns user name and password."""
        email, password = f"{secrets.token_hex(4)}@example.com", secrets.token_hex(8)
        given = {"firstName": "A", "lastName": "B", "emailAddress": email, "password": password}
        role = self.create_role(permissions)
        self._input("createAdministrator", "CreateAdministratorInput!", given | {"roleIds": [role]})
        return email, password

    def create_api_key(self, permissions: Iterable[str]) -> str:
        """Create an API key with these permissions; it goes into the header vendure-api-key."""
        text = {"languageCode": "en", "name": "test"}
        given = {"roleIds": [self.create_role(permissions)], "translations": [text]}
        return str(self._input("createApiKey", "CreateApiKeyInput!", given, "apiKey")["apiKey"])
