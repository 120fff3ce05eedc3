"""Pixels over the component's own messages: the transport of notebooks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from noctis_lab.catalog.columns import tag_text
from noctis_lab.dicom.header import read_header
from noctis_lab.errors import NoctisError, SeriesChanged, SeriesNotFound
from noctis_lab.volumes.pixels import describe_stack, encode_frames, encode_preview
from noctis_lab.volumes.planes import instance_file

if TYPE_CHECKING:
    from noctis_lab.catalog.records import InstanceRow, SeriesRow
    from noctis_lab.volumes.cache import Handle

__all__ = ["Channel"]

logger = logging.getLogger(__name__)

_CONFLICT = 409  # as HTTP says it: the client describes the series again by itself
_MOST_FRAMES = 64  # that one question may ask for
_MOST_QUESTIONS = 32  # that are being answered at one time


class Channel:
    """Answers a view's questions about one series, off the thread that hears them.

    Parameters
    ----------
    handle
        The open archive.
    series
        The series that may be asked about; a view of one series reads no other. None: no series.
    send
        Sends one message to the client; bytes in it go as they are.
    """

    def __init__(
        self, handle: Handle, series: SeriesRow | None, send: Callable[[dict[str, Any]], None]
    ) -> None:
        self._handle = handle
        self._series = series
        self._send = send
        self._tasks: dict[str, asyncio.Task[None]] = {}

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
        except SeriesChanged as error:
            self._refuse(question_id, str(error), status=_CONFLICT)
        except NoctisError as error:
            self._refuse(question_id, str(error))
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
        series = self._series
        if series is None or question.get("SeriesInstanceUID") != series.SeriesInstanceUID:
            raise SeriesNotFound("this view is of another series")
        if what == "stack":
            return describe_stack(self._handle, series.reference).to_dict()
        first, count = question.get("first"), question.get("count")
        is_known = what in ("pixels", "preview")
        if not is_known or not isinstance(first, int) or not isinstance(count, int):
            raise SeriesNotFound("the view asked for something that there is not")
        said = question.get("revision")
        revision = said if isinstance(said, str) else None
        if what == "preview":
            return encode_preview(self._handle, series.reference, first, revision=revision)
        return encode_frames(
            self._handle,
            series.reference,
            first,
            min(count, _MOST_FRAMES),
            revision=revision,
        )

    def _elements(self, SOPInstanceUID: str) -> list[dict[str, str | None]]:
        row = self._handle.catalog.find_instance(SOPInstanceUID)
        if row is None or self._series is None or not _is_of(row, self._series):
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


def _is_of(row: InstanceRow, series: SeriesRow) -> bool:
    return (row.StudyInstanceUID, row.SeriesInstanceUID) == (
        series.StudyInstanceUID,
        series.SeriesInstanceUID,
    )
