"""Planes in the patient: position, orientation and spacing (PS3.3 C.7.6.2)."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PlaneGeometry"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaneGeometry:
    """Where one plane lies: LPS millimetres, as Image Plane Module states it.

    Each part is None where the data set does not state it; nothing is made up.
    """

    position_mm: tuple[float, float, float] | None
    orientation: tuple[float, float, float, float, float, float] | None
    pixel_spacing_mm: tuple[float, float] | None  # (row, column), as in PixelSpacing
