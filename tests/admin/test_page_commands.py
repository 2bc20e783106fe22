"""Commands on the page can be typed as they stand: also where the server has a file of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from veracore_sync.admin.acts import ACTS
from veracore_sync.admin.words import Piece, pieces
from veracore_sync.cli.serve_admin import options_of
from veracore_sync.config.file import SYSTEM_FILE
from veracore_sync.domain.advice import advised, repeating
from veracore_sync.domain.differences import Difference, DifferenceRow, DifferenceType
from veracore_sync.jobs.reconcile.words import in_words
from veracore_sync.jobs.stats import difference_document

SENTENCE = "run `veracore-sync retry A1`, or `sudo -u x veracore-sync stats`"


def test_a_command_names_the_file_of_the_shop() -> None:
    with repeating(options_of(Path("/srv/shop two.toml"))):
        typed = [one.text for one in pieces(SENTENCE) if one.is_code]
    assert typed == [
        "veracore-sync --config '/srv/shop two.toml' retry A1",
        "sudo -u x veracore-sync --config '/srv/shop two.toml' stats",
    ]
    assert Piece("veracore-sync retry A1", is_code=True) in pieces(SENTENCE)
    assert options_of(Path("/srv/a\nb.toml")) == r"--config $'/srv/a\U0000000ab.toml'"


def test_an_act_and_a_repair_name_it_too() -> None:
    one = Difference(DifferenceType.PAID_NOT_SENT, "A 1", "", "", "", None, repair="retry 'A 1'")
    row = DifferenceRow(one, "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", None, None)
    with repeating(options_of(Path("/srv/shop2.toml"))):
        shown = ACTS["cancel"].typed({"name": "#1"}), difference_document(row)["advice"]
        told = advised(in_words(one))
    assert shown == (
        "veracore-sync --config /srv/shop2.toml cancel '#1'",
        "Repair: veracore-sync --config /srv/shop2.toml retry 'A 1'",
    )
    # An alert is stored without the options, and gets those of whoever reads it.
    assert in_words(one).endswith("Repair: `veracore-sync retry 'A 1'`")
    assert told.endswith("Repair: `veracore-sync --config /srv/shop2.toml retry 'A 1'`")


def test_only_what_no_command_takes_back_is_called_final() -> None:
    # An order that is left out is sent after all under a new id (docs/tasks.md).
    assert "only a new id" in ACTS["skip"].says
    assert [name for name, act in ACTS.items() if act.is_grave] == [
        "allow-mass-change",
        "new-id",
        "cancel",
    ]


def test_where_it_is_found_without_a_name_it_is_not_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert options_of(None) == options_of(SYSTEM_FILE) == ""
    # The copy that a unit gets is gone with the unit.
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert options_of(tmp_path / "config.toml") == ""
