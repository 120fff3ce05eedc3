"""Labels on a grid of their own, and the nearest of them at an image's pixels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from noctis_lab.catalog.records import InstanceRow
from noctis_lab.dicom.geometry import PlaneGeometry
from noctis_lab.dicom.segmentation import Segmentation
from noctis_lab.errors import CannotOverlay
from noctis_lab.volumes.coloured.layers import Layer
from noctis_lab.volumes.frames import has_place
from noctis_lab.volumes.lattice import plan_lattice

__all__ = ["LARGEST_GRID_BYTES", "LabelGrid", "fill_grid"]

#: Of a segmentation's own voxels in memory, all layers together.
LARGEST_GRID_BYTES = 1 << 28
#: Rows of an image whose places are computed at one time.
_ROWS = 256


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelGrid:
    """Labels of voxels, plane by plane in layers.

    Attributes
    ----------
    layers
        uint16, each of shape (z, y, x).
    shares
        uint8, as many as layers; empty where segments are whole.
    to_axes
        (3, 3): patient LPS mm to coordinates z, y, x.
    along_mm
        Coordinates of the planes, ascending.
    first_mm, spacing_mm
        Coordinates of the first row and column, and their distances: (y, x).
    reach_mm
        How far from a plane it still holds.
    """

    layers: tuple[NDArray[np.uint16], ...]
    shares: tuple[NDArray[np.uint8], ...]
    to_axes: NDArray[np.float64]
    along_mm: NDArray[np.float64]
    first_mm: tuple[float, float]
    spacing_mm: tuple[float, float]
    reach_mm: float

    @property
    def size_bytes(self) -> int:
        """What it takes in memory."""
        return (
            sum(layer.nbytes for layer in self.layers) + sum(s.nbytes for s in self.shares) + 1024
        )

    def nearest(self, plane: PlaneGeometry, rows: int, columns: int) -> list[Layer]:
        """Return the labels at an image's pixels: of the nearest voxel, 0 beside the grid."""
        if not has_place(plane) or not self.layers:
            return []
        layers = [
            Layer(
                np.zeros((rows, columns), np.uint16),
                np.zeros((rows, columns), np.uint8) if self.shares else None,
            )
            for _ in self.layers
        ]
        for first in range(0, rows, _ROWS):
            part = slice(first, min(first + _ROWS, rows))
            z, y, x, inside = self._indices(plane, part, columns)
            for number, layer in enumerate(layers):
                layer.labels[part][inside] = self.layers[number][z, y, x]
                if layer.shares is not None:
                    layer.shares[part][inside] = self.shares[number][z, y, x]
        return layers

    def _indices(
        self, plane: PlaneGeometry, part: slice, columns: int
    ) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
        """Return the voxels nearest to the pixels that lie in the grid, and which these are."""
        assert plane.orientation is not None
        assert plane.pixel_spacing_mm is not None
        along, down = np.array(plane.orientation).reshape(2, 3)
        dy, dx = plane.pixel_spacing_mm
        rows = np.arange(part.start, part.stop)[:, None, None] * (down * dy)
        places = np.array(plane.position_mm) + rows + np.arange(columns)[:, None] * (along * dx)
        at = places @ self.to_axes.T
        y, x = (
            np.floor((at[..., axis + 1] - self.first_mm[axis]) / self.spacing_mm[axis] + 0.5)
            for axis in (0, 1)
        )
        after = np.searchsorted(self.along_mm, at[..., 0]).clip(0, len(self.along_mm) - 1)
        before = np.maximum(after - 1, 0)
        away = [np.abs(self.along_mm[index] - at[..., 0]) for index in (before, after)]
        z = np.where(away[0] < away[1], before, after)
        _, height, width = self.layers[0].shape
        inside = (np.minimum(*away) <= self.reach_mm) & (y >= 0) & (y < height)
        inside &= (x >= 0) & (x < width)
        return (
            z[inside],
            y[inside].astype(np.intp),
            x[inside].astype(np.intp),
            inside,
        )


def fill_grid(
    row: InstanceRow,
    stated: Segmentation,
    read: Callable[[Sequence[int]], Sequence[Layer]],
) -> LabelGrid:
    """Read a whole segmentation onto its own grid.

    Parameters
    ----------
    row, stated
        The instance, and what it states.
    read
        Gives the layers of some of its frames, which lie at one place.

    Raises
    ------
    CannotOverlay
        Its voxels are beyond `LARGEST_GRID_BYTES`.
    NoGeometry, MixedGeometry
        Its frames form no one grid.
    """
    assert row.pixels is not None
    matrix = (row.pixels.rows, row.pixels.columns)
    planes = [frame.plane for frame in stated.frames]
    lattice = plan_lattice(planes, matrix, SeriesInstanceUID=row.SeriesInstanceUID)
    frames: dict[int, list[int]] = defaultdict(list)
    for frame, place in enumerate(lattice.places):
        frames[place].append(frame)
    has_shares = stated.kind == "FRACTIONAL"
    layers: list[NDArray[np.uint16]] = []
    shares: list[NDArray[np.uint8]] = []
    for place in sorted(frames):
        for number, layer in enumerate(read(frames[place])):
            if number == len(layers):
                _require_room(lattice.shape, number + 1, has_shares=has_shares)
                layers.append(np.zeros(lattice.shape, np.uint16))
                if has_shares:
                    shares.append(np.zeros(lattice.shape, np.uint8))
            layers[number][place] = layer.labels
            if layer.shares is not None:
                shares[number][place] = layer.shares
    _, dy, dx = lattice.spacing_mm
    steps = np.diff(lattice.along_mm)
    # Planes without a voxel of any segment may be left out: what is between two is not theirs.
    step_mm = float(np.min(steps)) if len(steps) else min(dy, dx)
    return LabelGrid(
        layers=tuple(layers),
        shares=tuple(shares),
        to_axes=np.linalg.inv(lattice.directions),
        along_mm=lattice.along_mm,
        first_mm=lattice.first_mm,
        spacing_mm=(dy, dx),
        reach_mm=step_mm / 2 + 1e-6 * step_mm,
    )


def _require_room(shape: tuple[int, int, int], layers: int, *, has_shares: bool) -> None:
    size = shape[0] * shape[1] * shape[2] * layers * (3 if has_shares else 2)
    if size > LARGEST_GRID_BYTES:
        words = " × ".join(map(str, shape))
        raise CannotOverlay(
            f"expected at most {LARGEST_GRID_BYTES >> 20} MiB of voxels to resample, {words} in "
            f"{layers} layers came: resample it in Python, and show it as a mask"
        )
