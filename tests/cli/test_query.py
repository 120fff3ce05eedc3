"""`noctis sql`: the settings hold for it, and it neither makes an archive nor loses an answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from noctis_lab.catalog.store import open_catalog
from noctis_lab.cli import app

RUNNER = CliRunner()


def test_the_settings_bound_duckdb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_catalog(tmp_path).close()
    monkeypatch.setenv("NOCTIS_THREADS", "3")
    monkeypatch.setenv("NOCTIS_QUERY_MEMORY_BYTES", str(256 * 1024**2))

    asked = "SELECT current_setting('threads') AS n, current_setting('memory_limit') AS bytes"
    answer = RUNNER.invoke(app, ["sql", asked, "--root", str(tmp_path), "--format", "csv"])

    assert answer.output.splitlines()[-1] == "3,256.0 MiB"


def test_a_suffix_that_is_none_is_refused_before_the_query(tmp_path: Path) -> None:
    open_catalog(tmp_path).close()

    answer = RUNNER.invoke(app, ["sql", "SELEC", "--root", str(tmp_path), "-o", "out.xlsx"])

    assert answer.exit_code == 2
    assert ".parquet, .csv, .json" in answer.output


@pytest.mark.parametrize(
    "command", [["sql", "SELECT 1"], ["fsck"], ["rebuild"], ["migrate"], ["token"]]
)
def test_a_mistyped_root_is_refused_and_stays_away(tmp_path: Path, command: list[str]) -> None:
    answer = RUNNER.invoke(app, [*command, "--root", str(tmp_path / "typo")])

    assert answer.exit_code == 1
    assert "no archive at" in answer.output
    assert not (tmp_path / "typo").exists()
