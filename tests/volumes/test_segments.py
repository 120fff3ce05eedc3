"""SEG: masks on the voxels they were drawn on, and what highdicom and plain numpy make of them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
import pytest
import xarray as xr
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, RLELossless

from noctis_lab.errors import (
    CannotStack,
    DuplicatePositions,
    GeometryWarning,
    MixedGeometry,
    NoGeometry,
    UnsupportedSeries,
)
from noctis_lab.lab import Lab, open_lab
from noctis_lab.synthetic import ct_series, enhanced_image, write_series
from noctis_lab.synthetic.plane_stack import PlaneStack
from noctis_lab.synthetic.seg import SegOptions, segmentation
from noctis_lab.volumes import instance_frames
from noctis_lab.volumes.cache import Handle
from noctis_lab.volumes.kinds import open_segmentation
from noctis_lab.volumes.load import load
from tests.volumes.archive import admit, admit_file

#: Rows · columns is no multiple of 8: every frame but the first begins within a byte.
ROWS, COLUMNS, PLANES = 9, 7, 5


def some_masks(segments: int = 2, *, greatest: int = 1, overlap: bool = False) -> NDArray[np.uint8]:
    """Return masks with empty planes, and voxels of their own each (unless they shall overlap)."""
    rng = np.random.default_rng(segments)
    shape = (PLANES, ROWS, COLUMNS)
    owner = rng.integers(0, segments + 1, shape)
    masks = np.stack([(owner == number + 1) for number in range(segments)]).astype(np.uint8)
    masks[0, 0] = masks[1:, 3] = 0
    if overlap:
        masks[1, 2] = masks[0, 2]
    return masks * rng.integers(1, greatest + 1, masks.shape).astype(np.uint8)


def source(**options: Any) -> list[Dataset]:
    return ct_series(**({"planes": PLANES, "rows": ROWS, "columns": COLUMNS} | options))


def with_volume(
    handle: Handle, tmp_path: Path, dataset: Dataset, images: list[Dataset]
) -> tuple[xr.DataArray, xr.DataArray]:
    admit(handle, images, tmp_path / "images")
    admit(handle, [dataset], tmp_path / "seg")
    return load(handle, dataset.SeriesInstanceUID), load(handle, images[0].SeriesInstanceUID)


def assert_same_grid(found: xr.DataArray, volume: xr.DataArray) -> None:
    for axis in ("z", "y", "x"):
        np.testing.assert_array_equal(found[axis], volume[axis])
    assert found.patient_lps.attrs == volume.patient_lps.attrs
    assert found.attrs["grid"] == "source"
    assert "geometry_note" not in found.attrs


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
@pytest.mark.parametrize("sparse", [True, False])
def test_masks_lie_on_the_voxels_of_their_source(
    handle: Handle, tmp_path: Path, kind: Any, sparse: bool
) -> None:
    masks, images = some_masks(3), source()
    dataset = segmentation(masks, images, SegOptions(kind=kind, sparse=sparse))

    found, volume = with_volume(handle, tmp_path, dataset, images[::-1])

    assert found.dims == ("segment", "z", "y", "x")
    assert found.dtype == np.bool_
    np.testing.assert_array_equal(found.values, masks != 0)
    assert_same_grid(found, volume)
    assert found.attrs["SourceSeriesInstanceUID"] == images[0].SeriesInstanceUID
    np.testing.assert_array_equal(found.SOPInstanceUID, volume.SOPInstanceUID)
    assert found.where(found).count() == (found & (volume == volume)).sum()  # they align


def test_segments_say_what_they_are(handle: Handle, tmp_path: Path) -> None:
    images = source()
    dataset = segmentation(some_masks(2), images, SegOptions(numbers=[3, 7]))

    found, _ = with_volume(handle, tmp_path, dataset, images)

    assert found.segment.values.tolist() == [3, 7]
    assert found.segment_label.values.tolist() == ["Kidney 3", "Liver 7"]
    assert found.segment_algorithm.values.tolist() == ["AUTOMATIC"] * 2
    assert found.segment_type.values.tolist() == ["SCT:64033007 Kidney", "SCT:10200004 Liver"]
    assert found.segment_color.values.tolist() == ["#ff0000"] * 2
    assert found.sel(segment=7).sum() > 0
    assert (found.name, found.attrs["SegmentationType"]) == ("SEG", "BINARY")


def test_fractions_are_stored_values_over_their_maximum(handle: Handle, tmp_path: Path) -> None:
    masks, images = some_masks(2, greatest=200), source()
    dataset = segmentation(masks, images, SegOptions(kind="FRACTIONAL", greatest=200))

    found, volume = with_volume(handle, tmp_path, dataset, images)
    stored = load(handle, dataset.SeriesInstanceUID, stored=True)
    double = load(handle, dataset.SeriesInstanceUID, dtype="float64")

    assert (found.dtype, stored.dtype) == (np.float32, np.uint8)
    np.testing.assert_array_equal(double.values, masks / 200)
    np.testing.assert_array_equal(found.values, (masks / 200).astype(np.float32))
    np.testing.assert_array_equal(stored.values, masks)
    assert found.attrs["SegmentationFractionalType"] == "PROBABILITY"
    assert_same_grid(found, volume)


@pytest.mark.parametrize(
    ("kind", "syntax"),
    [
        ("BINARY", ExplicitVRBigEndian),
        ("FRACTIONAL", ExplicitVRBigEndian),
        ("FRACTIONAL", RLELossless),
        ("LABELMAP", RLELossless),
    ],
)
def test_other_encodings_give_the_same_masks(
    handle: Handle, tmp_path: Path, kind: Any, syntax: str
) -> None:
    masks, images = some_masks(2), source()
    options = SegOptions(kind=kind, greatest=1, transfer_syntax_uid=syntax)

    found, _ = with_volume(handle, tmp_path, segmentation(masks, images, options), images)

    np.testing.assert_array_equal(found.values, masks)


def test_a_large_label_map_has_16_bits(handle: Handle, tmp_path: Path) -> None:
    masks, images = some_masks(2), source()
    options = SegOptions(kind="LABELMAP", numbers=[1, 40_000])

    found, _ = with_volume(handle, tmp_path, segmentation(masks, images, options), images)
    labels = open_segmentation(handle, found.attrs["SeriesInstanceUID"]).labels()

    np.testing.assert_array_equal(found.values, masks != 0)
    assert labels.dtype == np.uint16
    np.testing.assert_array_equal(labels, masks[0] + 40_000 * masks[1].astype(int))


def test_padding_is_a_label_maps_background(handle: Handle, tmp_path: Path) -> None:
    masks, images = some_masks(2), source()
    options = SegOptions(kind="LABELMAP", padding=9)

    found, _ = with_volume(handle, tmp_path, segmentation(masks, images, options), images)
    labels = open_segmentation(handle, found.attrs["SeriesInstanceUID"]).labels()

    np.testing.assert_array_equal(found.values, masks != 0)
    expected = np.where(masks.any(0), masks[0] + 2 * masks[1], 9)
    np.testing.assert_array_equal(labels, expected)


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
    assert "not uniform" in found.attrs["geometry_note"]


def test_some_segments_can_be_loaded_alone(handle: Handle, tmp_path: Path) -> None:
    images, masks = source(), some_masks(3)
    dataset = segmentation(masks, images)
    admit(handle, [dataset, *images], tmp_path / "all")

    segments = open_segmentation(handle, dataset.SeriesInstanceUID)
    found = segments.load([3, 1])

    assert found.segment.values.tolist() == [1, 3]
    np.testing.assert_array_equal(found.values, masks[[0, 2]])
    assert len(segments) == 3
    assert segments.df()["label"].tolist() == ["Liver 1", "Spleen 2", "Kidney 3"]
    with pytest.raises(UnsupportedSeries, match=r"no segment 4; it has 1, 2, 3"):
        segments.load([4])


def test_labels_are_one_map_unless_segments_overlap(handle: Handle, tmp_path: Path) -> None:
    images, masks = source(), some_masks(2)
    crossing = segmentation(some_masks(2, overlap=True), images, SegOptions(seed="crossing"))
    dataset = segmentation(masks, images)
    admit(handle, [dataset, crossing, *images], tmp_path / "all")

    labels = open_segmentation(handle, dataset.SeriesInstanceUID).labels()

    assert labels.dtype == np.uint8
    assert labels.attrs["segment_labels"] == ["Liver 1", "Spleen 2"]
    np.testing.assert_array_equal(labels, masks[0] + 2 * masks[1])
    with pytest.raises(UnsupportedSeries, match="overlaps"):
        open_segmentation(handle, crossing.SeriesInstanceUID).labels()
    both = load(handle, crossing.SeriesInstanceUID)
    np.testing.assert_array_equal(both.values, some_masks(2, overlap=True))


def changed(kind: Any = "BINARY", **elements: Any) -> Dataset:
    dataset = segmentation(some_masks(2), source(), SegOptions(kind=kind))
    for keyword, value in elements.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    return dataset


def without_segments() -> Dataset:
    return changed(SegmentSequence=None)


def one_twice() -> Dataset:
    dataset = changed()
    dataset.SegmentSequence[1].SegmentNumber = 1
    return dataset


def number_zero() -> Dataset:
    dataset = changed()
    dataset.SegmentSequence[1].SegmentNumber = 0
    return dataset


def strange_frame(number: int | None) -> Dataset:
    dataset = changed()
    groups = dataset.PerFrameFunctionalGroupsSequence[2]
    if number is None:
        del groups.SegmentIdentificationSequence
    else:
        groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber = number
    return dataset


def placed_twice() -> Dataset:
    dataset = changed()
    groups = dataset.PerFrameFunctionalGroupsSequence
    groups[1].PlanePositionSequence = groups[0].PlanePositionSequence
    return dataset


def turned_frame() -> Dataset:
    dataset = changed()
    item = Dataset()
    item.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
    dataset.PerFrameFunctionalGroupsSequence[1].PlaneOrientationSequence = [item]
    return dataset


def frames_without_places() -> Dataset:
    dataset = changed()
    for groups in dataset.PerFrameFunctionalGroupsSequence:
        del groups.PlanePositionSequence
    return dataset


def one_frame_elsewhere() -> Dataset:
    dataset = changed()
    item = dataset.PerFrameFunctionalGroupsSequence[1].PlanePositionSequence[0]
    item.ImagePositionPatient = [1e300, 0, 0]
    return dataset


def one_label_too_many() -> Dataset:
    dataset = changed("LABELMAP")
    del dataset.SegmentSequence[1]
    return dataset


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: changed(SegmentationType="VECTOR"), UnsupportedSeries, "BINARY, FRACTIONAL"),
        (lambda: changed(SegmentationType="FRACTIONAL"), UnsupportedSeries, "8 bits"),
        (
            lambda: changed(DimensionOrganizationType="TILED_FULL"),
            UnsupportedSeries,
            "whole-slide",
        ),
        (lambda: changed(TotalPixelMatrixRows=900), UnsupportedSeries, "whole-slide"),
        (without_segments, UnsupportedSeries, "SegmentSequence is missing"),
        (one_twice, UnsupportedSeries, "segment 1 is described twice"),
        (number_zero, UnsupportedSeries, "1 to 65535"),
        (lambda: strange_frame(77), UnsupportedSeries, "frame 3 .* segment 77 came"),
        (lambda: strange_frame(None), UnsupportedSeries, "frame 3 .* none came"),
        (placed_twice, DuplicatePositions, "two frames of segment 1"),
        (turned_frame, MixedGeometry, "several orientations"),
        (frames_without_places, NoGeometry, "no place in the patient"),
        (one_frame_elsewhere, NoGeometry, "usable position"),
        (one_label_too_many, UnsupportedSeries, "segment 2, which is not described"),
        (
            lambda: changed("FRACTIONAL", MaximumFractionalValue=0),
            UnsupportedSeries,
            "MaximumFractionalValue",
        ),
        (
            lambda: changed("FRACTIONAL", MaximumFractionalValue=None),
            UnsupportedSeries,
            "MaximumFractionalValue",
        ),
    ],
)
def test_what_means_nothing_is_refused_by_name(
    handle: Handle, tmp_path: Path, make: Any, error: type[CannotStack], words: str
) -> None:
    dataset = make()
    admit(handle, [dataset], tmp_path / "seg")

    with pytest.raises(error, match=words):
        load(handle, dataset.SeriesInstanceUID)


def test_fractions_beyond_one_are_refused(handle: Handle, tmp_path: Path) -> None:
    dataset = segmentation(
        some_masks(2, greatest=200), source(), SegOptions(kind="FRACTIONAL", greatest=100)
    )
    admit(handle, [dataset], tmp_path / "seg")

    with pytest.raises(UnsupportedSeries, match="beyond 100"):
        load(handle, dataset.SeriesInstanceUID)


def test_more_groups_than_frames_are_refused(handle: Handle, tmp_path: Path) -> None:
    dataset = changed()
    groups = dataset.PerFrameFunctionalGroupsSequence
    dataset.PerFrameFunctionalGroupsSequence = [*groups, groups[0]]
    admit(handle, [dataset], tmp_path / "seg")

    with pytest.raises(UnsupportedSeries, match="are stated, there are"):
        load(handle, dataset.SeriesInstanceUID)


def test_absurd_sizes_are_refused_before_they_are_allocated(handle: Handle, tmp_path: Path) -> None:
    """Of each segment one pixel, each on a plane of its own: n² planes of n frames."""
    count = 300
    dataset = segmentation(
        np.ones((1, 1, 512, 512), np.uint8), source(planes=1, rows=512, columns=512)
    )
    groups, segment = dataset.PerFrameFunctionalGroupsSequence[0], dataset.SegmentSequence[0]
    many_groups, many_segments = [], []
    for number in range(1, count + 1):
        own, position, identification = Dataset(), Dataset(), Dataset()
        position.ImagePositionPatient = [0, 0, 2 * number]
        identification.ReferencedSegmentNumber = number
        own.FrameContentSequence = groups.FrameContentSequence
        own.PlanePositionSequence = [position]
        own.SegmentIdentificationSequence = [identification]
        described = copy.deepcopy(segment)
        described.SegmentNumber = number
        many_groups.append(own)
        many_segments.append(described)
    dataset.PerFrameFunctionalGroupsSequence = many_groups
    dataset.SegmentSequence = many_segments
    dataset.NumberOfFrames = count
    dataset.PixelData = bytes(512 * 512 // 8 * count)
    admit(handle, [dataset], tmp_path / "seg")

    with pytest.raises(UnsupportedSeries, match="300 × 300 × 512 × 512"):
        load(handle, dataset.SeriesInstanceUID)

    one = open_segmentation(handle, dataset.SeriesInstanceUID).load([7])
    assert one.shape == (1, 300, 512, 512)
    assert one.nbytes < instance_frames.LARGEST_ARRAY_BYTES


def test_gaps_are_filled_within_bounds(handle: Handle, tmp_path: Path) -> None:
    """Three planes, two of them 0.002 mm apart and one a kilometre away: no million planes."""
    images, masks = source(planes=3), np.ones((1, 3, ROWS, COLUMNS), np.uint8)
    for image, z in zip(images, (0.0, 0.002, 900_000.0), strict=True):
        image.ImagePositionPatient = [0, 0, z]
    dataset = segmentation(masks, images, SegOptions(with_source=False))
    admit(handle, [dataset], tmp_path / "seg")

    with pytest.warns(GeometryWarning):
        assert load(handle, dataset.SeriesInstanceUID).shape == (1, 3, ROWS, COLUMNS)


@pytest.fixture
def lab(tmp_path: Path) -> Any:
    with open_lab(tmp_path / "lab") as opened_lab:
        yield opened_lab


def test_a_series_opens_its_segments(lab: Lab, tmp_path: Path) -> None:
    images, masks = source(), some_masks(2)
    write_series([*images, segmentation(masks, images)], tmp_path / "in")
    lab.index(tmp_path / "in")
    series = lab.series(Modality="SEG").one()

    assert repr(series.segments()) == "<noctis_lab.Segments: 2 segments, BINARY>"
    np.testing.assert_array_equal(series.load().values, masks)
    with pytest.raises(UnsupportedSeries, match="no such segmentation"):
        lab.series(Modality="CT").one().segments()


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
