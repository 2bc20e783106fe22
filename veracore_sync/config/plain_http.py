"""No address leads over http:// to another machine, unless a setting says so by name."""

from __future__ import annotations

from collections.abc import Iterator

from veracore_sync.config.address import is_loopback
from veracore_sync.config.address_types import CALLED
from veracore_sync.config.environment import names_of
from veracore_sync.config.given import Layer, keys


def problems(layer: Layer) -> Iterator[str]:
    """One sentence for each address that would be called without encryption.

    Args:
        layer: The merged values, not yet checked, so that all faults are named at once.
    """
    for key, info in keys().items():
        if CALLED not in info.metadata or key not in layer:
            continue
        section = key.partition(".")[0]
        switch = f"{section}.allow_http"
        given, allowed = layer[key], layer.get(switch)
        if isinstance(given.value, str) and _is_exposed(given.value.strip()):
            if allowed is not None and allowed.value is True:
                continue
            yield (
                f"{key} ({given.origin}): begins with http:// and leads to another machine, where "
                "everybody on the way reads what is sent; write https://, or, where "
                f"that network is trusted, set {switch} = true (allow_http in [{section}] of the "
                f"file, or {names_of(switch)[0]} in the environment)"
            )


def _is_exposed(url: str) -> bool:
    try:
        return url[:7].lower() == "http://" and not is_loopback(url)
    except ValueError:
        # Not an address at all, which its own check tells.
        return False
