"""SEG: masks and labels of any encoding, and what plain numpy makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.uid import ExplicitVRBigEndian, RLELossless

from noctis_lab.errors import (
    UnsupportedSeries,
)
from noctis_lab.lab import Lab, open_lab
from noctis_lab.synthetic import write_series
from noctis_lab.synthetic.seg import SegOptions, segmentation
from noctis_lab.volumes.cache import Handle
from noctis_lab.volumes.kinds import open_segmentation
from noctis_lab.volumes.load import load
from tests.volumes.archive import admit
from tests.volumes.segment_sources import (
    assert_same_grid,
    some_masks,
    source,
    with_volume,
)


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


@pytest.fixture
def lab(tmp_path: Path) -> Any:
    with open_lab(tmp_path / "lab", create=True) as opened_lab:
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
