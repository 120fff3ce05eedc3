"""What holds of every measurement, whatever is drawn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from noctis_lab.analysis.measure import geometry
from noctis_lab.analysis.measure.area import AREA_MASKS, polygon_mask
from noctis_lab.analysis.measure.figures import MeasuredPlane, figures_of
from noctis_lab.analysis.measure.kinds import KINDS, MOST_POINTS
from noctis_lab.analysis.measure.roi_statistics import histogram_of, statistics_of
from noctis_lab.errors import CannotMeasure

SHAPE = (24, 20)

#: Eighths: what is computed of them by adding and multiplying is exact.
eighths = st.integers(-40, 200).map(lambda number: number / 8)
points_of = st.sampled_from(sorted(KINDS)).flatmap(
    lambda kind: st.tuples(
        st.just(kind),
        st.lists(
            st.tuples(eighths, eighths),
            min_size=KINDS[kind].points[0],
            max_size=min(9, KINDS[kind].points[1]),
        ),
    )
)
areas = points_of.filter(lambda drawn: drawn[0] in AREA_MASKS)
stored = arrays.arrays(np.int16, SHAPE, elements=st.integers(-1024, 3071))


@given(points_of, stored, st.integers(0, 6), st.integers(0, 6))
def test_figures_move_with_image_and_points(drawn, values, right, down):
    kind, points = drawn
    here = MeasuredPlane(shape=SHAPE, values=values, spacing_mm=(0.5, 0.75))
    shape = (SHAPE[0] + down, SHAPE[1] + right)
    moved = np.full(shape, np.nan)
    moved[down:, right:] = values
    there = MeasuredPlane(shape=shape, values=moved, spacing_mm=(0.5, 0.75))
    one = figures_of(kind, points, here)
    other = figures_of(kind, np.add(points, (right, down)), there)
    for name in ("clipped", "excluded", "samples"):  # of the image's edge, which did not move
        one.pop(name, None), other.pop(name, None)
    if kind == "profile":
        for name in ("count", "mean", "sd", "min", "max", "median"):
            one.pop(name, None), other.pop(name, None)
    assert one.keys() == other.keys()
    for name, value in one.items():
        if isinstance(value, float):
            assert other[name] == pytest.approx(value, rel=1e-9, abs=1e-9)
        else:
            assert other[name] == value


@given(areas, st.integers(-6, 6), st.integers(-6, 6))
def test_masks_move_with_their_points(drawn, right, down):
    kind, points = drawn
    large = (80, 80)
    points = np.array(points) + 20
    mask = AREA_MASKS[kind](points, large)
    moved = AREA_MASKS[kind](np.add(points, (right, down)), large)
    # Exactly: of eighths a crossing that is not whole is farther from the next than rounding goes.
    np.testing.assert_array_equal(np.roll(mask, (down, right), (0, 1)), moved)


@given(areas)
def test_a_part_of_the_image_has_that_part_of_the_mask(drawn):
    kind, points = drawn
    points = np.array(points)
    whole = AREA_MASKS[kind](points, SHAPE)
    np.testing.assert_array_equal(AREA_MASKS[kind](points, (9, 7)), whole[:9, :7])


@given(st.lists(st.tuples(eighths, eighths), min_size=4, max_size=9), st.data())
def test_two_parts_of_a_polygon_are_the_whole(points, data):
    cut = data.draw(st.integers(1, len(points) - 2))
    other = data.draw(st.integers(cut + 1, len(points) - 1))
    points = np.array(points)
    one = points[cut : other + 1]
    rest = np.concatenate([points[: cut + 1], points[other:]])
    # By the even-odd rule the whole is what is in one part alone: a side that both share cancels.
    np.testing.assert_array_equal(
        polygon_mask(one, SHAPE) ^ polygon_mask(rest, SHAPE), polygon_mask(points, SHAPE)
    )


@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_triangles_around_a_point_share_no_voxel_and_leave_none_out(seed, corners):
    random = np.random.default_rng(seed)
    turn = np.sort(random.uniform(0, 2 * np.pi, corners + 2))
    reach = random.uniform(2, 9, corners + 2)
    rim = np.stack([10 + reach * np.cos(turn), 12 + reach * np.sin(turn)], axis=-1)
    middle = random.integers(40, 120, 2) / 8
    fan = sum(
        polygon_mask(np.array([middle, p, q]), SHAPE).astype(int)
        for p, q in zip(rim, np.roll(rim, -1, axis=0), strict=True)
    )
    np.testing.assert_array_equal(fan % 2 == 1, polygon_mask(rim, SHAPE))


@given(areas, stored)
def test_figures_do_not_depend_on_the_dtype(drawn, values):
    kind, points = drawn
    found = [
        figures_of(kind, points, MeasuredPlane(shape=SHAPE, values=values.astype(dtype)))
        for dtype in ("<i2", ">i2", "<i4", "<f4", "<f8", ">f8")
    ]
    assert all(other == found[0] for other in found)


@given(areas)
def test_the_order_of_drawing_does_not_matter(drawn):
    kind, points = drawn
    points = np.array(points)
    mask = AREA_MASKS[kind](points, SHAPE)
    for other in (points[::-1], np.roll(points, 1, axis=0)):
        np.testing.assert_array_equal(AREA_MASKS[kind](other, SHAPE), mask)
        if kind in ("polygon", "freehand"):
            assert geometry.even_odd_area(other) == pytest.approx(
                geometry.even_odd_area(points), rel=1e-9, abs=1e-9
            )


@given(st.lists(st.tuples(eighths, eighths), min_size=3, max_size=9))
def test_an_area_is_what_voxels_make_of_it_when_they_are_small(points):
    points = np.array(points)
    fine = 16
    mask = polygon_mask((points + 5.5) * fine - 0.5, (31 * fine, 31 * fine))
    assert geometry.even_odd_area(points) == pytest.approx(
        np.count_nonzero(mask) / fine**2, abs=geometry.outline_length(points) / fine + 1e-9
    )


@given(
    arrays.arrays(np.float64, st.integers(0, 40), elements=st.floats(-1e6, 1e6) | st.just(np.nan))
)
def test_statistics_are_numpys(values):
    found, histogram = statistics_of(values), histogram_of(values)
    numbers = values[~np.isnan(values)]
    assert (found.count, found.excluded) == (len(numbers), len(values) - len(numbers))
    if not len(numbers):
        assert found.mean is found.sd is found.median is histogram is None
        return
    assert found.mean == pytest.approx(np.mean(numbers), rel=1e-9, abs=1e-6)
    assert found.sd == pytest.approx(np.std(numbers), rel=1e-6, abs=1e-6)
    assert (found.min, found.max) == (numbers.min(), numbers.max())
    assert found.median == pytest.approx(np.median(numbers))
    assert sum(histogram.counts) == len(numbers)


def test_sums_run_one_after_another() -> None:
    values = np.random.default_rng(7).normal(0, 1, 10_000)
    total = 0.0
    for value in values.tolist():
        total += value
    assert statistics_of(values).mean == total / 10_000


@pytest.mark.parametrize("half_axes", [(3.0, 3.0), (5.0, 1.0), (1.0, 1e-6), (0.0, 2.0), (0.0, 0.0)])
def test_ellipses_are_as_long_as_scipy_says(half_axes: tuple[float, float]) -> None:
    from scipy.special import ellipe

    large, small = max(half_axes), min(half_axes)
    expected = 4 * large * ellipe(1 - (small / large) ** 2) if large else 0.0
    assert geometry.ellipse_perimeter(half_axes) == pytest.approx(expected, rel=1e-12)


def test_an_outline_of_the_most_points_is_measured() -> None:
    turn = np.arange(MOST_POINTS) * (2 * math.pi / MOST_POINTS)
    points = np.stack([250 + 200 * np.cos(turn), 250 + 200 * np.sin(turn)], axis=-1)
    plane = MeasuredPlane(shape=(512, 512), values=np.zeros((512, 512)), spacing_mm=(1.0, 1.0))
    found = figures_of("freehand", points, plane)
    assert found["area_mm2"] == pytest.approx(math.pi * 200**2, rel=1e-6)
    assert found["count"] == pytest.approx(math.pi * 200**2, rel=1e-3)


def test_a_tangle_is_refused() -> None:
    random = np.random.default_rng(3).uniform(0, 500, (2_000, 2))
    plane = MeasuredPlane(shape=(8, 8), values=None)
    with pytest.raises(CannotMeasure, match="crosses itself more than 10000 times"):
        figures_of("freehand", random, plane)


@pytest.mark.parametrize(
    "values", [np.zeros((3, 4)), np.zeros((2, 2), complex), np.zeros((2, 2, 3))]
)
def test_values_of_another_shape_or_kind_are_refused(values: np.ndarray) -> None:
    with pytest.raises(CannotMeasure, match="values are real numbers of shape"):
        MeasuredPlane(shape=(2, 2), values=values)


@pytest.mark.parametrize("spacing", [(0.0, 1.0), (1.0, -1.0), (math.nan, 1.0), (math.inf, 1.0)])
def test_a_spacing_that_is_not_positive_is_refused(spacing: tuple[float, float]) -> None:
    with pytest.raises(CannotMeasure, match="spacing_mm is two positive numbers"):
        MeasuredPlane(shape=(2, 2), values=None, spacing_mm=spacing)
