"""The service description (WSDL 1.1) of both faces, from which foreign SOAP clients start.

It is our own: written from the evidence of docs/wire.md, with the operations that the simulator
answers and no others. Document/literal, SOAP 1.1 and 1.2, as on a tenant (§1.3).
"""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from veracore_sync.sandbox.exchange import Answer
from veracore_sync.sandbox.soap_types import Field, SoapType, operations, types

_HEAD = """<?xml version="1.0" encoding="utf-8"?>
<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/"
    xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"
    xmlns:soap12="http://schemas.xmlsoap.org/wsdl/soap12/"
    xmlns:s="http://www.w3.org/2001/XMLSchema"
    xmlns:tns="{namespace}" targetNamespace="{namespace}">
"""
_HEADERS = ("AuthenticationHeader", "DebugHeader")
# The debug header comes back; the login does not (§2.1).
_ECHOED = ("DebugHeader",)
_TRANSPORT = "http://schemas.xmlsoap.org/soap/http"


def description(service: str, namespace: str, address: str) -> Answer:
    """The description of a face.

    Args:
        service: The name of the service, such as ``Order``.
        namespace: The namespace of its elements.
        address: Where it is called.
    """
    parts = [
        _HEAD.format(namespace=namespace),
        schema(namespace),
        _messages(),
        _port_type(service),
        _binding(service, namespace, "soap", ""),
        _binding(service, namespace, "soap12", "12"),
        _service(service, address),
        "</wsdl:definitions>\n",
    ]
    return Answer(200, "".join(parts).encode(), "text/xml; charset=utf-8")


# ---- types -------------------------------------------------------------------------------


def schema(namespace: str) -> str:
    """The types of a face as an XML Schema, within ``wsdl:types``."""
    elements = {*_HEADERS, *operations(), *(f"{name}Response" for name in operations())}
    lists = {field.type for one in types().values() for field in one.fields if field.is_list}
    parts = [
        f'<wsdl:types><s:schema xmlns:s="http://www.w3.org/2001/XMLSchema" xmlns:tns="{namespace}" '
        f'elementFormDefault="qualified" targetNamespace="{namespace}">\n'
    ]
    for one in types().values():
        parts.append(_complex_type(one))
        if one.name in elements:
            parts.append(f'<s:element name="{one.name}" type="tns:{one.name}" />\n')
    parts += [_list_type(name) for name in sorted(lists)]
    return "".join(parts) + "</s:schema></wsdl:types>\n"


def _complex_type(one: SoapType) -> str:
    inner = f"<s:sequence>{''.join(map(_element, one.fields))}</s:sequence>"
    if one.base:
        inner = f'<s:extension base="tns:{one.base}">{inner}</s:extension>'
        inner = f'<s:complexContent mixed="false">{inner}</s:complexContent>'
    return f'<s:complexType name="{one.name}">{inner}</s:complexType>\n'


def _list_type(name: str) -> str:
    item = f'minOccurs="0" maxOccurs="unbounded" name="{name}" nillable="true" type="tns:{name}"'
    sequence = f"<s:sequence><s:element {item} /></s:sequence>"
    return f'<s:complexType name="ArrayOf{name}">{sequence}</s:complexType>\n'


def _element(field: Field) -> str:
    occurs = f'minOccurs="{int(field.required)}" maxOccurs="1" name="{field.name}"'
    if field.choices:
        texts = "".join(f'<s:enumeration value="{text}" />' for text in field.choices)
        restriction = f'<s:restriction base="s:string">{texts}</s:restriction>'
        return f"<s:element {occurs}><s:simpleType>{restriction}</s:simpleType></s:element>"
    kind = f"ArrayOf{field.type}" if field.is_list else field.type
    prefix = "tns" if field.is_list or field.type in types() else "s"
    nil = ' nillable="true"' if field.nillable else ""
    return f'<s:element {occurs}{nil} type="{prefix}:{kind}" />'


# ---- operations --------------------------------------------------------------------------


def _messages() -> str:
    parts = []
    for name in operations():
        parts += [
            _message(f"{name}SoapIn", "parameters", name),
            _message(f"{name}SoapOut", "parameters", f"{name}Response"),
            *(_message(f"{name}{header}", header, header) for header in _HEADERS),
        ]
    return "".join(parts)


def _message(name: str, part: str, element: str) -> str:
    inner = f'<wsdl:part name="{part}" element="tns:{element}" />'
    return f'<wsdl:message name="{name}">{inner}</wsdl:message>\n'


def _port_type(service: str) -> str:
    inner = "".join(
        f'<wsdl:operation name="{name}"><wsdl:input message="tns:{name}SoapIn" />'
        f'<wsdl:output message="tns:{name}SoapOut" /></wsdl:operation>\n'
        for name in operations()
    )
    return f'<wsdl:portType name="{service}Soap">\n{inner}</wsdl:portType>\n'


def _binding(service: str, namespace: str, prefix: str, suffix: str) -> str:
    parts = [
        f'<wsdl:binding name="{service}Soap{suffix}" type="tns:{service}Soap">'
        f'<{prefix}:binding transport="{_TRANSPORT}" />\n'
    ]
    for name in operations():
        asked = _bound(name, prefix, _HEADERS)
        answered = _bound(name, prefix, _ECHOED)
        parts.append(
            f'<wsdl:operation name="{name}">'
            f'<{prefix}:operation soapAction="{namespace}{name}" style="document" />'
            f"<wsdl:input>{asked}</wsdl:input><wsdl:output>{answered}</wsdl:output>"
            "</wsdl:operation>\n"
        )
    return "".join(parts) + "</wsdl:binding>\n"


def _bound(name: str, prefix: str, headers: tuple[str, ...]) -> str:
    return f'<{prefix}:body use="literal" />' + "".join(
        f'<{prefix}:header message="tns:{name}{header}" part="{header}" use="literal" />'
        for header in headers
    )


def _service(service: str, address: str) -> str:
    ports = "".join(
        f'<wsdl:port name="{service}Soap{suffix}" binding="tns:{service}Soap{suffix}">'
        f"<{prefix}:address location={quoteattr(address)} /></wsdl:port>"
        for prefix, suffix in (("soap", ""), ("soap12", "12"))
    )
    return f'<wsdl:service name="{escape(service)}">{ports}</wsdl:service>\n'
