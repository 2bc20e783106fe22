"""Reading an answer field by field: a value of the expected kind, or a `ProtocolError`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from veracore_sync.clock import from_text
from veracore_sync.domain.errors import Occurrence, SyncError
from veracore_sync.domain.failures import read_error
from veracore_sync.domain.texts import HAS_HIDDEN, hides_something

_MAX = 2**53 - 1


@dataclass(frozen=True, slots=True)
class Node:
    """A JSON object of an answer, and its path for error messages.

    Every method takes the name of a field and raises `ProtocolError`, naming the field, when it is
    missing or of another kind.
    """

    fields: Mapping[str, Any]
    path: str = ""

    def text(self, name: str) -> str:
        """An identifier: an id, a code, a SKU, a state. It holds no character that nobody sees."""
        value = self._string(name)
        if hides_something(value):
            raise self.unusable(name, HAS_HIDDEN)
        return value

    def prose(self, name: str) -> str:
        """What people wrote. Lone surrogates, which no file or database accepts, become ``?``."""
        return self._string(name).encode("utf-8", "replace").decode("utf-8")

    def text_or_empty(self, name: str) -> str:
        """What people wrote; empty when it is null."""
        return "" if self.is_null(name) else self.prose(name)

    def texts(self, name: str) -> list[str]:
        """A list of strings."""
        value = self.fields.get(name)
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise self.unusable(name)
        return list(value)

    def integer(self, name: str) -> int:
        """A whole number that JavaScript represents exactly."""
        value = self.fields.get(name)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or abs(value) > _MAX:
            raise self.unusable(name)
        return value

    def money(self, name: str, precision: int) -> Decimal:
        """An amount in units of its currency; Vendure sends it times 10^`precision`."""
        return Decimal(self.integer(name)).scaleb(-precision)

    def moment(self, name: str) -> datetime:
        """A moment: aware, UTC."""
        try:
            return from_text(self.text(name))
        except (ValueError, OverflowError):
            raise self.unusable(name) from None

    def moment_or_none(self, name: str) -> datetime | None:
        """A moment: aware, UTC; ``None`` when it is null."""
        return None if self.is_null(name) else self.moment(name)

    def node(self, name: str) -> Node:
        """An object."""
        return self._as_node(self.fields.get(name), name)

    def node_or_none(self, name: str) -> Node | None:
        """An object; ``None`` when it is null."""
        return None if self.is_null(name) else self.node(name)

    def nodes(self, name: str) -> list[Node]:
        """A list of objects."""
        value = self.fields.get(name)
        if not isinstance(value, list):
            raise self.unusable(name)
        return [self._as_node(item, f"{name}[{index}]") for index, item in enumerate(value)]

    def items(self, name: str) -> list[Node | None]:
        """A list of objects, with ``None`` for each entry that is not one."""
        value = self.fields.get(name)
        if not isinstance(value, list):
            raise self.unusable(name)
        return [
            Node(item, self._path_of(f"{name}[{index}]")) if isinstance(item, dict) else None
            for index, item in enumerate(value)
        ]

    def nodes_or_none(self, name: str) -> list[Node]:
        """A list of objects; empty when it is null."""
        return [] if self.is_null(name) else self.nodes(name)

    def is_null(self, name: str) -> bool:
        """Whether the field is there and null; a field that is missing is not."""
        return name in self.fields and self.fields[name] is None

    def unusable(self, name: str, why: str = "") -> SyncError:
        """The error to raise for a field that cannot be used; its value is not quoted."""
        words = f"Vendure's answer has no usable {self._path_of(name)}"
        return read_error(
            Occurrence.NOT_UNDERSTOOD, f"{words}: {why}" if why else words, upstream="vendure"
        )

    def _string(self, name: str) -> str:
        value = self.fields.get(name)
        if not isinstance(value, str):
            raise self.unusable(name)
        return value

    def _as_node(self, value: object, name: str) -> Node:
        if not isinstance(value, dict):
            raise self.unusable(name)
        return Node(value, self._path_of(name))

    def _path_of(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name
