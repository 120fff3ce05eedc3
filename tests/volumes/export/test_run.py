"""Exports of an archive's series: whole or not there, gone on with, and without the patient."""

from __future__ import annotations

import hashlib
import json
import threading
import tracemalloc
import warnings
from pathlib import Path
from typing import Any

import imagecodecs
import nibabel
import numpy as np
import pydicom
import pytest
import xarray as xr
from pydicom.dataset import Dataset

from noctis_lab.errors import (
    CannotExport,
    ContrastWarning,
    DuplicatePositions,
    FileChanged,
    SeriesNotFound,
)
from noctis_lab.synthetic import ct_series
from noctis_lab.volumes.cache import Handle
from noctis_lab.volumes.export import read_netcdf, read_zarr
from noctis_lab.volumes.export.options import ExportOptions
from noctis_lab.volumes.export.report import ExportStatus
from noctis_lab.volumes.export.run import export_series
from noctis_lab.volumes.export_format import ExportFormat
from noctis_lab.volumes.load import load
from noctis_lab.volumes.real_world import RealWorld
from tests.volumes.archive import admit, admit_file
from tests.volumes.export.runs import NAME, SERIES, VOLUMES, content_of, export, only_path, series


@pytest.mark.parametrize("to", [*VOLUMES, ExportFormat.DICOM])
def test_an_output_is_named_by_number_and_hash_and_kept_the_next_time(
    to: ExportFormat, handle: Handle, tmp_path: Path
) -> None:
    admit(handle, series(), tmp_path / "in")
    out = tmp_path / "deep" / "out"
    path = only_path(export(handle, to, out))
    assert path.name.startswith("series-0007-")
    assert path.name.endswith(to.suffix)
    before = content_of(out)
    assert not any(name.startswith(".") for name in before)
    again = export(handle, to, out)
    assert again.outcomes[0].status is ExportStatus.KEPT
    assert content_of(out) == before


def test_dicom_files_are_the_archives_byte_for_byte(handle: Handle, tmp_path: Path) -> None:
    stored = admit(handle, series(), tmp_path / "in")
    path = only_path(export(handle, ExportFormat.DICOM, tmp_path / "out"))
    names = [f"{number:06}.dcm" for number in range(1, 5)]
    assert [each.name for each in sorted(path.iterdir())] == names
    for name, original in zip(names, stored, strict=True):
        assert (path / name).read_bytes() == original.read_bytes()


@pytest.mark.parametrize(
    ("to", "read"), [(ExportFormat.NETCDF, read_netcdf), (ExportFormat.ZARR, read_zarr)]
)
def test_the_volume_comes_in_again_as_it_was_loaded(
    to: ExportFormat, read: Any, handle: Handle, tmp_path: Path
) -> None:
    admit(handle, series(), tmp_path / "in")
    xr.testing.assert_identical(
        read(only_path(export(handle, to, tmp_path / "out"))), load(handle, SERIES)
    )


def test_the_stated_window_is_that_of_the_pictures(handle: Handle, tmp_path: Path) -> None:
    admit(handle, series(), tmp_path / "in")
    path = only_path(export(handle, ExportFormat.PNG, tmp_path / "out"))
    window = json.loads((path / "stack.json").read_text())["window"]
    assert (window["center"], window["width"]) == (40.0, 400.0)


@pytest.mark.parametrize("harm", ["changed", "gone", "manifest"])
def test_an_output_that_was_touched_is_written_again(
    harm: str, handle: Handle, tmp_path: Path
) -> None:
    admit(handle, series(), tmp_path / "in")
    out = tmp_path / "out"
    path = only_path(export(handle, ExportFormat.NETCDF, out))
    good = path.read_bytes()
    if harm == "changed":
        path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    elif harm == "gone":
        path.unlink()
    else:
        (out / "noctis-export.json").unlink()
    again = export(handle, ExportFormat.NETCDF, out)
    assert again.outcomes[0].status is ExportStatus.EXPORTED
    xr.testing.assert_identical(read_netcdf(path), load(handle, SERIES))


def test_other_options_or_another_instance_make_another_output(
    handle: Handle, tmp_path: Path
) -> None:
    sets = series()
    admit(handle, sets[:3], tmp_path / "in")
    out = tmp_path / "out"
    only_path(export(handle, ExportFormat.PNG, out))
    report = export(handle, ExportFormat.PNG, out, bits=16)
    assert report.outcomes[0].status is ExportStatus.EXPORTED
    admit(handle, sets[3:], tmp_path / "late")
    report = export(handle, ExportFormat.PNG, out, bits=16)
    assert report.outcomes[0].status is ExportStatus.EXPORTED
    assert len(list(only_path(report).glob("*.png"))) == 4


def test_what_fails_is_told_and_the_others_go_on(handle: Handle, tmp_path: Path) -> None:
    stored = admit(handle, series(), tmp_path / "in")
    admit(handle, series("1.2.9"), tmp_path / "other")
    stored[1].write_bytes(stored[1].read_bytes()[:-2] + b"xy")
    report = export(
        handle, ExportFormat.DICOM, tmp_path / "out", [SERIES, "1.2.404", "1.2.9", "1.2.9"]
    )
    errors = [type(each.error) for each in report.outcomes]
    assert errors == [FileChanged, SeriesNotFound, type(None)]
    assert (report.is_complete, report.is_partly_done) == (False, True)
    assert [each.name[:12] for each in sorted((tmp_path / "out").iterdir())] == [
        "noctis-expor", "series-0007-",
    ]  # fmt: skip
    told = json.loads(report.to_json())
    assert (told["exported"], told["failed"]) == (1, 2)
    assert "1.2.404" in report.to_text()


@pytest.mark.parametrize("to", VOLUMES)
def test_irregular_planes_are_refused_where_one_step_is_needed(
    to: ExportFormat, handle: Handle, tmp_path: Path
) -> None:
    places = [(0.0, 0.0, z) for z in (0.0, 1.0, 2.0, 9.0)]
    admit(handle, series(positions_mm=places), tmp_path / "in")
    report = export(handle, to, tmp_path / "out")
    if to is ExportFormat.NIFTI:
        assert "regularize()" in str(report.outcomes[0].error)
        assert [each.name for each in (tmp_path / "out").iterdir()] == []
        return
    path = only_path(report)
    if to is ExportFormat.NETCDF:
        assert read_netcdf(path).z.values.tolist() == [0.0, 1.0, 2.0, 9.0]
    if to is ExportFormat.PNG:
        assert "not uniform" in json.loads((path / "stack.json").read_text())["spacing_note"]


@pytest.mark.parametrize("to", VOLUMES)
def test_an_export_tells_once_of_planes_that_are_not_alike(
    to: ExportFormat, handle: Handle, tmp_path: Path
) -> None:
    planes = series()
    planes[0].ImageType = ["DERIVED", *planes[0].ImageType[1:]]
    admit(handle, planes, tmp_path / "in")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        only_path(export(handle, to, tmp_path / "out"))
        only_path(export(handle, to, tmp_path / "out"))  # kept: nothing is read
    (told,) = [each.message for each in caught if isinstance(each.message, ContrastWarning)]
    assert told.varying == ("ImageType values 1 and 2",)
    assert told.SeriesInstanceUID == SERIES


@pytest.mark.parametrize("to", VOLUMES)
def test_a_series_of_several_stacks_is_a_folder_of_them(
    to: ExportFormat, handle: Handle, tmp_path: Path
) -> None:
    sagittal = ct_series(
        planes=3, rows=6, columns=5, SeriesInstanceUID=SERIES, seed=SERIES, PatientName=NAME,
        PatientID="NG-775577", SOPInstanceUIDs=["1.2.3.91", "1.2.3.92", "1.2.3.93"],
        orientation=(0.0, 1.0, 0.0, 0.0, 0.0, -1.0),
    )  # fmt: skip
    admit(handle, [*series(), *sagittal], tmp_path / "in")
    out, seen = tmp_path / "out", []
    options = ExportOptions(to=to, out=out)
    report = export_series(
        handle, [SERIES], options, progress=lambda done, total: seen.append((done, total))
    )
    path = only_path(report)
    names = {each.name for each in path.iterdir()}
    assert {f"stack-0{to.suffix}", f"stack-1{to.suffix}"} <= names
    assert seen == sorted(seen)
    assert seen[-1] == (7, 7)
    if to is ExportFormat.NETCDF:
        shapes = [read_netcdf(path / f"stack-{number}.nc").shape for number in range(2)]
        assert shapes == [load(handle, SERIES, stack=number).shape for number in range(2)]
    assert export(handle, to, out).outcomes[0].status is ExportStatus.KEPT


def test_a_series_of_which_some_frames_make_no_array_fails_whole(
    handle: Handle, tmp_path: Path
) -> None:
    sagittal = ct_series(
        planes=2, rows=6, columns=5, SeriesInstanceUID=SERIES, seed=SERIES, PatientName=NAME,
        PatientID="NG-775577", SOPInstanceUIDs=["1.2.3.91", "1.2.3.92"],
        orientation=(0.0, 1.0, 0.0, 0.0, 0.0, -1.0), positions_mm=[(0.0, 0.0, 0.0)] * 2,
    )  # fmt: skip
    admit(handle, [*series(), *sagittal], tmp_path / "in")
    (outcome,) = export(handle, ExportFormat.NETCDF, tmp_path / "out").outcomes
    assert isinstance(outcome.error, DuplicatePositions)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_stop_leaves_nothing_half_written_and_is_gone_on_from(
    handle: Handle, tmp_path: Path
) -> None:
    admit(handle, series(), tmp_path / "a")
    admit(handle, series("1.2.9"), tmp_path / "b")
    out, stop = tmp_path / "out", threading.Event()
    options = ExportOptions(to=ExportFormat.DICOM, out=out)

    def stop_within_the_second(done: int, total: int) -> None:
        assert total == 8
        if done == 6:
            stop.set()

    report = export_series(
        handle, [SERIES, "1.2.9"], options, progress=stop_within_the_second, stop=stop
    )
    assert [each.status for each in report.outcomes] == [
        ExportStatus.EXPORTED, ExportStatus.NOT_DONE,
    ]  # fmt: skip
    assert len(list(out.iterdir())) == 2
    again = export_series(handle, [SERIES, "1.2.9"], options)
    assert [each.status for each in again.outcomes] == [ExportStatus.KEPT, ExportStatus.EXPORTED]


@pytest.mark.parametrize("to", [ExportFormat.NIFTI, ExportFormat.PNG])
def test_pictures_and_nifti_never_hold_a_volume_whole(
    to: ExportFormat, handle: Handle, tmp_path: Path
) -> None:
    sets = ct_series(planes=160, rows=200, columns=200)
    uid = str(sets[0].SeriesInstanceUID)
    admit(handle, sets, tmp_path / "in")
    size_bytes = 160 * 200 * 200 * 2
    only_path(export(handle, to, tmp_path / "first", (uid,)))  # imports and plans take memory too
    tracemalloc.start()
    try:
        only_path(export(handle, to, tmp_path / "out", (uid,)))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 0.8 * size_bytes


@pytest.mark.parametrize("to", [ExportFormat.NIFTI, ExportFormat.PNG])
def test_a_stop_ends_the_writing_within_a_series(
    to: ExportFormat, handle: Handle, tmp_path: Path
) -> None:
    sets = ct_series(planes=80, rows=6, columns=5)
    uid = str(sets[0].SeriesInstanceUID)
    admit(handle, sets, tmp_path / "in")
    stop, seen = threading.Event(), []

    def show(done: int, total: int) -> None:
        seen.append((done, total))
        if done:
            stop.set()

    options = ExportOptions(to=to, out=tmp_path / "out")
    report = export_series(handle, [uid], options, progress=show, stop=stop)
    assert report.outcomes[0].status is ExportStatus.NOT_DONE
    assert 0 < seen[-1][0] < seen[-1][1] == 80
    assert not content_of(tmp_path / "out")


def test_leavings_of_a_killed_export_are_swept(handle: Handle, tmp_path: Path) -> None:
    admit(handle, series(), tmp_path / "in")
    out = tmp_path / "out"
    (out / ".noctis-export-7-dead-x").mkdir(parents=True)
    (out / ".noctis-export-7-dead-x" / "half").write_bytes(b"half")
    (out / ".noctis-export-7-dead.nii").write_bytes(b"half")
    (out / "mine.txt").write_text("stays")
    path = only_path(export(handle, ExportFormat.NIFTI, out))
    assert sorted(each.name for each in out.iterdir()) == sorted(
        ["mine.txt", "noctis-export.json", path.name, path.name.replace(".nii.gz", ".json")]
    )


@pytest.mark.parametrize("text", ["{", "[]", '{"outputs": [1]}', '{"outputs": {"a": 1}}'])
def test_another_programs_list_is_not_overwritten(
    text: str, handle: Handle, tmp_path: Path
) -> None:
    admit(handle, series(), tmp_path / "in")
    (tmp_path / "noctis-export.json").write_text(text)
    with pytest.raises(CannotExport, match="choose another folder"):
        export(handle, ExportFormat.NIFTI, tmp_path)
    assert (tmp_path / "noctis-export.json").read_text() == text


def test_two_exports_into_one_folder_do_not_meet(handle: Handle, tmp_path: Path) -> None:
    admit(handle, series(), tmp_path / "in")

    def again(_done: int, _total: int) -> None:
        with pytest.raises(CannotExport, match="another export is writing"):
            export(handle, ExportFormat.PNG, tmp_path / "out")

    options = ExportOptions(to=ExportFormat.NIFTI, out=tmp_path / "out")
    assert export_series(handle, [SERIES], options, progress=again).is_complete


@pytest.mark.real_data
def test_deflated_frames_are_written_anew_as_they_are(
    real_data: Path, handle: Handle, tmp_path: Path
) -> None:
    path = real_data / "real" / "pydicom_data" / "liver_deflate.dcm"  # deflated frames
    admit_file(handle, path, in_place=True)
    ((uid,),) = handle.query.sql("SELECT SeriesInstanceUID FROM series").fetchall()
    report = export(handle, ExportFormat.DICOM, tmp_path / "out", [uid], pseudonymise=True)
    (cleaned,) = only_path(report).iterdir()
    assert pydicom.dcmread(cleaned).PixelData == pydicom.dcmread(path).PixelData
    whole = export(handle, ExportFormat.DICOM, tmp_path / "whole", [uid])
    (copied,) = only_path(whole).iterdir()
    assert copied.read_bytes() == path.read_bytes()


def test_a_surface_needs_a_level(handle: Handle, tmp_path: Path) -> None:
    admit(handle, series(), tmp_path / "in")
    (outcome,) = export(handle, ExportFormat.STL, tmp_path / "out").outcomes
    assert "a surface has a level, in HU" in str(outcome.error)


@pytest.mark.parametrize("to", [ExportFormat.STL, ExportFormat.PLY])
def test_a_surface_lies_in_the_patient_where_its_voxels_do(
    to: ExportFormat, handle: Handle, tmp_path: Path
) -> None:
    stored = np.zeros((9, 10, 11), np.int16)
    stored[2:7, 3:8, 4:9] = 1000
    sets = ct_series(
        planes=9, rows=10, columns=11, stored=stored, SeriesInstanceUID=SERIES, seed=SERIES
    )
    admit(handle, sets, tmp_path / "in")
    path = only_path(export(handle, to, tmp_path / "out", level=500.0))
    content = path.read_bytes()
    if to is ExportFormat.STL:
        kind = np.dtype([("n", "<f4", 3), ("v", "<f4", (3, 3)), ("a", "<u2")])
        corners = np.frombuffer(content[84:], kind)["v"].reshape(-1, 3)
    else:
        head, _, body = content.partition(b"end_header\n")
        count = int(head.partition(b"element vertex ")[2].split()[0])
        corners = np.frombuffer(body[: 12 * count], "<f4").reshape(-1, 3)
    volume = load(handle, SERIES)
    # The level is midway between the block's outermost voxels and the next ones.
    edges = [volume.dicom.index_to_world(each) for each in ((1.5, 2.5, 3.5), (6.5, 7.5, 8.5))]
    np.testing.assert_allclose(corners.min(axis=0), np.minimum(*edges), atol=1e-3)
    np.testing.assert_allclose(corners.max(axis=0), np.maximum(*edges), atol=1e-3)


def test_a_uid_of_two_studies_is_not_guessed(handle: Handle, tmp_path: Path) -> None:
    admit(handle, series(), tmp_path / "a")
    other = ct_series(
        planes=2, SeriesInstanceUID=SERIES, seed="b", PatientID="NG-775577",
        SOPInstanceUIDs=["1.2.3.91", "1.2.3.92"],
    )  # fmt: skip
    admit(handle, other, tmp_path / "b")
    (outcome,) = export(handle, ExportFormat.NIFTI, tmp_path / "out").outcomes
    assert "is in 2 studies" in str(outcome.error)
    rows = handle.catalog.series_named(SERIES)
    options = ExportOptions(to=ExportFormat.NIFTI, out=tmp_path / "out")
    report = export_series(handle, rows, options)
    paths = {outcome.path for outcome in report.outcomes}
    assert len(paths) == 2
    assert report.is_complete


def test_the_list_of_outputs_has_their_hashes(handle: Handle, tmp_path: Path) -> None:
    admit(handle, series(), tmp_path / "in")
    path = only_path(export(handle, ExportFormat.NIFTI, tmp_path / "out"))
    listed = json.loads((path.parent / "noctis-export.json").read_text())["outputs"][path.name]
    content = path.read_bytes()
    assert listed["files"][path.name] == {
        "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(),
    }  # fmt: skip


@pytest.mark.parametrize("to", [ExportFormat.NIFTI, ExportFormat.PNG, ExportFormat.STL])
def test_real_world_values_are_written_where_they_are_asked_for(
    to: ExportFormat, handle: Handle, tmp_path: Path
) -> None:
    item, unit = Dataset(), Dataset()
    unit.CodeValue, unit.CodingSchemeDesignator, unit.CodeMeaning = "ms", "UCUM", "ms"
    item.MeasurementUnitsCodeSequence, item.LUTLabel = [unit], "T1"
    item.add_new("RealWorldValueFirstValueMapped", "SS", -4096)
    item.add_new("RealWorldValueLastValueMapped", "SS", 4095)
    item.RealWorldValueSlope, item.RealWorldValueIntercept = 0.001, 5.0
    planes = series()
    for number, plane in enumerate(planes):
        plane.RealWorldValueMappingSequence = [item]
        words = np.arange(30) * 100 + (number in (1, 2)) * 1000
        plane.PixelData = words.astype("<i2").tobytes()
    admit(handle, planes, tmp_path / "in")
    volume = load(handle, SERIES, real_world="T1")
    level = float(volume.values.mean())

    path = only_path(export(handle, to, tmp_path / "out", real_world="T1", level=level))

    if to is ExportFormat.NIFTI:
        written = nibabel.load(path).get_fdata(dtype=np.float32)
        np.testing.assert_array_equal(written.transpose(), volume.values)
    elif to is ExportFormat.PNG:  # in a window of these values, not in that of the modality's
        greys = imagecodecs.png_decode(min(path.glob("*.png")).read_bytes())
        assert np.ptp(greys) > 128
    else:
        assert path.stat().st_size > 84  # bytes of a mesh without a triangle
    plain = export(handle, to, tmp_path / "out", level=level)
    assert plain.outcomes[0].status is ExportStatus.EXPORTED  # another output


@pytest.mark.parametrize("asked", [True, {}])
def test_dicom_files_hold_no_real_world_values(
    asked: RealWorld, handle: Handle, tmp_path: Path
) -> None:
    admit(handle, series(), tmp_path / "in")
    report = export(handle, ExportFormat.DICOM, tmp_path / "out", real_world=asked)
    assert isinstance(report.outcomes[0].error, CannotExport)
    assert "not as real world values" in str(report.outcomes[0].error)
