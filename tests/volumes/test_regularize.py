"""Irregular stacks made regular: nothing is invented in silence."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from noctis_lab.errors import CannotResample, UnsupportedSeries
from noctis_lab.volumes.regularize import regularize
from tests.volumes.spaces import AXIAL, affines, fill_by_place, linear_field, places, volume

SHAPE = (9, 3, 4)
FIELD = linear_field((0.5, -1.0, 0.25), 7.0)


def gapped() -> xr.DataArray:
    """Return planes 0, 1, 2, 5, 6 of a regular stack."""
    made = volume(AXIAL, SHAPE).astype(np.int16)
    made = made.assign_coords(
        SOPInstanceUID=("z", [f"1.{z}" for z in range(9)]),
        InstanceNumber=("z", np.arange(9)),
    )
    return made.isel(z=[0, 1, 2, 5, 6])


def test_a_gap_is_left_empty_and_told() -> None:
    found = regularize(gapped())
    assert found.dicom.is_regular
    assert found.dicom.spacing == (2.5, 0.5, 0.5)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found.values[[0, 1, 2, 5, 6]], gapped().values)
    assert np.isnan(found.values[3:5]).all()
    assert (
        found.plane_origin.values.tolist() == ["acquired"] * 3 + ["missing"] * 2 + ["acquired"] * 2
    )
    assert found.attrs["missing_z_mm"] == [37.5, 40.0]
    assert "interpolated_z_mm" not in found.attrs
    assert found.SOPInstanceUID.values.tolist() == ["1.0", "1.1", "1.2", "", "", "1.5", "1.6"]
    np.testing.assert_array_equal(found.InstanceNumber, [0, 1, 2, np.nan, np.nan, 5, 6])
    with pytest.raises(CannotResample, match="has no value for outside"):
        regularize(gapped(), dtype="int16")
    filled = regularize(gapped(), dtype="int16", fill=-1024)
    assert (filled.values[3:5] == -1024).all()


def test_only_what_is_said_of_the_gaps_goes_with_them() -> None:
    # Such a note holds any words: a grid of its own, whose slice spacing is not uniform, say.
    note = "Not on its source's grid: there the slice spacing is not uniform."
    told = {"geometry_note": note, "spacing_note": "uneven", "gap_planes": [2], "units": "HU"}
    found = regularize(gapped().assign_attrs(told))
    kept = {name: found.attrs.get(name) for name in told}
    assert kept == {"geometry_note": note, "spacing_note": None, "gap_planes": None, "units": "HU"}


@pytest.mark.parametrize("flip", [1, -1])
def test_a_gap_is_interpolated_on_request_and_told(flip: int) -> None:
    source = fill_by_place(volume(AXIAL, SHAPE), FIELD).isel(z=[0, 1, 2, 5, 6][::flip])
    found = regularize(source, gaps="interpolate")
    np.testing.assert_allclose(found.values, FIELD(places(found)), atol=1e-9)
    assert found.attrs["interpolated_z_mm"] == [37.5, 40.0][::flip]
    assert "missing_z_mm" not in found.attrs
    nearest = regularize(gapped()[::flip], gaps="interpolate", method="nearest")
    assert nearest.dtype == np.int16
    planes = nearest.values[::flip]
    np.testing.assert_array_equal(planes[3], gapped().values[2])
    np.testing.assert_array_equal(planes[4], gapped().values[3])


@settings(max_examples=30)
@given(
    affine=affines(),
    steps=st.lists(st.floats(0.7, 1.4), min_size=2, max_size=8),
    flip=st.booleans(),
)
def test_a_linear_field_is_kept_between_planes_of_any_distance(
    affine: Any, steps: list[float], flip: bool
) -> None:
    regular = volume(affine, (len(steps) + 1, 3, 4))
    along = np.concatenate([[0], np.cumsum(steps)]) * regular.dicom.spacing[0]
    irregular = regular.assign_coords(z=float(regular.z[0]) + along)
    made = fill_by_place(irregular, FIELD).isel(z=slice(None, None, -1 if flip else 1))
    assume(not made.dicom.is_regular)
    found = regularize(made, gaps="interpolate")
    assert found.dicom.is_regular
    jitter = 0.01 * float(np.abs(np.diff(made.z)).max()) * 1.4
    np.testing.assert_allclose(found.values, FIELD(places(found)), rtol=0, atol=1e-9 + jitter * 1.2)
    is_new = found.plane_origin.values == "interpolated"
    expected = FIELD(places(found))[is_new]
    np.testing.assert_allclose(found.values[is_new], expected, rtol=0, atol=1e-9)
    np.testing.assert_allclose(places(found)[0], places(made)[0], atol=1e-9)


def test_jitter_is_not_interpolated() -> None:
    z = np.arange(9) * 2.5 + np.array([0, 1, -1, 1, 0, -1, 1, 1, 0]) * 0.02
    made = volume(AXIAL, SHAPE).astype(np.int16).assign_coords(z=z)
    found = regularize(made, dtype="int16")
    np.testing.assert_array_equal(found.values, made.values)
    np.testing.assert_allclose(found.z, np.arange(9) * 2.5)
    assert set(found.plane_origin.values) == {"acquired"}
    assert not {"missing_z_mm", "interpolated_z_mm"} & set(found.attrs)


def test_one_gap_in_three_planes_is_a_gap() -> None:
    found = regularize(volume(AXIAL, SHAPE).isel(z=[0, 1, 3]).astype(float))
    assert found.dicom.spacing[0] == 2.5
    assert found.attrs["missing_z_mm"] == [35.0]


def test_a_step_may_be_asked_for() -> None:
    found = regularize(gapped(), step_mm=1.25)
    kinds = found.plane_origin.values.tolist()
    assert kinds == (
        ["acquired", "interpolated", "acquired", "interpolated", "acquired"]
        + ["missing"] * 5
        + ["acquired", "interpolated", "acquired"]
    )
    regular = volume(AXIAL, SHAPE).astype(float)
    assert regularize(regular) is regular
    assert regularize(regular, step_mm=2.5) is regular
    assert regularize(regular[:1]) is regular[:1] or regular[:1].sizes["z"] == 1
    assert regularize(regular, step_mm=5.0).shape == (5, 3, 4)
    assert regularize(regular, step_mm=7.0).z.values.tolist() == [30, 37, 44]


@given(
    steps=st.lists(st.sampled_from([0.5, 1.0, 1.0, 1.005, 2.0, 3.0]), min_size=1, max_size=10),
    step_mm=st.floats(0.2, 20),
    is_turned=st.booleans(),
)
@example(steps=[1.0] * 13 + [1.96], step_mm=5.0, is_turned=False)
def test_no_plane_is_asked_for_beyond_the_last(
    steps: list[float], step_mm: float, is_turned: bool
) -> None:
    z = np.cumsum([0.0, *steps])
    made = volume(AXIAL, (len(z), 2, 2)).assign_coords(z=z)
    made = made.copy(data=np.broadcast_to(z[:, None, None], made.shape).astype(float))
    made = made.isel(z=slice(None, None, -1 if is_turned else 1))
    found = regularize(made, step_mm=step_mm, gaps="interpolate")
    usual_mm = np.sort(steps)[(len(steps) - 1) // 2]
    np.testing.assert_allclose(found.values[:, 0, 0], found.z, rtol=0, atol=0.0101 * usual_mm)
    left_mm = abs(float(made.z[-1] - found.z[-1]))
    assert left_mm < abs(step_mm) or found is made


def test_extra_dims_and_their_own_planes_are_carried_along() -> None:
    uids = np.array([[f"1.{t}.{z}" for z in range(5)] for t in range(2)])
    made = xr.concat([gapped(), gapped() + 1], "time").assign_coords(
        time=("time", [0.0, 1.5]), SOPInstanceUID=(("time", "z"), uids)
    )
    found = regularize(made)
    assert found.dims == ("time", "z", "y", "x")
    assert found.time.values.tolist() == [0, 1.5]
    assert found.SOPInstanceUID.values[1].tolist() == [
        "1.1.0", "1.1.1", "1.1.2", "", "", "1.1.3", "1.1.4",
    ]  # fmt: skip
    np.testing.assert_array_equal(found.values[1, 5], gapped().values[3] + 1)


def test_a_lazy_and_a_saved_one_are_the_same(tmp_path: Path) -> None:
    made = gapped().rename("CT")
    made.to_netcdf(tmp_path / "made.nc", engine="scipy")
    with xr.open_dataarray(tmp_path / "made.nc", engine="scipy") as lazy:
        found = regularize(lazy)
    expected = regularize(made)
    np.testing.assert_array_equal(found.values, expected.values)
    found.to_netcdf(tmp_path / "found.nc", engine="scipy")
    with xr.open_dataarray(tmp_path / "found.nc", engine="scipy") as back:
        assert np.atleast_1d(back.attrs["missing_z_mm"]).tolist() == [37.5, 40.0]
        assert back.dicom.is_regular


@pytest.mark.parametrize(
    ("z", "options", "said"),
    [
        ([0, 1, 1, 2], {}, "planes lie at one place or not in order"),
        ([0, 2, 1, 3], {}, "planes lie at one place or not in order"),
        ([0, 1, 2, 4], {"step_mm": 0}, "step_mm is positive"),
        ([0, 1, 2, 4], {"step_mm": math.nan}, "step_mm is positive"),
        ([0, 1, 2, 4], {"step_mm": 1e-9}, "2147483648 are the most"),
        ([0, 1e-9, 2e-9, 4], {}, "2147483648 are the most"),
        ([0, 1, 2, 4], {"gaps": "nan"}, "gaps is 'fill' or 'interpolate'"),
    ],
)
def test_what_cannot_be_is_refused_by_name(z: Any, options: Any, said: str) -> None:
    made = volume(AXIAL, (4, 3, 3)).assign_coords(z=np.array(z, dtype=float))
    with pytest.raises(CannotResample, match=said):
        regularize(made, **options)


def test_planes_themselves_must_be_regular() -> None:
    with pytest.raises(UnsupportedSeries, match="axis 'x' has no single step"):
        regularize(volume(AXIAL, SHAPE).isel(x=[0, 1, 3]))
