"""SEG: masks on the voxels they were drawn on, or on a grid of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
import xarray as xr
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from noctis_lab.errors import (
    GeometryWarning,
)
from noctis_lab.synthetic import enhanced_image, write_series
from noctis_lab.synthetic.plane_stack import PlaneStack
from noctis_lab.synthetic.seg import SegOptions, segmentation
from noctis_lab.volumes.cache import Handle
from noctis_lab.volumes.load import load
from tests.volumes.archive import admit
from tests.volumes.segment_sources import (
    COLUMNS,
    PLANES,
    ROWS,
    assert_same_grid,
    some_masks,
    source,
    with_volume,
)


@pytest.mark.parametrize("gantry_tilt_deg", [0, 18])
def test_oblique_and_sheared_sources_keep_their_grid(
    handle: Handle, tmp_path: Path, gantry_tilt_deg: float
) -> None:
    orientation = (0.8, 0.6, 0.0, 0.0, 0.0, -1.0)
    images = source(orientation=orientation, gantry_tilt_deg=gantry_tilt_deg)
    masks = some_masks(2)

    found, volume = with_volume(handle, tmp_path, segmentation(masks, images), images)

    assert_same_grid(found, volume)
    # Frames are placed by their own position: the volume may be turned over against the series.
    by_uid = {image.SOPInstanceUID: index for index, image in enumerate(images)}
    order = [by_uid[uid] for uid in volume.SOPInstanceUID.values]
    np.testing.assert_array_equal(found.values, masks[:, order])


def test_a_part_of_the_matrix_is_put_into_its_place(handle: Handle, tmp_path: Path) -> None:
    images, masks = source(), some_masks(2)
    cropped = [pydicom.dcmread(path) for path in write_series(images, tmp_path / "copy")]
    for image in cropped:
        x, y, z = image.ImagePositionPatient
        image.ImagePositionPatient = [x + 2 * 0.5, y + 3 * 0.5, z]
    dataset = segmentation(masks[:, :, 3:8, 2:6], cropped)

    found, volume = with_volume(handle, tmp_path, dataset, images)

    expected = np.zeros(masks.shape, bool)
    expected[:, :, 3:8, 2:6] = masks[:, :, 3:8, 2:6]
    np.testing.assert_array_equal(found.values, expected)
    assert_same_grid(found, volume)


def test_an_enhanced_source_has_a_grid_too(handle: Handle, tmp_path: Path) -> None:
    stack = PlaneStack(planes=PLANES)
    image = enhanced_image(modality="CT", stacks=[stack], shape=(ROWS, COLUMNS))
    frames = []
    for plane in range(PLANES):
        frame = Dataset()
        frame.update({element.tag: element for element in image if element.VR != "SQ"})
        frame.ImagePositionPatient = list(stack.position_mm(plane))
        frame.ImageOrientationPatient = list(stack.orientation)
        frame.PixelSpacing = list(stack.pixel_spacing_mm)
        frame.SliceThickness = stack.slice_spacing_mm
        frames.append(frame)
    masks = some_masks(2)

    found, volume = with_volume(handle, tmp_path, segmentation(masks, frames), [image])

    np.testing.assert_array_equal(found.values, masks)
    assert_same_grid(found, volume)


def test_a_source_that_is_not_named_is_found_by_its_images(handle: Handle, tmp_path: Path) -> None:
    images, masks = source(), some_masks(2)
    dataset = segmentation(masks, images)
    del dataset.ReferencedSeriesSequence  # DerivationImageSequence of each frame is left

    found, volume = with_volume(handle, tmp_path, dataset, images)

    assert_same_grid(found, volume)


def own_grid(handle: Handle, tmp_path: Path, dataset: Dataset, words: str) -> xr.DataArray:
    admit(handle, [dataset], tmp_path / "seg")
    found = load(handle, dataset.SeriesInstanceUID)
    assert found.attrs["grid"] == "own"
    assert words in found.attrs["geometry_note"]
    return found


def test_without_its_source_it_lies_on_a_grid_of_its_own(handle: Handle, tmp_path: Path) -> None:
    images, masks = source(), some_masks(2)
    masks[:, 1] = masks[:, 4] = 0  # one plane within and one at the end have no frame

    found = own_grid(handle, tmp_path, segmentation(masks, images), "not in this archive")

    np.testing.assert_array_equal(found.z, [100, 102, 104, 106])
    np.testing.assert_array_equal(found.values, masks[:, :4])
    assert found.dicom.spacing == (2, 0.5, 0.5)


def test_one_without_references_says_so(handle: Handle, tmp_path: Path) -> None:
    images, masks = source(), some_masks(2)
    admit(handle, images, tmp_path / "images")

    dataset = segmentation(masks, images, SegOptions(with_source=False))

    assert "SourceSeriesInstanceUID" not in own_grid(handle, tmp_path, dataset, "no source").attrs


@pytest.mark.parametrize(
    ("moved_mm", "words"), [((0.2, 0, 0), "other voxels"), ((0, 0, 0.9), "other voxels")]
)
def test_frames_beside_the_sources_voxels_keep_their_own_places(
    handle: Handle, tmp_path: Path, moved_mm: tuple[float, float, float], words: str
) -> None:
    images, masks = source(), some_masks(2)
    admit(handle, images, tmp_path / "images")
    dataset = segmentation(masks, images)
    for groups in dataset.PerFrameFunctionalGroupsSequence:
        item = groups.PlanePositionSequence[0]
        place = np.array(item.ImagePositionPatient) + moved_mm
        item.ImagePositionPatient = place.tolist()

    found = own_grid(handle, tmp_path, dataset, words)

    np.testing.assert_array_equal(found.values, masks)
    expected = np.array([-16, -16, 100]) + moved_mm
    np.testing.assert_allclose(found.dicom.origin, expected)


def test_another_frame_of_reference_is_another_place(handle: Handle, tmp_path: Path) -> None:
    images, masks = source(), some_masks(2)
    admit(handle, images, tmp_path / "images")
    dataset = segmentation(masks, images)
    dataset.FrameOfReferenceUID = "1.2.3.4"

    found = own_grid(handle, tmp_path, dataset, "another frame of reference")

    assert found.dicom.frame_of_reference_uid == "1.2.3.4"


def test_uneven_planes_keep_their_true_places(handle: Handle, tmp_path: Path) -> None:
    images, masks = source(planes=PLANES), some_masks(1)
    z_mm = [100.0, 102.0, 104.0, 107.3, 111.0]
    for image, z in zip(images, z_mm, strict=True):
        image.ImagePositionPatient[2] = z
    masks[:] = 1
    dataset = segmentation(masks, images, SegOptions(with_source=False))
    admit(handle, [dataset], tmp_path / "seg")

    with pytest.warns(GeometryWarning, match="not uniform"):
        found = load(handle, dataset.SeriesInstanceUID)

    np.testing.assert_allclose(found.z, z_mm)
    assert "not uniform" in found.attrs["spacing_note"]


def sparse(**measures: float) -> tuple[Dataset, NDArray[np.uint8]]:
    """Return a segmentation of planes 1, 4 and 7 of twelve, 2 mm apart, and its mask."""
    images = source(planes=12)
    masks = np.zeros((1, 12, ROWS, COLUMNS), np.uint8)
    masks[0, [1, 4, 7], 2:4, 2:5] = 1
    dataset = segmentation(masks, images, SegOptions(with_source=False))
    for keyword, value in measures.items():
        item = dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
        setattr(item, keyword, value)
    return dataset, masks


def test_empty_planes_left_out_lie_where_the_stated_spacing_puts_them(
    handle: Handle, tmp_path: Path
) -> None:
    dataset, masks = sparse(SpacingBetweenSlices=2.0)
    found = own_grid(handle, tmp_path, dataset, "no source")
    np.testing.assert_array_equal(found.z, np.arange(102, 115, 2))
    np.testing.assert_array_equal(found.values, masks[:, 1:8])
    assert found.dicom.spacing == (2, 0.5, 0.5)
    assert "missing" not in found.attrs["geometry_note"]


@pytest.mark.parametrize("measures", [{"SpacingBetweenSlices": 2.5}, {"SliceThickness": 2.0}])
def test_planes_whose_spacing_is_in_doubt_say_so(
    handle: Handle, tmp_path: Path, measures: dict[str, float]
) -> None:
    dataset, _ = sparse(**measures)
    found = own_grid(handle, tmp_path, dataset, "may be missing")
    np.testing.assert_array_equal(found.z, [102, 108, 114])
