"""What ``init`` asks, what it proposes, and what it takes for an answer."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typer

from veracore_sync.cli.output import warn
from veracore_sync.config import Flag, check
from veracore_sync.domain.errors import ConfigError, UsageError
from veracore_sync.files import expanded


@dataclass(frozen=True, slots=True)
class Question:
    """A required setting.

    Args:
        key: The setting.
        flag: The option that sets it.
        text: The prompt.
        file: For a secret, the file beside the configuration that will contain it.
    """

    key: str
    flag: str
    text: str
    file: str = ""


# The files have the names of systemd's credentials, so that the units find them (systemd/).
QUESTIONS = (
    Question(
        "vendure.admin_api_url",
        "--vendure-url",
        "Vendure: address of the Admin API, ending in /admin-api",
    ),
    Question("vendure.username", "--vendure-username", "Vendure: administrator's name"),
    Question("vendure.password", "--password-file", "Vendure: password", "vendure_password"),
    Question("veracore.api_url", "--veracore-url", "VeraCore: address of the API"),
    Question("veracore.client_id", "--veracore-client-id", "VeraCore: client id, or user"),
    Question(
        "veracore.client_secret",
        "--client-secret-file",
        "VeraCore: client secret, or the user's password",
        "veracore_client_secret",
    ),
    Question("veracore.company_id", "--company-id", "VeraCore: company id, or system id"),
)
_OF_A_LOGIN = ("vendure.username", "vendure.password")
_KEPT = "(Enter keeps the one that is there)"

Answer = str | Path


@dataclass(frozen=True, slots=True)
class Standing:
    """What is there already, to be proposed.

    Args:
        tree: The configuration, as it was read; empty if there is none.
        secrets: The secrets that are there, by key: the file, or a text for one in the
            configuration itself, which is never shown.
    """

    tree: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, Answer] = field(default_factory=dict)

    def value(self, key: str) -> Any:
        """What the configuration sets."""
        section, name = key.split(".")
        table = self.tree.get(section)
        return table.get(name) if isinstance(table, dict) else None

    @property
    def questions(self) -> tuple[Question, ...]:
        """What has to be known: with an API key no login is."""
        has_key = self.value("vendure.api_key") or self.value("vendure.api_key_file")
        return tuple(one for one in QUESTIONS if not has_key or one.key not in _OF_A_LOGIN)

    def proposal(self, question: Question) -> str:
        """The value that stands, to be shown; of a secret none."""
        value = "" if question.file else self.value(question.key)
        return value if isinstance(value, str) else ""

    def answers(self, question: Question) -> bool:
        """Whether the setting has a value."""
        if question.file:
            return question.key in self.secrets
        return bool(self.proposal(question))


def answers(
    given: Mapping[str, Answer | None], standing: Standing, switches: Sequence[str]
) -> dict[str, Answer]:
    """What was given or typed, by key; without what stays as it is. A `Path` is a secret's file.

    Raises:
        UsageError: Something is missing, and nobody can be asked.
        ConfigError: What an option gives is wrong.
    """
    asks = can_ask()
    wanted = standing.questions
    missing = [one.flag for one in wanted if not given[one.key] and not standing.answers(one)]
    if missing and not asks:
        raise UsageError(
            f"{', '.join(missing)} must be given without a terminal",
            hint="add the options, or run `veracore-sync init` on a terminal",
        )
    found: dict[str, Answer] = {}
    for one in QUESTIONS:
        answer = given[one.key]
        if answer:
            _check(one, answer, switches)
        elif asks and one in wanted:
            answer = _ask(one, standing, switches)
        if answer and answer != standing.proposal(one):
            found[one.key] = answer
    return found


def can_ask() -> bool:
    """Whether somebody sits at a terminal."""
    return sys.stdin.isatty()


def _ask(question: Question, standing: Standing, switches: Sequence[str]) -> str:
    """What is typed; empty for a secret that is to stay."""
    keeps = bool(question.file) and standing.answers(question)
    while True:
        answer = str(
            typer.prompt(
                f"{question.text} {_KEPT}" if keeps else question.text,
                default="" if keeps else standing.proposal(question) or None,
                show_default=not keeps,
                hide_input=bool(question.file),
                err=True,
            )
        ).strip()
        if keeps and not answer:
            return ""
        try:
            _check(question, answer, switches)
        except ConfigError as error:
            warn(f"  {error.message}")
        else:
            return answer


def _check(question: Question, answer: Answer, switches: Sequence[str]) -> None:
    if isinstance(answer, Path):
        if not expanded(answer).is_file():
            raise UsageError(
                f"{question.flag}: there is no file {answer}", hint="name a file that exists"
            )
        return
    allowed = {key: Flag("--allow-http", True) for key in switches}
    check({question.key: Flag(question.flag, answer), **allowed})
