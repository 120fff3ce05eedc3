"""Inside is an odd number of outlines: by scan lines, point by point, and by scikit-image."""

from __future__ import annotations

import math

import hypothesis
import numpy as np
import pytest
import skimage.measure
from hypothesis import strategies as st
from numpy.typing import NDArray

from noctis_lab.volumes.scanline import inside_polygons, points_inside

SHAPE = (12, 15)
CORNER = st.tuples(st.integers(-40, 200), st.integers(-40, 200))
#: In tenths, and then off by what is no fraction: no centre lies on an outline, where rules differ.
POLYGON = st.lists(CORNER, min_size=1, max_size=12).map(
    lambda corners: np.array(corners) / 10 + (math.sqrt(2) / 30, math.pi / 90)
)


def centres() -> NDArray[np.float64]:
    return np.argwhere(np.ones(SHAPE)).astype(np.float64)


@hypothesis.given(st.lists(POLYGON, min_size=1, max_size=3))
def test_both_ways_agree_with_an_independent_one(polygons: list[NDArray[np.float64]]) -> None:
    expected = np.zeros(SHAPE[0] * SHAPE[1], bool)
    for polygon in polygons:
        expected ^= skimage.measure.points_in_poly(centres(), polygon)

    found = inside_polygons(polygons, SHAPE)

    np.testing.assert_array_equal(found, expected.reshape(SHAPE))
    np.testing.assert_array_equal(points_inside(centres(), polygons).reshape(SHAPE), found)


@hypothesis.given(POLYGON, st.integers(0, 11), st.booleans())
def test_where_it_begins_and_which_way_it_goes_is_the_same(
    polygon: NDArray[np.float64], turn: int, backwards: bool
) -> None:
    other = np.roll(polygon, turn, axis=0)[:: -1 if backwards else 1]

    np.testing.assert_array_equal(
        inside_polygons([polygon], SHAPE), inside_polygons([other], SHAPE)
    )


@hypothesis.given(st.lists(st.tuples(*[st.integers(-2, 16)] * 2), min_size=3, max_size=9))
def test_triangles_that_share_sides_cover_a_polygon_once(corners: list[tuple[int, int]]) -> None:
    """Corners on centres: a fan of triangles is the polygon, voxel by voxel."""
    polygon = np.array(corners, float)
    fan = [polygon[[0, index, index + 1]] for index in range(1, len(polygon) - 1)]

    np.testing.assert_array_equal(inside_polygons([polygon], SHAPE), inside_polygons(fan, SHAPE))


def test_outlines_beyond_the_grid_are_cut() -> None:
    everywhere = np.array([[-1e5, -1e5], [-1e5, 1e5], [1e5, 1e5], [1e5, -1e5]])

    assert inside_polygons([everywhere], SHAPE).all()
    assert not inside_polygons([everywhere + 3e5], SHAPE).any()


@pytest.mark.parametrize("points", [1, 2])
def test_points_and_lines_have_no_inside(points: int) -> None:
    polygon = np.array([[2.5, 3.5], [8.5, 9.5]])[:points]

    assert not inside_polygons([polygon], SHAPE).any()


def test_a_million_points_take_bounded_memory() -> None:
    """A zigzag over all rows: half a billion crossings on 512 rows would take 4 GB at once."""
    rng = np.random.default_rng(1)
    zigzag = np.stack([np.tile([-1.0, 13.0], 200_000), rng.uniform(-1, 16, 400_000)], axis=1)

    assert inside_polygons([zigzag], SHAPE).shape == SHAPE
