"""Every setting: its section, key, kind, default and meaning; `[orders]` is in a file of its own.

The one place that knows them: ``config.example.toml`` and the tables of ``docs/configuration.md``
are written from it (docs/write_configuration.py). A field's description is its meaning; `examples`
is what the example file shows where that is not the default. All models are frozen; `load` builds
them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from veracore_sync.config.address import Face, parse
from veracore_sync.config.address_types import HeaderName, Proxy, ServiceUrl, Url
from veracore_sync.config.orders import OrdersSettings
from veracore_sync.config.secret_types import Secret
from veracore_sync.config.section import (
    NEEDED,
    NO_SECRET,
    WEEK,
    Section,
    allow_http,
    ca_file,
    max_concurrency,
    minutes,
    number,
    proxy,
    seconds,
)
from veracore_sync.config.services import (
    AdminSettings,
    HookSettings,
    LedgerSettings,
    LogSettings,
    MetricsSettings,
    RetrySettings,
    WebhookSettings,
)
from veracore_sync.config.types import (
    Buffer,
    Currency,
    Distinct,
    HeldBack,
    Name,
    Names,
    OptionalZone,
    Share,
    Text,
    Units,
    WholePath,
    Zone,
)
from veracore_sync.domain.lazy_pattern import lazy_pattern
from veracore_sync.waits import ASKED, SPREAD

_VERSION_AT_END = lazy_pattern(r"/v\d+(\.\d+)*/?$", re.IGNORECASE)


class VendureSettings(Section):
    """``[vendure]``: the shop."""

    admin_api_url: Url = Field(
        default="",
        description="Address of Vendure's Admin API, ending in /admin-api.",
        examples=["https://shop.example.com/admin-api"],
        json_schema_extra=NEEDED,
    )
    allow_http: bool = allow_http("`admin_api_url`")
    username: Text = Field(
        default="",
        description="Administrator who logs in, with `password`.",
        examples=["veracore-sync"],
        json_schema_extra={"needed": "needed, unless there is an api_key"},
    )
    password: Secret = Field(
        default=NO_SECRET, description="Password of `username`.", examples=["change-me"]
    )
    api_key: Secret = Field(
        default=NO_SECRET, description="API key of a Vendure that issues them, instead of a login."
    )
    channel_token: Text = Field(
        default="",
        description="Token of the channel to work in; empty is the default channel.",
        json_schema_extra={"masked": True},
    )
    channel_token_header: HeaderName = Field(
        default="vendure-token",
        description="Header that carries `channel_token`: Vendure's `apiOptions.channelTokenKey`.",
    )
    auth_token_header: HeaderName = Field(
        default="vendure-auth-token",
        description="Header in which a login returns its token: Vendure's "
        "`authOptions.authTokenHeaderKey`.",
    )
    api_key_header: HeaderName = Field(
        default="vendure-api-key",
        description="Header that carries `api_key`: Vendure's `authOptions.apiKeyHeaderKey`.",
    )
    rehearsal: bool = Field(
        default=False,
        description="Let the jobs write to this shop although the warehouse is a sandbox.",
    )
    timeout_seconds: float = seconds(60, "Longest a request may take; of a long list, each 64 KiB.")
    max_concurrency: int = max_concurrency()
    proxy: Proxy = proxy()
    ca_file: WholePath = ca_file()

    @model_validator(mode="after")
    def _one_login(self) -> VendureSettings:
        if self.api_key.get_secret_value() and self.password.get_secret_value():
            raise ValueError("has both an api_key and a password; keep one of the two logins")
        return self

    @model_validator(mode="after")
    def _two_headers(self) -> VendureSettings:
        if self.channel_token_header.lower() == self.api_key_header.lower():
            raise ValueError("has the same channel_token_header and api_key_header")
        return self


DialectName = Literal["oms", "rest"]
"""Those that `veracore_sync.veracore.connect.DIALECTS` has a client of."""


class VeracoreSettings(Section):
    """``[veracore]``: the warehouse. `dialect` says how it is talked to."""

    api: Literal["auto", DialectName] = Field(
        default="auto",
        description="API that VeraCore offers: `auto` is `rest` when the path of `api_url` ends "
        "in a version, else `oms`.",
    )
    api_url: ServiceUrl = Field(
        default="",
        description="Base address of VeraCore.",
        examples=["https://api.veracore.com/v1"],
        json_schema_extra=NEEDED,
    )
    allow_http: bool = allow_http("`api_url`")
    client_id: Text = Field(
        default="",
        description="OAuth client id (rest) or web service user (oms).",
        examples=["your-client-id"],
        json_schema_extra=NEEDED,
    )
    client_secret: Secret = Field(
        default=NO_SECRET,
        description="Secret of that client, or password of that user.",
        examples=["your-client-secret"],
        json_schema_extra=NEEDED,
    )
    company_id: Text = Field(
        default="",
        description="Company id (rest) or system id (oms).",
        examples=["your-company-id"],
        json_schema_extra=NEEDED,
    )
    face: Face = Field(
        default="oms",
        description="Which oms service is used: `oms` is oms.asmx, `order` is order.asmx; unset, "
        "the one that `api_url` names.",
    )
    timezone: Zone = Field(
        default="UTC", description="Time zone of the warehouse's clock, such as America/New_York."
    )
    currency: Currency = Field(
        default="",
        description="Currency of what VeraCore says that shipping cost, such as USD, for `report`; "
        "VeraCore does not name it.",
    )
    timeout_seconds: float = seconds(60, "Longest a request may take; of a long list, each 64 KiB.")
    proxy: Proxy = proxy()
    ca_file: WholePath = ca_file()
    max_concurrency: int = max_concurrency()
    rate_per_minute: int = number(120, "Most requests a minute; 0 is no limit.")

    @property
    def dialect(self) -> DialectName:
        """The dialect that is spoken."""
        if self.api != "auto":
            return self.api
        return "rest" if self._versioned else "oms"

    @property
    def dialect_reason(self) -> str:
        """Why that dialect, in a few words."""
        if self.api != "auto":
            return "set by veracore.api"
        if not self.api_url:
            return "api_url is not set"
        ends = "ends" if self._versioned else "does not end"
        return f"the path of api_url {ends} in a version"

    @property
    def used_face(self) -> Face:
        """The service that is called: `face` where it is set, else the one that `api_url` names."""
        return self.face if self._sets_face else (parse(self.api_url).face or self.face)

    @property
    def service_note(self) -> str:
        """The service and why it is called; empty in a dialect without one."""
        if self.dialect != "oms":
            return ""
        why = "set by veracore.face"
        if not self._sets_face:
            is_named = parse(self.api_url).face is not None
            why = "named by api_url" if is_named else "the default: api_url names no service"
        return f"{self.used_face} ({why})"

    @property
    def lacks_fields(self) -> bool:
        """Whether the dialect has no more fields of an order than all orders need."""
        return self.dialect == "rest"

    @property
    def zone(self) -> ZoneInfo:
        """`timezone` as a zone."""
        return ZoneInfo(self.timezone)

    @model_validator(mode="after")
    def _one_service(self) -> VeracoreSettings:
        address = parse(self.api_url)
        if self.dialect == "rest":
            if address.face is not None:
                raise ValueError(
                    f"has an api_url that names {address.face}.asmx, an oms service, but api is "
                    '"rest"; set veracore.api to "oms", or write the address of the REST API'
                )
            return self
        if address.other:
            raise ValueError(
                f"has an api_url that names {address.other}, which takes no orders; write "
                f"api_url as {address.origin}, or as the address of oms.asmx or order.asmx"
            )
        if self._sets_face and address.face not in (None, self.face):
            raise ValueError(
                f"has an api_url that names {address.face}.asmx, but veracore.face is "
                f'"{self.face}"; remove face, or the service from veracore.api_url'
            )
        return self

    @property
    def _sets_face(self) -> bool:
        return "face" in self.model_fields_set

    @property
    def _versioned(self) -> bool:
        return bool(_VERSION_AT_END.search(urlsplit(self.api_url).path))


class SkuSettings(Section):
    """``[skus]``: where the shop and the warehouse name things differently. Case is ignored."""

    aliases: Annotated[dict[Name, Name], Distinct] = Field(
        default_factory=dict,
        description="VeraCore's offer or part, by the shop's SKU.",
        examples=[{"TEE-RED-M": "10-4471"}],
    )
    exclude: Names = Field(
        default=(), description='Shop SKUs that the warehouse does not hold, such as ["GIFT-CARD"].'
    )
    kits: Annotated[dict[Name, Annotated[dict[Name, Units], Distinct]], Distinct] = Field(
        default_factory=dict,
        description="Parts and units of each, by the shop's SKU of the kit.",
        examples=[{"GIFT-BOX": {"MUG": 2, "TEA": 1}}],
    )


class InventorySettings(Section):
    """``[inventory]``: how much of the warehouse's stock is offered for sale."""

    interval_minutes: int = minutes(30, "How often the timer starts sync-inventory.")
    full_every_minutes: int = minutes(
        360,
        "How often a run reads the shop's whole catalogue, and not only what changed; 0: always.",
        least=0,
    )
    buffer: HeldBack = Field(
        default=Buffer(), description='Held back from sale: units, or a share such as "5%".'
    )
    buffers: Annotated[dict[Name, HeldBack], Distinct] = Field(
        default_factory=dict,
        description="Held back instead of `buffer`, by SKU.",
        examples=[{"TEE-RED-M": 5, "MUG": "10%"}],
    )
    max_change_percent: Share = Field(
        default=50, description="Above this share of changing SKUs, increases are withheld."
    )
    max_zero_percent: Share = Field(
        default=20, description="Above this share of SKUs going to zero, nothing is written."
    )
    available_nets: Literal["accepted", "processed"] = Field(
        default="accepted",
        description="Which orders VeraCore has already taken off its available stock.",
    )
    count_earlier_orders: bool = Field(
        default=False, description="Count open orders placed before `orders.not_before` as unsent."
    )
    backorders: bool = Field(
        default=False,
        description="Let Vendure sell beyond VeraCore's stock where `outOfStockThreshold` is below "
        "zero; else the levels make up for it.",
    )
    max_run_minutes: int = minutes(
        20, "Nothing new begins after this; a minute later the run ends itself."
    )
    locations: Annotated[dict[Name, Name], Distinct] = Field(
        default_factory=dict,
        description="Vendure stock location (name or id), by VeraCore warehouse; the order counts.",
        examples=[{"MAIN": "Default Stock Location"}],
    )


class CarrierSettings(Section):
    """``[tracking.carriers.<carrier>]``: a carrier, as VeraCore names it."""

    label: str = Field(default="", description="What it is called in the shop.")
    url: str = Field(default="", description="Where a package is followed; holds `{tracking}`.")

    @field_validator("url")
    @classmethod
    def _holds_tracking(cls, value: str) -> str:
        if value and ("{tracking}" not in value or not value.startswith(("https://", "http://"))):
            raise ValueError("must be an http(s) address that holds {tracking}")
        return value


class TrackingSettings(Section):
    """``[tracking]``: how shipments come back."""

    interval_minutes: int = minutes(15, "How often the timer starts sync-tracking.")
    timezone: OptionalZone = Field(
        default="", description="Time zone of the warehouse's days; empty is `veracore.timezone`."
    )
    lookback_days: int = number(3, "Days read again before the last complete run.", most=90)
    lookups_per_run: int = number(25, "Most open orders looked up one by one in a run.")
    status_calls_per_run: int = number(
        300, "The same in the rest dialect, which cannot list what shipped."
    )
    settle_minutes: int = minutes(
        20, "A shipment's packages must be unchanged this long; 0 is at once.", least=0
    )
    grace_seconds: float = seconds(
        300, "How long Vendure may be at work on a request after our side of it has ended."
    )
    max_run_minutes: int = minutes(
        10, "Nothing new begins after this; a minute later the run ends itself."
    )
    handler: Name = Field(
        default="manual-fulfillment", description="Code of Vendure's fulfilment handler."
    )
    fulfil_excluded: Literal["never", "with_last"] = Field(
        default="never",
        description="Units of `skus.exclude` in an order: with_last fulfils them when VeraCore has "
        "shipped the rest; never leaves them to a person or another system.",
    )
    history_note: bool = Field(
        default=False, description="Also write a private note into the order's history."
    )
    carriers: Annotated[dict[Name, CarrierSettings], Distinct] = Field(
        default_factory=dict,
        description="Labels and tracking addresses, by VeraCore's carrier.",
        examples=[
            {"VIRTUAL VE": {"label": "Courier", "url": "https://courier.example/{tracking}"}}
        ],
    )


class ReturnsSettings(Section):
    """``[returns]``: which goods came back."""

    interval_minutes: int = minutes(60, "How often the timer starts sync-returns.")
    lookback_days: int = number(7, "Days listed again before the last complete run.", most=90)
    note: bool = Field(
        default=False,
        description="Also write a private note into the order's history, one a receipt.",
    )
    max_run_minutes: int = minutes(
        10, "Nothing new begins after this; a minute later the run ends itself."
    )


class ReconcileSettings(Section):
    """``[reconcile]``: comparing ledger, shop and warehouse."""

    interval_minutes: int = minutes(WEEK, "How often the timer starts reconcile.")
    days: int = number(
        30,
        "Orders placed so many days ago are compared, and those that ended since; open ones always "
        "are.",
        least=1,
        most=3650,
    )
    lookups_per_run: int = number(
        5000, "Most look-ups at VeraCore in a run; the next runs go on. 0 is no limit."
    )
    settle_minutes: int = minutes(
        60, "What changed so short a time ago is on its way, and not compared.", least=0
    )
    foreign: Literal["auto", "tell", "count", "off"] = Field(
        default="auto",
        description="Orders that VeraCore shipped and neither ledger nor shop knows: auto tells "
        "each, and only counts them once more than 20 were seen.",
    )
    other_systems: Names = Field(
        default=(),
        description="Ids or references of orders that other systems place there: never reported.",
        examples=[["AMZ-*", "EDI*"]],
    )
    max_run_minutes: int = minutes(
        120, "Nothing new begins after this; a minute later the run ends itself."
    )


class Settings(Section):
    """All settings, by section."""

    vendure: VendureSettings = Field(default_factory=VendureSettings)
    veracore: VeracoreSettings = Field(default_factory=VeracoreSettings)
    orders: OrdersSettings = Field(default_factory=OrdersSettings)
    skus: SkuSettings = Field(default_factory=SkuSettings)
    inventory: InventorySettings = Field(default_factory=InventorySettings)
    tracking: TrackingSettings = Field(default_factory=TrackingSettings)
    returns: ReturnsSettings = Field(default_factory=ReturnsSettings)
    reconcile: ReconcileSettings = Field(default_factory=ReconcileSettings)
    webhooks: WebhookSettings = Field(default_factory=WebhookSettings)
    admin: AdminSettings = Field(default_factory=AdminSettings)
    ledger: LedgerSettings = Field(default_factory=LedgerSettings)
    retry: RetrySettings = Field(default_factory=RetrySettings)
    log: LogSettings = Field(default_factory=LogSettings)
    metrics: MetricsSettings = Field(default_factory=MetricsSettings)
    hooks: HookSettings = Field(default_factory=HookSettings)

    @property
    def longest_order_wait(self) -> timedelta:
        """How long an order ever waits to be tried again, whatever became of it."""
        return max(
            ASKED,
            timedelta(minutes=self.orders.min_age_minutes),
            timedelta(seconds=self.retry.cap_seconds),
            timedelta(minutes=self.orders.parked_recheck_minutes) * SPREAD,
        )

    def with_id_prefixes(self, more: Iterable[str]) -> Settings:
        """With these among ``orders.earlier_id_prefixes``, as the ledger remembers them."""
        orders = self.orders
        missing = [one for one in more if one not in orders.id_prefixes]
        if not missing:
            return self
        earlier = (*orders.earlier_id_prefixes, *missing)
        changed = orders.model_copy(update={"earlier_id_prefixes": earlier})
        return self.model_copy(update={"orders": changed})

    @property
    def tracking_zone(self) -> ZoneInfo:
        """Time zone of the warehouse's days: `tracking.timezone`, else `veracore.timezone`."""
        return ZoneInfo(self.tracking.timezone or self.veracore.timezone)
