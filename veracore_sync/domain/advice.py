"""Commands in sentences: what stands in backticks can be typed as it stands.

Messages, hints and alerts name commands as ```veracore-sync stats```. Who runs the program with
``--config`` or ``--all`` must type that again, or the command is about another shop.
"""

from __future__ import annotations

from veracore_sync.domain.lazy_pattern import lazy_pattern

_COMMAND = lazy_pattern(r"`((?:sudo (?:-u \S+ )?)?)veracore-sync (?!--config\b|--all\b)(?=[^`]*`)")


def as_typed(text: str, options: str) -> str:
    """The text, with these global options in each of its commands.

    Args:
        text: A sentence, with its commands in backticks.
        options: Such as ``--config /etc/shop2.toml``, quoted for a shell; empty: none were given.
    """
    if not options or "`" not in text:
        return text
    return _COMMAND.sub(lambda found: f"`{found[1]}veracore-sync {options} ", text)
