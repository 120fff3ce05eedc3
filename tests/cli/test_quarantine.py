"""`noctis quarantine`: listed, shown, accepted, discarded; values only for who asks."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from noctis_lab.cli import app
from noctis_lab.config import Settings
from noctis_lab.ingest.archive import open_archive
from noctis_lab.synthetic import ct_series, write_series
from tests.receipts import RECEIPT

RUNNER = CliRunner()


def quarantine(root: Path, *words: str, answer: str | None = None) -> Result:
    return RUNNER.invoke(app, ["quarantine", *words, "--root", str(root)], input=answer)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return an archive in which a plane came again under another referring physician."""
    root = tmp_path / "root"
    with open_archive(Settings(root=root, min_free_bytes=0)) as archive:
        for name, physician in (("first", "HOUSE^G"), ("second", "WATSON^J")):
            planes = ct_series(planes=1, rows=16, columns=16)
            planes[0].ReferringPhysicianName = physician
            (path,) = write_series(planes, tmp_path / name)
            archive.pipeline.admit_file(path, RECEIPT)
    return root


def only_id(root: Path) -> str:
    (row,) = json.loads(quarantine(root, "list", "--json").output)
    return str(row["quarantine_id"])


def test_what_to_type_next_names_the_archive(root: Path) -> None:
    held = only_id(root)
    assert f"noctis quarantine show ID --root {root}\n" in quarantine(root, "list").output
    shown = quarantine(root, "show", held[:8]).output
    for command in ("accept", "discard"):
        assert f"\n  noctis quarantine {command} {held} --root {root}\n" in shown


def test_values_are_shown_only_to_who_asks_for_them(root: Path) -> None:
    held = only_id(root)
    shown = quarantine(root, "show", held[:8]).output
    assert "ReferringPhysicianName" in shown
    assert "WATSON" not in shown
    assert "HOUSE" in quarantine(root, "show", held, "--values").output
    told = json.loads(quarantine(root, "show", held, "--json").output)
    assert told["can_accept"] is True
    assert "values" not in told


def test_accepting_and_discarding_ask_first(root: Path) -> None:
    held = only_id(root)
    assert quarantine(root, "accept", held, answer="n\n").exit_code == 1
    assert quarantine(root, "discard", held, answer="n\n").exit_code == 1
    assert only_id(root) == held
    assert quarantine(root, "accept", held, "--yes").exit_code == 0
    other = only_id(root)
    assert other != held
    assert quarantine(root, "discard", other, "--yes").exit_code == 0
    assert "Nothing is in quarantine" in quarantine(root, "list").output


def test_several_are_settled_at_once_and_what_cannot_be_is_told(root: Path, tmp_path: Path) -> None:
    with open_archive(Settings(root=root, min_free_bytes=0)) as archive:
        planes = ct_series(planes=1, rows=16, columns=16)
        planes[0].ReferringPhysicianName = "WILSON^J"
        archive.pipeline.admit_file(write_series(planes, tmp_path / "third")[0], RECEIPT)
    rows = json.loads(quarantine(root, "list", "--json").output)
    ids = [row["quarantine_id"] for row in rows]
    assert len(ids) == 2
    answer = quarantine(root, "discard", ids[0], "0" * 32, ids[1][:12], "--yes")
    assert answer.exit_code == 3
    assert "nothing is kept aside under" in answer.stderr
    assert "Nothing is in quarantine" in quarantine(root, "list").output


def test_an_unknown_id_is_told_as_one(root: Path) -> None:
    for command in ("show", "accept", "discard"):
        answer = quarantine(root, command, "0" * 32, *(["--yes"] if command != "show" else []))
        assert answer.exit_code == 1


def test_no_archive_is_made_by_asking(tmp_path: Path) -> None:
    assert quarantine(tmp_path / "none", "list").exit_code == 1
    assert not (tmp_path / "none").exists()


def test_a_reason_is_shown_so_that_no_terminal_obeys_it(root: Path) -> None:
    held = only_id(root)
    with closing(sqlite3.connect(root / "catalog" / "catalog.sqlite")) as database:
        database.execute("update quarantine set reason = ?", ("\x1b]0;ours\x07[/red]\nnext",))
        database.commit()
    for words in (["list"], ["show", held], ["discard", held]):
        answer = quarantine(root, *words, answer="n\n")
        assert "\x1b" not in answer.output
        assert "\\x1b]0" in answer.output


def test_where_no_terminal_can_answer_the_way_on_is_told(root: Path) -> None:
    for command in ("accept", "discard"):
        refused = quarantine(root, command, only_id(root), answer="")
        assert refused.exit_code == 1
        assert "repeat with --yes" in refused.stderr
    assert "repeat" not in quarantine(root, "discard", only_id(root), answer="n\n").stderr


def test_fsck_says_what_to_do_about_what_it_finds(root: Path) -> None:
    (file,) = (root / "instances").rglob("*.dcm")
    file.unlink()
    checked = RUNNER.invoke(app, ["fsck", "--root", str(root)])
    assert checked.exit_code == 1
    assert "missing files of: 1\n" in checked.stdout
    assert "\n  → restore them from a backup, or send them again\n" in checked.stdout
