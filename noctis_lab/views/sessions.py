"""Viewer sessions of a principal: saved, listed, opened, deleted; each sees their own alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from noctis_lab.access import Action, Principal, may, require
from noctis_lab.catalog.held_studies import find_held_studies
from noctis_lab.catalog.user_items import LONGEST_NAME, UserItem, find_item, list_items
from noctis_lab.errors import SeriesNotFound, UserItemNotFound, UserItemRefused
from noctis_lab.lab.sessions import VIEWER_SESSION, ViewerSession, series_named_by
from noctis_lab.views.state import ViewerState

if TYPE_CHECKING:
    from noctis_lab.lab import Lab

__all__ = ["delete_session", "find_session", "list_sessions", "read_name", "save_session"]


def save_session(
    lab: Lab,
    principal: Principal,
    *,
    name: str,
    StudyInstanceUID: str,
    state: Mapping[str, Any],
    at: datetime | None = None,
) -> ViewerSession:
    """Save a view under a name; one of that name is replaced.

    Parameters
    ----------
    name
        1 to 100 printable characters.
    StudyInstanceUID
        The study whose page it is; panes that name no study show its series.
    state
        As `ViewerState.to_dict` gives it.

    Raises
    ------
    UserItemRefused
        The name or the state is unsound, or the principal has too many.
    SeriesNotFound
        The principal may not see one of its series, or there is none.
    AccessDenied
        The principal may not keep anything.
    """
    require(principal, Action.ANNOTATE)
    sound = ViewerState()
    try:
        sound.update_from(state)
    except (TypeError, ValueError) as error:
        raise UserItemRefused(f"expected a view's state, but {error}; reload the page") from error
    document = {"StudyInstanceUID": StudyInstanceUID, "state": sound.to_dict()}
    if not _may_see(lab, principal, document):
        raise SeriesNotFound("a series of this view is not here, or not yours to see")
    at = at or lab.catalog.clock()
    item = UserItem(
        item_id=uuid4().hex,
        kind=VIEWER_SESSION,
        principal=principal.name,
        name=read_name(name),
        document=document,
        created_at=at,
        updated_at=at,
    )
    return ViewerSession.of(lab, lab.ledger.save_user_item(item))


def list_sessions(lab: Lab, principal: Principal) -> list[ViewerSession]:
    """Return a principal's sessions whose series they may see, newest first."""
    items = list_items(lab.catalog, VIEWER_SESSION, principal.name)
    are_seen = _may_see_each(lab, principal, [item.document for item in items])
    pairs = zip(items, are_seen, strict=True)
    return [ViewerSession.of(lab, item) for item, is_seen in pairs if is_seen]


def find_session(lab: Lab, principal: Principal, item_id: str) -> ViewerSession:
    """Return one of a principal's own sessions.

    Raises
    ------
    UserItemNotFound
        They have none of that id, or may not see its series any more.
    """
    item = find_item(lab.catalog, VIEWER_SESSION, principal.name, item_id)
    if item is None or not _may_see(lab, principal, item.document):
        raise UserItemNotFound("you have no viewer session of that id", item_id=item_id)
    return ViewerSession.of(lab, item)


def delete_session(lab: Lab, principal: Principal, item_id: str) -> None:
    """Forget one of a principal's own sessions.

    Raises
    ------
    UserItemNotFound
        They have none of that id.
    """
    if find_item(lab.catalog, VIEWER_SESSION, principal.name, item_id) is None:
        raise UserItemNotFound("you have no viewer session of that id", item_id=item_id)
    lab.ledger.remove_user_item(item_id)


def read_name(name: str) -> str:
    """Return a name without the space around it.

    Raises
    ------
    UserItemRefused
        It is empty, too long, or holds what cannot be printed.
    """
    name = name.strip()
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        raise UserItemRefused(f"expected a name of 1 to {LONGEST_NAME} printable characters")
    return name


def _may_see(lab: Lab, principal: Principal, document: Mapping[str, Any]) -> bool:
    return _may_see_each(lab, principal, [document]) == [True]


def _may_see_each(
    lab: Lab, principal: Principal, documents: Sequence[Mapping[str, Any]]
) -> list[bool]:
    """Return of each session whether its study and all of its series are the principal's to see."""
    named = [
        (each["StudyInstanceUID"], series_named_by(each["StudyInstanceUID"], each["state"]))
        for each in documents
    ]
    studies = {study for own, series in named for study in (own, *(one for one, _ in series))}
    held = {
        uid: study
        for uid, study in find_held_studies(lab.catalog, studies).items()
        if may(principal, Action.SEE, facilities=study.facilities)
    }
    return [
        own in held
        and all(study in held and uid in held[study].SeriesInstanceUIDs for study, uid in series)
        for own, series in named
    ]
