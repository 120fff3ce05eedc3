"""How a volume is seen from outside, as typed values read from what a client says."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

__all__ = ["MODES", "ClipBox", "VolumeState"]

type Vector = tuple[float, float, float]
#: (lowest, highest) place along x, y and z, mm, patient LPS.
type ClipBox = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]

#: Colours and opacities, the highest value on each ray, the surface at a threshold.
MODES = ("volume", "mip", "surface")
_LARGEST_MM = 1e6  # beyond any patient, and far from overflow
_LARGEST_VALUE = 1e12
_LEAST_ZOOM, _MOST_ZOOM = 0.1, 64.0
_UNIT = 1e-6  # directions are orthonormal to so much
_PRESET = re.compile(r"[a-z0-9-]{1,40}")
_SURFACE = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeState:
    """The view of a volume from outside; no pixels, no names.

    Attributes
    ----------
    mode
        "volume": by the preset's colours and opacities; "mip": the highest value on each ray;
        "surface": where the values pass `level`.
    preset
        "ct-bone", "ct-soft-tissue", "ct-lung", "ct-angio", "ct-skin" of values in Hounsfield
        units; "mr-default", "mr-bright", "hot" of any; None, and what the series cannot have: the
        usual one of its modality.
    shift
        By how much the preset lies higher than usual, in the values' unit.
    level
        Where the surface lies, in the values' unit; None: bone of Hounsfield units, else the
        window's centre.
    right, down
        Unit directions of the screen, patient LPS; the eye looks along right × down.
    zoom
        1 shows the whole volume.
    pan_mm
        (down, right): how far the middle of the pane is from the volume's, on the screen.
    clip_mm
        The box that is drawn; None draws all.
    surface
        Key of a kept surface that is drawn in place of the threshold's, as
        `noctis_lab.lab.surfaces.KeptSurface.key`.

    Raises
    ------
    TypeError, ValueError
        A part is of another type, or out of its range.
    """

    mode: str = "volume"
    preset: str | None = None
    shift: float = 0.0
    level: float | None = None
    right: Vector = (1.0, 0.0, 0.0)
    down: Vector = (0.0, 0.0, -1.0)
    zoom: float = 1.0
    pan_mm: tuple[float, float] = (0.0, 0.0)
    clip_mm: ClipBox | None = None
    surface: str | None = None

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ValueError(f"mode is none of {', '.join(MODES)}")
        _require_text(self.preset, _PRESET, "preset")
        _require_text(self.surface, _SURFACE, "surface")
        level = None if self.level is None else _read_number(self.level, _LARGEST_VALUE)
        zoom = _read_number(self.zoom, _MOST_ZOOM)
        if zoom < _LEAST_ZOOM:
            raise ValueError(f"zoom is below {_LEAST_ZOOM:g}")
        right, down = (_read_numbers(each, 3) for each in (self.right, self.down))
        _require_orthonormal(right, down)
        read = {
            "shift": _read_number(self.shift, _LARGEST_VALUE),
            "level": level,
            "right": right,
            "down": down,
            "zoom": zoom,
            "pan_mm": _read_numbers(self.pan_mm, 2),
            "clip_mm": None if self.clip_mm is None else _read_clip(self.clip_mm),
        }
        for name, value in read.items():
            object.__setattr__(self, name, value)

    @classmethod
    def from_dict(cls, said: Any) -> Self | None:
        """Return the state of a JSON object as `to_dict` gives it; None of None.

        Raises
        ------
        TypeError, ValueError
            A part is of another type, or out of its range.
        """
        if said is None or isinstance(said, cls):
            return said
        if not isinstance(said, Mapping):
            raise TypeError("volume is no mapping of mode, right, down and the like")
        return cls(**{name: said[name] for name in _NAMES if name in said})

    def to_dict(self) -> dict[str, Any]:
        """Return it as what `json.dumps` takes, as the client knows it."""
        clip = None if self.clip_mm is None else [list(side) for side in self.clip_mm]
        return {name: getattr(self, name) for name in _NAMES} | {
            "right": list(self.right),
            "down": list(self.down),
            "pan_mm": list(self.pan_mm),
            "clip_mm": clip,
        }


_NAMES = tuple(field.name for field in fields(VolumeState))


def _read_number(value: Any, largest: float) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    # NaN is not within it either, and a whole number may be too large for a float.
    if not is_number or not abs(value) <= largest:
        raise ValueError("a number of the volume's view is none, or beyond all sense")
    return float(value)


def _read_numbers(value: Any, count: int) -> Any:
    if not isinstance(value, list | tuple) or len(value) != count:
        raise ValueError(f"a place or direction of the volume's view has not {count} numbers")
    return tuple(_read_number(part, _LARGEST_MM) for part in value)


def _read_clip(value: Any) -> ClipBox:
    if not isinstance(value, list | tuple) or len(value) != 3:
        raise ValueError("clip_mm is not three pairs of lowest and highest place")
    x, y, z = (_read_numbers(side, 2) for side in value)
    if any(low >= high for low, high in (x, y, z)):
        raise ValueError("a side of clip_mm ends where it begins, or before")
    return (x, y, z)


def _require_text(value: Any, pattern: re.Pattern[str], name: str) -> None:
    if value is not None and not (isinstance(value, str) and pattern.fullmatch(value)):
        raise ValueError(f"{name} is none")


def _require_orthonormal(right: Vector, down: Vector) -> None:
    lengths = (math.hypot(*right), math.hypot(*down))
    lean = sum(a * b for a, b in zip(right, down, strict=True))
    if any(abs(length - 1) > _UNIT for length in lengths) or abs(lean) > _UNIT:
        raise ValueError("right and down are no unit directions at a right angle")
