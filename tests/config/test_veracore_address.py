"""Every shape of address that a person pastes: where the requests go, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from config_kit import Desk

from veracore_sync.config import rows
from veracore_sync.config.address import is_same_tenant
from veracore_sync.veracore.oms.service import NAMESPACES, service_url

HOST = "https://rhu027.veracore.com"
OMS, ORDER = f"{HOST}/pmomsws/oms.asmx", f"{HOST}/pmomsws/order.asmx"
DEFAULT, NAMED, SET = (
    "(the default: api_url names no service)",
    "(named by api_url)",
    "(set by veracore.face)",
)

TAKEN = [
    (HOST, "", OMS, DEFAULT),
    (f"{HOST}/", "", OMS, DEFAULT),
    (f"  {HOST}/ \t", "", OMS, DEFAULT),
    (f"{HOST}//pmomsws//", "", OMS, DEFAULT),
    (f"{HOST}:443/pmomsws", "", f"{HOST}:443/pmomsws/oms.asmx", DEFAULT),
    (f"{HOST}/pmomsws", "", OMS, DEFAULT),
    (f"{HOST}/pmomsws/", "order", ORDER, SET),
    (f"{HOST}/PMOMSWS/", "", f"{HOST}/PMOMSWS/oms.asmx", DEFAULT),
    (ORDER, "", ORDER, NAMED),
    (f"{ORDER}/", "", ORDER, NAMED),
    (f"{HOST}/pmomsws/Order.ASMX", "", ORDER, NAMED),
    (f"{HOST}/pmomsws/OMS.asmx", "", OMS, NAMED),
    (f"{ORDER}?wsdl", "", ORDER, NAMED),
    (f"{ORDER}?WSDL ", "", ORDER, NAMED),
    (f"{OMS}?singleWsdl", "", OMS, NAMED),
    (f"{ORDER}?op=AddOrder", "", ORDER, NAMED),
    (f"{ORDER}/AddOrder", "", ORDER, NAMED),
    (f"{ORDER}#AddOrder", "", ORDER, NAMED),
    (ORDER, "order", ORDER, SET),
    (OMS, "oms", OMS, SET),
    (HOST, "oms", OMS, SET),
    ("HTTPS://rhu027.veracore.com/pmomsws/order.asmx", "", ORDER, NAMED),
    (f"{HOST}:8443/pmomsws/order.asmx", "", f"{HOST}:8443/pmomsws/order.asmx", NAMED),
    ("http://127.0.0.1:8790", "", "http://127.0.0.1:8790/pmomsws/oms.asmx", DEFAULT),
    ("http://[::1]:8790/", "", "http://[::1]:8790/pmomsws/oms.asmx", DEFAULT),
    ("https://wms.3pl.example/t1", "", "https://wms.3pl.example/t1/pmomsws/oms.asmx", DEFAULT),
    (
        "https://wms.3pl.example/veracore/pmomsws",
        "",
        "https://wms.3pl.example/veracore/pmomsws/oms.asmx",
        DEFAULT,
    ),
    ("https://wms.3pl.example/order.asmx", "", "https://wms.3pl.example/order.asmx", NAMED),
    ("https://lager.müller.example", "", "https://lager.müller.example/pmomsws/oms.asmx", DEFAULT),
]
REFUSED = [
    (f"{HOST}/pmomsws/orderadjustment.svc", "", "names pmomsws/orderadjustment.svc", HOST),
    (f"{HOST}/pmomsws/orderadjustment.svc?wsdl", "", "orderadjustment.svc", "oms.asmx"),
    (f"{HOST}/pmomsws/orderadjustment.svc/soap", "", "orderadjustment.svc", HOST),
    (f"{HOST}/PMWarehouse/services/ShippingSync.asmx", "", "ShippingSync.asmx", HOST),
    (f"{HOST}/VeraCore/Public.Api", "", "names VeraCore/Public.Api", HOST),
    (f"{HOST}/veracore/public.api/api/Login", "", "takes no orders", HOST),
    (f"{HOST}/VeraCore", "", "names VeraCore", HOST),
    (f"{HOST}/PMWarehouse/", "", "names PMWarehouse", HOST),
    (f"{HOST}/pmomsdev/wstest.aspx", "", "wstest.aspx", HOST),
    (f"{HOST}/pmomsws/elsewhere", "", "names pmomsws/elsewhere", HOST),
    (ORDER, "oms", "api_url that names order.asmx", 'veracore.face is "oms"'),
    (f"{OMS}?wsdl", "order", "api_url that names oms.asmx", 'veracore.face is "order"'),
    ("https://u:hunter2@rhu027.veracore.com", "", "must not hold a user", "password"),
    ("https://u:hunter2@rhu027.veracore.com/pmomsws/order.asmx?wsdl", "", "must not hold", ""),
    (f"{HOST}/?key=hunter2", "", "must end with the path", "without ?"),
    (f"{HOST}/VeraCore/Public.Api/swagger/ui/index#/", "", "must end with the path", "#"),
    (f"{HOST}/#top", "", "must end with the path", "#"),
    ("rhu027.veracore.com", "", "did you mean", f'"{HOST}"'),
    ("rhu027.veracore.com/pmomsws/order.asmx", "", "did you mean", f'"{ORDER}"'),
    ("u:hunter2@rhu027.veracore.com", "", "must be an address such as https://", ""),
    ("ftp://rhu027.veracore.com", "", "must be an address such as https://", ""),
    ("https://rhu027 .veracore.com", "", "must be an address such as https://", ""),
    ("https://ü..example", "", "has a host that no name server can know", ""),
    ("https://", "", "must be an address such as https://", ""),
]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def _environ(url: str, face: str, api: str = "") -> dict[str, str]:
    return {
        "VERACORE_API_URL": url,
        "VERACORE_SYNC_VERACORE__FACE": face,
        "VERACORE_SYNC_VERACORE__API": api,
    }


@pytest.mark.parametrize(("url", "face", "service", "why"), TAKEN)
def test_an_address_is_completed_and_its_service_is_called(
    desk: Desk, url: str, face: str, service: str, why: str
) -> None:
    loaded = desk.load(environ=_environ(url, face))
    veracore = loaded.settings.veracore
    assert service_url(veracore.api_url, veracore.used_face) == service
    used = "order" if service.endswith("order.asmx") else "oms"
    assert (veracore.used_face, NAMESPACES[veracore.used_face]) == (used, NAMESPACES[used])
    shown = {row.key: row.value for row in rows(loaded)}
    assert shown["veracore.face"] == f"{used} {why}"
    from_file = desk.load(f"[veracore]\napi_url = {json.dumps(url)}\n" + _face(face))
    assert from_file.settings.veracore.used_face == used


def _face(face: str) -> str:
    return f'face = "{face}"\n' if face else ""


@pytest.mark.parametrize(("url", "face", "words", "more"), REFUSED)
def test_an_address_that_takes_no_orders_is_refused_with_what_to_write(
    desk: Desk, url: str, face: str, words: str, more: str
) -> None:
    said = desk.fault(environ=_environ(url, face))
    assert "api_url" in said
    assert words in said
    assert more in said
    assert "hunter2" not in said


def test_an_oms_service_is_no_rest_api(desk: Desk) -> None:
    said = desk.fault(environ=_environ(ORDER, "", "rest"))
    assert "order.asmx" in said
    assert 'veracore.api to "oms"' in said


@pytest.mark.parametrize("url", [url for url, *_ in TAKEN if url.strip().lower().startswith(HOST)])
def test_a_ledger_belongs_to_the_tenant_however_its_address_is_written(
    desk: Desk, url: str
) -> None:
    address = desk.load(environ=_environ(url, "")).settings.veracore.api_url
    is_host = ":8443" not in address
    assert is_same_tenant(f"oms {HOST} sandbox", f"oms {address} sandbox") is is_host
    assert not is_same_tenant(f"oms {HOST} sandbox", f"oms {address} other")
    assert not is_same_tenant(f"oms {HOST} sandbox", f"rest {address} sandbox")
