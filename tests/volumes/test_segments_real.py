"""SEG: real segmentations, and what highdicom makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray

from noctis_lab.volumes.cache import Handle
from noctis_lab.volumes.kinds import open_segmentation
from noctis_lab.volumes.load import load
from tests.volumes.archive import admit_file
from tests.volumes.segment_sources import (
    assert_same_grid,
)


def by_highdicom(path: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return masks (segment, z, y, x) and affine (z, y, x, 1 to LPS) as highdicom has them."""
    volume = highdicom.seg.segread(path).get_volume(combine_segments=False, rescale_fractional=True)
    return np.moveaxis(volume.array, -1, 0), volume.affine


REAL = [
    "seg_sr_highdicom/seg_image_ct_binary_overlap.dcm",
    "seg_sr_highdicom/seg_image_ct_binary_single_frame.dcm",
    "seg_sr_dcmqi/segmentations/liver.dcm",
    "seg_sr_dcmqi/segmentations/partial_overlaps.dcm",
    "seg_sr_dcmqi/segmentations/24x38x3/seg/label.seg",
    "seg_sr_dcmqi/segmentations/23x38x3/seg/label.seg",
    "seg_sr_dcmqi/sr-example/seg.dcm",
    "pydicom_data/liver_deflate.dcm",
    "pydicom_data/liver_expb.dcm",
    "pydicom_data/liver_nonbyte_aligned.dcm",
    "pydicom_data/liver_nonbyte_aligned_rle.dcm",
    "pydicom_data/liver_nonbyte_aligned_j2k.dcm",
]


@pytest.mark.real_data
@pytest.mark.parametrize("name", REAL)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_real_masks_are_highdicoms(real_data: Path, handle: Handle, name: str) -> None:
    path = real_data / "real" / name
    admit_file(handle, path)
    plain = path
    if "nonbyte" in name:  # highdicom reads one encoding of the same frames each
        plain = path.with_name("liver_nonbyte_aligned.dcm")
    elif "pydicom_data" in name:
        plain = real_data / "real/seg_sr_dcmqi/segmentations/liver.dcm"
    expected, affine = by_highdicom(plain)

    found = load(handle, pydicom.dcmread(path).SeriesInstanceUID)

    places = found.dicom.index_to_world(np.argwhere(found.values.any(axis=0)))
    theirs = (
        affine @ np.c_[np.argwhere(expected.any(axis=0)), np.ones(expected.any(axis=0).sum())].T
    ).T
    order, their_order = np.lexsort(np.round(places, 3).T), np.lexsort(np.round(theirs[:, :3], 3).T)
    np.testing.assert_allclose(places[order], theirs[their_order, :3], atol=1e-3)
    np.testing.assert_array_equal(found.values.sum(axis=(1, 2, 3)), expected.sum(axis=(1, 2, 3)))


@pytest.mark.real_data
def test_real_segments_lie_on_their_real_source(real_data: Path, handle: Handle) -> None:
    folder = real_data / "real/seg_sr_dcmqi/segmentations"
    for path in (*sorted((folder / "ct-3slice").glob("*.dcm")), folder / "partial_overlaps.dcm"):
        admit_file(handle, path)
    dataset = pydicom.dcmread(folder / "partial_overlaps.dcm")
    ct = pydicom.dcmread(folder / "ct-3slice/01.dcm")

    found = load(handle, dataset.SeriesInstanceUID)

    assert_same_grid(found, load(handle, ct.SeriesInstanceUID))
    expected = np.zeros((5, 3, 512, 512), bool)
    z_of = {round(float(z), 2): index for index, z in enumerate(found.z.values)}
    for pixels, groups in zip(
        dataset.pixel_array, dataset.PerFrameFunctionalGroupsSequence, strict=True
    ):
        number = groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        z = round(float(groups.PlanePositionSequence[0].ImagePositionPatient[2]), 2)
        expected[number - 1, z_of[z]] |= pixels.astype(bool)
    np.testing.assert_array_equal(found.values, expected)


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["sparse-labelmap-noppv.dcm", "sparse-labelmap-ppv5.dcm"])
def test_real_sparse_label_maps(real_data: Path, handle: Handle, name: str) -> None:
    folder = real_data / "real/seg_sr_dcmqi/segmentations"
    for path in (*sorted((folder / "24x38x3/image").glob("*.dcm")), folder / name):
        admit_file(handle, path)
    dataset = pydicom.dcmread(folder / name)
    padding = int(dataset.get("PixelPaddingValue", 0))

    segments = open_segmentation(handle, dataset.SeriesInstanceUID)
    labels = segments.labels()

    assert labels.shape == (3, 38, 24)
    for index, z in enumerate(labels.z.values):
        frames = [
            pixels
            for pixels, groups in zip(
                dataset.pixel_array, dataset.PerFrameFunctionalGroupsSequence, strict=True
            )
            if abs(groups.PlanePositionSequence[0].ImagePositionPatient[2] - z) < 0.01
        ]
        expected = frames[0] if frames else np.full((38, 24), padding)
        np.testing.assert_array_equal(labels[index], expected)
    assert 1 in segments.load().segment


@pytest.mark.real_data
def test_a_real_radiographs_segment_has_no_place(real_data: Path, handle: Handle) -> None:
    path = real_data / "real/seg_sr_highdicom/seg_image_cr_binary.dcm"
    admit_file(handle, path)
    dataset = pydicom.dcmread(path)

    found = load(handle, dataset.SeriesInstanceUID)

    assert found.dims == ("segment", "y", "x")
    np.testing.assert_array_equal(found[0], dataset.pixel_array.reshape(16, 16))


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["true_fractional", "binary_fractional"])
def test_real_fractions_of_planes_far_apart(real_data: Path, handle: Handle, name: str) -> None:
    path = real_data / f"real/seg_sr_highdicom/seg_image_ct_{name}.dcm"
    admit_file(handle, path)
    dataset = pydicom.dcmread(path)

    found = load(handle, dataset.SeriesInstanceUID)

    expected = dataset.pixel_array / np.float64(dataset.MaximumFractionalValue)
    z_mm = [
        groups.PlanePositionSequence[0].ImagePositionPatient[2]
        for groups in dataset.PerFrameFunctionalGroupsSequence
    ]
    for pixels, z in zip(expected, z_mm, strict=True):
        np.testing.assert_allclose(found[0].sel(z=z, method="nearest", tolerance=0.01), pixels)
