"""The plan of a stack: which planes, in which order, and where in the patient. Pure; no I/O."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from noctis_lab.catalog.records import InstanceRow, SeriesFacts
from noctis_lab.dicom.frames import PixelLayout
from noctis_lab.dicom.geometry import (
    is_orthonormal,
    is_same_orientation,
    plane_normal,
    stack_directions,
    to_affine,
)
from noctis_lab.errors import (
    CannotStack,
    DuplicatePositions,
    MixedGeometry,
    NoGeometry,
    NoPixels,
    UnsupportedSeries,
)

__all__ = ["Stack", "plan_stack", "summarise", "view_order"]

type Vector = tuple[float, float, float]
type Orientation = tuple[float, float, float, float, float, float]

#: A plane may lie this far from its regular place, as a part of the spacing.
JITTER_TOLERANCE = 0.01
#: Positions are decimal strings: nearer than this, two planes lie at one place.
SAME_POSITION_MM = 1e-4
#: Below this the lean of a stack is the rounding of its positions.
TILT_TOLERANCE_DEG = 0.1
#: A gantry leans up to 30°; planes that lie beyond twice that are side by side, not a stack.
STEEPEST_TILT_DEG = 60.0
_SPACING_TOLERANCE = 1e-4
_MOSAIC = "mosaic of many slices in one image; mosaics are not split into slices yet"
#: A kilometre: what lies farther (or is NaN) is no place in a patient's room.
_FARTHEST_MM = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """One regular, right-handed stack of planes, ascending along their normal.

    `directions` holds U row by row: its columns are the unit directions of z, y and x.
    """

    SeriesInstanceUID: str
    rows: tuple[InstanceRow, ...]
    shape: tuple[int, int, int]  # (z, y, x)
    directions: tuple[Vector, Vector, Vector]
    steps_mm: Vector  # (z, y, x); z is NaN where there is one plane
    origin_mm: Vector  # centre of the first voxel, patient LPS
    slice_spacing_mm: float | None  # between neighbouring planes along the normal
    tilt_deg: float  # between the z axis and the normal
    residual_mm: float  # farthest plane from its regular place

    @property
    def affine(self) -> NDArray[np.float64]:
        """Index (z, y, x, 1) to patient LPS mm: ndarray of float64, shape (4, 4)."""
        return to_affine(np.array(self.directions), self.steps_mm, self.origin_mm)


@dataclass(frozen=True, slots=True)
class _Spread:
    """Where the planes lie along their normal, ascending."""

    rows: tuple[InstanceRow, ...]
    along_mm: NDArray[np.float64]
    typical_mm: float  # median distance of planes at different places; NaN where there is one
    duplicates: tuple[tuple[InstanceRow, ...], ...]  # the groups that share a place
    gaps: tuple[tuple[float, int], ...]  # (position before it in mm, planes missing)


def plan_stack(rows: Sequence[InstanceRow]) -> Stack:
    """Plan the stack that a classic single-frame series forms.

    Parameters
    ----------
    rows
        All instances of one series, in any order; those without pixels are left out.

    Returns
    -------
    Stack
        Ascending along the normal of its planes, so that x, y and z are right-handed. The z column
        goes from the first to the last plane: a tilted gantry's shear is exact.

    Raises
    ------
    NoPixels, NoGeometry, MixedGeometry, DuplicatePositions, UnsupportedSeries
        What stands against one stack, with the instances concerned.

    Notes
    -----
    Neither SliceThickness nor InstanceNumber is ever looked at.

    References
    ----------
    :dcm:`PS3.3 C.7.6.2.1.1 <part03/sect_C.7.6.2.html>`: Image Position and Image Orientation.
    """
    images = _images(rows)
    orientation, spacing_mm = _common_geometry(images)
    spread = _spread(images, orientation)
    uid = images[0].SeriesInstanceUID
    _refuse_duplicates(uid, spread)
    positions = np.array([row.plane.position_mm for row in spread.rows], dtype=np.float64)
    count = len(positions)
    layout = images[0].pixels
    assert layout is not None
    if count == 1:
        step, residual_mm = np.array(plane_normal(orientation)), 0.0
    else:
        step = (positions[-1] - positions[0]) / (count - 1)
        regular = positions[0] + np.arange(count)[:, np.newaxis] * step
        residual_mm = float(np.linalg.norm(positions - regular, axis=1).max())
        _refuse_irregular(uid, spread, residual_mm)
    tilt_deg = _angle_deg(_vector(step), plane_normal(orientation))
    if tilt_deg > STEEPEST_TILT_DEG:
        raise UnsupportedSeries(
            uid,
            f"planes lie side by side, {tilt_deg:.1f}° from their normal: they are not a stack",
        )
    length_mm = math.nan if count == 1 else float(np.linalg.norm(step))
    directions = stack_directions(orientation, _vector(step))
    along_mm = float(spread.along_mm[-1] - spread.along_mm[0]) / (count - 1) if count > 1 else None
    return Stack(
        SeriesInstanceUID=uid,
        rows=spread.rows,
        shape=(count, layout.rows, layout.columns),
        directions=(_vector(directions[0]), _vector(directions[1]), _vector(directions[2])),
        steps_mm=(length_mm, spacing_mm[0], spacing_mm[1]),
        origin_mm=_vector(positions[0]),
        slice_spacing_mm=along_mm,
        tilt_deg=tilt_deg,
        residual_mm=residual_mm,
    )


def summarise(rows: Sequence[InstanceRow]) -> SeriesFacts:
    """Return what holds of a series as a whole; never raises.

    Parameters
    ----------
    rows
        All instances of one series, in any order.

    Returns
    -------
    SeriesFacts
        `geometry_note` is one sentence for people: what is so, and what it means for loading.
        A series without common geometry has None for what cannot be said.
    """
    try:
        stack = plan_stack(rows)
    except CannotStack as error:
        return _facts_of_refused(rows, error)
    if stack.shape[0] == 1:
        return SeriesFacts(
            is_volume=False,
            is_regular=True,
            gap_count=0,
            duplicate_count=0,
            geometry_note="One plane: it has no slice spacing.",
        )
    leaning = stack.tilt_deg > TILT_TOLERANCE_DEG
    return SeriesFacts(
        is_volume=True,
        is_regular=True,
        slice_spacing_mm=stack.slice_spacing_mm,
        tilt_deg=stack.tilt_deg,
        gap_count=0,
        duplicate_count=0,
        geometry_note=(
            f"{stack.shape[0]} planes lean {stack.tilt_deg:.1f}° from their normal (gantry tilt or "
            "shear); the volume keeps it."
            if leaning
            else f"{stack.shape[0]} planes, {stack.slice_spacing_mm:.4g} mm apart."
        ),
    )


def view_order(rows: Sequence[InstanceRow]) -> tuple[InstanceRow, ...]:
    """Return the image instances of a series in the order in which a viewer shows them.

    Parameters
    ----------
    rows
        Instances of one series, in any order.

    Returns
    -------
    tuple of InstanceRow
        By position along the normal where all planes share one orientation (so that the index of
        a stack's plane is its z), else by InstanceNumber; the SOPInstanceUID settles ties.
    """
    images = [row for row in rows if row.pixels is not None]
    orientation = images[0].plane.orientation if images else None
    shared = orientation is not None and all(
        _has_place(row)
        and row.plane.orientation is not None
        and is_same_orientation(row.plane.orientation, orientation)
        for row in images
    )
    if shared:
        assert orientation is not None
        return _sorted_along(images, orientation)
    return tuple(sorted(images, key=_number_key))


def _number_key(row: InstanceRow) -> tuple[bool, int, str]:
    number = row.InstanceNumber
    return (number is None, 0 if number is None else number, row.SOPInstanceUID)


def _sorted_along(
    images: Sequence[InstanceRow], orientation: Orientation
) -> tuple[InstanceRow, ...]:
    normal = plane_normal(orientation)

    def key(row: InstanceRow) -> tuple[float, tuple[bool, int, str]]:
        assert row.plane.position_mm is not None
        along_mm = math.sumprod(row.plane.position_mm, normal)
        # Planes at one place may differ in the last bit: then InstanceNumber orders them.
        return round(along_mm / SAME_POSITION_MM), _number_key(row)

    return tuple(sorted(images, key=key))


def _images(rows: Sequence[InstanceRow]) -> list[InstanceRow]:
    images = [row for row in rows if row.pixels is not None]
    if not images:
        uid = rows[0].SeriesInstanceUID if rows else "(none)"
        raise NoPixels(uid, "none of its instances holds pixel data; there is nothing to stack")
    uid = images[0].SeriesInstanceUID
    for row in images:
        assert row.pixels is not None
        reason = _MOSAIC if row.is_mosaic else _unsupported(row.pixels)
        if reason is not None:
            raise UnsupportedSeries(uid, reason, SOPInstanceUIDs=(row.SOPInstanceUID,))
    return images


def _unsupported(pixels: PixelLayout) -> str | None:
    """Return why an instance's pixels are not a plane of a classic stack, or None."""
    if pixels.frames > 1:
        return (
            f"multi-frame instance of {pixels.frames} frames; multi-frame series are not stacked "
            "yet"
        )
    if pixels.samples_per_pixel != 1 or pixels.photometric_interpretation == "PALETTE COLOR":
        return (
            f"colour pixels ({pixels.photometric_interpretation}); colour series are not stacked "
            "yet"
        )
    if pixels.bits_allocated not in (8, 16, 32, 64):
        return f"{pixels.bits_allocated} bits allocated; such pixels are not stacked yet"
    return None


def _common_geometry(images: Sequence[InstanceRow]) -> tuple[Orientation, tuple[float, float]]:
    uid = images[0].SeriesInstanceUID
    stated = {row.plane.orientation for row in images if row.plane.orientation is not None}
    sound = {orientation for orientation in stated if is_orthonormal(orientation)}
    bare = tuple(row.SOPInstanceUID for row in images if not _has_geometry(row, sound))
    if bare:
        raise NoGeometry(
            uid,
            f"{len(bare)} of {len(images)} instances state no usable position, orientation or "
            "pixel spacing; look at single planes with .view()",
            SOPInstanceUIDs=bare,
        )
    orientation, spacing_mm = images[0].plane.orientation, images[0].plane.pixel_spacing_mm
    assert orientation is not None
    assert spacing_mm is not None
    for what, others in (
        ("orientation", _other_orientation(images, orientation)),
        ("pixel spacing", _other_spacing(images, spacing_mm)),
        ("matrix", _other_matrix(images)),
    ):
        if others:
            raise MixedGeometry(
                uid,
                f"{len(others)} of {len(images)} planes have another {what} than the rest; such "
                "series are not split into stacks yet",
                SOPInstanceUIDs=others,
            )
    return orientation, spacing_mm


def _has_geometry(row: InstanceRow, sound: Collection[Orientation]) -> bool:
    spacing_mm = row.plane.pixel_spacing_mm
    return (
        row.plane.orientation in sound
        and _has_place(row)
        and spacing_mm is not None
        and all(0 < value < _FARTHEST_MM for value in spacing_mm)
    )


def _has_place(row: InstanceRow) -> bool:
    position_mm = row.plane.position_mm
    return position_mm is not None and all(abs(value) < _FARTHEST_MM for value in position_mm)


def _other_orientation(images: Sequence[InstanceRow], orientation: Orientation) -> tuple[str, ...]:
    return tuple(
        row.SOPInstanceUID
        for row in images
        if row.plane.orientation is not None
        and row.plane.orientation != orientation
        and not is_same_orientation(row.plane.orientation, orientation)
    )


def _other_spacing(
    images: Sequence[InstanceRow], spacing_mm: tuple[float, float]
) -> tuple[str, ...]:
    return tuple(
        row.SOPInstanceUID
        for row in images
        if row.plane.pixel_spacing_mm is not None
        and row.plane.pixel_spacing_mm != spacing_mm
        and any(
            not math.isclose(one, other, rel_tol=_SPACING_TOLERANCE)
            for one, other in zip(row.plane.pixel_spacing_mm, spacing_mm, strict=True)
        )
    )


def _other_matrix(images: Sequence[InstanceRow]) -> tuple[str, ...]:
    shapes = [(row.pixels.rows, row.pixels.columns) for row in images if row.pixels is not None]
    return tuple(
        row.SOPInstanceUID for row, shape in zip(images, shapes, strict=True) if shape != shapes[0]
    )


def _spread(images: Sequence[InstanceRow], orientation: Orientation) -> _Spread:
    rows = _sorted_along(images, orientation)
    normal = plane_normal(orientation)
    places = [row.plane.position_mm for row in rows if row.plane.position_mm is not None]
    along_mm = np.array([math.sumprod(place, normal) for place in places])
    apart_mm = np.diff(along_mm)
    typical_mm = _typical_mm(along_mm)
    near_mm = SAME_POSITION_MM
    if not math.isnan(typical_mm):
        near_mm = max(near_mm, JITTER_TOLERANCE * typical_mm)
    groups: list[list[InstanceRow]] = [[rows[0]]]
    for row, distance_mm in zip(rows[1:], apart_mm, strict=True):
        if distance_mm <= near_mm:
            groups[-1].append(row)
        else:
            groups.append([row])
    gaps = [
        (float(along_mm[index]), round(distance_mm / typical_mm) - 1)
        for index, distance_mm in enumerate(apart_mm)
        if distance_mm > 1.5 * typical_mm
    ]
    return _Spread(
        rows=rows,
        along_mm=along_mm,
        typical_mm=typical_mm,
        duplicates=tuple(tuple(group) for group in groups if len(group) > 1),
        gaps=tuple(gaps),
    )


def _typical_mm(along_mm: NDArray[np.float64]) -> float:
    """Return the median distance of neighbouring places; NaN where there is one place.

    Parameters
    ----------
    along_mm
        ndarray of float64, ascending; planes at one place may differ by the jitter.

    Notes
    -----
    Planes are of one place if they lie within the jitter that a step of the series allows. The
    step is sought from the largest one down, for of planes in pairs half of the steps are jitter,
    and of planes over time nearly all. A step is too large (a gap) as long as whole parts of the
    series would come to lie at one place by it.
    """
    apart_mm = np.diff(along_mm)
    largest_mm = float(apart_mm.max(initial=0.0))
    near_mm = max(JITTER_TOLERANCE * largest_mm, SAME_POSITION_MM)
    while True:
        starts = np.concatenate(([0], np.flatnonzero(apart_mm > near_mm) + 1))
        ends = np.append(starts[1:], len(along_mm)) - 1
        if near_mm == SAME_POSITION_MM or np.all(along_mm[ends] - along_mm[starts] <= near_mm):
            break
        near_mm = max(near_mm / 2, SAME_POSITION_MM)
    return float(np.median(np.diff(along_mm[starts]))) if len(starts) > 1 else math.nan


def _refuse_duplicates(uid: str, spread: _Spread) -> None:
    if not spread.duplicates:
        return
    concerned = tuple(row.SOPInstanceUID for group in spread.duplicates for row in group)
    sizes = Counter(len(group) for group in spread.duplicates)
    places = len(spread.duplicates)
    if len(sizes) == 1 and len(concerned) == len(spread.rows):
        times = next(iter(sizes))
        raise UnsupportedSeries(
            uid,
            f"{times} instances at each of {places} positions: a series over time, echoes, "
            "b-values or phases; such series are not stacked yet",
            SOPInstanceUIDs=concerned,
        )
    raise DuplicatePositions(
        uid,
        f"{len(concerned)} instances share {places} position(s); which of them belong to the "
        f"stack cannot be told: {', '.join(concerned[:4])}{' …' if len(concerned) > 4 else ''}",
        SOPInstanceUIDs=concerned,
    )


def _refuse_irregular(uid: str, spread: _Spread, residual_mm: float) -> None:
    if residual_mm <= JITTER_TOLERANCE * spread.typical_mm + SAME_POSITION_MM:
        return
    missing = sum(count for _, count in spread.gaps)
    where = ", ".join(f"after {position:.2f} mm" for position, _ in spread.gaps[:4])
    raise UnsupportedSeries(
        uid,
        f"slice spacing is not uniform: planes lie up to {residual_mm:.3g} mm off, with "
        f"{spread.typical_mm:.4g} mm usual"
        + (f" and {missing} plane(s) missing ({where})" if spread.gaps else "")
        + "; such series are not stacked yet",
    )


def _facts_of_refused(rows: Sequence[InstanceRow], error: CannotStack) -> SeriesFacts:
    note = error.reason[:1].upper() + error.reason[1:] + "."
    try:
        images = _images(rows)
        orientation, _ = _common_geometry(images)
    except CannotStack:
        return SeriesFacts(is_volume=False, geometry_note=note)
    spread = _spread(images, orientation)
    first, last = spread.rows[0].plane.position_mm, spread.rows[-1].plane.position_mm
    assert first is not None
    assert last is not None
    step = tuple(b - a for a, b in zip(first, last, strict=True))
    return SeriesFacts(
        is_volume=False,
        is_regular=False,
        slice_spacing_mm=None if math.isnan(spread.typical_mm) else spread.typical_mm,
        tilt_deg=(
            None
            if math.isnan(spread.typical_mm)
            else _angle_deg((step[0], step[1], step[2]), plane_normal(orientation))
        ),
        gap_count=sum(count for _, count in spread.gaps),
        duplicate_count=sum(len(group) - 1 for group in spread.duplicates),
        geometry_note=note,
    )


def _angle_deg(one: Vector, other: Vector) -> float:
    cross = math.hypot(
        one[1] * other[2] - one[2] * other[1],
        one[2] * other[0] - one[0] * other[2],
        one[0] * other[1] - one[1] * other[0],
    )
    return math.degrees(math.atan2(cross, math.sumprod(one, other)))


def _vector(values: NDArray[np.float64]) -> Vector:
    return (float(values[0]), float(values[1]), float(values[2]))
