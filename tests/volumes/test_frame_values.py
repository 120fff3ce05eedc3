"""Frames and planes as the float64 values that measurements are made of."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut
from pydicom.sequence import Sequence

from noctis_lab.errors import CannotResample
from noctis_lab.synthetic import ct_series, enhanced_image, pet_series, ultrasound_cine
from noctis_lab.volumes.cache import Handle
from noctis_lab.volumes.frame_values import (
    SeriesFrame,
    WantedPlane,
    find_frame,
    find_frame_units,
    read_plane_values,
    read_values,
)
from noctis_lab.volumes.load import load
from noctis_lab.volumes.pixels import describe_stack
from tests.volumes.archive import admit

AXIAL = {"right": (1.0, 0.0, 0.0), "down": (0.0, 1.0, 0.0)}


def frame(handle: Handle, uid: str, index: int) -> SeriesFrame:
    found = find_frame(handle, uid, index=index)
    assert found is not None
    return found


def test_each_planes_own_slope_holds_and_the_unit_is_stated(handle: Handle, tmp_path: Path) -> None:
    planes = pet_series()
    admit(handle, planes, tmp_path / "in")
    uid = str(planes[0].SeriesInstanceUID)
    slopes = {float(plane.RescaleSlope) for plane in planes}
    assert len(slopes) > 1
    by_uid = {str(plane.SOPInstanceUID): plane for plane in planes}
    for index in (0, len(planes) - 1):
        found = frame(handle, uid, index)
        plane = by_uid[found.frame.row.SOPInstanceUID]
        expected = plane.pixel_array * float(plane.RescaleSlope) + float(plane.RescaleIntercept)
        np.testing.assert_array_equal(read_values(handle, found), expected)
        assert find_frame_units(handle, found) == "Bq/ml"


def test_a_table_gives_the_values(handle: Handle, tmp_path: Path) -> None:
    table = Dataset()
    table.LUTDescriptor = [4096, 0, 16]
    table.LUTData = (np.arange(4096, dtype=np.uint16) * 3).tobytes()
    table.ModalityLUTType = "OD"
    table["LUTData"].VR = "OW"
    planes = ct_series(
        planes=1,
        signed=False,
        bits_stored=12,
        elements={
            "ModalityLUTSequence": Sequence([table]),
            "RescaleSlope": None,
            "RescaleIntercept": None,
            "RescaleType": None,
        },
    )
    admit(handle, planes, tmp_path / "in")
    found = frame(handle, str(planes[0].SeriesInstanceUID), 0)
    expected = apply_modality_lut(planes[0].pixel_array, planes[0])
    values = read_values(handle, found)
    assert values is not None
    assert values.dtype == np.float64
    np.testing.assert_array_equal(values, expected)


def test_frames_of_one_instance_are_found_by_number(handle: Handle, tmp_path: Path) -> None:
    image = enhanced_image()
    admit(handle, [image], tmp_path / "in")
    uid, sop = str(image.SeriesInstanceUID), str(image.SOPInstanceUID)
    stack = describe_stack(handle, uid)
    for index, described in enumerate(stack.frames):
        found = find_frame(handle, uid, SOPInstanceUID=sop, frame=described.frame)
        assert found is not None
        assert found.index == index
        expected = image.pixel_array[described.frame] * described.slope + described.intercept
        np.testing.assert_array_equal(read_values(handle, found), expected)
    assert find_frame(handle, uid, SOPInstanceUID=sop, frame=len(stack.frames)) is None
    assert find_frame(handle, uid, index=len(stack.frames)) is None


def test_colours_have_no_values(handle: Handle, tmp_path: Path) -> None:
    (cine,) = ultrasound_cine(frames=2)
    admit(handle, [cine], tmp_path / "in")
    uid = str(cine.SeriesInstanceUID)
    assert read_values(handle, frame(handle, uid, 1)) is None


@pytest.mark.parametrize("limit", [None, -1990])
def test_padding_is_no_number_and_described(
    handle: Handle, tmp_path: Path, limit: int | None
) -> None:
    stored = np.arange(2 * 8 * 8, dtype=np.int16).reshape(2, 8, 8)
    stored[:, 0, 0], stored[:, 0, 1] = -2000, -1995
    elements = {"PixelPaddingValue": -2000} | (
        {} if limit is None else {"PixelPaddingRangeLimit": limit}
    )
    planes = ct_series(planes=2, rows=8, columns=8, stored=stored, elements=elements)
    admit(handle, planes, tmp_path / "in")
    uid = str(planes[0].SeriesInstanceUID)
    values = read_values(handle, frame(handle, uid, 0))
    assert values is not None
    count = 1 if limit is None else 2
    assert np.argwhere(np.isnan(values)).tolist() == [[0, 0], [0, 1]][:count]
    expected = (-2000.0, -2000.0) if limit is None else (-2000.0, -1990.0)
    assert describe_stack(handle, uid).padding == expected


def test_a_plane_on_the_voxels_has_their_values(handle: Handle, tmp_path: Path) -> None:
    planes = ct_series(planes=4, rows=8, columns=10)
    admit(handle, planes, tmp_path / "in")
    uid = str(planes[0].SeriesInstanceUID)
    volume = load(handle, uid)
    x, y, z = volume.dicom.index_to_world((2, 3, 4))
    step = float(planes[0].PixelSpacing[0])
    wanted = WantedPlane(origin_mm=(x, y, z), spacing_mm=(step, step), shape=(3, 9), **AXIAL)
    values, units = read_plane_values(handle, uid, wanted)
    assert (units, values.dtype) == ("HU", np.float64)
    np.testing.assert_array_equal(values[:, :6], volume.values[2, 3:6, 4:10])
    assert np.isnan(values[:, 6:]).all()
    thick = WantedPlane(
        origin_mm=(x, y, z),
        spacing_mm=(step, step),
        shape=(2, 2),
        slab_mm=3 * float(volume.dicom.spacing[0]),
        how="max",
        **AXIAL,
    )
    np.testing.assert_array_equal(
        read_plane_values(handle, uid, thick)[0], volume.values[1:4, 3:5, 4:6].max(axis=0)
    )


def test_a_plane_opens_the_files_it_goes_through_and_no_others(
    handle: Handle, tmp_path: Path
) -> None:
    planes = ct_series(planes=12, rows=8, columns=10, elements={"PixelPaddingValue": -2000})
    admit(handle, planes, tmp_path / "in")
    uid = str(planes[0].SeriesInstanceUID)
    volume = load(handle, uid)
    x, y, z = volume.dicom.index_to_world((5, 0, 0))
    step = float(volume.dicom.spacing[1])
    wanted = WantedPlane(origin_mm=(x, y, z), spacing_mm=(step, step), shape=(4, 4), **AXIAL)
    first, _ = read_plane_values(handle, uid, wanted)
    opened: list[str] = []
    is_watched = [True]

    def watch(name: str, arguments: tuple[object, ...]) -> None:
        if is_watched and name == "open" and str(arguments[0]).endswith(".dcm"):
            opened.append(str(arguments[0]))

    sys.addaudithook(watch)  # for as long as the process lives
    try:
        again, _ = read_plane_values(handle, uid, wanted)
    finally:
        is_watched.clear()
    np.testing.assert_array_equal(again, first)
    assert 0 < len(set(opened)) <= 3


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"shape": (3000, 3000)}, "samples is too large"),
        ({"shape": (2000, 2000), "slab_mm": 9000.0}, "a slab of"),
    ],
)
def test_a_plane_beyond_all_bounds_is_refused(
    handle: Handle, tmp_path: Path, changes: dict[str, object], words: str
) -> None:
    planes = ct_series(planes=4, rows=8, columns=10)
    admit(handle, planes, tmp_path / "in")
    asked = {"origin_mm": (0.0, 0.0, 0.0), "spacing_mm": (0.1, 0.1), "shape": (2, 2)} | AXIAL
    with pytest.raises(CannotResample, match=words):
        read_plane_values(
            handle, str(planes[0].SeriesInstanceUID), WantedPlane(**(asked | changes))
        )


def test_a_step_of_a_further_dim_is_chosen(handle: Handle, tmp_path: Path) -> None:
    image = enhanced_image(along="echo", points=3)
    admit(handle, [image], tmp_path / "in")
    uid = str(image.SeriesInstanceUID)
    volume = load(handle, uid)
    assert volume.dims[0] == "echo"
    x, y, z = volume.isel(echo=0).dicom.index_to_world((0, 0, 0))
    affine = volume.isel(echo=0).dicom.affine
    down, right = (tuple(affine[:3, axis] / np.linalg.norm(affine[:3, axis])) for axis in (1, 2))
    steps = tuple(float(np.linalg.norm(affine[:3, axis])) for axis in (1, 2))
    asked = {"origin_mm": (x, y, z), "right": right, "down": down, "spacing_mm": steps}
    for index in range(3):
        wanted = WantedPlane(**asked, shape=(4, 4), extra_index=index)
        found, _ = read_plane_values(handle, uid, wanted)
        np.testing.assert_allclose(found, volume.values[index, 0, :4, :4], rtol=1e-9)
    with pytest.raises(CannotResample, match="there is no 3"):
        read_plane_values(handle, uid, WantedPlane(**asked, shape=(4, 4), extra_index=3))
