"""Pixels over the component's own messages: the transport of notebooks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from noctis_lab.catalog.columns import tag_text
from noctis_lab.dicom.header import read_header
from noctis_lab.errors import (
    AccessDenied,
    CannotMeasure,
    CannotOverlay,
    FrameNotFound,
    MeasurementNotFound,
    NoctisError,
    NotUnique,
    SeriesChanged,
    SeriesNotFound,
)
from noctis_lab.views.measuring import MEASURING
from noctis_lab.views.overlay_state import OverlayState
from noctis_lab.views.overlaying import OVERLAYS, HeldOverlays, answer_overlays
from noctis_lab.views.sources import PaneSource, SeriesSource
from noctis_lab.views.surfaces import SURFACE_QUESTIONS, answer_surfaces
from noctis_lab.views.window_presets import PRESETS, answer_presets
from noctis_lab.volumes.planes import instance_file

if TYPE_CHECKING:
    from noctis_lab.catalog.records import InstanceRow, SeriesRow
    from noctis_lab.lab import Lab
    from noctis_lab.volumes.cache import Handle

__all__ = ["Channel"]

logger = logging.getLogger(__name__)

# As HTTP says it: the client describes a changed series again by itself, and repeats no refusal.
_STATUS: dict[type[NoctisError], int] = {
    SeriesChanged: 409,
    MeasurementNotFound: 404,
    CannotMeasure: 422,
    AccessDenied: 403,
}
_MOST_FRAMES = 64  # that one question may ask for
_MOST_QUESTIONS = 32  # that are being answered at one time


class Channel:
    """Answers a view's questions about its series and arrays, off the thread that hears them.

    Parameters
    ----------
    handle
        The open archive; None where the view shows arrays in memory alone.
    series
        The series that may be asked about; a view reads no other. None: no series.
    send
        Sends one message to the client; bytes in it go as they are.
    lab
        Keeps measurements, as this process' user; without it none are kept.
    others
        Series of further panes.
    arrays
        Arrays in memory, by what the view's state calls them.

    Raises
    ------
    NotUnique
        Two of the series share their SeriesInstanceUID: one would be shown in place of the other.
    """

    def __init__(
        self,
        handle: Handle | None,
        series: SeriesRow | None,
        send: Callable[[dict[str, Any]], None],
        *,
        lab: Lab | None = None,
        others: Sequence[SeriesRow] = (),
        arrays: Mapping[str, PaneSource] | None = None,
    ) -> None:
        self._handle = handle
        self._keeping = lab
        rows = [row for row in (*others, series) if row is not None]
        self._series = {row.SeriesInstanceUID: row for row in rows}
        for row in rows:
            if self._series[row.SeriesInstanceUID].reference != row.reference:
                raise NotUnique(
                    f"two studies hold series {row.SeriesInstanceUID}, and a cell's view tells "
                    "series apart by this alone: look at them in the pages, or in a cell each",
                    count=2,
                )
        self.sources: dict[str, PaneSource] = dict(arrays or {})
        if handle is not None:
            for uid, row in self._series.items():
                self.sources[uid] = SeriesSource(handle=handle, row=row, lab=lab)
        self._send = send
        self._tasks: dict[str, asyncio.Task[None]] = {}
        #: What Python laid over the series.
        self.overlays = HeldOverlays()

    def require_frame(self, SeriesInstanceUID: str, index: int) -> None:
        """Refuse an index that no frame of a series has.

        Raises
        ------
        FrameNotFound
            It is below 0, or beyond the last frame.
        """
        source = self.sources.get(SeriesInstanceUID)
        count = 0 if source is None else source.count()
        if not 0 <= index < count:
            uid = None if source is None else SeriesInstanceUID
            expected = f"an index of 0 to {count - 1}" if count else "no index: nothing is in view"
            raise FrameNotFound(
                f"expected {expected}, came {index}; give the place of a frame in the stack, "
                "from 0 on",
                SeriesInstanceUID=uid,
            )

    def lay(self, SeriesInstanceUID: str, overlay: Any) -> OverlayState | None:
        """Lay something over a series, and return what the view's state says of it; None: nothing.

        Raises
        ------
        CannotOverlay
            It cannot lie over the series, or the view shows none.
        InstanceNotFound
            No segmentation of the series' study has that UID.
        """
        series = self._series.get(SeriesInstanceUID)
        if series is None or self._handle is None:
            raise CannotOverlay("expected a view of an archive's series, this one shows none")
        if overlay is None:
            self.overlays.clear(series)
            return None
        return OverlayState(overlay=self.overlays.lay(self._handle, series, overlay))

    def hear(self, message: Any) -> bool:
        """Take one message from the client, on the event loop's thread.

        Returns
        -------
        bool
            Whether it was for this channel: a question, or its cancellation.
        """
        if not isinstance(message, Mapping) or not isinstance(message.get("id"), str):
            return False
        kind, question_id = message.get("kind"), message["id"]
        if kind == "cancel":
            task = self._tasks.pop(question_id, None)
            if task is not None:
                task.cancel()
            return True
        if kind != "ask":
            return False
        if len(self._tasks) >= _MOST_QUESTIONS:
            self._refuse(question_id, "Too many questions at one time; try again in a moment.")
            return True
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            # `panel serve` hears messages in a thread of its own, which may wait.
            asyncio.run(self.answer(message))
            return True
        task = loop.create_task(self.answer(message))
        self._tasks[question_id] = task
        task.add_done_callback(lambda _: self._tasks.pop(question_id, None))
        return True

    async def answer(self, question: Mapping[str, Any]) -> None:
        """Answer one question; what went wrong is answered too, in words."""
        question_id = question["id"]
        try:
            body = await asyncio.to_thread(self._read, dict(question))
        except NoctisError as error:
            self._refuse(question_id, str(error), status=_STATUS.get(type(error)))
        except Exception:  # an outer door: a UI callback
            logger.exception("a view's question failed", extra={"what": question.get("what")})
            self._refuse(question_id, "The kernel could not read this; its log says why.")
        else:
            self._send({"kind": "answer", "id": question_id, "body": body})

    def _refuse(self, question_id: str, words: str, *, status: int | None = None) -> None:
        self._send({"kind": "answer", "id": question_id, "error": words, "status": status})

    def _read(self, question: dict[str, Any]) -> Any:
        what = question.get("what")
        if what == "elements":
            return self._elements(str(question.get("SOPInstanceUID")))
        if what in PRESETS and self._keeping is not None:
            return answer_presets(self._keeping, question)
        source = self.sources.get(str(question.get("SeriesInstanceUID")))
        if source is None:
            raise SeriesNotFound("this view is of another series")
        if what in OVERLAYS or what in SURFACE_QUESTIONS:
            return self._of_archive(question)
        if what in MEASURING:
            return source.measure(question)
        return source.describe().to_dict() if what == "stack" else _images(source, question)

    def _of_archive(self, question: dict[str, Any]) -> Any:
        """Answer what only a series of an archive has."""
        what = question.get("what")
        series = self._series.get(str(question.get("SeriesInstanceUID")))
        if series is None or self._handle is None:
            if what in OVERLAYS:
                return []  # nothing of the archive lies over an array
            raise SeriesNotFound("surfaces are made and kept of an archive's series, not of arrays")
        if what in OVERLAYS:
            return answer_overlays(self._handle, series, question, self.overlays)
        if self._keeping is None:
            raise SeriesNotFound("this view keeps no surfaces")
        return answer_surfaces(self._keeping, series, question)

    def _elements(self, SOPInstanceUID: str) -> list[dict[str, str | None]]:
        if self._handle is None:
            raise SeriesNotFound("an array in memory has no elements")
        row = self._handle.catalog.find_instance(SOPInstanceUID)
        series = None if row is None else self._series.get(row.SeriesInstanceUID)
        if row is None or series is None or not _is_of(row, series):
            raise SeriesNotFound("this view is of another series")
        header = read_header(instance_file(self._handle.storage, row))
        return [
            {
                "path": element.path,
                "tag": tag_text(element.tag),
                "VR": element.VR,
                "value": element.value,
            }
            for element in header.elements
        ]


def _images(source: PaneSource, question: dict[str, Any]) -> bytes:
    """Return what a question for pixels or a preview asks for."""
    what = question.get("what")
    first, count = question.get("first"), question.get("count")
    is_known = what in ("pixels", "preview")
    if not is_known or not isinstance(first, int) or not isinstance(count, int):
        raise SeriesNotFound("the view asked for something that there is not")
    said = question.get("revision")
    revision = said if isinstance(said, str) else None
    if what == "preview":
        return source.encode_preview(first, revision=revision)
    return source.encode(first, min(count, _MOST_FRAMES), revision=revision)


def _is_of(row: InstanceRow, series: SeriesRow) -> bool:
    return (row.StudyInstanceUID, row.SeriesInstanceUID) == (
        series.StudyInstanceUID,
        series.SeriesInstanceUID,
    )
