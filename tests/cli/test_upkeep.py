"""`noctis rebuild` at a terminal: a bar once there is something to be done."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from noctis_lab.cli import app
from noctis_lab.config import Settings
from noctis_lab.ingest.archive import open_archive
from noctis_lab.synthetic import ct_series, write_series
from tests.receipts import RECEIPT

RUNNER = CliRunner()


def test_a_rebuild_shows_a_bar_once_it_is_not_refused(tmp_path: Path) -> None:
    refused = RUNNER.invoke(app, ["rebuild", "--root", str(tmp_path / "none")])
    assert refused.exit_code == 1
    assert "no archive at" in refused.stderr
    assert "reading" not in refused.stderr
    root = tmp_path / "root"
    with open_archive(Settings(root=root, min_free_bytes=0)) as archive:
        for path in write_series(ct_series(planes=2, rows=16, columns=16), tmp_path / "in"):
            archive.pipeline.admit_file(path, RECEIPT)
    done = RUNNER.invoke(app, ["rebuild", "--root", str(root)])
    assert done.exit_code == 0
    assert "reading" in done.stderr
    assert "2/2" in done.stderr
    assert done.stdout.startswith("2 instances, ")
