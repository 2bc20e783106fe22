"""No configuration at all: where it was looked for, and what leads to one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from veracore_sync.access import as_its_reader, me
from veracore_sync.config.file import places
from veracore_sync.config.given import DEFAULT
from veracore_sync.config.load import Loaded
from veracore_sync.config.shops import default_folders
from veracore_sync.domain.errors import ConfigError


def is_absent(loaded: Loaded) -> bool:
    """Whether neither a file nor the environment nor a credential gives any setting."""
    if loaded.path is not None:
        return False
    return all(one == DEFAULT or one.startswith("flag ") for one in loaded.origins.values())


def absent(environ: Mapping[str, str]) -> ConfigError:
    """The error for a command that finds no configuration.

    Args:
        environ: ``XDG_CONFIG_HOME`` and ``HOME`` say where it was looked for.
    """
    looked = list(places(environ))
    closed = next((one for one in looked if _is_closed(one)), None)
    if closed is not None:
        return ConfigError(f"{closed} may not be read by {me()}", hint=as_its_reader(closed))
    folder = next((one for one in default_folders(environ) if one.is_dir()), None)
    if folder is not None:
        return ConfigError(
            f"there is no configuration of a single shop, and {folder} is a folder of several",
            hint="put --all before the command for each of them, or --config "
            f"{folder}/NAME.toml for one",
        )
    named = " or ".join(map(str, looked))
    return ConfigError(
        f"there is no configuration: no file {named}, and no setting in the environment",
        hint="write one with `veracore-sync init`; or name one with --config; "
        "`veracore-sync demo` needs none",
    )


def _is_closed(path: Path) -> bool:
    try:
        path.stat()
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False
    return False
