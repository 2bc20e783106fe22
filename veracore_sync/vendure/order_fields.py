"""The order's custom fields that the settings name: which they are in this shop, and their text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from veracore_sync.config.types import closest
from veracore_sync.domain.errors import ConfigError
from veracore_sync.vendure.node import Node


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    kind: str
    is_list: bool

    @property
    def is_usable(self) -> bool:
        return self.kind in _TEXT_OF and not self.is_list

    def __str__(self) -> str:
        return f"{self.name} ({self.kind})"

    @property
    def what(self) -> str:
        """What it is, for one that cannot be used."""
        return f"a list of {self.kind}" if self.is_list else f"of the kind {self.kind}"


class OrderFields:
    """The custom fields that the settings name, once the shop has said of which kind they are.

    A field that the shop does not have, or one that needs a selection of its own, would fail every
    request that names it.

    Args:
        wanted: The field's name, by the setting that names it.
    """

    def __init__(self, wanted: Mapping[str, str]) -> None:
        self._wanted = dict(wanted)
        self._kinds: dict[str, str] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The fields that are asked for, each once."""
        return tuple(dict.fromkeys(self._wanted.values()))

    @property
    def are_known(self) -> bool:
        """Whether the shop has them all, in kinds that can be sent as text."""
        return self._kinds is not None or not self._wanted

    def refusal(self, root: Node) -> ConfigError | None:
        """Why the settings do not fit the fields that an answer lists; ``None`` if they do."""
        if not self._wanted:
            return None
        config = root.node("globalSettings").node("serverConfig").node("customFieldConfig")
        there = {one.name: one for one in map(_field, config.nodes("Order"))}
        usable = [one for one in there.values() if one.is_usable]
        problems = [
            f"{setting}: {problem}"
            for setting, name in self._wanted.items()
            if (problem := _problem(name, there, [one.name for one in usable]))
        ]
        if problems:
            self._kinds = None
            return ConfigError("; ".join(problems), hint=_hint(usable))
        self._kinds = {name: there[name].kind for name in self.names}
        return None

    def texts(self, node: Node) -> dict[str, str]:
        """The text of each, of an order; empty where it is not set."""
        if not self._kinds:
            return {}
        custom = node.node("customFields")
        return {name: _text(custom, name, kind) for name, kind in self._kinds.items()}


def field_permissions(config: Node) -> dict[str, frozenset[str]]:
    """The permissions of which the order's custom fields need one; those that need none are out."""
    entities = config.nodes("entityCustomFields")
    fields = [
        one
        for entity in entities
        if entity.text("entityName") == "Order"
        for one in entity.nodes("customFields")
    ]
    needed = {
        one.text("name"): frozenset(one.texts("requiresPermission"))
        for one in fields
        if not one.is_null("requiresPermission")
    }
    return {name: permissions for name, permissions in needed.items() if permissions}


def _field(node: Node) -> _Field:
    return _Field(node.text("name"), node.text("type"), node.fields.get("list") is True)


def _problem(name: str, there: Mapping[str, _Field], usable: list[str]) -> str:
    found = there.get(name)
    if found is None:
        return f'the shop shows no custom field "{name}" of its orders{closest(name, usable)}'
    if not found.is_usable:
        return f'the custom field "{name}" is {found.what}, which cannot be sent as a text'
    return ""


def _hint(usable: list[_Field]) -> str:
    if not usable:
        return "its orders have none that can be sent as a text: leave the setting out"
    names = ", ".join(str(one) for one in usable)
    return f"name one of {names}; one that is internal in Vendure cannot be read"


def _text(custom: Node, name: str, kind: str) -> str:
    if custom.is_null(name):
        return ""
    return _TEXT_OF[kind](custom, name)


def _yes_or_no(custom: Node, name: str) -> str:
    value = custom.fields.get(name)
    if not isinstance(value, bool):
        raise custom.unusable(name)
    return "yes" if value else "no"


def _number(custom: Node, name: str) -> str:
    value = custom.fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise custom.unusable(name)
    # Neither 3.0 nor 1e-07 nor -0: people read it.
    return format(Decimal(str(value)).normalize() + 0, "f")


def _moment(custom: Node, name: str) -> str:
    moment = custom.moment(name)
    # A day that was chosen somewhere else is not midnight in UTC, and its date alone may be wrong.
    is_day = (moment.hour, moment.minute, moment.second) == (0, 0, 0)
    return moment.strftime("%Y-%m-%d" if is_day else "%Y-%m-%d %H:%M UTC")


_TEXT_OF: Mapping[str, Callable[[Node, str], str]] = {
    "string": Node.prose,
    "text": Node.prose,
    "localeString": Node.prose,
    "localeText": Node.prose,
    "int": _number,
    "float": _number,
    "datetime": _moment,
    "boolean": _yes_or_no,
}
"""How each kind of custom field becomes a text; a kind that is not here cannot be sent."""
