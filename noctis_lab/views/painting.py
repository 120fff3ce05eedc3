"""The viewer's own picture, in numpy: values of one frame to the pixels of a pane's canvas.

The twin of the client's CPU renderer: placed, reduced and interpolated before it is windowed, by
the same rules, so that a still shows what the screen shows within one grey level.
"""

from __future__ import annotations

import base64
import json
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noctis_lab.dicom.voi import Window, apply_window
from noctis_lab.views.pane_state import PaneState

__all__ = ["GreyTable", "Look", "colours_of", "paint"]

type Step = tuple[int, int]

#: Steps along (column, row) of the frame for one step on the screen, PaneState.rotation_deg.
_RIGHT: dict[int, Step] = {0: (1, 0), 90: (0, -1), 180: (-1, 0), 270: (0, 1)}
_DOWN: dict[int, Step] = {0: (0, 1), 90: (1, 0), 180: (0, -1), 270: (-1, 0)}
_COLOURS = Path(__file__).parent / "colours.json"
_WHOLE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GreyTable:
    """Grey levels of modality values one by one, from `first` on: PS3.3 C.11.2.1.1."""

    first: int
    greys: NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Look:
    """How values become colours; `colours` has the pixels of grey levels 0 to 255.

    Colour images have neither window nor colours of their own; `is_inverted` turns theirs round.
    """

    window: Window | None
    table: GreyTable | None
    colours: NDArray[np.uint8]  # shape (256, 3)
    is_inverted: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Axis:
    """Where pixels from `first` to before `last` lie between voxels, along one axis."""

    first: int
    last: int
    before: NDArray[np.intp]
    share: NDArray[np.float64]


def colours_of(name: str, *, is_reversed: bool) -> NDArray[np.uint8]:
    """Return the 256 colours of a map, one of `pane_state.COLORMAPS`: uint8, shape (256, 3)."""
    if name in ("grey", "grey_inverted"):
        levels = np.arange(256, dtype=np.uint8)
        colours = np.repeat((levels if name == "grey" else levels[::-1])[:, np.newaxis], 3, axis=1)
    else:
        encoded = "".join(_read_colours()[name])
        colours = np.frombuffer(base64.b64decode(encoded), np.uint8).reshape(256, 3)
    return colours[::-1] if is_reversed else colours


@cache
def _read_colours() -> dict[str, list[str]]:
    found: dict[str, list[str]] = json.loads(_COLOURS.read_text(encoding="ascii"))
    return found


def paint(
    values: NDArray[Any],
    state: PaneState,
    look: Look,
    *,
    proportions: tuple[float, float] | None,
    size_px: tuple[int, int],
) -> NDArray[np.uint8]:
    """Paint one frame as a pane of the client does.

    Parameters
    ----------
    values
        Modality values, shape (rows, columns), or colours as uint8, shape (rows, columns, 3).
    state
        Zoom, pan, rotation and mirroring.
    look
        Window and colours.
    proportions
        A voxel's (height, width), of which the ratio counts; None is square.
    size_px
        (height, width) of the canvas.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        Black around the image.
    """
    canvas = np.zeros((*size_px, 3), np.uint8)
    right, down = _axes(state)
    rows, columns = values.shape[:2]
    x0, y0, sx, sy = _place(state, (rows, columns), proportions, size_px)
    frame = values.astype(np.float64)
    if right[0] == 0:
        frame = frame.swapaxes(0, 1)
        rows, columns = columns, rows
    halvings = max(0, math.floor(-math.log2(max(sx, sy)) + 1e-9))
    for _ in range(halvings):
        frame = _halve(frame)
    across = _axis(size_px[1], x0, sx, columns, 2**halvings, is_reversed=sum(right) < 0)
    along = _axis(size_px[0], y0, sy, rows, 2**halvings, is_reversed=sum(down) < 0)
    if across.first < across.last and along.first < along.last:
        part = canvas[along.first : along.last, across.first : across.last]
        part[...] = _colour(_resample(frame, across, along), look)
    return canvas


def _axes(state: PaneState) -> tuple[Step, Step]:
    across, along = _RIGHT[state.rotation_deg], _DOWN[state.rotation_deg]
    return ((-across[0], -across[1]) if state.flipped else across), along


def _place(
    state: PaneState,
    shape: tuple[int, int],
    proportions: tuple[float, float] | None,
    size_px: tuple[int, int],
) -> tuple[float, float, float, float]:
    """Return the turned frame's left and top edge on the canvas, and a voxel's width and height."""
    height, width = size_px
    right, down = _axes(state)
    aspect = 1.0 if proportions is None else proportions[0] / proportions[1]
    is_transposed = right[0] == 0
    wide, high = (aspect, 1.0) if is_transposed else (1.0, aspect)
    rows, columns = (shape[1], shape[0]) if is_transposed else shape
    scale = min(width / (columns * wide), height / (rows * high))
    sx, sy = (_whole_if_close(scale * part * state.zoom) for part in (wide, high))
    pan_row, pan_column = state.pan
    x0 = width / 2 - (columns / 2 + right[0] * pan_column + right[1] * pan_row) * sx
    y0 = height / 2 - (rows / 2 + down[0] * pan_column + down[1] * pan_row) * sy
    if sx.is_integer() and sy.is_integer():
        x0, y0 = math.floor(x0 + 0.5), math.floor(y0 + 0.5)
    return x0, y0, sx, sy


def _whole_if_close(scale: float) -> float:
    whole = math.floor(scale + 0.5)
    return float(whole) if abs(scale - whole) < _WHOLE and whole > 0 else scale


def _halve(frame: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return means of 2 × 2 voxels, the border repeated."""
    rows, columns = frame.shape[:2]
    widths = [(0, rows % 2), (0, columns % 2), *[(0, 0)] * (frame.ndim - 2)]
    frame = np.pad(frame, widths, mode="edge")
    with np.errstate(invalid="ignore"):
        halved: NDArray[np.float64] = (
            frame[::2, ::2] + frame[::2, 1::2] + frame[1::2, ::2] + frame[1::2, 1::2]
        ) / 4
    return halved


def _axis(
    pixels: int, edge: float, scale: float, count: int, reduced: int, *, is_reversed: bool
) -> _Axis:
    # Pixel centres are at +0.5; voxel k's centre is at k, it reaches from k - 0.5 to k + 0.5.
    at = ((np.arange(pixels) + 0.5 - edge) / scale - 0.5).astype(np.float64)
    (inside,) = np.nonzero((at >= -0.5) & (at < count - 0.5))
    if not inside.size:
        return _Axis(first=0, last=0, before=inside, share=np.empty(0))
    at = at[inside]
    if is_reversed:
        at = count - 1 - at
    last = math.ceil(count / reduced) - 1
    at = np.clip((at + 0.5) / reduced - 0.5, 0.0, float(last)).astype(np.float64)
    before = np.maximum(np.minimum(np.floor(at), last - 1), 0).astype(np.intp)
    return _Axis(first=int(inside[0]), last=int(inside[-1]) + 1, before=before, share=at - before)


def _resample(frame: NDArray[np.float64], across: _Axis, along: _Axis) -> NDArray[np.float64]:
    return _mix(_mix(frame, along, 0), across, 1)


def _mix(frame: NDArray[np.float64], along: _Axis, axis: int) -> NDArray[np.float64]:
    before = frame.take(along.before, axis)
    after = frame.take(np.minimum(along.before + 1, frame.shape[axis] - 1), axis)
    share = along.share.reshape([-1 if each == axis else 1 for each in range(frame.ndim)])
    with np.errstate(invalid="ignore"):
        mixed = before + (after - before) * share
    # A voxel's own place has its own value, whatever its neighbour is: NaN is not zero times.
    result: NDArray[np.float64] = np.where(share == 0, before, np.where(share == 1, after, mixed))
    return result


def _colour(values: NDArray[np.float64], look: Look) -> NDArray[np.uint8]:
    if values.ndim == 3:
        colours = np.floor(values + 0.5).astype(np.uint8)
        return 255 - colours if look.is_inverted else colours
    if look.table is not None:
        last = len(look.table.greys) - 1
        with np.errstate(invalid="ignore"):
            places = np.clip(np.floor(values + 0.5) - look.table.first, 0, last)
        greys = look.table.greys[np.nan_to_num(places).astype(np.intp)]
        greys = np.where(np.isnan(values), 0, greys)
    elif look.window is not None:
        window = look.window
        greys = apply_window(
            values, center=window.center, width=window.width, function=window.function
        )
    else:
        greys = np.floor(np.clip(np.nan_to_num(values), 0, 255) + 0.5).astype(np.uint8)
    painted: NDArray[np.uint8] = look.colours[greys]
    return painted
