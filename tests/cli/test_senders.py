"""`noctis sender`: what is mistyped is refused, and widens nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from noctis_lab.cli import app

RUNNER = CliRunner()


def sender(root: Path, *words: str) -> Result:
    return RUNNER.invoke(app, ["sender", *words, "--root", str(root)])


@pytest.mark.parametrize("address", ["", "10.0.0", "ct-1.lab.org"])
def test_a_mistyped_address_accepts_nobody(tmp_path: Path, address: str) -> None:
    answer = sender(tmp_path, "add", "CT1", "--facility", "north", "--address", address)

    assert answer.exit_code == 2
    assert "no IP address" in answer.output
    assert "No sender is known yet" in sender(tmp_path, "list").output


def test_an_address_is_kept_as_peers_are_seen(tmp_path: Path) -> None:
    added = sender(tmp_path, "add", "CT1", "--facility", "north", "--address", "::ffff:10.0.0.7")

    assert added.exit_code == 0
    assert " 10.0.0.7 " in sender(tmp_path, "list").output


def test_a_sender_that_is_not_known_cannot_be_removed(tmp_path: Path) -> None:
    sender(tmp_path, "add", "CT1", "--facility", "north", "--address", "10.0.0.7")

    assert sender(tmp_path, "remove", "CT2").exit_code == 2
    assert sender(tmp_path, "remove", "CT1", "--address", "10.0.0.8").exit_code == 2
    assert sender(tmp_path, "remove", "CT1", "--address", "10.0.0.7").exit_code == 0
    assert "No sender is known yet" in sender(tmp_path, "list").output


@pytest.mark.parametrize(
    "words",
    [
        ("list",),
        ("approve", "CT1", "--facility", "north", "--address", "10.0.0.7"),
        ("block", "CT1"),
        ("remove", "CT1"),
    ],
)
def test_only_adding_begins_an_archive(tmp_path: Path, words: tuple[str, ...]) -> None:
    answer = sender(tmp_path / "typo", *words)

    assert answer.exit_code == 1
    assert "no archive at" in answer.output
    assert list(tmp_path.iterdir()) == []
