"""SEG: what means nothing is refused by name, and nothing absurd is allocated."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from noctis_lab.errors import (
    CannotStack,
    DuplicatePositions,
    GeometryWarning,
    MixedGeometry,
    NoGeometry,
    UnsupportedSeries,
)
from noctis_lab.synthetic.seg import SegOptions, segmentation
from noctis_lab.volumes import instance_frames
from noctis_lab.volumes.cache import Handle
from noctis_lab.volumes.kinds import open_segmentation
from noctis_lab.volumes.load import load
from tests.volumes.archive import admit
from tests.volumes.segment_sources import (
    COLUMNS,
    ROWS,
    changed,
    some_masks,
    source,
)


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
