"""Mosaics: slices at their places, or refused by name."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from noctis_lab.dicom.frame_facts import FrameFacts, frame_facts
from noctis_lab.dicom.header import read_header
from noctis_lab.synthetic import PlaneStack, mosaic_series, mosaic_stored

type Put = Callable[..., Path]
OBLIQUE = (0.8, 0.6, 0.0, 0.0, 0.0, -1.0)


def facts_of(dataset: Dataset, put: Put) -> tuple[FrameFacts, ...]:
    return frame_facts(read_header(put(dataset)))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    planes=st.integers(1, 17),
    orientation=st.sampled_from([(1.0, 0.0, 0.0, 0.0, 1.0, 0.0), OBLIQUE]),
    spacing_mm=st.floats(0.5, 20),
    descends=st.booleans(),
)
def test_slices_lie_where_the_volume_was(
    planes: int,
    orientation: tuple[float, float, float, float, float, float],
    spacing_mm: float,
    descends: bool,
    put: Put,
) -> None:
    stack = PlaneStack(
        planes=planes,
        orientation=orientation,
        slice_spacing_mm=-round(spacing_mm, 3) if descends else round(spacing_mm, 3),
    )
    mosaic = mosaic_series(stack=stack, times=1)[0]
    facts = facts_of(mosaic, put)
    volume = mosaic_stored(planes, (6, 8))
    order = range(planes - 1, -1, -1) if descends else range(planes)
    assert len(facts) == planes
    for fact, plane in zip(facts, order, strict=True):
        np.testing.assert_allclose(fact.plane.position_mm, stack.position_mm(plane), atol=1e-6)
        assert fact.plane.orientation == orientation
        assert fact.tile is not None
        row, column, rows, columns = fact.tile
        tile = mosaic.pixel_array[row : row + rows, column : column + columns]
        np.testing.assert_array_equal(tile, volume[plane])


@pytest.mark.parametrize(
    ("orientation", "spacing_mm", "affine"),
    [
        # dcm2niix 1.0.20260724 on these very series: index (x, y, z) to RAS.
        (
            (1.0, 0.0, 0.0, 0.0, math.cos(0.4), math.sin(0.4)),
            5.0,
            [(-2, 0, 0, 20), (0, 2.7632, 1.9471, -14.395), (0, -1.1683, 4.6053, 42.8508)],
        ),
        (
            (math.cos(0.3), math.sin(0.3), 0.0, 0.0, 0.0, -1.0),
            -4.0,
            [(-1.9107, 0, -1.1821, 20), (-0.591, 0, 3.8213, 16), (0, 3, 0, -3)],
        ),
    ],
)
def test_slices_lie_where_dcm2niix_puts_them(
    orientation: tuple[float, float, float, float, float, float],
    spacing_mm: float,
    affine: list[tuple[float, ...]],
    put: Put,
) -> None:
    stack = PlaneStack(
        planes=7, orientation=orientation, slice_spacing_mm=spacing_mm, pixel_spacing_mm=(3.0, 2.0)
    )
    facts = facts_of(mosaic_series(stack=stack, times=1, shape=(12, 16))[0], put)
    # Its rows run upwards: the last one is its first.
    theirs = [np.array(affine) @ (0, 11, index, 1) * (-1, -1, 1) for index in range(7)]
    ours = [fact.plane.position_mm for fact in facts]
    np.testing.assert_allclose(ours, theirs if spacing_mm > 0 else theirs[::-1], atol=2e-3)


def test_slices_ascend_along_their_normal(put: Put) -> None:
    stack = PlaneStack(planes=6, slice_spacing_mm=-4.0)
    facts = facts_of(mosaic_series(stack=stack, times=1)[0], put)
    heights = [fact.plane.position_mm[2] for fact in facts if fact.plane.position_mm]
    assert heights == pytest.approx([10, 14, 18, 22, 26, 30])


def test_a_mosaics_slices_share_what_is_stated_of_the_image(put: Put) -> None:
    first, second = (facts_of(mosaic, put) for mosaic in mosaic_series(times=2, b_values=(0, 1000)))
    assert {(fact.b_value, fact.b_vector) for fact in first} == {(0, None)}
    assert {fact.b_value for fact in second} == {1000}
    assert second[0].b_vector == pytest.approx((0, 0.6, 0.8))
    assert second[0].acquired_s - first[0].acquired_s == 2  # type: ignore[operator]
    assert second[0].component == "MAGNITUDE"


@pytest.mark.parametrize(
    ("omitted", "named"),
    [
        ("CSA", "NumberOfImagesInMosaic"),
        ("NumberOfImagesInMosaic", "NumberOfImagesInMosaic"),
        ("SliceNormalVector", "SliceNormalVector"),
    ],
)
def test_a_mosaic_without_what_it_needs_is_refused_by_name(
    omitted: str, named: str, put: Put
) -> None:
    (fact,) = facts_of(mosaic_series(times=1, omit=[omitted])[0], put)
    assert fact.refusal is not None
    assert named in fact.refusal
    assert fact.tile is None
    assert fact.plane.position_mm is None, "the image's position is that of no plane"


@pytest.mark.parametrize(
    ("keyword", "value", "named"),
    [
        ("SpacingBetweenSlices", None, "SpacingBetweenSlices"),
        ("SpacingBetweenSlices", -5, "SpacingBetweenSlices"),
        ("ImagePositionPatient", None, "position"),
        ("PixelSpacing", None, "pixel spacing"),
        ("ImageOrientationPatient", [1, 0, 0, 1, 0, 0], "orthonormal"),
        ("ImageOrientationPatient", [0, 1, 0, 0, 0, 1], "SliceNormalVector"),
    ],
)
def test_a_mosaic_of_contradictions_is_refused_by_name(
    keyword: str, value: object, named: str, put: Put
) -> None:
    mosaic = mosaic_series(times=1)[0]
    setattr(mosaic, keyword, value)
    (fact,) = facts_of(mosaic, put)
    assert fact.refusal is not None
    assert named in fact.refusal


def test_tiles_that_do_not_divide_the_image_are_refused(put: Put) -> None:
    mosaic = mosaic_series(times=1, stack=PlaneStack(planes=4), shape=(5, 5))[0]
    block = mosaic.private_block(0x0029, "SIEMENS CSA HEADER")
    block[0x10].value = block[0x10].value.replace(b"4\0", b"9\0")
    (fact,) = facts_of(mosaic, put)
    assert fact.refusal is not None
    assert "3 x 3 tiles" in fact.refusal


def test_the_count_may_stand_outside_the_csa_header(put: Put) -> None:
    mosaic = mosaic_series(times=1, omit=["NumberOfImagesInMosaic"])[0]
    mosaic.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0A, "US", 5)
    assert len(facts_of(mosaic, put)) == 5


def test_two_counts_that_differ_are_refused(put: Put) -> None:
    mosaic = mosaic_series(times=1, stack=PlaneStack(planes=4))[0]
    block = mosaic.private_block(0x0019, "SIEMENS MR HEADER", create=True)
    block.add_new(0x0A, "US", 5)
    (fact,) = facts_of(mosaic, put)
    assert fact.refusal is not None
    assert "4 images" in fact.refusal
    assert "5 as (0019,xx0A)" in fact.refusal


def test_a_private_element_under_another_creator_is_not_read(put: Put) -> None:
    mosaic = mosaic_series(times=1, omit=["NumberOfImagesInMosaic"])[0]
    mosaic.private_block(0x0019, "ANOTHER MAKER", create=True).add_new(0x0A, "US", 5)
    (fact,) = facts_of(mosaic, put)
    assert fact.refusal is not None


def test_a_truncated_csa_header_is_named(put: Put) -> None:
    mosaic = mosaic_series(times=1)[0]
    element = mosaic.private_block(0x0029, "SIEMENS CSA HEADER")[0x10]
    element.value = element.value[:120]
    (fact,) = facts_of(mosaic, put)
    assert fact.refusal is not None
    assert "CSA header" in fact.refusal


def test_another_vendors_unknown_vr_is_read_all_the_same(put: Put) -> None:
    mosaic = mosaic_series(times=1)[0]
    mosaic.private_block(0x0029, "SIEMENS CSA HEADER")[0x10].VR = "UN"
    assert len(facts_of(mosaic, put)) == 5


def test_a_mosaic_of_several_frames_is_refused(put: Put) -> None:
    mosaic = mosaic_series(times=1)[0]
    mosaic.NumberOfFrames = 2
    mosaic.PixelData *= 2
    facts = facts_of(mosaic, put)
    assert [fact.refusal for fact in facts] == ["the mosaic is a multi-frame image"] * 2
    assert {fact.plane.position_mm for fact in facts} == {None}


def laid(planes: int, across: int, down: int, matrix: list[int] | None) -> Dataset:
    """Return a mosaic of 6 x 8 tiles that lie so many side by side."""
    mosaic = mosaic_series(times=1, stack=PlaneStack(planes=planes))[0]
    volume = mosaic_stored(planes, (6, 8))
    image = np.zeros((6 * down, 8 * across), np.uint16)
    for number, plane in enumerate(volume):
        row, column = number // across * 6, number % across * 8
        image[row : row + 6, column : column + 8] = plane
    mosaic.Rows, mosaic.Columns = image.shape
    mosaic.PixelData = image.tobytes()
    if matrix is None:
        mosaic.pop("AcquisitionMatrix", None)
    else:
        mosaic.AcquisitionMatrix = matrix
    return mosaic


@pytest.mark.parametrize(
    "matrix",
    [
        *([6, 0, 0, 8], [0, 8, 6, 0], [8, 0, 0, 6], [0, 6, 8, 0]),
        *([3, 0, 0, 4], [6, 0, 0, 7]),  # interpolated; fewer phase-encoding steps
    ],
)
def test_tiles_that_the_matrix_contradicts_are_refused(matrix: list[int], put: Put) -> None:
    (fact,) = facts_of(laid(6, 3, 2, matrix), put)
    assert fact.refusal is not None
    assert "AcquisitionMatrix" in fact.refusal
    assert "of 4 x 8 pixels here" in fact.refusal
    assert fact.tile is None


@pytest.mark.parametrize(
    "matrix",
    [
        *([6, 0, 0, 8], [0, 8, 6, 0], [8, 0, 0, 6], [0, 6, 8, 0]),
        *([3, 0, 0, 4], [6, 0, 0, 5], [0, 8, 4, 0], [8, 0, 0, 2]),
        *(None, [0, 0, 0, 0], [6, 0, 8], [5, 0, 0, 7]),  # which say nothing
    ],
)
@pytest.mark.parametrize("planes", [1, 2, 3, 4, 5, 6, 7, 9, 10])
def test_tiles_that_the_matrix_agrees_with_are_taken(
    planes: int, matrix: list[int] | None, put: Put
) -> None:
    side = math.isqrt(planes - 1) + 1
    facts = facts_of(laid(planes, side, side, matrix), put)
    assert [fact.refusal for fact in facts] == [None] * planes
    assert {fact.tile[2:] for fact in facts if fact.tile is not None} == {(6, 8)}
