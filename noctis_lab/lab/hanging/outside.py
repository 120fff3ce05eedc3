"""How a protocol shows a volume from outside: by what colours, from where, how large."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["MODES", "SIDES", "VOLUME_PRESETS", "Vector", "VolumeRule", "camera_of"]

type Vector = tuple[float, float, float]

#: As `noctis_lab.views.volume3d_state.MODES` and the client's presets; a test holds them alike.
MODES: Final = ("volume", "mip", "surface")
VOLUME_PRESETS: Final = (
    *("ct-bone", "ct-soft-tissue", "ct-lung", "ct-angio", "ct-skin"),
    *("mr-default", "mr-bright", "hot"),
)
#: From where the patient is looked at → the screen's right and down, patient LPS.
SIDES: Final[dict[str, tuple[Vector, Vector]]] = {
    "front": ((1, 0, 0), (0, 0, -1)),
    "behind": ((-1, 0, 0), (0, 0, -1)),
    "left": ((0, 1, 0), (0, 0, -1)),
    "right": ((0, -1, 0), (0, 0, -1)),
    "head": ((-1, 0, 0), (0, 1, 0)),
    "feet": ((1, 0, 0), (0, 1, 0)),
}
_DIGITS = 9  # of directions in a file; a view asks for 6 to be orthonormal
_LEAST_LENGTH = 1e-6


def camera_of(right: Vector, down: Vector) -> tuple[Vector, Vector] | None:
    """Return two directions made orthogonal and of unit length; None where they are parallel.

    Examples
    --------
    >>> camera_of((2, 0, 0), (1, 0, -3))
    ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0))
    """
    across, toward = _unit(right), _unit(down)
    if across is None or toward is None:
        return None
    lean = math.sumprod(across, toward)
    x, y, z = (part - lean * own for part, own in zip(toward, across, strict=True))
    along = _unit((x, y, z))
    return None if along is None else (_rounded(across), _rounded(along))


def _unit(vector: Vector) -> Vector | None:
    length = math.hypot(*vector)
    if length < _LEAST_LENGTH:
        return None
    x, y, z = (part / length for part in vector)
    return (x, y, z)


def _rounded(vector: Vector) -> Vector:
    x, y, z = (round(part, _DIGITS) + 0.0 for part in vector)  # no minus zero
    return (x, y, z)


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeRule:
    """The view of a volume from outside; of one patient alone are its place, box and surfaces.

    Attributes
    ----------
    mode
        One of `MODES`.
    preset
        One of `VOLUME_PRESETS`; None, and what a series cannot have: its modality's usual one.
    shift
        By how much the preset lies higher than usual, in the values' unit.
    level
        Where the surface lies, in the values' unit; None: the usual one.
    right, down
        Unit directions of the screen at a right angle, patient LPS.
    zoom
        1 shows the whole volume.
    """

    mode: str = "volume"
    preset: str | None = None
    shift: float = 0.0
    level: float | None = None
    right: Vector = SIDES["front"][0]
    down: Vector = SIDES["front"][1]
    zoom: float = 1.0

    @classmethod
    def of_state(cls, state: Mapping[str, Any]) -> VolumeRule:
        """Return the rule of a sound view's `volume`."""
        camera = camera_of(tuple(state["right"]), tuple(state["down"])) or SIDES["front"]
        same = {name: state[name] for name in ("mode", "shift", "level", "zoom")}
        preset = state["preset"] if state["preset"] in VOLUME_PRESETS else None
        return cls(**same, preset=preset, right=camera[0], down=camera[1])

    def to_state(self) -> dict[str, Any]:
        """Return it as a view's `volume`; all of it is drawn, in the middle."""
        said = {name: getattr(self, name) for name in ("mode", "preset", "shift", "level", "zoom")}
        return said | {"right": list(self.right), "down": list(self.down)}

    def to_plain(self) -> dict[str, Any]:
        """Return it as it is written; what is as usual is left out."""
        usual = VolumeRule()
        said: dict[str, Any] = {
            name: value
            for name in ("mode", "preset", "shift", "level", "zoom")
            if (value := getattr(self, name)) != getattr(usual, name)
        }
        if (self.right, self.down) == SIDES["front"]:
            return said
        side = next((name for name, each in SIDES.items() if each == (self.right, self.down)), None)
        camera = {"right": list(self.right), "down": list(self.down)}
        return said | {"seen_from": camera if side is None else side}
