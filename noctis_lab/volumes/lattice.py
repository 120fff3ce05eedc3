"""Parallel planes as the coordinates of one array: where each plane of a set comes to lie."""

from __future__ import annotations

import math
import warnings
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from noctis_lab.dicom.geometry import (
    PlaneGeometry,
    is_same_orientation,
    plane_normal,
    stack_directions,
)
from noctis_lab.errors import GeometryWarning, MixedGeometry, NoGeometry
from noctis_lab.volumes.axes import Coordinate, stack_coordinates
from noctis_lab.volumes.frames import has_place
from noctis_lab.volumes.placement import Placement
from noctis_lab.volumes.spread import JITTER_TOLERANCE
from noctis_lab.volumes.summary import describe_gaps

__all__ = ["Lattice", "fill_gaps", "plan_lattice"]

#: Positions are decimal strings: nearer than this, two planes lie at one place.
SAME_POSITION_MM = 1e-3
#: Planes may lie this far from the line that their origins form, as a part of a pixel.
_OFF_LINE = 0.05
_SAME_SPACING = 1e-4
#: Planes are whole steps apart where none is farther from its step than this part of one.
_WHOLE_STEP = 0.02
#: Planes that lie farther apart than so many steps keep their true places instead.
_MOST_STEPS = 1 << 14


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lattice:
    """Planes of one orientation, spacing and matrix, ascending along their normal.

    `places` says of every plane that was given, in that order, at which z it lies: several may
    share one place.
    """

    directions: NDArray[np.float64]  # (3, 3): unit directions, columns z, y, x
    along_mm: NDArray[np.float64]  # (z,): coordinates along the z direction
    first_mm: tuple[float, float]  # coordinates of the first row and column, (y, x)
    spacing_mm: tuple[float, float, float]  # (z, y, x); z is NaN where there is one plane
    shape: tuple[int, int, int]
    places: tuple[int, ...]
    residual_mm: float

    @property
    def cosine(self) -> float:
        """Of the angle between z and the planes' normal."""
        normal = np.cross(self.directions[:, 2], self.directions[:, 1])
        return float(normal @ self.directions[:, 0] / np.linalg.norm(normal))

    @property
    def placement(self) -> Placement:
        """Where it lies, as a stack of images' planes does."""
        z_mm, (dz, dy, dx) = self.along_mm, self.spacing_mm
        count = len(z_mm)
        step_mm = float(z_mm[-1] - z_mm[0]) / (count - 1) if count > 1 else dz
        off_mm = (
            float(np.abs(z_mm - z_mm[0] - np.arange(count) * step_mm).max()) if count > 1 else 0
        )
        is_even = off_mm <= JITTER_TOLERANCE * abs(step_mm) or count == 1
        x, y, z = (self.directions @ np.array([z_mm[0], *self.first_mm])).tolist()
        cosine = self.cosine
        return Placement(
            directions=tuple(tuple(row) for row in self.directions.tolist()),  # type: ignore[arg-type]
            steps_mm=(step_mm if is_even else dz, dy, dx),
            origin_mm=(x, y, z),
            offsets_mm=() if is_even else tuple((z_mm - z_mm[0]).tolist()),
            slice_spacing_mm=dz * cosine if count > 1 else None,
            tilt_deg=math.degrees(math.acos(min(1.0, cosine))),
            residual_mm=max(self.residual_mm, off_mm if is_even else 0.0),
        )

    def coordinates(self, FrameOfReferenceUID: str | None) -> Mapping[Hashable, Coordinate]:
        """Return z, y, x (float64, mm) and `patient_lps`, as (dims, values, attrs)."""
        return stack_coordinates(
            self.placement, self.shape, FrameOfReferenceUID=FrameOfReferenceUID
        )

    def warn_if_uneven(self, SeriesInstanceUID: str, *, stacklevel: int) -> str | None:
        """Warn where planes lie at unequal distances, and return the words of it."""
        note = describe_gaps(self.placement)
        if note is not None:
            warning = GeometryWarning(SeriesInstanceUID, note)
            warnings.warn(warning, stacklevel=stacklevel + 1)
        return note


def plan_lattice(
    planes: Sequence[PlaneGeometry], matrix: tuple[int, int], *, SeriesInstanceUID: str
) -> Lattice:
    """Return the array coordinates of planes that share orientation, spacing and matrix.

    Parameters
    ----------
    planes
        At least one, in any order; those at one place share a z.
    matrix
        (rows, columns) of each.
    SeriesInstanceUID
        For the errors.

    Raises
    ------
    NoGeometry
        A plane states no usable position, orientation or spacing.
    MixedGeometry
        Orientations or spacings differ, or the planes lie beside each other.

    Notes
    -----
    z goes along the line of the planes' origins, which need not be their normal; its coordinates
    are the true ones, whatever the distances.

    References
    ----------
    :dcm:`PS3.3 C.7.6.2.1.1 <part03/sect_C.7.6.2.html>`
    """
    orientation, spacing_mm = _common(planes, SeriesInstanceUID)
    origins = np.array([plane.position_mm for plane in planes], dtype=np.float64)
    along_mm = origins @ np.array(plane_normal(orientation))
    order = np.argsort(along_mm, kind="stable")
    apart = np.diff(along_mm[order]) > SAME_POSITION_MM
    ranks = np.concatenate(([0], np.cumsum(apart)))
    places = np.empty(len(planes), np.intp)
    places[order] = ranks
    firsts = order[np.concatenate(([True], apart))]  # of each place, one plane
    lead = origins[firsts[-1]] - origins[firsts[0]]
    if len(firsts) == 1:
        lead = np.array(plane_normal(orientation))
    directions = stack_directions(orientation, (lead[0], lead[1], lead[2]))
    along = np.linalg.solve(directions, origins.T).T  # (planes, 3): coordinates z, y, x
    residual_mm = float(np.hypot(*(along[:, 1:] - along[firsts[0], 1:]).T).max())
    if residual_mm > _OFF_LINE * min(spacing_mm):
        raise MixedGeometry(
            SeriesInstanceUID,
            f"planes lie up to {residual_mm:.3g} mm beside the line of their origins: they do not "
            "form one array",
        )
    z_mm = along[firsts, 0]
    step_mm = float(np.median(np.diff(z_mm))) if len(z_mm) > 1 else float("nan")
    return Lattice(
        directions=directions,
        along_mm=z_mm,
        first_mm=(float(along[firsts[0], 1]), float(along[firsts[0], 2])),
        spacing_mm=(step_mm, *spacing_mm),
        shape=(len(z_mm), *matrix),
        places=tuple(places.tolist()),
        residual_mm=residual_mm,
    )


def fill_gaps(lattice: Lattice, *, slice_spacing_mm: float | None = None) -> Lattice:
    """Return a lattice with a place for every step, where its planes are whole steps apart.

    Parameters
    ----------
    lattice
        Planned from the planes that there are.
    slice_spacing_mm
        The distance of planes along their normal as it is stated, where it is.

    Returns
    -------
    Lattice
        With evenly spaced z, by the stated step or by the least one; the same one where its
        distances are no multiples of either.
    """
    if slice_spacing_mm is not None:
        stated = _filled(lattice, slice_spacing_mm / lattice.cosine)
        if stated is not None:
            return stated
    if len(lattice.along_mm) < 3:
        return lattice
    return _filled(lattice, float(np.diff(lattice.along_mm).min())) or lattice


def _filled(lattice: Lattice, about_mm: float) -> Lattice | None:
    from_first = lattice.along_mm - lattice.along_mm[0]
    steps = np.rint(from_first / about_mm)
    if not 1 <= steps[-1] <= _MOST_STEPS:
        return None
    step_mm = float(from_first[-1] / steps[-1])
    if np.abs(from_first - steps * step_mm).max() > _WHOLE_STEP * step_mm:
        return None
    if abs(step_mm - about_mm) > _WHOLE_STEP * about_mm:
        return None
    count = int(steps[-1]) + 1
    return replace(
        lattice,
        along_mm=lattice.along_mm[0] + np.arange(count) * step_mm,
        spacing_mm=(step_mm, *lattice.spacing_mm[1:]),
        shape=(count, *lattice.shape[1:]),
        places=tuple(int(steps[place]) for place in lattice.places),
    )


def _common(
    planes: Sequence[PlaneGeometry], uid: str
) -> tuple[tuple[float, float, float, float, float, float], tuple[float, float]]:
    if not all(map(has_place, planes)):
        raise NoGeometry(uid, "a frame states no usable position, orientation or pixel spacing")
    orientation, spacing_mm = planes[0].orientation, planes[0].pixel_spacing_mm
    assert orientation is not None
    assert spacing_mm is not None
    for plane in planes:
        assert plane.orientation is not None
        assert plane.pixel_spacing_mm is not None
        if not is_same_orientation(plane.orientation, orientation):
            raise MixedGeometry(uid, "its frames have several orientations: they form no one array")
        if not np.allclose(plane.pixel_spacing_mm, spacing_mm, rtol=_SAME_SPACING, atol=0):
            raise MixedGeometry(uid, "its frames have several pixel spacings")
    return orientation, spacing_mm
