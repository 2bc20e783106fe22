"""The settings of a command, and logging."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import replace

from veracore_sync.cli.globals import Globals
from veracore_sync.cli.logs import set_up
from veracore_sync.cli.output import set_quiet
from veracore_sync.config import Flag, Loaded, load
from veracore_sync.config.absent import absent, is_absent
from veracore_sync.config.given import fault
from veracore_sync.config.lines import with_lines
from veracore_sync.domain.errors import ConfigError


def load_settings(
    options: Globals,
    secrets_used: Collection[str] | None = None,
    *,
    may_be_absent: bool = False,
) -> Loaded:
    """Load the settings and set up logging.

    Args:
        options: The global options.
        secrets_used: The secrets of a process that holds no other; None is every secret.
        may_be_absent: Whether the command can do without any configuration.

    Raises:
        ConfigError: A setting is wrong; lists every problem. Or nothing is configured at all.
    """
    set_quiet(options.quiet)
    flags = {}
    if options.messages is not None:
        flags["log.level"] = Flag(*options.messages)
    if options.log_format is not None:
        flags["log.format"] = Flag("--log-format", options.log_format)
    try:
        found = load(options.config, os.environ, flags=flags, secrets_used=secrets_used)
    except ConfigError as error:
        if not error.problems:
            raise
        raise fault(with_lines(error.problems), hint=error.hint) from error
    if is_absent(found) and not may_be_absent:
        raise absent(os.environ)
    loaded = replace(found, shop=options.shop)
    set_up(loaded)
    return loaded
