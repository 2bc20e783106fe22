"""Which order hooks are installed: the entry points of their group, of which none is imported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

from veracore_sync.config.types import closest
from veracore_sync.domain.errors import HooksUnusable

GROUP = "veracore_sync.order_hooks"


@dataclass(frozen=True, slots=True)
class InstalledHook:
    """An order hook that a package offers.

    Args:
        target: Where it is, as ``module:name``.
        package: Which package offers it, with its version.
    """

    name: str
    target: str
    package: str

    def __str__(self) -> str:
        return f"{self.name} ({self.package})"


def installed(names: Sequence[str]) -> tuple[InstalledHook, ...]:
    """The hooks of these names.

    Raises:
        HooksUnusable: One is not installed, or two packages offer one of that name.
    """
    return tuple(map(_one, names))


def identity(names: Sequence[str]) -> tuple[str, ...]:
    """Name, package and version of each; of one that cannot be used, why."""
    found = []
    for name in names:
        try:
            found.append(str(_one(name)))
        except HooksUnusable as error:
            found.append(f"{name} (not usable: {error.message})")
    return tuple(found)


def _one(name: str) -> InstalledHook:
    # The same package may be on the path twice.
    offers = {_hook(one) for one in entry_points(group=GROUP) if one.name == name}
    if len(offers) == 1:
        return offers.pop()
    if offers:
        packages = ", ".join(sorted(one.package for one in offers))
        raise HooksUnusable(
            f"orders.hooks: several packages offer an order hook {name}: {packages}",
            hint="uninstall all of them but one",
        )
    there = sorted({one.name for one in entry_points(group=GROUP)})
    raise HooksUnusable(
        f'orders.hooks: no order hook "{name}" is installed here{closest(name, there)}',
        hint=f"install the package that offers it beside veracore-sync, or name one of "
        f"{', '.join(there)}"
        if there
        else "install the package that offers it beside veracore-sync (docs/order-hooks.md)",
    )


def _hook(point: EntryPoint) -> InstalledHook:
    package = f"{point.dist.name} {point.dist.version}" if point.dist else "an unnamed package"
    return InstalledHook(point.name, point.value, package)
