"""A volume knows where it lies after slicing, flips, strides, arithmetic and files."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from noctis_lab.errors import NoGeometry, UnsupportedSeries
from noctis_lab.volumes import accessor  # noqa: F401  (registers .dicom)
from noctis_lab.volumes.axes import AXES, stack_coordinates
from noctis_lab.volumes.placement import Placement


def volume(affine: np.ndarray[Any, Any], shape: tuple[int, int, int]) -> xr.DataArray:
    """Build an array whose voxels hold their own index, at the places an affine says."""
    steps = np.linalg.norm(affine[:3, :3], axis=0)
    placement = Placement(
        directions=tuple(tuple(line) for line in (affine[:3, :3] / steps).tolist()),  # type: ignore[arg-type]
        steps_mm=tuple(steps.tolist()),
        origin_mm=tuple(affine[:3, 3].tolist()),
        slice_spacing_mm=None,
        tilt_deg=0.0,
        residual_mm=0.0,
    )
    return xr.DataArray(
        np.arange(math.prod(shape)).reshape(shape),
        dims=AXES,
        coords=stack_coordinates(placement, shape, FrameOfReferenceUID="1.2.9"),
        attrs={"SeriesInstanceUID": "1.2.3"},
    )


def place(affine: np.ndarray[Any, Any], shape: tuple[int, int, int], voxel: int) -> Any:
    """Return where the voxel with that number lies, by the affine it was made with."""
    return (affine @ [*np.unravel_index(voxel, shape), 1.0])[:3]


@st.composite
def affines(draw: st.DrawFn) -> np.ndarray[Any, Any]:
    """Draw oblique, sheared, right- and left-handed affines."""
    angles = [draw(st.floats(-math.pi, math.pi)) for _ in range(3)]
    turned = np.eye(3)
    for axis, angle in enumerate(angles):
        one, other = (axis + 1) % 3, (axis + 2) % 3
        turn = np.eye(3)
        turn[one, one] = turn[other, other] = math.cos(angle)
        turn[one, other], turn[other, one] = -math.sin(angle), math.sin(angle)
        turned = turn @ turned
    turned[:, 0] += draw(st.floats(-0.6, 0.6)) * turned[:, 1]  # the gantry's tilt
    turned[:, 0] *= draw(st.sampled_from((1, -1)))
    affine = np.eye(4)
    affine[:3, :3] = turned * [draw(st.floats(0.2, 8.0)) for _ in range(3)]
    affine[:3, 3] = [draw(st.floats(-1000, 1000)) for _ in range(3)]
    return affine


slices = st.builds(
    slice,
    st.integers(-6, 6) | st.none(),
    st.integers(-6, 6) | st.none(),
    st.sampled_from((None, 1, 2, 3, -1, -2)),
)


@settings(deadline=None, max_examples=60)  # the first use of a computation of xarray's takes long
@given(affine=affines(), cuts=st.tuples(slices, slices, slices))
def test_every_voxel_stays_at_its_place_through_slices_strides_and_flips(
    affine: np.ndarray[Any, Any], cuts: tuple[slice, slice, slice]
) -> None:
    shape = (6, 5, 4)
    cut = volume(affine, shape).isel(dict(zip(AXES, cuts, strict=True)))
    cut = (2 * cut + 1) // 2
    assume(cut.size)
    index = np.moveaxis(np.indices(cut.shape, dtype=float), 0, -1).reshape(-1, 3)
    voxels = np.stack(np.unravel_index(cut.values.ravel(), shape), axis=-1)
    expected = voxels @ affine[:3, :3].T + affine[:3, 3]
    np.testing.assert_allclose(cut.dicom.index_to_world(index), expected, rtol=0, atol=1e-9)
    derived = cut.dicom.affine
    by_affine = index @ derived[:3, :3].T + derived[:3, 3]
    np.testing.assert_allclose(by_affine, expected, rtol=0, atol=1e-9)


@settings(deadline=None)
@given(affine=affines(), index=st.tuples(*(st.floats(-50, 50) for _ in range(3))))
def test_world_to_index_undoes_index_to_world(
    affine: np.ndarray[Any, Any], index: tuple[float, float, float]
) -> None:
    dicom = volume(affine, (3, 4, 5)).dicom
    np.testing.assert_allclose(dicom.world_to_index(dicom.index_to_world(index)), index, atol=1e-8)


@settings(deadline=None)
@given(affine=affines())
def test_one_plane_picked_out_keeps_the_nominal_spacing(affine: np.ndarray[Any, Any]) -> None:
    plane = volume(affine, (6, 5, 4)).isel(z=3)
    np.testing.assert_allclose(
        plane.dicom.index_to_world((0, 2, 1)), place(affine, (6, 5, 4), 3 * 20 + 9), atol=1e-9
    )
    assert plane.dicom.spacing[0] == pytest.approx(np.linalg.norm(affine[:3, 0]))


def test_an_axial_volume_has_its_patient_millimetres_as_coordinates() -> None:
    axial = np.array([[0, 0, 0.5, -10], [0, 0.5, 0, 20], [2.5, 0, 0, 30], [0, 0, 0, 1.0]])
    coords = volume(axial, (2, 2, 2)).coords
    assert [coords[axis].values.tolist() for axis in AXES] == [
        [30, 32.5],
        [20, 20.5],
        [-10, -9.5],
    ]


def test_properties_of_a_tilted_volume() -> None:
    tilt = math.radians(16.5)
    affine = np.array(
        [
            [0, 0, 0.4, -104],
            [0, 0.4 * math.cos(tilt), 0, 6.6],
            [2.5, 0.4 * math.sin(tilt), 0, 657.9],
            [0, 0, 0, 1],
        ]
    )
    dicom = volume(affine, (4, 3, 2)).dicom
    assert dicom.is_regular
    assert dicom.tilt_deg == pytest.approx(16.5)
    assert dicom.spacing == pytest.approx((2.5, 0.4, 0.4))
    assert dicom.origin == pytest.approx((-104, 6.6, 657.9))
    assert dicom.frame_of_reference_uid == "1.2.9"
    np.testing.assert_allclose(dicom.affine, affine, atol=1e-12)
    mirrored = volume(affine, (4, 3, 2)).isel(z=slice(None, None, -1)).dicom
    assert mirrored.tilt_deg == pytest.approx(16.5)
    np.testing.assert_allclose(mirrored.direction[:, 0], [0, 0, -1])


def test_a_lone_plane_has_no_made_up_slice_spacing() -> None:
    lone = volume(np.eye(4), (1, 3, 3))
    lone.coords["patient_lps"].attrs["spacing_mm"] = [math.nan, 1.0, 1.0]
    assert math.isnan(lone.dicom.spacing[0])
    assert lone.dicom.index_to_world((0, 1, 2)).tolist() == [0, 1, 2]
    assert lone.dicom.world_to_index((0, 1, 2)).tolist() == [0, 1, 2]
    assert math.isnan(lone.dicom.world_to_index((5, 1, 2))[0])


def test_planes_picked_unevenly_have_no_affine() -> None:
    picked = volume(np.eye(4), (6, 3, 3)).isel(z=[0, 1, 4])
    assert not picked.dicom.is_regular
    with pytest.raises(UnsupportedSeries, match="no single step"):
        _ = picked.dicom.affine


def test_an_array_without_geometry_says_so() -> None:
    with pytest.raises(NoGeometry, match="no geometry"):
        _ = xr.DataArray([[1]], dims=("y", "x")).dicom.affine
    with pytest.raises(NoGeometry, match="axis 'z' is empty"):
        _ = volume(np.eye(4), (3, 3, 3))[3:].dicom.affine
    with pytest.raises(NoGeometry, match="coordinate 'z'"):
        _ = volume(np.eye(4), (3, 3, 3)).mean("z").dicom.affine


@pytest.mark.parametrize(
    "compute",
    [
        lambda v: v + 1,
        lambda v: v * v,
        lambda v: v.where(v > 5),
        lambda v: v.astype("float32"),
        lambda v: xr.concat([v[:2], v[2:]], "z"),
        lambda v: v.transpose("x", "z", "y"),
        lambda v: v.clip(0, 9),
        lambda v: v.copy(data=np.zeros(v.shape)),
    ],
)
def test_geometry_survives_arithmetic(compute: Any) -> None:
    made = volume(np.diag([2.0, 3.0, 4.0, 1.0]), (4, 3, 2))
    np.testing.assert_array_equal(compute(made).dicom.affine, made.dicom.affine)


def test_geometry_survives_netcdf(tmp_path: Path) -> None:
    made = volume(np.diag([2.0, 3.0, 4.0, 1.0]), (4, 3, 2)).rename("CT")
    made.to_netcdf(tmp_path / "volume.nc", engine="scipy")
    with xr.open_dataarray(tmp_path / "volume.nc", engine="scipy") as back:
        np.testing.assert_array_equal(back.dicom.affine, made.dicom.affine)
        assert back.dicom.frame_of_reference_uid == "1.2.9"
