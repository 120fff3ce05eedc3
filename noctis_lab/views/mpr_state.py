"""Where three planes through a volume lie, as typed values read from what a client says."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from noctis_lab.views.pane_state import read_index

__all__ = ["MprState", "PlaneFrame"]

type Vector = tuple[float, float, float]

_LARGEST_MM = 1e6  # beyond any patient, and far from overflow
_MOST_SLAB_MM = 1000.0
_PROJECTIONS = ("max", "min", "mean")
_UNIT = 1e-6  # directions are orthonormal to so much


def _read_number(value: Any) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    # NaN is not within it either, and a whole number may be too large for a float.
    if not is_number or not abs(value) <= _LARGEST_MM:
        raise ValueError("a length of the planes is no number, or beyond all sense")
    return float(value)


def _read_vector(value: Any) -> Vector:
    if not isinstance(value, list | tuple) or len(value) != 3:
        raise TypeError("a place or direction is no three numbers")
    x, y, z = (_read_number(part) for part in value)
    return (x, y, z)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaneFrame:
    """How one plane lies: it passes through the crosshair.

    Attributes
    ----------
    right, down
        Unit vectors, patient LPS, orthogonal: to the right and down on the screen.
    slab_mm
        Thickness of what is projected, half on each side; 0 is the plane alone.
    projection
        ``"max"`` (MIP), ``"min"`` (MinIP) or ``"mean"``.

    Raises
    ------
    TypeError, ValueError
        A part is of another type, or out of its range.
    """

    right: Vector
    down: Vector
    slab_mm: float = 0.0
    projection: str = "max"

    def __post_init__(self) -> None:
        object.__setattr__(self, "right", _read_vector(self.right))
        object.__setattr__(self, "down", _read_vector(self.down))
        object.__setattr__(self, "slab_mm", _read_number(self.slab_mm))
        sizes = (math.hypot(*self.right), math.hypot(*self.down))
        across = sum(a * b for a, b in zip(self.right, self.down, strict=True))
        if max(abs(size - 1) for size in sizes) > _UNIT or abs(across) > _UNIT:
            raise ValueError("right and down of a plane are not two orthogonal unit vectors")
        if not 0 <= self.slab_mm <= _MOST_SLAB_MM:
            raise ValueError(f"slab_mm is not from 0 to {_MOST_SLAB_MM:g}")
        if self.projection not in _PROJECTIONS:
            raise ValueError(f"projection is none of {', '.join(_PROJECTIONS)}")

    def to_dict(self) -> dict[str, Any]:
        """Return it as what `json.dumps` takes."""
        return {
            "right": list(self.right),
            "down": list(self.down),
            "slab_mm": self.slab_mm,
            "projection": self.projection,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class MprState:
    """The crosshair and the three planes through it.

    Attributes
    ----------
    crosshair_mm
        Patient LPS.
    axial, coronal, sagittal
        By default seen from the feet, from the front, from the left.
    extra_index
        Which time, echo or b-value the planes go through or "3d" shows, from 0; 0 where the series
        has one volume, and the last one there is where it has fewer.

    Raises
    ------
    TypeError, ValueError
        A part is of another type, or out of its range.

    References
    ----------
    :dcm:`PS3.17 A.3 <part17/sect_A.3.html>`
    """

    crosshair_mm: Vector
    axial: PlaneFrame = field(default=PlaneFrame(right=(1, 0, 0), down=(0, 1, 0)))
    coronal: PlaneFrame = field(default=PlaneFrame(right=(1, 0, 0), down=(0, 0, -1)))
    sagittal: PlaneFrame = field(default=PlaneFrame(right=(0, 1, 0), down=(0, 0, -1)))
    extra_index: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "crosshair_mm", _read_vector(self.crosshair_mm))
        object.__setattr__(self, "extra_index", read_index(self.extra_index))

    @classmethod
    def from_dict(cls, said: Any) -> Self | None:
        """Return the state of a JSON object as `to_dict` gives it; None of None.

        Raises
        ------
        TypeError, ValueError
            A part is missing, of another type, or out of its range.
        """
        if said is None:
            return None
        if not isinstance(said, Mapping) or not isinstance(said.get("planes"), Mapping):
            raise TypeError("mpr is no mapping of crosshair_mm and planes")
        planes = {name: _read_plane(said["planes"].get(name)) for name in _NAMES}
        place = _read_vector(said.get("crosshair_mm"))
        return cls(crosshair_mm=place, **planes, extra_index=said.get("extra_index", 0))

    def to_dict(self) -> dict[str, Any]:
        """Return it as what `json.dumps` takes, as the client knows it."""
        planes = {name: getattr(self, name).to_dict() for name in _NAMES}
        return {
            "crosshair_mm": list(self.crosshair_mm),
            "planes": planes,
            "extra_index": self.extra_index,
        }


_NAMES = ("axial", "coronal", "sagittal")


def _read_plane(value: Any) -> PlaneFrame:
    if not isinstance(value, Mapping):
        raise TypeError("a plane is no mapping of right, down, slab_mm and projection")
    return PlaneFrame(
        right=_read_vector(value.get("right")),
        down=_read_vector(value.get("down")),
        slab_mm=value.get("slab_mm", 0.0),
        projection=value.get("projection", "max"),
    )
