"""The settings around the jobs: servers, ledger, retries, logs, metrics, hooks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, model_validator

from veracore_sync.backoff import Backoff
from veracore_sync.config.address_types import DatabaseUrl, Link, Proxy, SchemaName, Url
from veracore_sync.config.network import HostNames, Networks
from veracore_sync.config.pings import PLACE, PingAddress, PingedJob, PingTemplate, is_exposed
from veracore_sync.config.secret_types import Secret, Token, WebhookSecret
from veracore_sync.config.section import (
    DAY,
    DAY_SECONDS,
    NO_SECRET,
    Section,
    allow_http,
    ca_file,
    minutes,
    number,
    proxy,
    seconds,
)
from veracore_sync.config.types import Command, Location, Name, Text, Textfile, Variables, WholePath


def default_ledger(environ: Mapping[str, str]) -> Path:
    """Where the ledger lies when no setting says so: under systemd its state directory, else XDG.

    Args:
        environ: The environment; ``STATE_DIRECTORY``, ``XDG_STATE_HOME`` and ``HOME`` are read.
    """
    state = environ.get("STATE_DIRECTORY", "").split(":")[0]
    if state:
        return Path(state) / "ledger.db"
    home = environ.get("HOME")
    base = environ.get("XDG_STATE_HOME", "")
    if not base.startswith("/"):
        base = f"{home}/.local/state" if home else "/var/lib"
    return Path(base) / "veracore-sync" / "ledger.db"


class WebhookSettings(Section):
    """``[webhooks]``: the listener."""

    host: Name = Field(default="127.0.0.1", description="Address the listener binds to.")
    port: int = number(8787, "Port the listener binds to; 0 is any free one.", most=65_535)
    private_port: int = number(
        0,
        "Port on 127.0.0.1 that answers /readyz and /metrics; the public one then has neither. "
        "0: webhooks.port answers them, to this machine only.",
        most=65_535,
    )
    secret: WebhookSecret = Field(
        default=NO_SECRET,
        description="Secret that signs the deliveries.",
        json_schema_extra={"needed": "needed by serve-webhooks"},
    )
    secrets: Annotated[tuple[WebhookSecret, ...], Field(strict=False)] = Field(
        default=(), description="Further secrets that are accepted, while one is being replaced."
    )
    tolerance_seconds: int = number(
        300, "How old or early a signed delivery may be.", least=1, most=DAY_SECONDS
    )
    body_signature: bool = Field(
        default=False, description="Also accept X-VeraCore-Signature, which signs the body alone."
    )

    @model_validator(mode="after")
    def _has_two_ports(self) -> WebhookSettings:
        if self.private_port and self.private_port == self.port:
            raise ValueError("has one port for both; port and private_port must differ")
        return self

    @property
    def live_secrets(self) -> tuple[SecretStr, ...]:
        """All secrets that are accepted, `secret` first."""
        return tuple(one for one in (self.secret, *self.secrets) if one.get_secret_value())


class AdminSettings(Section):
    """``[admin]``: the Admin API and its page."""

    host: Name = Field(default="127.0.0.1", description="Address serve-admin binds to.")
    port: int = number(8788, "Port serve-admin binds to; 0 is any free one.", most=65_535)
    read_token: Token = Field(
        default=NO_SECRET,
        description="Bearer token that can view, of at least 32 characters; serve-admin needs this "
        "or act_token.",
    )
    act_token: Token = Field(default=NO_SECRET, description="Another token, that can also act.")
    hosts: HostNames = Field(
        default=(),
        description="Names under which browsers reach serve-admin, such as that of a proxy in "
        "front; localhost and `host` are always among them.",
    )
    trusted_proxies: Networks = Field(
        default=(),
        description="Addresses of proxies whose X-Forwarded-For says who asks; of any other it is "
        "not believed.",
    )
    dashboard_url: Link = Field(
        default="",
        description="Address of Vendure's dashboard or Admin UI, for the page's links to orders; "
        "empty is `/dashboard` beside vendure.admin_api_url.",
        examples=["https://shop.example.com/admin"],
    )

    @model_validator(mode="after")
    def _told_apart(self) -> AdminSettings:
        read, act = self.read_token.get_secret_value(), self.act_token.get_secret_value()
        if read and read == act:
            raise ValueError("has one token for both; read_token and act_token must differ")
        return self


class LedgerSettings(Section):
    """``[ledger]``: the record of what was intended, sent and seen."""

    path: Location = Field(
        default_factory=lambda: default_ledger(os.environ),
        description="File of the ledger; on a local disk, never on a network share.",
        examples=["/var/lib/veracore-sync/ledger.db"],
    )
    url: DatabaseUrl = Field(
        default="",
        description="Address of a PostgreSQL database that keeps the ledger instead of a file, so "
        "that several hosts share it; as libpq takes it. Needs veracore-sync[postgres].",
        examples=["postgresql://veracore@db.example/veracore?sslmode=verify-full"],
    )
    schema_name: SchemaName = Field(
        default="veracore_sync",
        description="The ledger's schema in that database; each pair of shop and warehouse has "
        "its own.",
    )
    password: Secret = Field(
        default=NO_SECRET,
        description="Password for ledger.url; without one libpq looks in the address, in "
        "PGPASSFILE and in ~/.pgpass.",
    )
    backup_interval_minutes: int = minutes(
        DAY, "How often a timer or cron starts ledger backup --keep."
    )
    lease_seconds: float = Field(
        default=60,
        ge=5,
        le=3600,
        allow_inf_nan=False,
        description="In PostgreSQL, how long after its last sign of life a host keeps a job; the "
        "same on all hosts. Time limits on the server follow from it.",
    )


class RetrySettings(Section):
    """``[retry]``: patience between runs, inside a run, and with an upstream that is down."""

    max_attempts: int = number(
        10, "Failures of its own after which an order is parked, a shipment handed over.", least=1
    )
    base_seconds: float = seconds(60, "First wait of what failed; doubled each time.")
    cap_seconds: float = seconds(3600, "Longest such wait.")
    tries: int = number(3, "Tries of a read inside a run.", least=1, most=10)
    read_base_seconds: float = seconds(0.5, "First wait between these tries.")
    breaker_threshold: int = number(
        5, "Failures in a row after which an upstream is left alone.", least=1
    )
    breaker_cooldown_seconds: float = seconds(300, "How long it is left alone.")

    @model_validator(mode="after")
    def _cap_above_base(self) -> RetrySettings:
        if self.cap_seconds < self.base_seconds:
            raise ValueError("has a cap_seconds below base_seconds; it must be at least as long")
        return self

    @property
    def backoff(self) -> Backoff:
        """How long what has failed waits from run to run."""
        return Backoff(timedelta(seconds=self.base_seconds), timedelta(seconds=self.cap_seconds))


class LogSettings(Section):
    """``[log]``: messages on stderr."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe message that is shown."
    )
    format: Literal["text", "json"] = Field(
        default="text", description="One line of text, or of JSON."
    )


class MetricsSettings(Section):
    """``[metrics]``: numbers for a monitor."""

    textfile: Textfile = Field(
        default="",
        description="File for node_exporter's textfile collector, written by each run; a whole "
        "path ending in `.prom`.",
    )
    shop: Text = Field(
        default="",
        description="Label `shop` of every metric, where one monitor has several shops; empty is "
        "no label.",
    )


class HookSettings(Section):
    """``[hooks]``: where events are delivered."""

    command: Command = Field(
        default=(),
        description="Command that gets each event as JSON on stdin, as a list of words; no shell "
        "is involved.",
        json_schema_extra={"environment": "text"},
    )
    pass_environment: Variables = Field(
        default=(),
        description="Names of variables that the command gets besides PATH, HOME, LANG, TZ and "
        "their like.",
    )
    url: Url = Field(default="", description="Address that gets each event as a signed POST.")
    allow_http: bool = allow_http("`url` and `notify`")
    secret: WebhookSecret = Field(default=NO_SECRET, description="Secret that signs these POSTs.")
    notify: Annotated[tuple[Secret, ...], Field(strict=False)] = Field(
        default=(),
        description="Apprise addresses that get alerts alone, such as `mailto://…`; needs "
        "veracore-sync[notify].",
    )
    ping_url: PingTemplate = Field(
        default=NO_SECRET,
        description="Address of a monitor such as Healthchecks that learns of each run of a "
        "timer's command: its start, success or failure. `{job}` stands for the job.",
        examples=["https://hc-ping.com/your-ping-key/veracore-{job}"],
    )
    ping_urls: dict[PingedJob, PingAddress] = Field(
        default_factory=dict,
        description="The same, by job, where each has an address of its own; instead of "
        "`ping_url` for these jobs.",
        examples=[{"orders": "https://hc-ping.com/your-uuid"}],
        json_schema_extra={"masked": True},
    )
    timeout_seconds: float = seconds(30, "Longest time a hook may take.")
    proxy: Proxy = proxy()
    ca_file: WholePath = ca_file()

    @model_validator(mode="after")
    def _encrypted(self) -> HookSettings:
        addresses = (self.ping_url, *self.ping_urls.values())
        if not self.allow_http and any(map(is_exposed, addresses)):
            raise ValueError(
                "has a ping_url that begins with http:// and leads to another machine; write "
                "https://, or, where that network is trusted, set hooks.allow_http = true"
            )
        return self

    def ping_of(self, job: str) -> str:
        """Where runs of a job are reported; empty: nowhere."""
        own = {str(name): one.get_secret_value() for name, one in self.ping_urls.items()}.get(job)
        return (own or self.ping_url.get_secret_value()).replace(PLACE, job)

    @property
    def names(self) -> tuple[str, ...]:
        """The hooks that are set: ``command``, ``url``, ``notify``."""
        named = {
            "command": bool(self.command),
            "url": bool(self.url),
            "notify": bool(self.notify),
        }
        return tuple(name for name, is_set in named.items() if is_set)
