"""The settings of a command, and logging."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import replace

from veracore_sync.cli.globals import Globals
from veracore_sync.cli.logs import set_up
from veracore_sync.cli.output import set_quiet
from veracore_sync.config import Flag, Loaded, load


def load_settings(options: Globals, secrets_used: Collection[str] | None = None) -> Loaded:
    """Load the settings and set up logging.

    Args:
        options: The global options.
        secrets_used: The secrets of a process that holds no other; None is every secret.

    Raises:
        ConfigError: A setting is wrong; lists every problem.
    """
    set_quiet(options.quiet)
    flags = {}
    if options.messages is not None:
        flags["log.level"] = Flag(*options.messages)
    if options.log_format is not None:
        flags["log.format"] = Flag("--log-format", options.log_format)
    found = load(options.config, os.environ, flags=flags, secrets_used=secrets_used)
    loaded = replace(found, shop=options.shop)
    set_up(loaded)
    return loaded
