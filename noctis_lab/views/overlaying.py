"""What a view's own channel says of what lies over its images, and what Python lays there."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from noctis_lab.errors import SeriesNotFound
from noctis_lab.volumes.coloured.description import Colouring
from noctis_lab.volumes.coloured.listing import (
    encode_colouring,
    find_colouring,
    list_colourings,
)
from noctis_lab.volumes.coloured.mask import mask_colouring
from noctis_lab.volumes.coloured.seg import seg_colouring
from noctis_lab.volumes.pixels import find_revision, find_shown_frames
from noctis_lab.volumes.segments import Segments

if TYPE_CHECKING:
    from noctis_lab.catalog.records import SeriesRow
    from noctis_lab.volumes.cache import Handle

__all__ = ["OVERLAYS", "HeldOverlays", "answer_overlays"]

#: Questions of a client that are answered here.
OVERLAYS = ("overlays", "labels")
_MOST_FRAMES = 64
_COUNTER = itertools.count(1)


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    """What was laid over a series, and in which state of the series."""

    overlay: Any
    colouring: Colouring
    revision: str


class HeldOverlays:
    """What Python laid over the series of one view: one thing a series."""

    def __init__(self) -> None:
        self._held: dict[str, _Held] = {}

    def of(self, handle: Handle, series: SeriesRow) -> Mapping[str, Colouring]:
        """Return what lies over a series, by what it is called.

        Raises
        ------
        CannotOverlay
            Images came meanwhile, and it does not lie over them.
        """
        held = self._held.get(series.reference)
        if held is None:
            return {}
        called = held.colouring.description.overlay
        if held.revision != find_revision(handle, series.reference):
            held = self._held[series.reference] = _lay(handle, series, held.overlay, called)
        return {called: held.colouring}

    def clear(self, series: SeriesRow) -> None:
        """Take away what lies over a series."""
        self._held.pop(series.reference, None)

    def lay(self, handle: Handle, series: SeriesRow, overlay: Any) -> str:
        """Lay something over a series, in place of what lay there.

        Parameters
        ----------
        overlay
            A mask or map of labels (DataArray), a segmentation (`Segments`), or the SOPInstanceUID
            of a segmentation of the series' study.

        Returns
        -------
        str
            What it is called in the view's state.

        Raises
        ------
        CannotOverlay, UnsupportedSeries
            It cannot lie over the series, and why.
        InstanceNotFound
            No segmentation of the series' study has that UID.
        """
        if isinstance(overlay, str):
            called = find_colouring(handle, series, overlay).description.overlay
            self.clear(series)
            return called
        held = _lay(handle, series, overlay, f"mask-{next(_COUNTER)}")
        self._held[series.reference] = held
        return held.colouring.description.overlay


def _lay(handle: Handle, series: SeriesRow, overlay: Any, called: str) -> _Held:
    _, images, _ = find_shown_frames(handle, series.reference)
    revision = find_revision(handle, series.reference)
    colouring: Colouring
    if isinstance(overlay, Segments):
        name = overlay.SeriesDescription or "Segmentation"
        colouring = seg_colouring(handle, overlay.row, name, series, images, revision)
    else:
        colouring = mask_colouring(
            handle, series, images, overlay, overlay=called, revision=revision
        )
    return _Held(overlay, colouring, revision)


def answer_overlays(
    handle: Handle, series: SeriesRow, question: Mapping[str, Any], held: HeldOverlays
) -> Any:
    """Answer a client's question about what lies over a series.

    Raises
    ------
    SeriesNotFound
        It is none of ours.
    NoctisError
        As `listing.list_colourings` and `listing.encode_colouring`.
    """
    own = held.of(handle, series)
    if question.get("what") == "overlays":
        return [described.to_dict() for described in list_colourings(handle, series, own)]
    overlay, revision = question.get("overlay"), question.get("revision")
    first, count = question.get("first"), question.get("count")
    if not (isinstance(overlay, str) and isinstance(first, int) and isinstance(count, int)):
        raise SeriesNotFound("the view asked for something that there is not")
    return encode_colouring(
        handle,
        series,
        overlay,
        first,
        min(count, _MOST_FRAMES),
        revision=revision if isinstance(revision, str) else None,
        own=own,
    )
