"""Surfaces: where they lie, which way they face, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from noctis_lab.errors import CannotResample, UnsupportedSeries
from noctis_lab.volumes import surface as bounds
from noctis_lab.volumes.surface import Surface, surface
from tests.volumes.spaces import AXIAL, affines, places, volume

SHAPE = (20, 22, 24)


def ball(affine: Any, radius_mm: float, shape: tuple[int, int, int] = SHAPE) -> xr.DataArray:
    """Return how far inside of a ball in the middle each voxel lies, mm; float64."""
    made = volume(affine, shape)
    centre = affine[:3, :3] @ ((np.array(shape) - 1) / 2) + affine[:3, 3]
    return made.copy(data=radius_mm - np.linalg.norm(places(made) - centre, axis=-1))


def enclosed_mm3(mesh: Surface) -> float:
    """Return the volume inside, by the divergence theorem: negative where faces look inward."""
    a, b, c = np.moveaxis(mesh.vertices_mm[mesh.faces] - mesh.vertices_mm.mean(axis=0), 1, 0)
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


@settings(max_examples=30)
@given(affine=affines(), flips=st.sets(st.sampled_from("zyx")))
def test_a_ball_is_a_closed_ball_facing_outward_in_any_volume(affine: Any, flips: set[str]) -> None:
    # The ball must fit into the parallelepiped: its heights are what counts, not its edges.
    heights = 1 / np.linalg.norm(np.linalg.inv(affine[:3, :3]), axis=1) * (np.array(SHAPE) - 1) / 2
    radius_mm = 0.9 * heights.min()
    made = ball(affine, radius_mm)
    assume(radius_mm > 1.5 * max(made.dicom.spacing))  # else it may hold no voxel
    centre = affine[:3, :3] @ ((np.array(SHAPE) - 1) / 2) + affine[:3, 3]
    mesh = surface(made.isel({axis: slice(None, None, -1) for axis in flips}), level=0)
    coarsest = max(made.dicom.spacing)
    distances = np.linalg.norm(mesh.vertices_mm - centre, axis=1)
    assert np.abs(distances - radius_mm).max() < 0.5 * coarsest
    edges = np.sort(mesh.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    _, counts = np.unique(edges, axis=0, return_counts=True)
    assert set(counts) == {2}  # closed
    if radius_mm > 3 * coarsest:
        assert enclosed_mm3(mesh) == pytest.approx(4 / 3 * math.pi * radius_mm**3, rel=0.12)
    else:
        assert enclosed_mm3(mesh) > 0


def test_vertices_lie_where_the_value_is_the_level() -> None:
    made = volume(AXIAL, SHAPE)
    made = made.copy(data=places(made)[..., 0])  # x in mm
    mesh = surface(made.astype(np.float32), level=-5.3)
    np.testing.assert_allclose(mesh.vertices_mm[:, 0], -5.3, atol=1e-5)
    assert mesh.vertices_mm[:, 2].min() == pytest.approx(30)
    assert mesh.vertices_mm[:, 2].max() == pytest.approx(30 + 19 * 2.5)
    normals = np.cross(*np.moveaxis(np.diff(mesh.vertices_mm[mesh.faces], axis=1), 1, 0))
    assert (normals[:, 0] < 0).all()  # towards the lower values
    assert mesh.units is None
    assert mesh.level == -5.3
    assert mesh.FrameOfReferenceUID == "1.2.9"


def test_cropping_changes_nothing() -> None:
    from skimage.measure import marching_cubes

    made = ball(np.eye(4), 4.3, (30, 31, 32)).astype(np.float32)
    vertices, faces, _, _ = marching_cubes(made.values, 0.0)
    mesh = surface(made, level=0)
    np.testing.assert_allclose(
        np.sort(mesh.vertices_mm, axis=0), np.sort(vertices, axis=0), atol=1e-5
    )
    assert len(mesh.faces) == len(faces)


def test_a_step_takes_every_other_voxel() -> None:
    made = ball(np.eye(4), 7)
    fine, coarse = surface(made, level=0), surface(made, level=0, step=2)
    assert len(coarse.faces) < len(fine.faces) / 3
    assert enclosed_mm3(coarse) == pytest.approx(enclosed_mm3(fine), rel=0.05)


@pytest.mark.parametrize("dtype", ["int16", "uint8", "bool", "int32"])
def test_integers_and_masks_have_surfaces(dtype: str) -> None:
    mask = (ball(np.eye(4), 6) > 0).astype(dtype)
    assert enclosed_mm3(surface(mask, level=0.5)) == pytest.approx(int(mask.sum()), rel=0.05)
    assert not np.any(np.isnan(surface(mask.transpose("x", "y", "z"), level=0.5).vertices_mm))


@pytest.mark.parametrize(
    ("dtype", "base", "height"),
    [
        ("float64", 1e9, 1), ("float64", 1.0, 1e-9), ("int32", 2**28, 1), ("uint32", 2**31, 1),
        ("float32", 0.0, 1), ("int16", -1000, 1),
    ],
)  # fmt: skip
def test_heights_that_single_precision_does_not_tell_apart_have_their_surface(
    dtype: str, base: float, height: float
) -> None:
    block = np.zeros((8, 8, 8))
    block[2:5, 2:5, 2:5] = height
    made = volume(np.eye(4), (8, 8, 8)).copy(data=(base + block).astype(dtype))
    mesh = surface(made, level=base + 0.25 * height)
    np.testing.assert_allclose(mesh.vertices_mm.min(axis=0), 1.25, atol=1e-4)
    np.testing.assert_allclose(mesh.vertices_mm.max(axis=0), 4.75, atol=1e-4)


@pytest.mark.parametrize("step", [1, 2])
def test_no_surface_is_made_beside_missing_values(step: int) -> None:
    made = ball(np.eye(4), 6)
    made.values[:10] = np.nan
    mesh = surface(made, level=0, step=step)
    assert mesh.vertices_mm[:, 0].min() >= 10  # the identity's index z is the patient's x
    hidden = made.where(np.abs(made) > 1.8)
    with pytest.raises(CannotResample, match="no surface"):
        surface(hidden, level=0)


def test_what_cannot_be_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    made = ball(np.eye(4), 6)
    for level in (100, -100):
        with pytest.raises(CannotResample, match=f"do not pass the level {level}"):
            surface(made, level=level)
    with pytest.raises(CannotResample, match="level finite"):
        surface(made, level=math.nan)
    with pytest.raises(CannotResample, match="step is at least 1"):
        surface(made, level=0, step=0)
    with pytest.raises(CannotResample, match="more than 20 voxels"):
        surface(made, level=0, step=20)
    with pytest.raises(CannotResample, match="of dims z, y and x, not time, z, y, x"):
        surface(xr.concat([made, made], "time"), level=0)
    with pytest.raises(UnsupportedSeries, match="regularize"):
        surface(made.isel(z=[0, 1, 3, 4, 5, 6, 9, 10]), level=0)
    monkeypatch.setattr(bounds, "LARGEST_SURFACE_VERTICES", 500)
    with pytest.raises(CannotResample, match="vertices, and 500 are the most; take a larger step"):
        surface(made, level=0)
    monkeypatch.setattr(bounds, "LARGEST_SURFACE_VERTICES", 10**6)
    monkeypatch.setattr(bounds, "LARGEST_SURFACE_VOXELS", 2000)
    with pytest.raises(CannotResample, match="voxels, and 2000 are the most"):
        surface(made, level=0)
