"""The files of ``init``: written for the first time, or changed in place."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from veracore_sync.access import as_its_reader, me, to_write
from veracore_sync.cli.init_questions import QUESTIONS, Answer, Question, Standing
from veracore_sync.config.edit import NotEditable, edited
from veracore_sync.config.example import example
from veracore_sync.config.file import SYSTEM_FILE, VARIABLE, parse, places
from veracore_sync.config.services import default_ledger
from veracore_sync.config.shops import SYSTEM_FOLDER
from veracore_sync.domain.errors import ConfigError
from veracore_sync.files import expanded, resolved, write_whole
from veracore_sync.trusted import Untrusted, check_trusted, read_trusted


def found_at(path: Path) -> Standing:
    """What is there: of an `init` that failed half-way, of an earlier one, or of a person.

    Raises:
        ConfigError: There is a configuration that cannot be read.
    """
    tree: Mapping[str, Any] = {}
    if is_there(path):
        try:
            tree, _ = parse(path)
        except ConfigError as error:
            raise ConfigError(
                error.message,
                hint="correct it, or write a new one over it: `veracore-sync init --force`",
            ) from error
    standing = Standing(tree)
    secrets = {one.key: _secret(one, standing, path) for one in QUESTIONS if one.file}
    return Standing(tree, {key: found for key, found in secrets.items() if found})


def is_there(path: Path) -> bool:
    """Whether there is a configuration.

    Raises:
        ConfigError: That cannot be seen.
    """
    try:
        return path.exists()
    except PermissionError as error:
        raise ConfigError(
            f"{path} may not be read by {me()}",
            hint=f"{as_its_reader(path)}, or name another file with --config",
        ) from error


def _secret(question: Question, standing: Standing, path: Path) -> Answer:
    inline, file = standing.value(question.key), standing.value(f"{question.key}_file")
    if isinstance(inline, str) and inline:
        return inline
    place = path.parent / expanded(Path(file if isinstance(file, str) else question.file))
    return place if place.is_file() else ""


def write_new(
    path: Path,
    answers: Mapping[str, Answer],
    standing: Standing,
    settings: Mapping[str, Any],
    *,
    force: bool,
) -> list[Path]:
    """Write each secret to its own file, then the configuration; returns every file written.

    Args:
        path: The configuration.
        answers: By key.
        standing: Secrets that are there already.
        settings: What else is set, by key.
        force: Write over what is there.

    Raises:
        ConfigError: It cannot be written there.
    """
    values = dict(settings)
    texts: dict[Path, str] = {}
    for one in standing.questions:
        answer = answers.get(one.key) or standing.secrets[one.key]
        if not one.file:
            values[one.key] = answer
            continue
        if not isinstance(answer, Path):
            texts[path.parent / one.file] = f"{answer}\n"
            answer = path.parent / one.file
        values[f"{one.key}_file"] = _as_written(answer, path.parent)
    texts[path] = example(values)
    return _write(path, texts, replace=force)


def change(
    path: Path, answers: Mapping[str, Answer], standing: Standing, switches: Sequence[str]
) -> list[Path]:
    """Change what was answered, and nothing else; returns every file written.

    Raises:
        ConfigError: It cannot be written, or a setting cannot be found in it.
    """
    changes: dict[str, Any] = {}
    texts: dict[Path, str] = {}
    for one in QUESTIONS:
        answer = answers.get(one.key)
        if answer is None and one not in standing.questions:
            continue
        if one.file:
            _change_secret(one, answer, standing, path, changes, texts)
        elif answer is not None:
            changes[one.key] = answer
    changes |= {key: True for key in switches if standing.value(key) is not True}
    if changes:
        try:
            texts[path] = edited(read_trusted(path).raw.decode("utf-8-sig"), changes)
        except NotEditable as error:
            raise ConfigError(
                f"{path}: {error} cannot be changed safely, as the file is laid out",
                hint="change it by hand, then check it: `veracore-sync config validate`",
            ) from error
    return _write(path, texts, replace=True)


def _change_secret(
    question: Question,
    answer: Answer | None,
    standing: Standing,
    path: Path,
    changes: dict[str, Any],
    texts: dict[Path, str],
) -> None:
    key, there = question.key, standing.secrets.get(question.key)
    named = standing.value(f"{key}_file")
    if isinstance(answer, str) and isinstance(there, str):
        changes[key] = answer
        return
    file = answer or there
    if isinstance(answer, str):
        # A secret elsewhere may be managed by something else, and is left alone.
        is_beside = isinstance(there, Path) and there.parent == path.parent
        file = there if is_beside and there else path.parent / question.file
        texts[Path(file)] = f"{answer}\n"
    if not isinstance(file, Path):
        return
    if isinstance(there, str):
        changes[key] = None
    written = _as_written(file, path.parent)
    if named is None or (path.parent / expanded(Path(named))) != expanded(file).absolute():
        changes[f"{key}_file"] = written


def _write(path: Path, texts: Mapping[Path, str], *, replace: bool) -> list[Path]:
    written = path
    try:
        _make_folder(path.parent)
        check_trusted(path.parent, folder=True)
        group = _readers(path.parent)
        for file, text in texts.items():
            written = file
            _write_one(file, text, group, replace=replace)
    except Untrusted as error:
        raise ConfigError(
            f"nothing is written: the folder {path.parent} {error.reason}", hint=error.todo
        ) from error
    except OSError as error:
        raise ConfigError(
            f"{written} cannot be written ({error.strerror})",
            hint=f"{to_write(written, error)} with --config",
        ) from error
    return list(texts)


def _write_one(file: Path, text: str, group: int | None, *, replace: bool) -> None:
    """Write a file; one that is there keeps its mode and its owners."""
    if not (replace and file.exists()):
        mode = 0o600 if group is None else 0o640
        write_whole(file, text, mode=mode, group=group, replace=replace)
        return
    # A link is followed, not replaced: who put it there wants the file behind it.
    real = resolved(file)
    found = real.stat()
    is_root = os.geteuid() == 0
    write_whole(
        real,
        text,
        mode=stat.S_IMODE(found.st_mode),
        owner=found.st_uid if is_root else None,
        group=found.st_gid if is_root or found.st_gid in os.getgroups() else None,
    )


def _make_folder(folder: Path) -> None:
    """Make it, for the readers of the folder above: shops/shop1 as /etc/veracore-sync is."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    group = _readers(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    if group is not None:
        os.chown(folder, -1, group)
        folder.chmod(0o750)


def _readers(folder: Path) -> int | None:
    """The group that is to read what root writes there: that of the units (docs/install.md)."""
    found = folder.stat()
    shared = found.st_uid == 0 and found.st_gid != 0 and found.st_mode & stat.S_IRGRP
    return found.st_gid if shared and os.geteuid() == 0 else None


def ledger_of(path: Path, environ: Mapping[str, str]) -> dict[str, Any]:
    """The ledger that a new configuration names, so that no two shops share one.

    That of the systemd units for their configuration; one of its own for a file that no command
    finds by itself, because the default is one for all.
    """
    if path == SYSTEM_FILE:
        return {"ledger.path": "/var/lib/veracore-sync/ledger.db"}
    if path in places(environ) or str(path) == environ.get(VARIABLE):
        return {}
    name = path.parent.name if path.name == "config.toml" else path.stem
    if path.is_relative_to(SYSTEM_FOLDER):
        return {"ledger.path": f"/var/lib/veracore-sync/{name}/ledger.db"}
    return {"ledger.path": str(default_ledger(environ).parent / name / "ledger.db")}


def settings_of_a_new_file(
    path: Path, environ: Mapping[str, str], switches: Sequence[str], not_before: datetime
) -> dict[str, Any]:
    """What nobody is asked for."""
    values = {"orders.not_before": not_before, **ledger_of(path, environ)}
    return values | dict.fromkeys(switches, True)


def _as_written(file: Path, folder: Path) -> str:
    """Relative if it is beside the configuration, so that both can be moved together."""
    place = expanded(file).absolute()
    return place.name if place.parent == folder else str(place)
