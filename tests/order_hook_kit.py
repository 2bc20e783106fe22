"""Order hooks for tests: packages of one module on the path, and hooks in memory."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from veracore_sync.domain.errors import HooksUnusable
from veracore_sync.domain.orders import Order
from veracore_sync.domain.warehouse import WarehouseOrder
from veracore_sync.order_hooks import RefuseOrder
from veracore_sync.ports.order_hooks import HookFailed, HookRefused

Install = Callable[..., None]


@pytest.fixture
def install_hooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Offers hooks as an installed package does: a module, and what pip writes about it."""
    site = tmp_path / "site-packages"
    site.mkdir()
    monkeypatch.syspath_prepend(site)

    def install(source: str, *names: str, module: str = "acme_hooks", version: str = "1.2") -> None:
        (site / f"{module}.py").write_text(textwrap.dedent(source))
        told = site / f"{module}-{version}.dist-info"
        for old in site.glob(f"{module}-*.dist-info"):
            old.rename(told)
        told.mkdir(exist_ok=True)
        dashed = module.replace("_", "-")
        (told / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {dashed}\nVersion: {version}\n"
        )
        points = [f"{name} = {module}:{name.replace('-', '_')}" for name in names]
        group = "[veracore_sync.order_hooks]"
        (told / "entry_points.txt").write_text("\n".join([group, *points]) + "\n")
        monkeypatch.syspath_prepend(site)  # forgets what importlib.metadata has read

    return install


HEAD = """\
from dataclasses import replace
import os, sys, time
from veracore_sync.order_hooks import RefuseOrder, add_line, set_variable
"""
"""What the modules of these tests begin with."""

Hook = Callable[[Order, WarehouseOrder], WarehouseOrder]


@dataclass
class FakeHooks:
    """Hooks that are functions of the test."""

    hooks: Mapping[str, Hook]
    version: str = "1.2"

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.hooks)

    @property
    def identity(self) -> tuple[str, ...]:
        return tuple(f"{name} (acme-hooks {self.version})" for name in self.hooks)

    def start(self) -> None:
        if self.version == "broken":
            raise HooksUnusable("the order hook is broken")

    def apply(self, name: str, order: Order, rendered: WarehouseOrder) -> WarehouseOrder:
        try:
            return self.hooks[name](order, rendered)
        except RefuseOrder as refusal:
            raise HookRefused(refusal.reason) from None
        except (ValueError, LookupError) as error:
            raise HookFailed(f"{type(error).__name__} at a place") from None

    def close(self) -> None:
        pass
