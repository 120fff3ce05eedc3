"""Previews are the means of squares, at the borders of what is there."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.measure import block_reduce

from noctis_lab.volumes.reduction import PREVIEW_PIXELS, area_mean, preview_factor


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float32])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_whole_squares_are_scikit_images_block_means(dtype: type, channels: tuple[int]) -> None:
    rng = np.random.default_rng(4)
    stored = rng.integers(0, 200, (12, 21, *channels)).astype(dtype)
    means = block_reduce(stored.astype(np.float64), (3, 3, *((1,) * len(channels))), np.mean)
    expected = means if dtype is np.float32 else np.floor(means + 0.5)
    reduced = area_mean(stored, 3)
    assert reduced.dtype == dtype
    np.testing.assert_allclose(reduced, expected, rtol=1e-6)


def test_the_border_is_the_mean_of_what_is_there() -> None:
    stored = np.array([[1, 3, 10], [5, 7, 20], [100, 200, 65535]], np.uint16)
    assert area_mean(stored, 2).tolist() == [[4, 15], [150, 65535]]


def test_full_sums_do_not_overflow() -> None:
    stored = np.full((181, 181), 65535, np.uint16)
    assert area_mean(stored, 181).tolist() == [[65535]]
    assert area_mean(np.full((4, 4), 2**31 - 1, np.int32), 4).tolist() == [[2**31 - 1]]


@pytest.mark.parametrize(("rows", "columns"), [(1025, 1), (3000, 2000), (2048, 2048), (1, 9999)])
def test_a_preview_has_at_most_so_many_pixels_a_side(rows: int, columns: int) -> None:
    factor = preview_factor(rows, columns)
    longest = -(-max(rows, columns) // factor)
    assert PREVIEW_PIXELS / 2 < longest <= PREVIEW_PIXELS
