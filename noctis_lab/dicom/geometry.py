"""Planes in the patient: position, orientation and spacing (PS3.3 C.7.6.2)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "FARTHEST_MM",
    "PlaneGeometry",
    "closest_plane",
    "is_orthonormal",
    "is_same_orientation",
    "orientation_letters",
    "plane_normal",
    "position_along_normal_mm",
    "stack_directions",
    "to_affine",
]

type Vector = tuple[float, float, float]
type Orientation = tuple[float, float, float, float, float, float]

#: A kilometre: what lies farther (or is NaN) is no place in a patient's room.
FARTHEST_MM = 1e6
#: Cosines are decimal strings of at most 16 characters, and scanners round them further.
ORTHONORMAL_TOLERANCE = 1e-3
#: 1e-4 moves the far corner of a 500 mm field by 0.05 mm: less than a tenth of any CT pixel.
SAME_ORIENTATION_TOLERANCE = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaneGeometry:
    """Where one plane lies: LPS millimetres, as Image Plane Module states it.

    Each part is None where the data set does not state it; nothing is made up.
    """

    position_mm: tuple[float, float, float] | None
    orientation: tuple[float, float, float, float, float, float] | None
    pixel_spacing_mm: tuple[float, float] | None  # (row, column), as in PixelSpacing


def plane_normal(orientation: Orientation) -> Vector:
    """Return the unit normal of a plane: row direction × column direction.

    Parameters
    ----------
    orientation
        Image Orientation (Patient): the cosines of the row, then of the column direction.

    Returns
    -------
    tuple of float
        Unit vector, patient LPS; zeros where the two directions are parallel.

    References
    ----------
    :dcm:`PS3.3 C.7.6.2.1.1 <part03/sect_C.7.6.2.html>`
    """
    rx, ry, rz, cx, cy, cz = orientation
    x, y, z = ry * cz - rz * cy, rz * cx - rx * cz, rx * cy - ry * cx
    length = math.sqrt(x * x + y * y + z * z)
    return (x / length, y / length, z / length) if length > 0 else (0.0, 0.0, 0.0)


def position_along_normal_mm(position_mm: Vector, orientation: Orientation) -> float:
    """Return how far along its own normal a plane's position lies, in mm.

    References
    ----------
    :dcm:`PS3.3 C.7.6.2.1.1 <part03/sect_C.7.6.2.html>`
    """
    return math.sumprod(position_mm, plane_normal(orientation))


def is_orthonormal(orientation: Orientation, *, tolerance: float = ORTHONORMAL_TOLERANCE) -> bool:
    """Return whether both directions are of unit length and at right angles.

    References
    ----------
    :dcm:`PS3.3 C.7.6.2.1.1 <part03/sect_C.7.6.2.html>`: "The row and column direction cosine
    vectors shall be orthogonal … normal".
    """
    row, column = orientation[:3], orientation[3:]
    return (
        all(math.isfinite(cosine) for cosine in orientation)
        and abs(math.hypot(*row) - 1) <= tolerance
        and abs(math.hypot(*column) - 1) <= tolerance
        and abs(math.sumprod(row, column)) <= tolerance
    )


def is_same_orientation(
    one: Orientation, other: Orientation, *, tolerance: float = SAME_ORIENTATION_TOLERANCE
) -> bool:
    """Return whether no cosine of two orientations differs by more than `tolerance`."""
    return all(abs(a - b) <= tolerance for a, b in zip(one, other, strict=True))


def stack_directions(orientation: Orientation, slice_direction: Vector) -> NDArray[np.float64]:
    """Return U: the unit directions of the index axes of a stack of planes.

    Parameters
    ----------
    orientation
        Image Orientation (Patient) of every plane.
    slice_direction
        From a plane's origin to the next one's, patient LPS, any length; oblique to the planes
        where the gantry was tilted.

    Returns
    -------
    ndarray of float64, shape (3, 3)
        Columns are the directions of z (slice), y (down a column) and x (along a row).
    """
    columns = np.array([slice_direction, orientation[3:], orientation[:3]], dtype=np.float64)
    return (columns / np.linalg.norm(columns, axis=1, keepdims=True)).T


def to_affine(
    directions: NDArray[np.float64], steps_mm: Sequence[float], origin_mm: Vector
) -> NDArray[np.float64]:
    """Return the matrix from index (z, y, x, 1) to patient LPS mm.

    Parameters
    ----------
    directions
        ndarray of float64, shape (3, 3): U of `stack_directions`.
    steps_mm
        Distance between voxel centres along z, y, x.
    origin_mm
        Centre of the first voxel, patient LPS.

    Returns
    -------
    ndarray of float64, shape (4, 4)

    References
    ----------
    :dcm:`PS3.3 Equation C.7.6.2.1-1 <part03/sect_C.7.6.2.html>`, in the order (z, y, x).
    """
    affine = np.eye(4)
    affine[:3, :3] = directions * np.asarray(steps_mm, dtype=np.float64)
    affine[:3, 3] = origin_mm
    return affine


def orientation_letters(direction: Vector, *, least_cosine: float = 0.05) -> str:
    """Return which side of the patient a direction points to, strongest first.

    Parameters
    ----------
    direction
        Vector, patient LPS, any length.
    least_cosine
        Components weaker than this say nothing: 0.05 is 3°.

    Returns
    -------
    str
        One to three of L R P A H F: ``"L"``, ``"PH"``; empty for a vector of no length.

    References
    ----------
    :dcm:`PS3.3 C.7.6.1.1.1 <part03/sect_C.7.6.html>`: Patient Orientation.
    """
    length = math.hypot(*direction)
    if not (length > 0 and math.isfinite(length)):
        return ""
    named = zip(direction, ("LR", "PA", "HF"), strict=True)
    sides = [(abs(part) / length, pair[0] if part > 0 else pair[1]) for part, pair in named]
    strong = sorted((side for side in sides if side[0] >= least_cosine), key=lambda side: -side[0])
    return "".join(letter for _, letter in strong)


def closest_plane(orientation: Orientation) -> str:
    """Return the anatomical plane nearest to an orientation: axial, coronal or sagittal."""
    x, y, z = (abs(part) for part in plane_normal(orientation))
    if z >= x and z >= y:
        return "axial"
    return "coronal" if y >= x else "sagittal"
