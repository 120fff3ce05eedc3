"""Surfaces made part by part: the same as in one piece, measured, bounded, stopped."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.spatial import KDTree

from noctis_lab.errors import CannotResample, NoSurface
from noctis_lab.volumes import surface_parts
from noctis_lab.volumes.axes import GEOMETRY
from noctis_lab.volumes.surface import surface
from noctis_lab.volumes.surface_parts import (
    Stopped,
    area_mm2,
    is_closed_at,
    padded,
    surface_in_parts,
    volume_mm3,
)

RADIUS_MM = 18.0
SPACING_MM = (1.5, 1.0, 0.8)  # z, y, x


def ball(shape: tuple[int, int, int] = (32, 48, 60)) -> xr.DataArray:
    """Return values that are the distance to a sphere's surface: 0 at it, higher inside."""
    z, y, x = (np.arange(size) * step for size, step in zip(shape, SPACING_MM, strict=True))
    middle = [float(along[-1]) / 2 for along in (z, y, x)]
    away = np.sqrt(
        (z[:, None, None] - middle[0]) ** 2
        + (y[None, :, None] - middle[1]) ** 2
        + (x[None, None, :] - middle[2]) ** 2
    )
    geometry = {"direction": [0.0, 0, 1, 0, 1, 0, 1, 0, 0], "spacing_mm": list(SPACING_MM)}
    coords = {"z": z, "y": y, "x": x, GEOMETRY: ((), 0, geometry)}
    return xr.DataArray((RADIUS_MM - away).astype(np.float32), dims=("z", "y", "x"), coords=coords)


@pytest.fixture
def in_slabs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surface_parts, "_PART_VOXELS", 48 * 60 * 5)


@pytest.mark.usefixtures("in_slabs")
def test_a_sphere_has_its_volume_and_area_within_one_percent() -> None:
    found = surface_in_parts(ball(), level=0)
    assert volume_mm3(found) == pytest.approx(4 / 3 * np.pi * RADIUS_MM**3, rel=0.01)
    assert area_mm2(found) == pytest.approx(4 * np.pi * RADIUS_MM**2, rel=0.01)


@pytest.mark.usefixtures("in_slabs")
def test_slabs_make_the_surface_of_one_piece_without_a_seam() -> None:
    whole, parts = surface(ball(), level=0), surface_in_parts(ball(), level=0)
    assert len(parts.vertices_mm) == len(whole.vertices_mm)
    assert len(parts.faces) == len(whole.faces)
    away, nearest = KDTree(whole.vertices_mm).query(parts.vertices_mm)
    assert away.max() < 1e-3
    assert len(np.unique(nearest)) == len(nearest)
    edges = np.sort(np.concatenate([parts.faces[:, pair] for pair in ([0, 1], [1, 2], [2, 0])]))
    assert set(np.unique(edges, axis=0, return_counts=True)[1]) == {2}  # no face without neighbour


@pytest.mark.usefixtures("in_slabs")
def test_progress_rises_to_one_and_what_is_not_wanted_stops() -> None:
    told: list[float] = []
    surface_in_parts(ball(), level=0, progress=told.append)
    assert told == sorted(told)
    assert len(told) > 3
    assert told[-1] == 1
    answers = iter([True, True, False])
    with pytest.raises(Stopped):
        surface_in_parts(ball(), level=0, is_wanted=lambda: next(answers))


@pytest.mark.usefixtures("in_slabs")
def test_a_level_that_nothing_passes_and_too_many_vertices_are_refused() -> None:
    with pytest.raises(NoSurface):
        surface_in_parts(ball(), level=1000)
    with pytest.raises(CannotResample, match="more than 100 vertices"):
        surface_in_parts(ball(), level=0, most_vertices=100)
    with pytest.raises(CannotResample, match="dims z, y and x"):
        surface_in_parts(ball().expand_dims("time"), level=0)


def test_a_surface_is_closed_unless_it_leaves_the_volume_or_meets_nothing() -> None:
    assert is_closed_at(ball(), 0)
    assert not is_closed_at(ball().isel(z=slice(0, 16)), 0)
    holed = ball()
    holed[3, 4, 5] = np.nan
    assert not is_closed_at(holed, 0)


def test_a_mask_up_to_its_border_is_closed_by_what_is_beyond() -> None:
    mask = xr.ones_like(ball((6, 8, 10)), dtype=bool)
    wider = padded(mask)
    assert wider.shape == (8, 10, 12)
    assert float(wider.z[0]) == -SPACING_MM[0]
    found = surface_in_parts(wider, level=0.5)
    assert is_closed_at(wider, 0.5)
    # Half a voxel beyond the outermost centres, with the corners taken off.
    boxed = float(np.prod([size * step for size, step in zip((6, 8, 10), SPACING_MM, strict=True)]))
    assert 0.9 * boxed < volume_mm3(found) < boxed
    assert found.vertices_mm[:, 0].min() == pytest.approx(-SPACING_MM[2] / 2)
