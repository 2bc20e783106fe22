"""Whether what the settings name is there in the shop; pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from veracore_sync.config import SkuSettings
from veracore_sync.config.types import unknown
from veracore_sync.domain.errors import ConfigError
from veracore_sync.jobs.inventory.sku_map import sku_key

_NAMED = 5


def must_be_there(setting: str, names: Iterable[str], there: Iterable[str], what: str) -> None:
    """Check that all names are there.

    Args:
        setting: The setting's name.
        names: What it names.
        there: What the shop has.
        what: What is named, such as ``order state``.

    Raises:
        ConfigError: Some are not.
    """
    known = tuple(there)
    missing = sorted({*names} - {*known})
    if missing:
        raise ConfigError(
            f"{setting}: {unknown(missing, known, what)}",
            hint=f"it has {', '.join(sorted(known)) or 'none'}",
        )


def unknown_skus(
    settings: SkuSettings,
    buffers: Iterable[str],
    seen: Mapping[str, str],
    parts: Collection[str],
) -> list[str]:
    """The settings that name SKUs which no variant has; one sentence a setting.

    Args:
        settings: ``[skus]``.
        buffers: The names in ``[inventory.buffers]``, which may be parts of VeraCore.
        seen: The SKUs of the shop, by `sku_key`.
        parts: The parts that they take, as `sku_key`.
    """
    wanted: dict[str, Iterable[str]] = {
        "skus.aliases": settings.aliases,
        "skus.exclude": settings.exclude,
        "skus.kits": settings.kits,
        "inventory.buffers": [one for one in buffers if sku_key(one) not in parts],
    }
    found = []
    for setting, names in wanted.items():
        missing = [one for one in names if sku_key(one) not in seen]
        if missing:
            more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
            found.append(f"{setting}: {unknown(missing[:_NAMED], seen.values(), 'SKU')}{more}")
    return found
