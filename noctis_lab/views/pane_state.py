"""What one pane of a view shows, as typed values; what a client says of it is read here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from noctis_lab.dicom.voi import VoiFunction, Window
from noctis_lab.dicom.voi_lut import MOST_TABLES

__all__ = [
    "COLORMAPS",
    "LARGEST_INDEX",
    "LARGEST_ZOOM",
    "LEAST_ZOOM",
    "PaneState",
    "read_flag",
    "read_index",
]

#: Names of colour maps: grey, PS3.6 Annex B's well-known palettes, cividis.
COLORMAPS = (
    "grey",
    "grey_inverted",
    "hot_iron",
    "pet",
    "hot_metal_blue",
    "pet_20_step",
    "cividis",
)
LEAST_ZOOM, LARGEST_ZOOM = 0.1, 64.0
LARGEST_INDEX = 10_000_000
_LARGEST_NUMBER = 1e12  # beyond any window's or place's sense, and far from overflow
_LONGEST_UID = 64  # PS3.5 9.1


@dataclass(frozen=True, slots=True, kw_only=True)
class PaneState:
    """The state of one pane; no pixels, no names.

    Attributes
    ----------
    SeriesInstanceUID
        The series in view; empty where the pane is.
    StudyInstanceUID
        The study of the series; empty where it is the view's own.
    index
        Frame in view, from 0 in the stack's order; None is the middle one.
    window
        VOI window in values; None is the first that the series states, or one from pixels.
    voi_lut
        Which of the series' VOI LUT tables is in use instead of the window, from 0; None: the
        window.
    inverted
        Whether white and black are exchanged.
    colormap
        The colours of one-channel images, one of `COLORMAPS`; None: those in which the modality is
        usually read.
    zoom
        1 shows the whole frame.
    pan
        (row, column): how far the pane's centre is from the frame's, in voxels.
    rotation_deg
        0, 90, 180 or 270, clockwise, applied first.
    flipped
        Mirrored left to right, after the rotation.

    Raises
    ------
    TypeError, ValueError
        A part is of another type, or out of its range.
    """

    SeriesInstanceUID: str = ""
    StudyInstanceUID: str = ""
    index: int | None = None
    window: Window | None = None
    voi_lut: int | None = None
    inverted: bool = False
    colormap: str | None = None
    zoom: float = 1.0
    pan: tuple[float, float] = (0.0, 0.0)
    rotation_deg: int = 0
    flipped: bool = False

    def __post_init__(self) -> None:
        for name, read in _READERS.items():
            object.__setattr__(self, name, read(getattr(self, name)))

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> Self:
        """Return the state of a JSON object; keys may be missing, others are ignored.

        Raises
        ------
        TypeError, ValueError
            A part is of another type, or out of its range.
        """
        return cls(**read_parts(said))

    def to_dict(self) -> dict[str, Any]:
        """Return it as what `json.dumps` takes, as the client knows it."""
        said = {field.name: getattr(self, field.name) for field in fields(self)}
        return said | {"window": _window_to_dict(self.window), "pan": list(self.pan)}


def read_parts(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts of a pane's state that a mapping states, each of its type and range."""
    if not isinstance(said, Mapping):
        raise TypeError("a pane's state is no mapping")
    return {name: read(said[name]) for name, read in _READERS.items() if name in said}


def _window_to_dict(window: Window | None) -> dict[str, Any] | None:
    if window is None:
        return None
    return {
        "center": float(window.center),
        "width": float(window.width),
        "function": str(window.function),
    }


def _read_uid(value: Any) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_UID:
        raise ValueError("what should be a UID is none")
    return value


def _read_number(value: Any) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    # NaN is not within it either, and a whole number may be too large for a float.
    if not is_number or not abs(value) <= _LARGEST_NUMBER:
        raise ValueError("a number of the view is not one, or beyond all sense")
    return float(value)


def read_index(value: Any, *, largest: int = LARGEST_INDEX) -> int:
    """Return a whole number from 0 to `largest`."""
    number = _read_number(value)
    if number != int(number) or not 0 <= number <= largest:
        raise ValueError(f"an index is no whole number from 0 to {largest}")
    return int(number)


def _read_frame(value: Any) -> int | None:
    return None if value is None else read_index(value)


def _read_window(value: Any) -> Window | None:
    if value is None or isinstance(value, Window):
        return value
    if not isinstance(value, Mapping):
        raise TypeError("window is no mapping of center, width and function")
    width = _read_number(value.get("width"))
    function = VoiFunction(value.get("function", VoiFunction.LINEAR))
    # PS3.3 C.11.2.1.2.1 and C.11.2.1.3.2
    if width <= 0 or (function is VoiFunction.LINEAR and width < 1):
        raise ValueError("window width is out of the range of its function")
    return Window(center=_read_number(value.get("center")), width=width, function=function)


def _read_voi_lut(value: Any) -> int | None:
    return None if value is None else read_index(value, largest=MOST_TABLES - 1)


def _read_colormap(value: Any) -> str | None:
    if value is not None and value not in COLORMAPS:
        raise ValueError(f"colormap is none of {', '.join(COLORMAPS)}")
    return None if value is None else str(value)


def read_flag(value: Any) -> bool:
    """Return a switch that is on or off."""
    if not isinstance(value, bool):
        raise TypeError("a switch of the view is neither true nor false")
    return value


def _read_zoom(value: Any) -> float:
    zoom = _read_number(value)
    if not LEAST_ZOOM <= zoom <= LARGEST_ZOOM:
        raise ValueError("zoom is out of its range")
    return zoom


def _read_pan(value: Any) -> tuple[float, float]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError("pan is no pair of numbers")
    return _read_number(value[0]), _read_number(value[1])


def _read_rotation(value: Any) -> int:
    if value not in (0, 90, 180, 270) or isinstance(value, bool):
        raise ValueError("rotation_deg is no multiple of 90 below 360")
    return int(value)


_READERS: dict[str, Callable[[Any], Any]] = {
    "SeriesInstanceUID": _read_uid,
    "StudyInstanceUID": _read_uid,
    "index": _read_frame,
    "window": _read_window,
    "voi_lut": _read_voi_lut,
    "inverted": read_flag,
    "colormap": _read_colormap,
    "zoom": _read_zoom,
    "pan": _read_pan,
    "rotation_deg": _read_rotation,
    "flipped": read_flag,
}
