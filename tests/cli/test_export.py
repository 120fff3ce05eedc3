"""`noctis export`: what it prints, how it ends, what an interrupt leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from noctis_lab import open_lab
from noctis_lab.synthetic import ct_series, write_series
from noctis_lab.volumes.export import read_netcdf

ONE, TWO = "1.2.826.0.1.3680043.10.1.6", "1.2.826.0.1.3680043.10.1.7"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for uid in (ONE, TWO):
        sets = ct_series(
            planes=5, rows=8, columns=8, SeriesInstanceUID=uid, seed=uid, PatientName="Nachtigall"
        )
        write_series(sets, tmp_path / "data" / uid)
    with open_lab(tmp_path / "root", create=True, min_free_bytes=0) as lab:
        lab.index(tmp_path / "data", progress=False)
    return tmp_path / "root"


def command(root: Path, *arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "noctis_lab", "export", *map(str, arguments), "--root", str(root)]


def run(root: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(root, *arguments),
        check=False, capture_output=True, text=True, timeout=120,
        env={**os.environ, "NOCTIS_MIN_FREE_BYTES": "0"},
    )  # fmt: skip


def test_several_series_are_exported_and_the_next_time_kept(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = run(root, ONE, TWO, "--to", "nifti", "--out", out)
    assert (first.returncode, first.stderr) == (0, "")
    assert "2 exported" in first.stdout
    assert len(list(out.glob("*.nii.gz"))) == 2
    again = run(root, ONE, TWO, "--to", "nifti", "--out", out, "--json")
    told = json.loads(again.stdout)
    assert (told["kept"], told["exported"]) == (2, 0)
    assert Path(told["series"][0]["path"]).exists()


def test_real_world_values_are_exported_by_their_label(root: Path, tmp_path: Path) -> None:
    item, unit = Dataset(), Dataset()
    unit.CodeValue, unit.CodingSchemeDesignator, unit.CodeMeaning = "mm2/s", "UCUM", "mm2/s"
    item.MeasurementUnitsCodeSequence, item.LUTLabel = [unit], "ADC"
    item.add_new("RealWorldValueFirstValueMapped", "US", 0)
    item.add_new("RealWorldValueLastValueMapped", "US", 900)
    item.RealWorldValueSlope, item.RealWorldValueIntercept = 1e-6, 0.0
    planes = ct_series(
        planes=2, rows=4, columns=4, signed=False, bits_stored=12,
        elements={"RealWorldValueMappingSequence": [item]},
    )  # fmt: skip
    for plane in planes:
        plane.PixelData = np.arange(0, 1600, 100).astype("<u2").tobytes()
    write_series(planes, tmp_path / "mapped")
    with open_lab(root, min_free_bytes=0) as lab:
        lab.index(tmp_path / "mapped", progress=False)
    uid, out = str(planes[0].SeriesInstanceUID), tmp_path / "out"
    refused = run(root, uid, "--to", "netcdf", "--out", out, "--real-world", "ADC")
    assert refused.returncode == 1
    assert "real world values are stated of 0 to 900 only" in refused.stdout + refused.stderr
    asked = ("--real-world", "ADC", "--outside", "nan")
    assert run(root, uid, "--to", "netcdf", "--out", out, *asked).returncode == 0
    (path,) = out.glob("*.nc")
    written = read_netcdf(path)
    stored = np.stack([plane.pixel_array for plane in planes]).astype(float)
    expected = np.where(stored <= 900, stored * 1e-6, np.nan)
    assert np.isfinite(expected).any()
    np.testing.assert_allclose(written.values, expected, rtol=1e-6)
    assert (written.attrs["units"], written.attrs["LUTLabel"]) == ("mm2/s", "ADC")
    assert run(root, uid, "--to", "dicom", "--out", out, *asked).returncode == 2


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_all_files_of_an_export_have_the_umasks_mode(
    root: Path, tmp_path: Path, umask: int
) -> None:
    out = tmp_path / "out"
    before = os.umask(umask)
    try:
        assert run(root, ONE, "--to", "nifti", "--out", out).returncode == 0
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in out.iterdir()}
    assert len(modes) >= 3
    assert set(modes.values()) == {0o666 & ~umask}, modes


def test_a_folder_of_files_in_place_is_refused_and_one_beside_it_is_not(tmp_path: Path) -> None:
    source = tmp_path / "trial"
    write_series(ct_series(planes=2, rows=8, columns=8, SeriesInstanceUID=ONE), source / "deep")
    with open_lab(tmp_path / "root", create=True, min_free_bytes=0) as lab:
        lab.index(source, in_place=True, progress=False)
    before = sorted(source.rglob("*"))

    refused = run(tmp_path / "root", ONE, "--to", "dicom", "--out", source)
    assert refused.returncode == 1
    assert "registered in place" in refused.stderr
    assert sorted(source.rglob("*")) == before
    done = run(tmp_path / "root", ONE, "--to", "dicom", "--out", tmp_path / "trial0")
    assert done.returncode == 0


def test_no_name_is_in_what_it_prints_or_writes(root: Path, tmp_path: Path) -> None:
    done = run(root, ONE, "--to", "dicom", "--out", tmp_path / "out", "--pseudonymise")
    assert done.returncode == 0
    assert "achtigall" not in done.stdout + done.stderr
    content = b"".join(each.read_bytes() for each in (tmp_path / "out").rglob("*.dcm"))
    assert b"achtigall" not in content


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((ONE, "1.2.404", "--to", "netcdf"), 3, "series 1.2.404 is not in this archive"),
        (("1.2.404", "--to", "netcdf"), 1, "1 failed"),
        ((ONE, "--to", "tiff"), 2, "tiff"),
        ((ONE, "--to", "stl"), 2, "--level"),
        ((ONE, "--to", "png", "--window", "40"), 2, "40,400"),
        ((ONE, "--to", "png", "--window", "40,0.5"), 2, "width of at least 1"),
        ((ONE, "--to", "png", "--bits", "12"), 2, "12"),
        (("--to", "nifti"), 2, "SERIES_UID"),
    ],
)
def test_part_failure_and_usage_are_told_apart(
    arguments: tuple[str, ...], code: int, words: str, root: Path, tmp_path: Path
) -> None:
    done = run(root, *arguments, "--out", tmp_path / "out")
    assert done.returncode == code
    assert words in done.stdout + done.stderr


def test_a_root_without_an_archive_is_not_made_one(tmp_path: Path) -> None:
    done = run(tmp_path / "none", ONE, "--to", "nifti", "--out", tmp_path / "out")
    assert done.returncode == 1
    assert not (tmp_path / "none").exists()
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_an_interrupt_leaves_whole_outputs_and_is_gone_on_from(tmp_path: Path) -> None:
    root, out = tmp_path / "root", tmp_path / "out"
    uids = [f"1.2.3.{number}" for number in range(12)]
    for uid in uids:
        sets = ct_series(planes=20, rows=16, columns=16, SeriesInstanceUID=uid, seed=uid)
        write_series(sets, tmp_path / "data" / uid)
    with open_lab(root, create=True, min_free_bytes=0) as lab:
        lab.index(tmp_path / "data", progress=False)
    arguments = command(root, *uids, "--to", "dicom", "--pseudonymise", "--out", out, "--json")
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    try:
        while not (out / "noctis-export.json").exists() and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        told = json.loads(process.communicate(timeout=60)[0])
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 3
    assert told["exported"] + told["not_done"] == 12
    assert told["not_done"] > 0
    folders = [each for each in out.iterdir() if each.is_dir()]
    assert len(folders) == told["exported"]
    assert {len(list(each.iterdir())) for each in folders} == {20}
    again = subprocess.run(arguments, check=True, capture_output=True, text=True, timeout=120)
    assert json.loads(again.stdout)["kept"] == told["exported"]
    assert len([each for each in out.iterdir() if each.is_dir()]) == 12
