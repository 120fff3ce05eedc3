"""Between a plane's voxels and the patient: where what is drawn lies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from noctis_lab.errors import CannotMeasure

__all__ = ["PlanePlace"]

#: Of what files state as unit vectors, in decimals of their own.
_TOLERANCE = 2.5e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanePlace:
    """Where a plane lies in the patient.

    Parameters
    ----------
    origin_mm
        Centre of its first voxel, patient LPS.
    right
        Unit vector along a row: of increasing column.
    down
        Unit vector along a column: of increasing row.
    spacing_mm
        (down, right): from row to row and from column to column, as PixelSpacing.

    Raises
    ------
    CannotMeasure
        No unit vectors at a right angle; a spacing that is not positive.
    """

    origin_mm: tuple[float, float, float]
    right: tuple[float, float, float]
    down: tuple[float, float, float]
    spacing_mm: tuple[float, float]

    def __post_init__(self) -> None:
        right, down = np.array(self.right), np.array(self.down)
        numbers = np.concatenate([self.origin_mm, right, down, self.spacing_mm])
        products = np.array([right @ right - 1, down @ down - 1, right @ down])
        if not (np.isfinite(numbers).all() and (np.abs(products) < _TOLERANCE).all()):
            raise CannotMeasure(
                "a plane's right and down are unit vectors at a right angle, not "
                f"{self.right} and {self.down}"
            )
        if not all(step > 0 for step in self.spacing_mm):
            raise CannotMeasure(f"a plane's spacing_mm is positive, not {self.spacing_mm}")

    def to_px(self, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return where points lie on the plane, seen at a right angle to it.

        Parameters
        ----------
        points_mm
            ndarray of float64, shape (points, 3): patient LPS.

        Returns
        -------
        ndarray of float64, shape (points, 2)
            (column, row), 0 at the centre of the first voxel.
        """
        apart = np.asarray(points_mm, dtype=np.float64) - np.array(self.origin_mm)
        column = _along(apart, self.right) / self.spacing_mm[1]
        row = _along(apart, self.down) / self.spacing_mm[0]
        return np.stack([column, row], axis=-1)

    def to_mm(self, points_px: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return where points of the plane lie in the patient.

        Parameters
        ----------
        points_px
            ndarray of float64, shape (points, 2): (column, row).

        Returns
        -------
        ndarray of float64, shape (points, 3)
            mm, patient LPS.
        """
        points = np.asarray(points_px, dtype=np.float64)
        across = points[..., :1] * self.spacing_mm[1] * np.array(self.right)
        down = points[..., 1:] * self.spacing_mm[0] * np.array(self.down)
        places: NDArray[np.float64] = np.array(self.origin_mm) + across + down
        return places


def _along(vectors: NDArray[np.float64], direction: tuple[float, ...]) -> NDArray[np.float64]:
    x, y, z = direction
    found: NDArray[np.float64] = vectors[..., 0] * x + vectors[..., 1] * y + vectors[..., 2] * z
    return found
