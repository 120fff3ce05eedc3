"""Which planes form a stack, in which order, and where it lies."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noctis_lab.catalog.records import InstanceRow, SeriesFacts
from noctis_lab.errors import DuplicatePositions, NoPixels, UnsupportedSeries
from noctis_lab.volumes import summary
from noctis_lab.volumes.frames import frames_of_rows
from noctis_lab.volumes.order import view_order
from noctis_lab.volumes.plan import plan_rows
from noctis_lab.volumes.stack import Stack
from tests.volumes.rows import SERIES, frame, layout, only_stack, plan, row, rows_by_pydicom


def plan_stack(rows: list[InstanceRow]) -> Stack:
    return only_stack(plan(rows))


def summarise(rows: list[InstanceRow]) -> SeriesFacts:
    return summary.summarise(rows, frames_of_rows, FrameOfReferenceUID="1.2.9")


def positions(stack: Stack) -> list[object]:
    return [one.facts.plane.position_mm for one in stack.frames]


SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)


def test_planes_are_sorted_by_position_whatever_their_number() -> None:
    stack = plan_stack([row((0, 0, z), number) for z, number in ((30, 1), (10, 3), (20, 2))])
    assert [one.row.InstanceNumber for one in stack.frames] == [3, 2, 1]
    assert stack.shape == (3, 4, 5)
    assert stack.placement is not None
    assert stack.placement.steps_mm == (10.0, 0.5, 0.5)
    assert stack.placement.origin_mm == (0.0, 0.0, 10.0)


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
    assert stack.placement is not None
    assert stack.placement.tilt_deg == pytest.approx(16.5)
    assert stack.placement.slice_spacing_mm == pytest.approx(2.5 * cosine)


def test_jitter_within_one_percent_is_accepted_and_recorded() -> None:
    rows = [row((0, 0, z), number) for number, z in enumerate((0, 2.02, 4, 6))]
    placement = plan_stack(rows).placement
    assert placement is not None
    assert placement.is_regular
    assert placement.residual_mm == pytest.approx(0.02)
    assert summarise(rows).residual_mm == pytest.approx(0.02)


def test_jitter_beyond_one_percent_keeps_true_places() -> None:
    rows = [row((0, 0, z), number) for number, z in enumerate((0, 2.03, 4, 6))]
    placement = plan_stack(rows).placement
    assert placement is not None
    assert placement.offsets_mm == pytest.approx((0, 2.03, 4, 6))
    assert placement.residual_mm == 0
    assert placement.gaps == ()
    facts = summarise(rows)
    assert (facts.is_volume, facts.is_regular, facts.gap_count) == (True, False, 0)
    assert "not uniform" in str(facts.geometry_note)


def test_planes_that_wander_sideways_are_refused() -> None:
    rows = [row((0, y, z), z) for z, y in enumerate((0, 0.5, 0, 0))]
    with pytest.raises(UnsupportedSeries, match="wander sideways"):
        plan_stack(rows)


def test_a_missing_plane_is_counted_and_the_others_keep_their_places() -> None:
    rows = [row((0, 0, z), z) for z in (0, 1, 2, 5, 6)]
    placement = plan_stack(rows).placement
    assert placement is not None
    assert placement.offsets_mm == (0, 1, 2, 5, 6)
    assert [(gap.after_mm, gap.planes) for gap in placement.gaps] == [(2, 2)]
    with pytest.raises(ValueError, match="no affine"):
        _ = placement.affine
    facts = summarise(rows)
    assert (facts.is_volume, facts.is_regular, facts.gap_count) == (True, False, 2)
    assert facts.slice_spacing_mm == 1
    assert "2 plane(s) missing (after 2.00 mm)" in str(facts.geometry_note)


def test_of_three_planes_one_may_be_missing() -> None:
    facts = summarise([row((0, 0, z), z) for z in (0, 5, 15)])
    assert (facts.slice_spacing_mm, facts.gap_count) == (5, 1)


def test_a_tilted_stack_with_a_gap_keeps_shear_and_places() -> None:
    cosine, sine = float(np.cos(np.radians(16.5))), float(np.sin(np.radians(16.5)))
    tilted = (1.0, 0.0, 0.0, 0.0, cosine, sine)
    rows = [row((0, 0, 2.5 * i), i, orientation=tilted) for i in (0, 1, 2, 4)]
    placement = plan_stack(rows).placement
    assert placement is not None
    assert placement.offsets_mm == pytest.approx((0, 2.5, 5, 10))
    assert placement.directions[2][0] == pytest.approx(1)
    assert placement.residual_mm == pytest.approx(0, abs=1e-9)


def test_duplicate_positions_are_refused_with_their_uids() -> None:
    rows = [*(row((0, 0, z), z) for z in range(3)), row((0, 0, 1), 9)]
    with pytest.raises(DuplicatePositions) as refused:
        plan_stack(rows)
    assert set(refused.value.SOPInstanceUIDs) == {f"{SERIES}.1", f"{SERIES}.9"}
    assert summarise(rows).duplicate_count == 1


@pytest.mark.parametrize(("duplicates", "number"), [("first", 1), ("last", 9)])
def test_of_duplicates_one_is_taken_when_asked(duplicates: Any, number: int) -> None:
    rows = [*(row((0, 0, z), z) for z in range(3)), row((0, 0, 1), 9)]
    stack = only_stack(plan(rows, duplicates))
    assert [one.row.InstanceNumber for one in stack.frames] == [0, number, 2]


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (row((0, 0, 9), 9, orientation=SAGITTAL), "sagittal"),
        (row((0, 0, 9), 9, spacing_mm=(0.6, 0.5)), "pixels of 0.6 × 0.5 mm"),
        (row((0, 0, 9), 9, pixels=layout(columns=6)), "4 × 6 pixels"),
        (row((0, 0, 9), 9, FrameOfReferenceUID="1.2.8"), "frame of reference 1.2.8"),
        (row((0, 0, 9), 9, pixels=layout(samples_per_pixel=3)), "colour"),
        (row(None, 9), "no place in the patient"),
    ],
)
def test_what_may_not_be_mixed_is_split_and_named(other: InstanceRow, what: str) -> None:
    rows = [*(row((0, 0, z), z) for z in range(3)), other]
    found = plan(rows)
    assert [len(stack.frames) for stack in found.stacks] == [3, 1]
    assert what in found.stacks[1].parted_by
    facts = summarise(rows)
    assert (facts.is_volume, facts.stack_count) == (False, 2)
    assert what in str(facts.geometry_note)


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
def test_nothing_is_made_up_where_geometry_is_missing(bare: InstanceRow) -> None:
    stack = plan_stack([bare])
    assert (stack.placement, stack.dims) == (None, ("frame", "y", "x"))
    assert len(view_order([bare])) == 1


def test_a_mosaic_whose_slices_nobody_tells_apart_is_refused_by_name() -> None:
    rows = [row((0, 0, z), z, is_mosaic=True) for z in range(3)]
    found = plan_rows(
        rows,
        lambda rows: [frame(row, refusal="a mosaic without its number of slices") for row in rows],
        FrameOfReferenceUID=None,
    )
    with pytest.raises(UnsupportedSeries, match="mosaic"):
        only_stack(found)


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
    with pytest.raises(DuplicatePositions, match=f"{20 * times} frames share 20 position"):
        plan_stack(rows)
    facts = summarise(rows)
    assert facts.slice_spacing_mm == pytest.approx(2.5)
    assert (facts.gap_count, facts.duplicate_count) == (0, 20 * (times - 1))


def test_a_gap_of_a_hundred_planes_makes_no_duplicates_of_the_rest() -> None:
    rows = [row((0, 0, z), z) for z in (*range(5), *range(205, 210))]
    facts = summarise(rows)
    assert (facts.slice_spacing_mm, facts.gap_count, facts.duplicate_count) == (1, 200, 0)


@pytest.mark.parametrize("step_mm", [1.0, 0.5])
def test_few_planes_on_both_sides_of_a_wide_gap_are_no_duplicates(step_mm: float) -> None:
    rows = [row((0, 0, z * step_mm), z) for z in (*range(4), *range(600, 604))]
    facts = summarise(rows)
    assert (facts.slice_spacing_mm, facts.gap_count, facts.duplicate_count) == (step_mm, 596, 0)


def test_a_series_without_pixels_is_refused() -> None:
    with pytest.raises(NoPixels):
        plan_stack([row(None, has_pixels=False)])


def test_one_plane_has_no_slice_spacing() -> None:
    stack = plan_stack([row((1, 2, 3))])
    assert stack.placement is not None
    assert stack.placement.slice_spacing_mm is None
    assert np.isnan(stack.placement.steps_mm[0])
    assert summarise([one.row for one in stack.frames]).is_volume is False


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
    assert view_order(rows) == tuple(one.row for one in plan_stack(rows).frames)


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
