"""Canned answers of the Admin API, in the shapes measured on Vendure 3.7, and who hears them."""

from __future__ import annotations

import json
from typing import Any

import httpx
from pydantic import SecretStr

from veracore_sync.config.schema import VendureSettings
from veracore_sync.transport.retry import RetryPolicy
from veracore_sync.vendure.client import Client
from veracore_sync.vendure.shop import VendureShop

URL = "http://shop.test/admin-api"
AT_ONCE = RetryPolicy(tries=3, base_seconds=0.0)
TOKEN = "a" * 64


def settings(**changed: Any) -> VendureSettings:
    login = {} if "api_key" in changed else {"password": "s3cret"}
    values: dict[str, Any] = {
        "admin_api_url": URL,
        "username": "sync",
        "timeout_seconds": 5.0,
        **login,
        **changed,
    }
    for name in ("password", "api_key"):
        if name in values:
            values[name] = SecretStr(values[name])
    return VendureSettings(**values)


def client(**changed: Any) -> Client:
    return Client(settings(**changed), retry=AT_ONCE)


def shop(**changed: Any) -> VendureShop:
    return VendureShop(settings(**changed), retry=AT_ONCE)


def login_ok(token: str = TOKEN) -> dict[str, Any]:
    return {
        "json": {"data": {"login": {"__typename": "CurrentUser"}}},
        "headers": {"vendure-auth-token": token},
    }


def login_refused(kind: str) -> dict[str, Any]:
    return {"json": {"data": {"login": {"__typename": kind, "errorCode": "X"}}}}


def error(
    message: str,
    code: str | None = None,
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> dict[str, Any]:
    body: dict[str, Any] = {"message": message, "path": ["orders"]}
    if code:
        body["extensions"] = {"code": code}
    return {
        "json": {"errors": [body], "data": None},
        "status_code": status,
        "headers": headers or {},
    }


def forbidden(*, session_dead: bool) -> dict[str, Any]:
    headers = {"vendure-auth-token": ""} if session_dead else None
    return error(
        "You are not currently authorized to perform this action", "FORBIDDEN", headers=headers
    )


SETTINGS_PART: dict[str, Any] = {
    "globalSettings": {"serverConfig": {"moneyStrategyPrecision": 2}},
    "activeChannel": {"code": "__default_channel__"},
}


def stub(number: int, **changed: Any) -> dict[str, Any]:
    return {
        "id": str(number),
        "code": f"CODE{number:04d}",
        "state": "PaymentSettled",
        "type": "Regular",
        "orderPlacedAt": f"2026-11-23T06:{number % 60:02d}:57.381Z",
        "updatedAt": "2026-11-23T06:00:57.000Z",
        **changed,
    }


def page(items: list[dict[str, Any]], total: int | None = None) -> dict[str, Any]:
    return {"totalItems": len(items) if total is None else total, "items": items}


def polled(**lists: dict[str, Any]) -> dict[str, Any]:
    return {"json": {"data": {**SETTINGS_PART, **lists}}}


def listed(listing: dict[str, Any]) -> dict[str, Any]:
    return {"json": {"data": {"orders": listing}}}


def operations(requests: list[httpx.Request]) -> list[str]:
    return [json.loads(request.content)["operationName"] for request in requests]


def variables(request: httpx.Request) -> dict[str, Any]:
    told = json.loads(request.content)["variables"]
    assert isinstance(told, dict)
    return told
