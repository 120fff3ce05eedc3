"""Slabs: the samples that count, by hand and by numpy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings

from noctis_lab.errors import CannotResample
from noctis_lab.volumes.projection import slab
from noctis_lab.volumes.reslice import reslice
from tests.volumes.spaces import AXIAL, affines, fill_by_place, linear_field, places, volume

SHAPE = (9, 7, 8)
REDUCED = {"max": np.nanmax, "min": np.nanmin, "mean": np.nanmean}
with_and_without_jit = pytest.mark.parametrize("jit", [True, False])


def noise() -> xr.DataArray:
    values = np.random.default_rng(2).normal(0, 100, SHAPE).astype(np.float32)
    return volume(AXIAL, SHAPE).copy(data=values)


@with_and_without_jit
@pytest.mark.parametrize("method", ["linear", "nearest"])
@pytest.mark.parametrize("how", ["max", "min", "mean"])
def test_a_slab_of_three_slices_thickness_is_made_of_three_slices(
    how: Any, method: Any, jit: bool
) -> None:
    made = noise()
    found = slab(made, thickness_mm=7.5, sampling_mm=2.5, how=how, method=method, jit=jit)
    np.testing.assert_allclose(found.values, REDUCED[how](made.values[3:6], axis=0), atol=1e-4)
    assert found.attrs["projection"] == how
    assert found.attrs["slab_thickness_mm"] == 7.5
    assert found.dicom.spacing == (7.5, 0.5, 0.5)
    assert float(found.z) == float(made.z[4])


@with_and_without_jit
@pytest.mark.parametrize("how", ["max", "min", "mean"])
def test_samples_outside_and_without_a_number_do_not_count(how: Any, jit: bool) -> None:
    made = noise()
    made.values[8, 0, 0] = np.nan
    made.values[7:, 1, 1] = np.nan
    top = (*made.dicom.index_to_world((8, 3, 4)),)
    found = slab(
        made, thickness_mm=7.5, sampling_mm=2.5, how=how, centre_mm=top, spacing_mm=0.5, jit=jit
    )
    expected = made.values[7:].copy()
    expected[:, 1, 1] = 0
    expected = REDUCED[how](expected, axis=0)
    expected[1, 1] = np.nan  # inside, and nothing there is a number
    np.testing.assert_allclose(found.values, expected, atol=1e-4)


@with_and_without_jit
def test_no_thickness_is_a_plane(jit: bool) -> None:
    made, options = noise(), {"normal": (1, 2, 3), "jit": jit}
    plane = reslice(made, **options)  # type: ignore[arg-type]
    found = slab(made, thickness_mm=0, how="mean", **options)  # type: ignore[arg-type]
    np.testing.assert_array_equal(found.values, plane.values)
    assert math.isnan(found.dicom.spacing[0])


@settings(max_examples=25)
@given(affine=affines())
def test_numba_and_scipy_give_the_same_slab(affine: Any) -> None:
    made = noise().values
    made[made > 200] = np.nan
    source = volume(affine, SHAPE).copy(data=made)
    for how in ("max", "min", "mean"):
        one, two = (
            slab(source, thickness_mm=9, how=how, normal=(1, -2, 1), spacing_mm=2, jit=jit).values  # type: ignore[arg-type]
            for jit in (True, False)
        )
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-4)


@settings(max_examples=25)
@given(affine=affines())
def test_the_mean_of_a_linear_field_is_the_middles_value(affine: Any) -> None:
    field = linear_field((0.3, -0.2, 0.5), 10)
    made = fill_by_place(volume(affine, SHAPE), field)
    normal = np.cross(affine[:3, 0], affine[:3, 1])
    step = min(made.dicom.spacing)
    found = slab(made, thickness_mm=step, sampling_mm=step / 4, how="mean", normal=normal)
    whole = made.dicom.world_to_index(places(found)[0])
    is_far = np.all((whole > 1.1) & (whole < np.array(SHAPE) - 2.1), axis=-1)
    is_far &= np.ptp(np.linalg.inv(affine[:3, :3]) @ normal / np.linalg.norm(normal)) * step < 1
    np.testing.assert_allclose(found.values[is_far], field(places(found)[0])[is_far], atol=1e-4)


@with_and_without_jit
def test_integers_stay_the_largest_and_the_least_of_the_voxels(jit: bool) -> None:
    made = (noise() * 10).astype(np.int16)
    found = slab(made, thickness_mm=5, normal="coronal", method="nearest", spacing_mm=0.5, fill=0)
    assert found.dtype == np.int16
    whole = slab(made, thickness_mm=102.5, sampling_mm=2.5, dtype="int16", fill=-1, jit=jit)
    np.testing.assert_array_equal(whole.values, made.values.max(axis=0))
    colours = xr.concat([made, -made], "time")
    assert slab(colours, thickness_mm=5, fill=0, dtype="int16").dims == ("time", "y", "x")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"thickness_mm": -1}, "thickness_mm is at least 0"),
        ({"thickness_mm": math.nan}, "thickness_mm is at least 0"),
        ({"thickness_mm": 1, "sampling_mm": 0}, "sampling_mm positive"),
        ({"thickness_mm": 1e6}, "more than 4096 samples"),
        ({"thickness_mm": 1, "how": "median"}, "how is 'max', 'min' or 'mean'"),
        ({"thickness_mm": 1, "normal": "up"}, "normal is one of"),
    ],
)
def test_what_cannot_be_is_refused_by_name(options: Any, said: str) -> None:
    with pytest.raises(CannotResample, match=said):
        slab(noise(), **options)


def test_an_option_that_is_none_is_told() -> None:
    with pytest.raises(TypeError, match="thicknes"):
        slab(noise(), thickness_mm=1, thicknes=2)  # type: ignore[call-arg]
