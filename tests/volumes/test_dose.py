"""RTDOSE: every plane where GridFrameOffsetVector puts it, every dose what pydicom makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import xarray as xr
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, RLELossless

from noctis_lab.errors import (
    CannotStack,
    DuplicatePositions,
    GeometryWarning,
    NoGeometry,
    NoPixels,
    SeveralStacks,
    UnsupportedSeries,
)
from noctis_lab.synthetic.dose import DoseOptions, rt_dose
from noctis_lab.volumes.cache import Handle
from noctis_lab.volumes.load import load
from tests.volumes.archive import admit, admit_file

#: Rows lead to the left, columns to the feet.
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)


def load_one(handle: Handle, tmp_path: Path, dataset: Dataset, **options: Any) -> xr.DataArray:
    admit(handle, [dataset], tmp_path / "in")
    return load(handle, dataset.SeriesInstanceUID, **options)


def doses_by_pydicom(dataset: Dataset) -> np.ndarray[Any, Any]:
    return np.asarray(dataset.pixel_array, np.float64) * float(dataset.DoseGridScaling)


@pytest.mark.parametrize("bits", [16, 32])
def test_doses_are_stored_times_scaling(handle: Handle, tmp_path: Path, bits: Any) -> None:
    dataset = rt_dose(DoseOptions(bits=bits))
    expected = doses_by_pydicom(dataset)

    dose = load_one(handle, tmp_path, dataset, dtype="float64")
    rounded = load(handle, dataset.SeriesInstanceUID)
    stored = load(handle, dataset.SeriesInstanceUID, stored=True)

    np.testing.assert_array_equal(dose.values, expected)
    assert rounded.dtype == np.float32
    np.testing.assert_array_equal(rounded.values, expected.astype(np.float32))
    assert stored.dtype == np.dtype(f"uint{bits}")
    np.testing.assert_array_equal(stored.values, dataset.pixel_array)
    assert (dose.attrs["units"], stored.attrs["units"]) == ("Gy", "stored")


def test_it_says_what_it_is_and_refers_to(handle: Handle, tmp_path: Path) -> None:
    dataset = rt_dose(DoseOptions(ReferencedStructureSetUID="1.2.3.4"))

    dose = load_one(handle, tmp_path, dataset)

    assert dose.name == "RTDOSE"
    assert dose.attrs["DoseUnits"] == "GY"
    assert dose.attrs["DoseType"] == "PHYSICAL"
    assert dose.attrs["DoseSummationType"] == "PLAN"
    assert dose.attrs["ReferencedPlanUIDs"] == [
        dataset.ReferencedRTPlanSequence[0].ReferencedSOPInstanceUID
    ]
    assert dose.attrs["ReferencedStructureSetUIDs"] == ["1.2.3.4"]
    assert dose.dicom.frame_of_reference_uid == dataset.FrameOfReferenceUID


@pytest.mark.parametrize("absolute", [False, True])
def test_uneven_offsets_keep_their_true_z(handle: Handle, tmp_path: Path, absolute: bool) -> None:
    offsets = (0.0, 3.0, 6.0, 11.0, 20.0)
    dataset = rt_dose(DoseOptions(offsets_mm=offsets, absolute=absolute))

    with pytest.warns(GeometryWarning, match="not uniform"):
        dose = load_one(handle, tmp_path, dataset, stored=True)

    np.testing.assert_allclose(dose.z, 100 + np.array(offsets), atol=1e-9)
    np.testing.assert_array_equal(dose.values, dataset.pixel_array)
    assert not dose.dicom.is_regular
    np.testing.assert_allclose(dose.y, -15 + 2.5 * np.arange(8))
    np.testing.assert_allclose(dose.x, -20 + 2.0 * np.arange(10))


@pytest.mark.parametrize("absolute", [False, True])
def test_descending_offsets_are_turned_over(handle: Handle, tmp_path: Path, absolute: bool) -> None:
    dataset = rt_dose(DoseOptions(offsets_mm=(0.0, -3.0, -6.0), absolute=absolute))

    dose = load_one(handle, tmp_path, dataset, stored=True)

    np.testing.assert_allclose(dose.z, [94, 97, 100])
    np.testing.assert_array_equal(dose.values, dataset.pixel_array[::-1])


def test_offsets_go_along_the_normal_of_any_orientation(handle: Handle, tmp_path: Path) -> None:
    dataset = rt_dose(DoseOptions(orientation=CORONAL, offsets_mm=(0.0, 2.0, 4.0)))
    normal = np.cross(CORONAL[:3], CORONAL[3:])

    dose = load_one(handle, tmp_path, dataset, stored=True)

    # PS3.3 Equation C.7.6.2.1-1, with the plane's origin moved along the normal.
    for frame, row, column in ((0, 0, 0), (1, 3, 4), (2, 7, 9)):
        place = (
            np.array(dataset.ImagePositionPatient)
            + normal * dataset.GridFrameOffsetVector[frame]
            + np.array(CORONAL[:3]) * 2.0 * column
            + np.array(CORONAL[3:]) * 2.5 * row
        )
        np.testing.assert_allclose(dose.dicom.index_to_world((frame, row, column)), place)
        assert dose[frame, row, column] == dataset.pixel_array[frame, row, column]


def test_absolute_z_of_feet_first_planes_follow_their_normal(
    handle: Handle, tmp_path: Path
) -> None:
    """The normal leads to the feet: z coordinates 100, 97, 94 are offsets 0, 3, 6."""
    dataset = rt_dose(
        DoseOptions(orientation=(-1, 0, 0, 0, 1, 0), offsets_mm=(0.0, 3.0, 6.0), absolute=True)
    )
    assert list(dataset.GridFrameOffsetVector) == [100, 97, 94]

    dose = load_one(handle, tmp_path, dataset, stored=True)

    assert [dose.dicom.index_to_world((k, 0, 0))[2] for k in range(3)] == [100, 97, 94]
    np.testing.assert_array_equal(dose.values, dataset.pixel_array)


@pytest.mark.parametrize(("syntax", "bits"), [(RLELossless, 16), (ExplicitVRBigEndian, 32)])
def test_other_encodings_give_the_same_doses(
    handle: Handle, tmp_path: Path, syntax: str, bits: Any
) -> None:
    expected = doses_by_pydicom(rt_dose(DoseOptions(bits=bits)))

    dose = load_one(handle, tmp_path, rt_dose(DoseOptions(transfer_syntax_uid=syntax, bits=bits)))

    np.testing.assert_array_equal(dose.values, expected.astype(np.float32))


def test_one_frame_lies_at_its_position(handle: Handle, tmp_path: Path) -> None:
    dose = load_one(handle, tmp_path, rt_dose(DoseOptions(offsets_mm=(0.0,))))

    assert dose.shape == (1, 8, 10)
    assert dose.dicom.origin == (-20, -15, 100)


def changed(**elements: Any) -> Dataset:
    dataset = rt_dose()
    for keyword, value in elements.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    return dataset


@pytest.mark.parametrize(
    ("elements", "error", "words"),
    [
        ({"GridFrameOffsetVector": None}, UnsupportedSeries, "none came"),
        ({"GridFrameOffsetVector": [0, 3, 6]}, UnsupportedSeries, "3 came"),
        ({"GridFrameOffsetVector": [7, 10, 13, 16, 19]}, UnsupportedSeries, "begin with 0"),
        ({"GridFrameOffsetVector": [0, 3, 3, 6, 9]}, DuplicatePositions, "5 planes at 4 places"),
        ({"ImagePositionPatient": None}, NoGeometry, "position"),
        ({"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}, NoGeometry, "orientation"),
        ({"DoseGridScaling": None}, UnsupportedSeries, "stored=True"),
        ({"DoseGridScaling": 0}, UnsupportedSeries, "positive"),
        ({"DoseGridScaling": -1}, UnsupportedSeries, "positive"),
    ],
)
def test_what_cannot_be_placed_or_scaled_is_refused(
    handle: Handle, tmp_path: Path, elements: dict[str, Any], error: type[CannotStack], words: str
) -> None:
    with pytest.raises(error, match=words):
        load_one(handle, tmp_path, changed(**elements))


def test_z_coordinates_of_planes_that_are_not_axial_are_refused(
    handle: Handle, tmp_path: Path
) -> None:
    dataset = rt_dose(DoseOptions(orientation=CORONAL))
    dataset.GridFrameOffsetVector = [100, 103, 106, 109, 112]

    with pytest.raises(UnsupportedSeries, match="not axial"):
        load_one(handle, tmp_path, dataset)


def test_integers_do_not_hold_doses(handle: Handle, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedSeries, match="float32 or float64"):
        load_one(handle, tmp_path, rt_dose(), dtype="int16")


def test_histograms_without_a_grid_have_no_volume(handle: Handle, tmp_path: Path) -> None:
    with pytest.raises(NoPixels, match="no dose grid"):
        load_one(handle, tmp_path, changed(PixelData=None))


def test_several_grids_are_named_not_summed(handle: Handle, tmp_path: Path) -> None:
    beams = [rt_dose(), rt_dose()]
    beams[1].SOPInstanceUID = beams[1].file_meta.MediaStorageSOPInstanceUID = "1.2.3.5"
    admit(handle, beams, tmp_path / "in")

    with pytest.raises(SeveralStacks, match="2 dose grid") as caught:
        load(handle, beams[0].SeriesInstanceUID)

    uids = caught.value.SOPInstanceUIDs
    assert set(uids) == {beam.SOPInstanceUID for beam in beams}
    for index, uid in enumerate(uids):
        dose = load(handle, beams[0].SeriesInstanceUID, stack=index)
        assert dose.attrs["SOPInstanceUID"] == uid


@pytest.mark.real_data
@pytest.mark.parametrize(
    "name", ["rtdose.dcm", "rtdose_expb.dcm", "rtdose_rle.dcm", "rtdose_1frame.dcm"]
)
def test_pydicoms_dose_files(real_data: Path, handle: Handle, name: str) -> None:
    path = real_data / "real/pydicom_test_files" / name
    admit_file(handle, path)
    dataset = pydicom.dcmread(path)
    frames = int(dataset.get("NumberOfFrames", 1))
    expected = doses_by_pydicom(dataset).reshape(frames, dataset.Rows, dataset.Columns)

    dose = load(handle, dataset.SeriesInstanceUID, dtype="float64")

    np.testing.assert_array_equal(dose.values, expected)
    offsets = np.array(dataset.GridFrameOffsetVector[:frames])
    np.testing.assert_allclose(dose.z, dataset.ImagePositionPatient[2] + offsets)
    assert ("geometry_note" in dose.attrs) == (frames == 1)


@pytest.mark.real_data
def test_a_number_of_frames_that_is_none_is_refused(real_data: Path, handle: Handle) -> None:
    path = real_data / "real/pydicom_test_files/badVR.dcm"  # NumberOfFrames is "1A"
    admit_file(handle, path)

    with pytest.raises(UnsupportedSeries, match="NumberOfFrames"):
        load(handle, pydicom.dcmread(path).SeriesInstanceUID)


@pytest.mark.parametrize("syntax", [{}, {"transfer_syntax_uid": RLELossless, "bits": 16}])
def test_loading_tells_how_far_it_is(
    handle: Handle, tmp_path: Path, syntax: dict[str, Any]
) -> None:
    dataset = rt_dose(DoseOptions(offsets_mm=(0.0, 3.0, 6.0), **syntax))
    admit(handle, [dataset], tmp_path / "in")
    told: list[tuple[int, int]] = []
    load(handle, str(dataset.SeriesInstanceUID), progress=lambda *done: told.append(done))
    assert told == [(1, 3), (2, 3), (3, 3)]
