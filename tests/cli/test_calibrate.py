"""`noctis calibrate`: what it prints, how it ends, that it goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import noctis_lab as nl
from tests.jobs.test_calibration import phantoms

CERTIFICATE = """\
phantom,serial,material,kvp_from,kvp_to,low_hu,high_hu,relative_electron_density,verified,source
CatPhan 504,4711,Teflon,100,140,1200,1210,1.868,yes,certificate of 4711
"""


@pytest.fixture
def archive(tmp_path: Path) -> tuple[Path, tuple[str, str, str]]:
    with nl.open_lab(tmp_path / "root", create=True, min_free_bytes=0) as lab:
        return tmp_path / "root", phantoms(lab, tmp_path)


def run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "noctis_lab", "calibrate", *arguments, "--root", str(root)],
        check=False, capture_output=True, text=True, timeout=120,
        env={**os.environ, "NOCTIS_MIN_FREE_BYTES": "0"},
    )  # fmt: skip


def test_series_by_name_end_as_their_analyses_do(
    archive: tuple[Path, tuple[str, str, str]],
) -> None:
    root, (phantom, body, short) = archive
    report = root.parent / "report.html"
    done = run(root, phantom, "--report", str(report))
    assert "Pass" in report.read_text("utf-8")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"analysed: {phantom}: pass: CatPhan 504" in done.stdout
    own = root.parent / "own.csv"
    own.write_text(CERTIFICATE, encoding="utf-8")
    partly = run(root, phantom, body, "--json", "--certificate", str(own), "--serial", "4711")
    assert "1 certificate kept" in partly.stderr
    assert partly.returncode == 3
    told = json.loads(partly.stdout)
    assert (told["analysed"], told["refused"]) == (1, 1)
    assert [each["refusal"] for each in told["series"]] == [None, "no_phantom"]
    with nl.open_lab(root, min_free_bytes=0) as lab:
        by_own = lab.calibration.analyses(phantom_serial="4711")
        assert (
            by_own["certificate_id"].tolist()
            == lab.calibration.certificates()["certificate_id"].tolist()
        )
        assert by_own["status"].tolist() == ["fail"]
    none = run(root, short)
    assert none.returncode == 1
    assert "too_few_planes" in none.stdout
    assert run(root).returncode == 2
    assert run(root, phantom, "--all").returncode == 2
    assert run(root, phantom, body, "--report", str(report)).returncode == 2


def test_all_are_gone_through_once(archive: tuple[Path, tuple[str, str, str]]) -> None:
    root, _ = archive
    first = run(root, "--all")
    assert first.returncode == 0
    assert "1 analysed, 2 refused" in first.stdout
    assert "no_phantom" not in first.stdout  # of a lab's every patient it would be said
    assert "3 kept" in run(root, "--all").stdout
    assert json.loads(run(root, "--all", "--again", "--json").stdout)["analysed"] == 1
    with nl.open_lab(root, min_free_bytes=0) as lab:
        assert len(lab.calibration.analyses()) == 2


def test_a_folder_that_holds_no_archive_is_refused(tmp_path: Path) -> None:
    done = run(tmp_path / "nothing", "--all")
    assert done.returncode == 1
    assert "no archive" in done.stderr
