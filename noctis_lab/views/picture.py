"""What a view shows as a still: its panes painted in Python, without a browser."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from noctis_lab.dicom.voi import VoiFunction, Window
from noctis_lab.errors import CannotView
from noctis_lab.views.following import bring_along
from noctis_lab.views.painting import GreyTable, Look, colours_of, paint
from noctis_lab.views.pane_state import PaneState
from noctis_lab.views.sources import PaneSource
from noctis_lab.views.state import ViewerState
from noctis_lab.volumes.pixels import StackDescription

__all__ = ["encode_png", "panes_of", "picture_of"]

_LARGEST_PX = 8192
_PNG_LEVEL = 6
_INVERTED_GREY = "PT"  # read as ink on paper


def panes_of(state: ViewerState, sources: Mapping[str, PaneSource]) -> list[PaneState]:
    """Return what the panes show, row by row; what is linked and left open is brought along.

    Raises
    ------
    CannotView
        The layout has planes, which are no images of a stack.
    """
    if "x" not in state.layout:
        raise CannotView(
            f"expected panes of images, came the layout '{state.layout}': a still has the images "
            "as they are stored; take view.state.layout = '1x1', or a plane of the volume by "
            ".dicom.axial(), .coronal() or .sagittal()"
        )
    rows, columns = (int(part) for part in state.layout.split("x"))
    count = rows * columns
    own = PaneState.from_dict(state.to_dict())
    panes = list(state.panes[:count]) or [own]
    if state.active < len(panes):
        panes[state.active] = own
    panes += [PaneState()] * (count - len(panes))
    return bring_along(panes, state, sources)


def picture_of(
    state: ViewerState,
    sources: Mapping[str, PaneSource],
    *,
    pane: int | None,
    size_px: tuple[int, int],
) -> NDArray[np.uint8]:
    """Paint what a view shows, without texts, marks and measurements.

    Parameters
    ----------
    pane
        Which pane, from 0, row by row; None is all, as they stand.
    size_px
        (height, width) of each pane.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)

    Raises
    ------
    CannotView
        There is no such pane, the size is none, or the layout has planes.
    NoctisError
        A frame cannot be read, as `pixels.encode_frames` says it.
    """
    if not all(isinstance(side, int) and 1 <= side <= _LARGEST_PX for side in size_px):
        raise CannotView(f"expected size_px as 1 to {_LARGEST_PX} a side, came {size_px}")
    panes = panes_of(state, sources)
    if pane is None:
        columns = int(state.layout.split("x")[1])
        painted = [_paint_pane(each, sources, size_px) for each in panes]
        lines = [painted[first : first + columns] for first in range(0, len(painted), columns)]
        return np.concatenate([np.concatenate(line, axis=1) for line in lines])
    if not 0 <= pane < len(panes):
        raise CannotView(f"expected a pane of 0 to {len(panes) - 1}, came {pane}")
    return _paint_pane(panes[pane], sources, size_px)


def encode_png(picture: NDArray[np.uint8]) -> bytes:
    """Return a picture as PNG; grey ones with one channel."""
    if np.array_equal(picture[..., 0], picture[..., 1]) and np.array_equal(
        picture[..., 0], picture[..., 2]
    ):
        picture = picture[..., 0]
    return bytes(imagecodecs.png_encode(np.ascontiguousarray(picture), level=_PNG_LEVEL))


def _paint_pane(
    pane: PaneState, sources: Mapping[str, PaneSource], size_px: tuple[int, int]
) -> NDArray[np.uint8]:
    source = sources.get(pane.SeriesInstanceUID)
    if source is None:
        return np.zeros((*size_px, 3), np.uint8)
    stack = source.describe()
    if not stack.frames:
        return np.zeros((*size_px, 3), np.uint8)
    count = len(stack.frames)
    index = count // 2 if pane.index is None else min(pane.index, count - 1)
    frame = stack.frames[index]
    encoded = source.encode(index, 1, revision=stack.revision)
    values: NDArray[Any]
    if frame.dtype == "rgb8":
        values = np.frombuffer(encoded, np.uint8).reshape(frame.rows, frame.columns, 3)
    else:
        stored = np.frombuffer(encoded, np.dtype(frame.dtype).newbyteorder("<"))
        values = stored.reshape(frame.rows, frame.columns) * frame.slope + frame.intercept
    return paint(
        values,
        pane,
        _look(pane, stack),
        proportions=stack.pixel_spacing_mm or stack.pixel_aspect,
        size_px=size_px,
    )


def _look(pane: PaneState, stack: StackDescription) -> Look:
    """Return what the client shows a pane in, where its state leaves something open too."""
    window, voi_lut = pane.window, pane.voi_lut
    tables = [stated for stated in stack.windows if stated.table is not None]
    if window is None and stack.windows:
        first = stack.windows[0]
        window = Window(
            center=first.center, width=first.width, function=VoiFunction(first.function)
        )
        voi_lut = 0 if first.table is not None else None
    table = None
    if voi_lut is not None and voi_lut < len(tables):
        stated = tables[voi_lut].table
        assert stated is not None
        greys = np.frombuffer(base64.b64decode(stated.greys), np.uint8)
        table = GreyTable(first=stated.first_mapped, greys=greys)
    usual = "grey_inverted" if stack.modality == _INVERTED_GREY else "grey"
    # PS3.3 C.7.6.3.1.2: of MONOCHROME1 the least value is white.
    is_reversed = pane.inverted != (stack.photometric_interpretation == "MONOCHROME1")
    colours = colours_of(pane.colormap or usual, is_reversed=is_reversed)
    return Look(window=window, table=table, colours=colours, is_inverted=is_reversed)
