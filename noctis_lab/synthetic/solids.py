"""Solids in patient millimetres, painted onto planes of any place and orientation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from noctis_lab.synthetic.options import Vector

__all__ = ["Ellipsoid", "Grid", "Solid", "Tube", "paint"]

type Field = NDArray[np.float32]


class Solid(Protocol):
    """A body of one tissue."""

    @property
    def tissue(self) -> str:
        """What it is of."""

    @property
    def bounds(self) -> tuple[Vector, Vector]:
        """Centre (LPS) of a box around it, and half of the box's sides along x, y and z, mm."""

    def depth_mm(self, x: Field, y: Field, z: Field) -> Field:
        """Return how deep points lie within it; negative outside, exact near its surface."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ellipsoid:
    """Half axes along x, y and z, then turned by an angle about z (from x towards y).

    A `power` of 2 is the ellipsoid; higher ones make its cross-section fuller, like a body's.
    """

    tissue: str
    center_mm: Vector
    radii_mm: Vector
    turn_deg: float = 0.0
    power: float = 2.0

    @property
    def bounds(self) -> tuple[Vector, Vector]:
        """The box around it."""
        a, b, c = self.radii_mm
        cosine, sine = math.cos(math.radians(self.turn_deg)), math.sin(math.radians(self.turn_deg))
        if self.power == 2:
            return self.center_mm, (
                math.hypot(a * cosine, b * sine),
                math.hypot(a * sine, b * cosine),
                c,
            )
        cosine, sine = abs(cosine), abs(sine)
        return self.center_mm, (a * cosine + b * sine, a * sine + b * cosine, c)

    def depth_mm(self, x: Field, y: Field, z: Field) -> Field:
        """Return the first-order distance to the surface."""
        u, v = x - np.float32(self.center_mm[0]), y - np.float32(self.center_mm[1])
        if self.turn_deg != 0:  # else u and v stay as small as x and y are
            cosine = np.float32(math.cos(math.radians(self.turn_deg)))
            sine = np.float32(math.sin(math.radians(self.turn_deg)))
            u, v = cosine * u + sine * v, cosine * v - sine * u
        w = z - np.float32(self.center_mm[2])
        a, b, c = (np.float32(1 / radius) for radius in self.radii_mm)
        if self.power == 2:
            rho2 = np.square(u * a) + np.square(v * b) + np.square(w * c)
        else:
            p = np.float32(self.power)
            rho2 = (np.abs(u * a) ** p + np.abs(v * b) ** p) ** (2 / p) + np.square(w * c)
        smallest = np.float32(min(self.radii_mm))
        depth: Field = (1 - np.sqrt(rho2)) * smallest
        return depth


@dataclass(frozen=True, slots=True, kw_only=True)
class Tube:
    """From one point to another, tapering from one radius to the other, ends rounded."""

    tissue: str
    start_mm: Vector
    end_mm: Vector
    radii_mm: tuple[float, float]

    @property
    def bounds(self) -> tuple[Vector, Vector]:
        """The box around it."""
        pairs = tuple(zip(self.start_mm, self.end_mm, strict=True))
        x, y, z = ((a + b) / 2 for a, b in pairs)
        u, v, w = (abs(a - b) / 2 + max(self.radii_mm) for a, b in pairs)
        return (x, y, z), (u, v, w)

    def depth_mm(self, x: Field, y: Field, z: Field) -> Field:
        """Return the radius at the nearest point of the axis less the distance from there."""
        axis = np.subtract(self.end_mm, self.start_mm).astype(np.float32)
        dx, dy, dz = (p - np.float32(s) for p, s in zip((x, y, z), self.start_mm, strict=True))
        along = (dx * axis[0] + dy * axis[1] + dz * axis[2]) / np.float32(axis @ axis)
        along = np.clip(along, 0, 1)
        distance2 = (
            np.square(dx - along * axis[0])
            + np.square(dy - along * axis[1])
            + np.square(dz - along * axis[2])
        )
        first, last = self.radii_mm
        depth: Field = np.float32(first) + np.float32(last - first) * along - np.sqrt(distance2)
        return depth


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The voxel centres of a plane: ``origin + column * step * row way + row * step * column way``.

    Directions and spacing are those of ImageOrientationPatient and PixelSpacing.
    """

    rows: int
    columns: int
    pixel_spacing_mm: tuple[float, float]
    origin_mm: Sequence[float]
    orientation: Sequence[float]

    def windows(
        self, boxes: Sequence[tuple[Vector, Vector]], margin_mm: float
    ) -> list[tuple[slice, slice] | None]:
        """Return the rows and columns that each box, and a margin around it, may touch, or None."""
        offsets = np.array([center for center, _ in boxes]) - np.array(self.origin_mm)
        halves = np.array([half for _, half in boxes])
        along, down = np.array(self.orientation[:3]), np.array(self.orientation[3:])
        normal = np.cross(along, down)
        reached = np.abs(offsets @ normal) <= halves @ np.abs(normal) + margin_mm
        edges = []
        for count, step, way in (
            (self.rows, self.pixel_spacing_mm[0], down),
            (self.columns, self.pixel_spacing_mm[1], along),
        ):
            middle, reach = offsets @ way, halves @ np.abs(way) + margin_mm
            first = np.maximum(np.ceil((middle - reach) / step), 0).astype(int)
            stop = np.minimum(np.floor((middle + reach) / step) + 1, count).astype(int)
            reached &= first < stop
            edges += [first.tolist(), stop.tolist()]
        return [
            (slice(top, bottom), slice(left, right)) if touched else None
            for touched, top, bottom, left, right in zip(reached.tolist(), *edges, strict=True)
        ]

    def points_mm(self, window: tuple[slice, slice]) -> tuple[Field, Field, Field]:
        """Return x, y and z of a window's voxel centres, LPS mm, to be broadcast together."""
        down = np.arange(window[0].start, window[0].stop)[:, None] * self.pixel_spacing_mm[0]
        along = np.arange(window[1].start, window[1].stop)[None, :] * self.pixel_spacing_mm[1]
        x, y, z = (
            np.asarray(
                # What does not change along an axis stays of length 1 there: it is cheaper.
                o + (along * a if a != 0 else 0 * along[:, :1]) + (down * d if d != 0 else 0),
                np.float32,
            )
            for o, a, d in zip(
                self.origin_mm, self.orientation[:3], self.orientation[3:], strict=True
            )
        )
        return x, y, z


def paint(
    grid: Grid,
    solids: Sequence[Solid],
    values: Mapping[str, float | Sequence[float]],
    *,
    background: float = 0.0,
    blur_mm: float = 0.7,
) -> Field:
    """Return a plane of solids, each painted over those before it, with soft edges.

    Parameters
    ----------
    values
        Of each tissue: one number, or as many as there are channels (points in time). Solids of
        a tissue that is not named are left out.
    blur_mm
        Half of the width of an edge: the value goes linearly from one to the other within it.

    Returns
    -------
    ndarray of float32, shape (channels, rows, columns)
        The value of a solid wherever it is deeper than `blur_mm` and nothing lies over it.
    """
    channels = max((np.size(value) for value in values.values()), default=1)
    plane = np.full((channels, grid.rows, grid.columns), background, np.float32)
    painted = [solid for solid in solids if solid.tissue in values]
    windows = grid.windows([solid.bounds for solid in painted], blur_mm)
    for solid, window in zip(painted, windows, strict=True):
        if window is None:
            continue
        depth = solid.depth_mm(*grid.points_mm(window))
        inside = np.clip(depth / np.float32(2 * blur_mm) + np.float32(0.5), 0, 1)
        value = np.broadcast_to(np.asarray(values[solid.tissue], np.float32), (channels,))
        part = plane[:, window[0], window[1]]
        part += inside * (value[:, None, None] - part)
    return plane
