"""Which planes form a stack, in which order, and where it lies."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noctis_lab.errors import (
    CannotStack,
    DuplicatePositions,
    MixedGeometry,
    NoGeometry,
    NoPixels,
    UnsupportedSeries,
)
from noctis_lab.volumes.stack import plan_stack, summarise, view_order
from tests.volumes.rows import SERIES, layout, row, rows_by_pydicom

SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)


def test_planes_are_sorted_by_position_whatever_their_number() -> None:
    stack = plan_stack([row((0, 0, z), number) for z, number in ((30, 1), (10, 3), (20, 2))])
    assert [plane.InstanceNumber for plane in stack.rows] == [3, 2, 1]
    assert stack.shape == (3, 4, 5)
    assert stack.steps_mm == (10.0, 0.5, 0.5)
    assert stack.origin_mm == (0.0, 0.0, 10.0)


@settings(deadline=None)
@given(order=st.permutations(range(7)))
def test_a_plan_does_not_depend_on_the_order_of_its_rows(order: list[int]) -> None:
    rows = [row((0, 0, 2.5 * z), z) for z in range(7)]
    assert plan_stack([rows[index] for index in order]) == plan_stack(rows)


def test_row_and_column_spacing_are_not_mixed_up() -> None:
    stack = plan_stack([row((0, 0, z), z, spacing_mm=(0.7, 0.3)) for z in range(2)])
    # PixelSpacing is (between rows, between columns); an index is (z, y, x).
    assert stack.affine.tolist() == [[0, 0, 0.3, 0], [0, 0.7, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]]


def test_descending_and_oblique_planes_make_a_right_handed_stack() -> None:
    rows = [row((-10 * i, 5, 7), i, orientation=SAGITTAL) for i in range(4)]
    affine = plan_stack(rows).affine
    z, y, x = affine[:3, :3].T
    assert np.dot(np.cross(x, y), z) > 0


def test_a_tilted_gantry_keeps_its_shear() -> None:
    cosine, sine = np.cos(np.radians(16.5)), np.sin(np.radians(16.5))
    tilted = (1.0, 0.0, 0.0, 0.0, float(cosine), float(sine))
    stack = plan_stack([row((0, 0, 2.5 * i), i, orientation=tilted) for i in range(5)])
    np.testing.assert_allclose(stack.affine[:3, 0], [0, 0, 2.5], atol=1e-12)
    assert stack.tilt_deg == pytest.approx(16.5)
    assert stack.slice_spacing_mm == pytest.approx(2.5 * cosine)


def test_jitter_within_one_percent_is_accepted_and_recorded() -> None:
    rows = [row((0, 0, z), number) for number, z in enumerate((0, 2.02, 4, 6))]
    assert plan_stack(rows).residual_mm == pytest.approx(0.02)


def test_jitter_beyond_one_percent_is_refused() -> None:
    rows = [row((0, 0, z), number) for number, z in enumerate((0, 2.03, 4, 6))]
    with pytest.raises(UnsupportedSeries, match="not uniform"):
        plan_stack(rows)


def test_planes_that_wander_sideways_are_refused() -> None:
    rows = [row((0, y, z), z) for z, y in enumerate((0, 0.5, 0, 0))]
    with pytest.raises(UnsupportedSeries, match="not uniform"):
        plan_stack(rows)


def test_a_missing_plane_is_counted_and_refused() -> None:
    rows = [row((0, 0, z), z) for z in (0, 1, 2, 5, 6)]
    with pytest.raises(UnsupportedSeries, match="2 plane"):
        plan_stack(rows)
    facts = summarise(rows)
    assert (facts.is_volume, facts.is_regular, facts.gap_count) == (False, False, 2)
    assert facts.slice_spacing_mm == 1


def test_duplicate_positions_are_refused_with_their_uids() -> None:
    rows = [*(row((0, 0, z), z) for z in range(3)), row((0, 0, 1), 9)]
    with pytest.raises(DuplicatePositions) as refused:
        plan_stack(rows)
    assert set(refused.value.SOPInstanceUIDs) == {f"{SERIES}.1", f"{SERIES}.9"}
    assert summarise(rows).duplicate_count == 1


def test_a_series_over_time_is_refused_as_such() -> None:
    rows = [row((0, 0, z), 10 * time + z) for time in range(3) for z in range(4)]
    with pytest.raises(UnsupportedSeries, match="3 instances at each of 4 positions"):
        plan_stack(rows)


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (row((0, 0, 9), 9, orientation=SAGITTAL), "orientation"),
        (row((0, 0, 9), 9, spacing_mm=(0.6, 0.5)), "pixel spacing"),
        (row((0, 0, 9), 9, pixels=layout(columns=6)), "matrix"),
    ],
)
def test_mixed_geometry_is_refused_by_name(other: object, what: str) -> None:
    rows = [*(row((0, 0, z), z) for z in range(3)), other]
    with pytest.raises(MixedGeometry, match=what):
        plan_stack(rows)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "bare",
    [
        row(None),
        row((0, 0, 0), orientation=None),
        row((0, 0, 0), spacing_mm=None),
        row((0, 0, 0), spacing_mm=(0.0, 1.0)),
        row((0, 0, float("nan"))),
        row((0, 0, float("inf"))),
        row((0, 0, 0), orientation=(1, 0, 0, 1, 0, 0)),
        row((0, 0, 0), orientation=(2, 0, 0, 0, 1, 0)),
    ],
)
def test_nothing_is_made_up_where_geometry_is_missing(bare: object) -> None:
    with pytest.raises(NoGeometry):
        plan_stack([bare])  # type: ignore[list-item]
    assert len(view_order([bare])) == 1  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("pixels", "what"),
    [
        (layout(frames=3), "multi-frame"),
        (layout(samples_per_pixel=3, photometric_interpretation="RGB"), "colour"),
        (layout(photometric_interpretation="PALETTE COLOR"), "colour"),
    ],
)
def test_what_is_not_a_classic_plane_is_refused_by_name(pixels: object, what: str) -> None:
    with pytest.raises(UnsupportedSeries, match=what):
        plan_stack([row((0, 0, 0), pixels=pixels)])  # type: ignore[arg-type]


def test_a_mosaic_is_refused_by_name() -> None:
    rows = [row((0, 0, z), z, is_mosaic=True) for z in range(3)]
    with pytest.raises(UnsupportedSeries, match="mosaic"):
        plan_stack(rows)
    assert summarise(rows).is_volume is False


def test_planes_side_by_side_are_refused_by_name() -> None:
    rows = [row((300 * z, 0, 2.5 * z), z) for z in range(2)]
    with pytest.raises(UnsupportedSeries, match=r"side by side, 89\.5°"):
        plan_stack(rows)
    facts = summarise(rows)
    assert (facts.is_volume, facts.is_regular) == (False, False)


@pytest.mark.parametrize("times", [2, 3, 40])
def test_jittered_duplicates_are_named_and_leave_the_spacing(times: int) -> None:
    rows = [
        row((0, 0, 2.5 * z + 0.001 * (time % 2)), times * z + time)
        for z in range(20)
        for time in range(times)
    ]
    with pytest.raises(UnsupportedSeries, match=f"{times} instances at each of 20 positions"):
        plan_stack(rows)
    facts = summarise(rows)
    assert facts.slice_spacing_mm == pytest.approx(2.5)
    assert (facts.gap_count, facts.duplicate_count) == (0, 20 * (times - 1))


def test_a_gap_of_a_hundred_planes_makes_no_duplicates_of_the_rest() -> None:
    rows = [row((0, 0, z), z) for z in (*range(5), *range(205, 210))]
    facts = summarise(rows)
    assert (facts.slice_spacing_mm, facts.gap_count, facts.duplicate_count) == (1, 200, 0)


def test_a_series_without_pixels_is_refused() -> None:
    with pytest.raises(NoPixels):
        plan_stack([row(None, has_pixels=False)])


def test_one_plane_has_no_slice_spacing() -> None:
    stack = plan_stack([row((1, 2, 3))])
    assert stack.slice_spacing_mm is None
    assert np.isnan(stack.steps_mm[0])
    assert summarise(stack.rows).is_volume is False


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.tuples(*(st.floats() for _ in range(3)))),
            st.one_of(st.none(), st.tuples(*(st.floats() for _ in range(6)))),
            st.one_of(st.none(), st.tuples(st.floats(), st.floats())),
        ),
        max_size=4,
    )
)
def test_summarising_hostile_geometry_never_raises(planes: list[tuple]) -> None:  # type: ignore[type-arg]
    rows = [
        row(position, number, orientation=orientation, spacing_mm=spacing)
        for number, (position, orientation, spacing) in enumerate(planes)
    ]
    assert summarise(rows).geometry_note
    assert len(view_order(rows)) == len(rows)


def test_a_viewer_shows_a_stack_in_the_order_of_its_z() -> None:
    rows = [row((0, 0, 3.0 * z), 50 - z) for z in range(6)]
    random.Random(0).shuffle(rows)
    assert view_order(rows) == plan_stack(rows).rows


def test_a_viewer_shows_planes_without_position_by_their_number() -> None:
    rows = [row(None, number) for number in (3, 1, 2)]
    assert [shown.InstanceNumber for shown in view_order(rows)] == [1, 2, 3]


@pytest.mark.real_data
def test_the_tilted_head_phantom_has_its_exact_affine(real_data: Path) -> None:
    rows = rows_by_pydicom(real_data / "real/ct_philips_headphantom_tilt")
    stack = plan_stack(rows)
    expected = np.array(
        [
            [0, 0, 0.40625, -104],
            [0, 0.40625 * 0.9588197, 0, 6.6254558],
            [2.5, 0.40625 * 0.2840153, 0, 657.98969],
        ]
    )
    np.testing.assert_allclose(stack.affine[:3], expected, atol=1e-3)
    assert summarise(rows).tilt_deg == pytest.approx(16.5, abs=0.01)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("collection", "error"),
    [
        ("ct_chest_dupe_positions", DuplicatePositions),
        ("mr_4d_ge_epi", UnsupportedSeries),
        ("mr_t2_multiecho_philips", UnsupportedSeries),
    ],
)
def test_real_series_that_do_not_stack_are_refused(
    real_data: Path, collection: str, error: type[CannotStack]
) -> None:
    with pytest.raises(error):
        plan_stack(rows_by_pydicom(real_data / "real" / collection))
