"""`noctis hanging`: files checked, protocols listed and printed."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from noctis_lab.cli import app
from noctis_lab.lab.hanging import parse_protocol

RUNNER = CliRunner()
RULE = "name: Ours\nmatch: {series: {Modality: CT}}\nlayout: 1x1\n"


def test_a_file_is_checked_by_line(tmp_path: Path) -> None:
    sound, wrong = tmp_path / "sound.yaml", tmp_path / "wrong.yaml"
    sound.write_text(RULE, "utf-8")
    wrong.write_text(RULE.replace("Modality", "Modalty"), "utf-8")
    done = RUNNER.invoke(app, ["hanging", "check", str(sound)])
    assert (done.exit_code, done.stdout) == (0, "sound.yaml: 'Ours', 1x1\n")
    both = RUNNER.invoke(app, ["hanging", "check", str(sound), str(wrong)])
    assert both.exit_code == 3
    assert "wrong.yaml, line 2" in both.stderr
    assert "did you mean 'Modality'" in both.stderr
    absent = RUNNER.invoke(app, ["hanging", "check", str(tmp_path / "none.yaml")])
    assert absent.exit_code == 1
    assert "No such file" in absent.stderr


def test_protocols_are_listed_and_one_printed_that_can_be_checked(tmp_path: Path) -> None:
    folder = tmp_path / "archive" / "hanging"
    folder.mkdir(parents=True)
    (folder / "ours.yaml").write_text(RULE, "utf-8")
    root = ["--root", str(tmp_path / "archive")]
    listed = RUNNER.invoke(app, ["hanging", "list", *root])
    assert listed.exit_code == 0
    assert listed.stdout.index("lab:ours") < listed.stdout.index("built-in:30-ct-chest")
    shown = RUNNER.invoke(app, ["hanging", "show", "built-in:30-ct-chest", *root])
    assert parse_protocol(shown.stdout, source="").name == "CT of the chest"
    assert RUNNER.invoke(app, ["hanging", "show", "built-in:none", *root]).exit_code == 2
    (folder / "wrong.yaml").write_text("name: x", "utf-8")
    assert RUNNER.invoke(app, ["hanging", "list", *root]).exit_code == 3
