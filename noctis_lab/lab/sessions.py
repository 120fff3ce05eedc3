"""Saved views of series: what somebody had on the screen, under a name, to be opened again."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from noctis_lab.catalog.user_items import UserItem, list_items
from noctis_lab.errors import SeriesNotFound
from noctis_lab.lab.opening import open_viewer

if TYPE_CHECKING:
    from noctis_lab.catalog.records import SeriesRow
    from noctis_lab.lab import Lab

__all__ = [
    "VIEWER_SESSION",
    "ViewerSession",
    "list_viewer_sessions",
    "series_named_by",
    "series_of_state",
]

VIEWER_SESSION: Final = "viewer-session"  #: the kind of its user items


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewerSession:
    """A saved view.

    Attributes
    ----------
    name
        As whoever saved it named it.
    principal
        Who saved it.
    StudyInstanceUID
        The study whose page it was saved in; series in `state` that name no study are its.
    state
        What `noctis_lab.views.state.ViewerState.to_dict` gives: series, frames, windows, layout.
    saved_at
        When, UTC.
    """

    item_id: str
    name: str
    principal: str
    StudyInstanceUID: str
    state: dict[str, Any]
    saved_at: datetime
    _lab: Lab = field(repr=False, compare=False)

    @classmethod
    def of(cls, lab: Lab, item: UserItem) -> ViewerSession:
        """Return the session that an item holds."""
        return cls(
            item_id=item.item_id,
            name=item.name,
            principal=item.principal,
            StudyInstanceUID=item.document["StudyInstanceUID"],
            state=item.document["state"],
            saved_at=item.updated_at,
            _lab=lab,
        )

    def view(self) -> Any:
        """Open it in a notebook's cell; see `noctis_lab.views.viewer.SeriesView`.

        Raises
        ------
        SeriesNotFound
            One of its series is not in this archive (any more).
        """
        rows = series_of_state(self._lab, self.StudyInstanceUID, self.state)
        if not rows:
            raise SeriesNotFound("this session was saved with no series in view")
        # Panes that name no study are of the session's own, whichever is the active one.
        own = [row for row in rows if row.StudyInstanceUID == self.StudyInstanceUID]
        return open_viewer(self._lab, (own or rows)[0], state=self.state, others=rows)


def list_viewer_sessions(lab: Lab) -> list[ViewerSession]:
    """Return everybody's saved views, newest first."""
    return [ViewerSession.of(lab, item) for item in list_items(lab.catalog, VIEWER_SESSION)]


def series_named_by(StudyInstanceUID: str, state: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the series that a view's state names, the active pane's first.

    Parameters
    ----------
    StudyInstanceUID
        The study of panes that name none.

    Returns
    -------
    list of (StudyInstanceUID, SeriesInstanceUID)
        Each once.
    """
    named = (
        (pane.get("StudyInstanceUID") or StudyInstanceUID, pane["SeriesInstanceUID"])
        for pane in (state, *state.get("panes", ()))
    )
    return list(dict.fromkeys((study, uid) for study, uid in named if uid))


def series_of_state(lab: Lab, StudyInstanceUID: str, state: dict[str, Any]) -> list[SeriesRow]:
    """Return the series that a view's state names, each once, the active pane's first.

    Parameters
    ----------
    StudyInstanceUID
        The study of panes that name none.

    Raises
    ------
    SeriesNotFound
        One of them is not in this archive.
    """
    found: dict[str, SeriesRow] = {}
    for study, uid in series_named_by(StudyInstanceUID, state):
        row = lab.catalog.find_series_of(study, uid)
        if row is None:
            raise SeriesNotFound(
                f"series {uid} of study {study} is not in this archive", SeriesInstanceUID=uid
            )
        found[row.reference] = row
    return list(found.values())
