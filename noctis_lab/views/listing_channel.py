"""The worklist's questions, answered over the component's own messages."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from noctis_lab.access import Principal
from noctis_lab.errors import SeriesNotFound, StudyNotFound
from noctis_lab.events import InstanceStored, SeriesSummarised
from noctis_lab.lab.thumbnails import find_thumbnail
from noctis_lab.views.channel import Channel
from noctis_lab.views.listing import (
    StudyQuery,
    count_studies,
    find_page,
    list_series,
    may_see_study,
)
from noctis_lab.views.status import describe_status, is_listening

if TYPE_CHECKING:
    from noctis_lab.lab import Lab

__all__ = ["ListingChannel"]

_QUERY = TypeAdapter(StudyQuery)
_ANY: TypeAdapter[Any] = TypeAdapter(Any)
_MOST_ROWS = 200


class ListingChannel(Channel):
    """Answers a worklist's questions, off the thread that hears them.

    Parameters
    ----------
    lab
        The open archive.
    principal
        Who looks at it.
    send
        Sends one message to the client; bytes in it go as they are.
    """

    def __init__(
        self, lab: Lab, principal: Principal, send: Callable[[dict[str, Any]], None]
    ) -> None:
        super().__init__(lab.handle, None, send)
        self._lab = lab
        self._principal = principal

    def _read(self, question: dict[str, Any]) -> Any:
        what = question.get("what")
        readers: dict[Any, Callable[[dict[str, Any]], Any]] = {
            "search": lambda asked: find_page(self._lab, self._principal, _query(asked)),
            "facets": lambda asked: count_studies(self._lab, self._principal, _query(asked)),
            "series": self._series_of,
            "status": lambda _: describe_status(
                self._lab, self._principal, listening=is_listening(self._lab.settings)
            ),
            "events": self._events,
        }
        if what == "thumbnail":
            return self._thumbnail(question)
        if what not in readers:
            raise SeriesNotFound("the worklist asked for something that there is not")
        return _ANY.dump_python(readers[what](question), mode="json")

    def _series_of(self, asked: dict[str, Any]) -> Any:
        uid = str(asked.get("StudyInstanceUID"))
        if not may_see_study(self._lab, self._principal, uid):
            raise StudyNotFound(f"there is no study {uid} that you may see", StudyInstanceUID=uid)
        return list_series(self._lab, self._lab.catalog.series_of(uid))

    def _thumbnail(self, asked: dict[str, Any]) -> bytes:
        uid, study_uid = str(asked.get("SeriesInstanceUID")), str(asked.get("StudyInstanceUID"))
        series = self._lab.catalog.find_series_of(study_uid, uid)
        if series is None or not may_see_study(self._lab, self._principal, study_uid):
            raise SeriesNotFound(
                f"there is no series {uid} that you may see", SeriesInstanceUID=uid
            )
        return find_thumbnail(self._lab, series.reference)

    def _events(self, asked: dict[str, Any]) -> dict[str, Any]:
        after = asked.get("after")
        if not isinstance(after, int) or isinstance(after, bool):
            return {"last": self._lab.catalog.last_event_id(), "happened": []}
        events = self._lab.catalog.poll_events(after)
        may_see = cache(lambda uid: may_see_study(self._lab, self._principal, uid))
        happened = [
            {
                "kind": event.kind,
                "StudyInstanceUID": event.StudyInstanceUID,
                "SeriesInstanceUID": event.SeriesInstanceUID,
                "instance_count": 1,
            }
            for _, event in events
            if isinstance(event, InstanceStored | SeriesSummarised)
            and may_see(event.StudyInstanceUID)
        ]
        return {"last": events[-1][0] if events else after, "happened": happened}


def _query(asked: dict[str, Any]) -> StudyQuery:
    words = {key: value for key, value in asked.items() if key in StudyQuery.__dataclass_fields__}
    query = _QUERY.validate_python(words)
    if not 1 <= query.limit <= _MOST_ROWS or query.offset < 0:
        raise SeriesNotFound(f"the worklist asks for 1 to {_MOST_ROWS} rows at a time")
    return query
