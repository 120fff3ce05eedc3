"""What pydicom alone makes of a series' planes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pydicom
from pydicom.pixels import apply_rescale

__all__ = ["by_pydicom"]


def by_pydicom(planes: list[pydicom.Dataset]) -> np.ndarray[Any, Any]:
    """Stack modality values with pydicom alone, in the order given."""
    return np.stack([apply_rescale(plane.pixel_array, plane) for plane in planes])
