"""`noctis doctor`: words beside colours, exit codes, JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from noctis_lab.cli import app
from noctis_lab.config import Settings
from noctis_lab.ingest.archive import open_archive

RUNNER = CliRunner()


def doctor(root: Path, *words: str) -> Result:
    environment = {"NOCTIS_PORT": "0", "DICOM_PORT": "0", "NOCTIS_MIN_FREE_BYTES": "0"}
    return RUNNER.invoke(app, ["doctor", "--root", str(root), *words], env=environment)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    with open_archive(Settings(root=tmp_path / "root", min_free_bytes=0)):
        return tmp_path / "root"


def test_a_whole_archive_exits_with_0(root: Path) -> None:
    answer = doctor(root)
    assert answer.exit_code == 0, answer.output
    assert "\x1b" not in answer.output
    assert all(
        (len(line) <= 80 and line == line.rstrip()) or line.startswith("      → ")
        for line in answer.output.splitlines()
    )


def test_something_to_look_at_exits_with_3_and_something_broken_with_1(root: Path) -> None:
    with open_archive(Settings(root=root, min_free_bytes=0)) as archive:
        archive.ledger.refuse("STRANGER", "10.0.0.3")
    answer = doctor(root)
    assert answer.exit_code == 3
    assert "look  senders" in answer.output
    assert f"noctis sender list --root {root}" in answer.output
    (root / "catalog" / "catalog.sqlite").write_bytes(b"broken" * 1000)
    answer = doctor(root)
    assert answer.exit_code == 1
    assert "FAIL  database" in answer.output


def test_json_has_every_finding_and_every_setting(root: Path) -> None:
    document = json.loads(doctor(root, "--json").stdout)
    assert document["state"] == "pass"
    assert {"folders", "database", "hashes"} <= {each["name"] for each in document["findings"]}
    assert all(set(each) == {"name", "state", "text", "remedy"} for each in document["findings"])
    assert document["settings"].keys() == Settings.model_fields.keys()
    assert document["settings"]["port"] == {"value": 0, "from": "environment NOCTIS_PORT"}
