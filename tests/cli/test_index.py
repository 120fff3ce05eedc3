"""`noctis index`: what it prints, how it ends, what an interrupt leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pydicom import dcmread

from noctis_lab.ingest.findings import Passed, PassedKind
from noctis_lab.ingest.index_report import IndexReport
from noctis_lab.synthetic import ct_series, write_series


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_series(ct_series(planes=3, rows=16, columns=16), tmp_path / "data")
    return tmp_path / "data"


def run(tmp_path: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "NOCTIS_ROOT": str(tmp_path / "root"),
        "NOCTIS_MIN_FREE_BYTES": "0",
    }
    return subprocess.run(
        [sys.executable, "-m", "noctis_lab", "index", *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
    )


def test_text_beside_dicom_is_usual_and_told(folder: Path, tmp_path: Path) -> None:
    (folder / "README.txt").write_text("no DICOM")
    done = run(tmp_path, folder)
    assert done.returncode == 0
    assert "3 indexed, 0 same, 0 in conflict, 1 rejected" in done.stdout
    assert "README.txt" in done.stdout


def test_what_is_kept_aside_is_told_with_what_lists_it(folder: Path, tmp_path: Path) -> None:
    changed = dcmread(folder / "00000.dcm")
    changed.PatientComments = "another content"
    changed.save_as(folder / "again.dcm")
    done = run(tmp_path, folder)
    assert done.returncode == 3
    assert done.stdout.startswith("4 files: 3 indexed, 0 same, 1 in conflict, 0 rejected (")
    *_, last = done.stdout.splitlines()
    assert last == f"what is kept aside: noctis quarantine list --root {tmp_path / 'root'}"


def test_what_a_medium_lacks_is_counted_beside_the_files_that_there_are() -> None:
    report = IndexReport(indexed=1, done=3)
    for kind in (PassedKind.MISSING, PassedKind.MEDIA_DIRECTORY, PassedKind.NOT_DICOM):
        report.add_rejected(Passed(name=kind, kind=kind, reason="why"))
    first, *_ = report.to_text().splitlines()
    assert first == "3 files: 1 indexed, 0 same, 0 in conflict, 2 rejected; 1 more missing (0.0 s)"


def test_json_is_all_of_stdout_and_what_needs_a_look_is_partly_done(
    folder: Path, tmp_path: Path
) -> None:
    (folder / "cut").write_bytes((folder / "00000.dcm").read_bytes()[:-9])
    done = run(tmp_path, "--json", "--facility", "trial", folder)
    report = json.loads(done.stdout)
    assert done.returncode == 3
    assert (report["indexed"], report["rejected_counts"]) == (3, {"damaged": 1})


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("no-such-folder",), 2),
        (("--facility", "", "."), 2),
        (("README.txt",), 1),
    ],
)
def test_usage_and_failure_are_told_apart(
    arguments: tuple[str, ...], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "README.txt").write_text("no DICOM")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    assert run(tmp_path, *arguments).returncode == code


@pytest.mark.slow
def test_an_interrupt_ends_with_the_report_so_far(tmp_path: Path) -> None:
    paths = write_series(ct_series(planes=400, rows=16, columns=16), tmp_path / "data")
    environment = {**os.environ, "NOCTIS_MIN_FREE_BYTES": "0"}
    root = tmp_path / "root"
    command = [sys.executable, "-m", "noctis_lab", "index", "--json", "--root", str(root)]
    with subprocess.Popen(
        [*command, str(paths[0].parent)], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        deadline = time.monotonic() + 60
        while not any((root / "instances").rglob("*.dcm")):
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        told, _ = process.communicate(timeout=60)
    report = json.loads(told)
    assert process.returncode == 3
    assert report["interrupted"]
    assert 0 < report["indexed"] < 400
    again = subprocess.run(
        [*command, str(paths[0].parent)], check=False, capture_output=True, env=environment
    )
    second = json.loads(again.stdout)
    assert again.returncode == 0
    assert second["indexed"] + second["same"] == 400
    assert second["same"] == report["indexed"]
