"""The pieces of a probe alone: descriptions, shapes, and the words that may be told."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from veracore_sync.config import VeracoreSettings
from veracore_sync.transport.http import HttpAnswer
from veracore_sync.transport.retry import RetryPolicy
from veracore_sync.veracore.oms.parse import UnreadableXml
from veracore_sync.veracore.probe.report import Findings
from veracore_sync.veracore.probe.shape import XmlShape, json_shape, kind_of
from veracore_sync.veracore.probe.web import descriptions
from veracore_sync.veracore.probe.wire import READS, Wire
from veracore_sync.veracore.probe.words import Cleaner

SETTINGS = VeracoreSettings(
    api_url="https://rhu001.example",
    client_id="WSUSER",
    client_secret=SecretStr("pass-word"),
    company_id="abcoms",
)
ADJUSTMENT = """<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/"
  xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" targetNamespace="http://tempuri.org/">
  <wsdl:portType name="IOrderAdjustment"><wsdl:operation name="CancelOrder"/>
  <wsdl:operation name="AddOffer"/></wsdl:portType>
  <wsdl:binding name="B"><soap:binding/><wsdl:operation name="CancelOrder"/></wsdl:binding>
</wsdl:definitions>"""
SWAGGER = {
    "paths": {
        "/api/orders": {"get": {}, "parameters": []},
        "/api/reports/{id}": {"get": {}, "post": {}},
        "https://rhu001.example/other": {"get": {}},
        "/api/odd": "a text",
    }
}


@dataclass
class Served:
    """A wire that has what is served at each address."""

    pages: dict[str, HttpAnswer]
    settings: VeracoreSettings = SETTINGS
    asked: list[str] = field(default_factory=list)
    adjustment: str = "/adjustment"
    public: str = "/public"

    def service(self, face: str) -> str:
        return f"/{face}"

    def get(self, url: str, label: str, headers: Any = None) -> HttpAnswer:
        self.asked.append(url)
        return self.pages.get(url, HttpAnswer(404, {"content-type": "text/html"}, b"<html>"))


def findings() -> Findings:
    return Findings(Cleaner(["WSUSER", "pass-word", "rhu001.example"]))


def page(body: str, kind: str = "text/xml") -> HttpAnswer:
    return HttpAnswer(200, {"content-type": kind}, body.encode())


def test_descriptions_of_services_that_the_simulator_does_not_describe() -> None:
    served = Served(
        {
            "/adjustment?wsdl": page(ADJUSTMENT),
            "/order?wsdl": page("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"),
            "/public/swagger/docs/v1": page(json.dumps(SWAGGER), "application/json"),
        }
    )
    found = findings()
    assert descriptions(served, found) is None  # type: ignore[arg-type]
    told = found.pieces["descriptions"]
    assert told["orderadjustment"] == {
        "namespace": "http://tempuri.org/",
        "soap": ["1.1"],
        "operations": ["AddOffer", "CancelOrder"],
        "types": 0,
    }
    assert told["swagger"] == ["GET /api/orders", "GET /api/reports/{id}", "POST /api/reports/{id}"]
    assert found.not_shown["descriptions.oms"] == "HTTP 404 (text/html)"
    assert found.not_shown["descriptions.order"] == "no description: HTTP 200 (text/xml)"


@pytest.mark.parametrize("served", ["null", "[]", '{"paths": 3}', "{", "[" * 100_000])
def test_a_list_of_routes_that_is_none(served: str) -> None:
    found = findings()
    descriptions(Served({"/public/swagger/docs/v1": page(served)}), found)  # type: ignore[arg-type]
    assert "descriptions.swagger" in found.not_shown


def test_only_reading_operations_can_be_called() -> None:
    wire = Wire(SETTINGS, retry=RetryPolicy(tries=1))
    for operation in ("AddOrder", "CancelOrder", "SaveOffer"):
        assert operation not in READS
        with pytest.raises(ValueError, match="does not call"):
            wire.soap(operation, {})
    wire.close()


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "WSUSER does not have permission to call GetOffers",
            "… does not have permission to call {operation}",
        ),
        ("no order PROBE1 for pat@shop.example", "no order {order} for …"),
        ("see https://rhu001.example/x or \\\\srv01\\log", "see … or …"),
        ("call 512-555-0100, customer 4711", "call …, customer 4711"),
        ("Invalid   Search\nCriteria", "Invalid Search Criteria"),
        ("pass-word WSUSER", "… …"),
    ],
)
def test_words_that_may_be_told(said: str, told: str) -> None:
    cleaner = Cleaner(["WSUSER", "pass-word", "rhu001.example"])
    assert cleaner.words(said, "GetOffers", "PROBE1") == told


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("true", "flag"),
        ("-4", "whole"),
        ("7.95", "decimal"),
        ("0001-01-01T00:00:00", "no time"),
        ("9999-12-31T23:59:59.9999999", "no time"),
        ("2026-02-03T09:14:00", "time"),
        ("2026-02-03T09:14:00Z", "time with offset"),
        ("2/3/2026", "american time"),
        ("MUG", "text"),
    ],
)
def test_kinds_of_values(value: str, kind: str) -> None:
    assert kind_of(value) == kind


MARKED = st.text("zyx123 <&'\"", max_size=30).map(lambda text: f"Zyx{text}")


@given(
    st.recursive(
        MARKED | st.integers() | st.none(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["A", "b.c", "No Name", "1"]), inner)
        ),
        max_leaves=20,
    )
)
def test_the_shape_of_json_has_no_value(document: Any) -> None:
    assert "Zyx" not in json.dumps(json_shape(document))


@given(st.lists(MARKED, min_size=1, max_size=6), st.sampled_from(["utf-8", "utf-16"]))
def test_the_shape_of_xml_has_no_value(values: list[str], encoding: str) -> None:
    from xml.sax.saxutils import escape

    rows = "".join(f"<Row><Id>{escape(one)}</Id></Row>" for one in values)
    text = (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
        f'<AResponse xmlns="http://omscom/"><AResult>{rows}</AResult></AResponse>'
        "</s:Body></s:Envelope>"
    )
    shape = XmlShape(text.encode(encoding), "text/xml")
    told = shape.document(findings().cleaner)
    assert [one["path"] for one in told["elements"]] == [
        "AResult",
        "AResult/Row",
        "AResult/Row/Id",
    ]
    assert told["elements"][2]["longest"] == max(map(len, values))
    assert (shape.version, shape.response, told["namespace"]) == (
        "1.1",
        "AResponse",
        "http://omscom/",
    )
    assert "Zyx" not in json.dumps(told)


@pytest.mark.parametrize("body", [b"", b"<a>", b"<!DOCTYPE a><a/>", b"<a>" * 60 + b"</a>" * 60])
def test_what_is_no_shape(body: bytes) -> None:
    with pytest.raises(UnreadableXml):
        XmlShape(body, "text/xml")
