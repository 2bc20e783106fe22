"""Reading a control document field by field, so that an error names its field."""

from __future__ import annotations

from typing import Any

from veracore_sync.sandbox.behaviour import BadInput

_MISSING: Any = object()


class Form:
    """A JSON object and the names in it that were read; `place` stands before them in faults.

    Each reader raises `BadInput` if the value is missing (and has no default) or of another kind.
    """

    def __init__(self, document: dict[str, Any], place: str = "") -> None:
        self.document = document
        self._place = place
        self._read: set[str] = set()

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        self._read.add(name)
        return self.document.get(name) is not None

    def text(self, name: str, default: str = _MISSING, *, empty: bool = False) -> str:
        """A text; an empty one only where `empty` allows it."""
        value = self._value(name, default)
        if not isinstance(value, str) or not (value.strip() or empty):
            raise self._bad(name, "a text is needed" if empty else "a text that is not empty")
        if not value.isprintable():
            raise self._bad(name, "a text without control characters")
        return value

    def text_or_flag(self, name: str) -> str | bool:
        """A text, or true or false; false where it is missing."""
        value = self._value(name, False)
        return value if isinstance(value, bool) else self.text(name)

    def whole(self, name: str, default: int = _MISSING, *, least: int | None = None) -> int:
        """A whole number, not below `least`."""
        value = self._value(name, default)
        if type(value) is not int or (least is not None and value < least):
            raise self._bad(name, "a whole number" + ("" if least is None else f" from {least} up"))
        return value

    def rate(self, name: str) -> float:
        """A share from 0 to 1; 1 where it is missing."""
        value = self._value(name, 1)
        if type(value) not in (int, float) or not 0 <= value <= 1:
            raise self._bad(name, "a number from 0 to 1")
        return float(value)

    def flag(self, name: str, default: bool) -> bool:
        """True or false."""
        value = self._value(name, default)
        if not isinstance(value, bool):
            raise self._bad(name, "true or false")
        return value

    def texts(self, name: str, choices: tuple[str, ...]) -> list[str] | None:
        """A list of some of `choices`; None where it is missing."""
        if not self.has(name):
            return None
        values = self.document[name]
        if not isinstance(values, list):
            raise self._bad(name, "a list of texts")
        for index, value in enumerate(values):
            if value not in choices:
                raise self._bad(f"{name}[{index}]", f"one of {', '.join(choices)}")
        return values

    def forms(self, name: str, *, needed: bool = False) -> list[Form]:
        """A list of objects; with `needed`, at least one."""
        values = self._value(name, _MISSING)
        if not isinstance(values, list) or (needed and not values):
            raise self._bad(name, "a list of objects")
        for index, value in enumerate(values):
            if not isinstance(value, dict):
                raise self._bad(f"{name}[{index}]", "an object is needed")
        return [Form(value, f"{self._place}{name}[{index}].") for index, value in enumerate(values)]

    def done(self) -> None:
        """Refuse fields that were not read: they are misspelt.

        Raises:
            BadInput: There is one.
        """
        for name in self.document:
            if name not in self._read:
                raise self._bad(name, f"unknown; one of {', '.join(sorted(self._read))}")

    def _value(self, name: str, default: Any) -> Any:
        if self.has(name):
            return self.document[name]
        if default is _MISSING:
            raise self._bad(name, "is missing")
        return default

    def _bad(self, name: str, message: str) -> BadInput:
        return BadInput(f"{self._place}{name}", message)
