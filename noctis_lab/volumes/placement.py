"""Where a stack of planes lies in the patient: directions, steps, and what is amiss. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from noctis_lab.dicom.geometry import plane_normal, stack_directions, to_affine
from noctis_lab.errors import UnsupportedSeries
from noctis_lab.volumes.frames import Frame, Orientation, Vector
from noctis_lab.volumes.spread import JITTER_TOLERANCE, SAME_POSITION_MM, Spread

__all__ = ["Gap", "Placement", "find_placement"]

#: A gantry leans up to 30°; planes that lie beyond twice that are side by side, not a stack.
STEEPEST_TILT_DEG = 60.0


@dataclass(frozen=True, slots=True)
class Gap:
    """Planes that are missing between two neighbours."""

    after_mm: float  # z coordinate of the plane before it
    planes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """The places of a right-handed stack, ascending along the planes' normal.

    `directions` holds U row by row: its columns are the unit directions of z, y and x.
    """

    directions: tuple[Vector, Vector, Vector]
    steps_mm: (
        Vector  # (z, y, x); z is the usual one where they differ, NaN where there is one plane
    )
    origin_mm: Vector  # centre of the first voxel, patient LPS
    #: Along the z direction from the first plane, where the planes' distances are not one; else ().
    offsets_mm: tuple[float, ...] = ()
    slice_spacing_mm: float | None  # between neighbouring planes along the normal
    tilt_deg: float  # between the z axis and the normal
    residual_mm: float  # at most so far lies any voxel from the place its coordinates give it
    gaps: tuple[Gap, ...] = ()

    @property
    def is_regular(self) -> bool:
        """Whether there is one step, and so an affine."""
        return not self.offsets_mm

    @property
    def affine(self) -> NDArray[np.float64]:
        """Index (z, y, x, 1) to patient LPS mm: float64, shape (4, 4).

        Raises
        ------
        ValueError
            The planes' distances are not one.
        """
        if not self.is_regular:
            raise ValueError("planes at unequal distances have no affine; see the z coordinates")
        return to_affine(np.array(self.directions), self.steps_mm, self.origin_mm)


def find_placement(
    spread: Spread,
    orientation: Orientation,
    spacing_mm: tuple[float, float],
    matrix: tuple[int, int],
) -> Placement:
    """Return where the places of a stack lie.

    Parameters
    ----------
    spread
        Its frames; those at one place count as one plane.
    orientation, spacing_mm
        Of every plane, within the tolerance of `split.split_frames`; spacing is (row, column).
    matrix
        Rows and columns of each plane: its far corner strays the most where its own orientation or
        spacing are not quite those.

    Raises
    ------
    UnsupportedSeries
        Planes lie side by side, or wander sideways: no axis leads through them.

    Notes
    -----
    The z column goes from the first to the last plane: a tilted gantry's shear is exact. Neither
    SliceThickness nor SpacingBetweenSlices is looked at.

    References
    ----------
    :dcm:`PS3.3 C.7.6.2.1.1 <part03/sect_C.7.6.2.html>`
    """
    normal = plane_normal(orientation)
    positions = np.array([place[0].facts.plane.position_mm for place in spread.places])
    count = len(positions)
    if count == 1:
        return _lone_place(spread, orientation, spacing_mm, matrix)
    along_mm = positions[-1] - positions[0]
    tilt_deg = _angle_deg(_vector(along_mm), normal)
    if tilt_deg > STEEPEST_TILT_DEG:
        raise UnsupportedSeries(
            _uid(spread),
            f"planes lie side by side, {tilt_deg:.1f}° from their normal: they are not a stack",
        )
    directions = stack_directions(orientation, _vector(along_mm))
    regular = positions[0] + np.arange(count)[:, np.newaxis] * (along_mm / (count - 1))
    residual_mm = _farthest_mm(spread, regular)
    tolerance_mm = JITTER_TOLERANCE * spread.typical_mm + SAME_POSITION_MM
    step_mm = float(np.linalg.norm(along_mm)) / (count - 1)
    offsets_mm: tuple[float, ...] = ()
    if residual_mm > tolerance_mm:
        lean = math.cos(math.radians(tilt_deg))
        offsets = (spread.along_mm - spread.along_mm[0]) / lean
        true = positions[0] + offsets[:, np.newaxis] * directions[:, 0]
        residual_mm = _farthest_mm(spread, true)
        if residual_mm > tolerance_mm:
            _refuse_wandering(spread, residual_mm)
        offsets_mm, step_mm = tuple(float(offset) for offset in offsets), spread.typical_mm / lean
    slice_spacing_mm = (
        spread.typical_mm
        if offsets_mm
        else float(spread.along_mm[-1] - spread.along_mm[0]) / (count - 1)
    )
    first_mm = float(np.linalg.solve(directions, positions[0])[0])
    return Placement(
        directions=_columns(directions),
        steps_mm=(step_mm, *spacing_mm),
        origin_mm=_vector(positions[0]),
        offsets_mm=offsets_mm,
        slice_spacing_mm=slice_spacing_mm,
        tilt_deg=tilt_deg,
        residual_mm=residual_mm + _corner_mm(spread, directions, spacing_mm, matrix),
        gaps=_gaps(first_mm, offsets_mm, step_mm),
    )


def _lone_place(
    spread: Spread,
    orientation: Orientation,
    spacing_mm: tuple[float, float],
    matrix: tuple[int, int],
) -> Placement:
    positions = _positions(spread.places[0][:1])
    residual_mm = _farthest_mm(spread, positions)
    if residual_mm > max(SAME_POSITION_MM, JITTER_TOLERANCE * min(spacing_mm)):
        raise UnsupportedSeries(
            _uid(spread), f"planes lie side by side, {residual_mm:.3g} mm apart: they are no stack"
        )
    directions = stack_directions(orientation, plane_normal(orientation))
    return Placement(
        directions=_columns(directions),
        steps_mm=(math.nan, *spacing_mm),
        origin_mm=_vector(positions[0]),
        slice_spacing_mm=None,
        tilt_deg=0.0,
        residual_mm=residual_mm + _corner_mm(spread, directions, spacing_mm, matrix),
    )


def _gaps(first_mm: float, offsets_mm: Sequence[float], step_mm: float) -> tuple[Gap, ...]:
    apart_mm = np.diff(np.array(offsets_mm)) if offsets_mm else np.array([])
    return tuple(
        Gap(first_mm + offsets_mm[int(index)], round(float(apart_mm[index]) / step_mm) - 1)
        for index in np.flatnonzero(apart_mm > 1.5 * step_mm)
    )


def _farthest_mm(spread: Spread, places: NDArray[np.float64]) -> float:
    """Return how far the farthest of all frames lies from the place that is meant for it."""
    if spread.is_single:
        positions = np.array([place[0].facts.plane.position_mm for place in spread.places])
        return float(np.linalg.norm(positions - places, axis=1).max())
    return max(
        float(np.linalg.norm(_positions(frames) - place, axis=1).max())
        for frames, place in zip(spread.places, places, strict=True)
    )


def _corner_mm(
    spread: Spread,
    directions: NDArray[np.float64],
    spacing_mm: tuple[float, float],
    matrix: tuple[int, int],
) -> float:
    """Return how far a plane's corner lies from its place, its first voxel lying at its own."""
    planes = {
        (facts.plane.orientation, facts.plane.pixel_spacing_mm)
        for place in spread.places
        for frame in place
        if (facts := frame.facts)
    }
    rows, columns = (size - 1 for size in matrix)
    farthest_mm = 0.0
    for orientation, own_mm in planes:
        assert orientation is not None
        assert own_mm is not None
        # PS3.3 Equation C.7.6.2.1-1, of the cosines as they are stated.
        down = rows * (np.array(orientation[3:]) * own_mm[0] - directions[:, 1] * spacing_mm[0])
        along = columns * (np.array(orientation[:3]) * own_mm[1] - directions[:, 2] * spacing_mm[1])
        farthest_mm = max(
            farthest_mm, *(float(np.linalg.norm(off)) for off in (down, along, down + along))
        )
    return farthest_mm


def _positions(frames: Sequence[Frame]) -> NDArray[np.float64]:
    return np.array([frame.facts.plane.position_mm for frame in frames])


def _refuse_wandering(spread: Spread, residual_mm: float) -> None:
    raise UnsupportedSeries(
        _uid(spread),
        f"planes wander sideways, up to {residual_mm:.3g} mm off any axis, at a spacing of "
        f"{spread.typical_mm:.4g} mm: no volume of three axes holds them; load single planes",
    )


def _uid(spread: Spread) -> str:
    return spread.places[0][0].row.SeriesInstanceUID


def _angle_deg(one: Vector, other: Vector) -> float:
    cross = math.hypot(
        one[1] * other[2] - one[2] * other[1],
        one[2] * other[0] - one[0] * other[2],
        one[0] * other[1] - one[1] * other[0],
    )
    return math.degrees(math.atan2(cross, math.sumprod(one, other)))


def _vector(values: NDArray[np.float64]) -> Vector:
    return (float(values[0]), float(values[1]), float(values[2]))


def _columns(directions: NDArray[np.float64]) -> tuple[Vector, Vector, Vector]:
    return (_vector(directions[0]), _vector(directions[1]), _vector(directions[2]))
