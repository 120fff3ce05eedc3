"""How far uploads are: what a page asks while the archive takes a zip apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from noctis_lab.ingest.upload import UploadReport

__all__ = ["HowFar", "Underway"]


class HowFar(NamedTuple):
    """Files of an upload that have come to their end, of those found; both 0 where none is."""

    done: int
    found: int


_NOWHERE = HowFar(0, 0)


class Underway:
    """The uploads of one web process that are being taken in; as many as `Limits` lets in."""

    def __init__(self) -> None:
        self._uploads: dict[tuple[str, str], HowFar] = {}

    @contextmanager
    def noting(self, principal: str, upload_id: str) -> Iterator[Callable[[UploadReport], None]]:
        """Give what notes how far an upload is, from any thread; it is forgotten at the end.

        Parameters
        ----------
        principal
            Whose upload it is; nobody else is told.
        upload_id
            The client's own word for it; empty: nobody will ask.
        """
        key = (principal, upload_id)

        def note(report: UploadReport) -> None:
            if upload_id:
                self._uploads[key] = HowFar(report.done, max(report.found, report.done))

        try:
            yield note
        finally:
            self._uploads.pop(key, None)

    def how_far(self, principal: str, upload_id: str) -> HowFar:
        """Return how far a principal's own upload is."""
        return self._uploads.get((principal, upload_id), _NOWHERE)
