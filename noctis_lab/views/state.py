"""What a view shows: the one state that client, Python, notebook and saved session share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import param

from noctis_lab.dicom.voi import VoiFunction, Window

__all__ = ["ViewerState"]

_LEAST_ZOOM, _LARGEST_ZOOM = 0.1, 64.0
_LARGEST_NUMBER = 1e12  # beyond any window's or place's sense, and far from overflow
_LARGEST_INDEX = 10_000_000
_LONGEST_UID = 64  # PS3.5 9.1


class ViewerState(param.Parameterized):
    """The state of one view; no pixels, no names.

    A change in the browser arrives here at the end of its drag; a change here shows in the
    browser at once. Watch it as any `param` object: ``state.param.watch(callback, "window")``.
    """

    SeriesInstanceUID = param.String(default="", doc="The series in view.")
    index = param.Integer(
        default=None, allow_None=True, bounds=(0, _LARGEST_INDEX),
        doc="Frame in view, from 0 in the stack's order; None is the middle one.",
    )  # fmt: skip
    window = param.ClassSelector(
        class_=Window, default=None, allow_None=True,
        doc="VOI window in values; None is the first that the series states, or one from pixels.",
    )  # fmt: skip
    inverted = param.Boolean(default=False, doc="Whether white and black are exchanged.")
    zoom = param.Number(
        default=1.0, bounds=(_LEAST_ZOOM, _LARGEST_ZOOM), doc="1 shows the whole frame."
    )
    pan = param.NumericTuple(
        default=(0.0, 0.0), length=2,
        doc="(row, column): how far the pane's centre is from the frame's, in voxels.",
    )  # fmt: skip
    rotation_deg: Any = param.Selector(
        default=0, objects=[0, 90, 180, 270], doc="Clockwise, applied first."
    )
    flipped = param.Boolean(default=False, doc="Mirrored left to right, after the rotation.")

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)  # type: ignore[no-untyped-call]

    def to_dict(self) -> dict[str, Any]:
        """Return the state as what `json.dumps` takes, as the client knows it."""
        window = self.window
        return {
            "SeriesInstanceUID": self.SeriesInstanceUID,
            "index": self.index,
            "window": None
            if window is None
            else {
                "center": float(window.center),
                "width": float(window.width),
                "function": str(window.function),
            },
            "inverted": self.inverted,
            "zoom": float(self.zoom),
            "pan": [float(part) for part in self.pan],
            "rotation_deg": self.rotation_deg,
            "flipped": self.flipped,
        }

    def update_from(self, said: Mapping[str, Any]) -> None:
        """Take over what a client says; all of it or, where any part is unsound, nothing.

        Parameters
        ----------
        said
            As `to_dict` gives it; keys may be missing, others are ignored.

        Raises
        ------
        TypeError, ValueError
            A part is of another type, or out of its range.
        """
        readers = {
            "SeriesInstanceUID": _read_uid,
            "index": _read_index,
            "window": _read_window,
            "inverted": _read_flag,
            "zoom": _read_zoom,
            "pan": _read_pan,
            "rotation_deg": _read_rotation,
            "flipped": _read_flag,
        }
        sound = {key: read(said[key]) for key, read in readers.items() if key in said}
        self.param.update(**sound)


def _read_uid(value: Any) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_UID:
        raise ValueError("SeriesInstanceUID is not a UID")
    return value


def _read_number(value: Any) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or abs(value) > _LARGEST_NUMBER:
        raise ValueError("a number of the view is not one, or beyond all sense")
    return float(value)


def _read_index(value: Any) -> int | None:
    if value is None:
        return None
    number = _read_number(value)
    if number != int(number) or not 0 <= number <= _LARGEST_INDEX:
        raise ValueError("index is not a frame's")
    return int(number)


def _read_window(value: Any) -> Window | None:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise TypeError("window is no mapping of center, width and function")
    width = _read_number(value.get("width"))
    function = VoiFunction(value.get("function", VoiFunction.LINEAR))
    # PS3.3 C.11.2.1.2.1 and C.11.2.1.3.2
    if width <= 0 or (function is VoiFunction.LINEAR and width < 1):
        raise ValueError("window width is out of the range of its function")
    return Window(center=_read_number(value.get("center")), width=width, function=function)


def _read_flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("a switch of the view is neither true nor false")
    return value


def _read_zoom(value: Any) -> float:
    zoom = _read_number(value)
    if not _LEAST_ZOOM <= zoom <= _LARGEST_ZOOM:
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
