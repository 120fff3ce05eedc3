"""A stack of parallel planes: where each of them lies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noctis_lab.synthetic.options import Orientation, Vector

__all__ = ["PlaneStack"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaneStack:
    """One stack of parallel planes."""

    planes: int = 4
    origin_mm: Vector = (-20.0, -16.0, 30.0)  # first voxel of the first plane, LPS
    orientation: Orientation = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    #: Along the normal; negative where the planes descend.
    slice_spacing_mm: float = 5.0
    pixel_spacing_mm: tuple[float, float] = (4.0, 5.0)  # (row, column)

    def position_mm(self, plane: int) -> Vector:
        """Return where the first voxel of a plane lies, LPS.

        Examples
        --------
        >>> PlaneStack().position_mm(2)
        (-20.0, -16.0, 40.0)
        """
        normal = np.cross(self.orientation[:3], self.orientation[3:])
        x, y, z = (np.array(self.origin_mm) + plane * self.slice_spacing_mm * normal).tolist()
        return x, y, z
