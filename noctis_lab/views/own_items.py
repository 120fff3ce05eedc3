"""What a principal keeps for themselves: made from what a client says, found, forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from noctis_lab.access import Action, Principal, require
from noctis_lab.catalog.user_items import LONGEST_NAME, UserItem, find_item
from noctis_lab.errors import UserItemNotFound, UserItemRefused
from noctis_lab.lab.hanging import HANGING_PROTOCOL
from noctis_lab.lab.sessions import VIEWER_SESSION
from noctis_lab.lab.window_presets import WINDOW_PRESET
from noctis_lab.views.state import ViewerState

if TYPE_CHECKING:
    from noctis_lab.lab import Lab

__all__ = ["delete_own", "find_own", "keep_own", "read_state", "read_words"]

_WORDS: Final = {
    HANGING_PROTOCOL: "hanging protocol",
    VIEWER_SESSION: "viewer session",
    WINDOW_PRESET: "window preset",
}


def keep_own(
    lab: Lab,
    principal: Principal,
    kind: str,
    *,
    name: str,
    document: dict[str, Any],
    at: datetime | None,
) -> UserItem:
    """Keep a document under a name; one's own of that kind and name is replaced.

    Raises
    ------
    UserItemRefused
        The principal has too many.
    AccessDenied
        The principal may not keep anything.
    """
    require(principal, Action.ANNOTATE)
    at = at or lab.catalog.clock()
    return lab.ledger.save_user_item(
        UserItem(
            item_id=uuid4().hex,
            kind=kind,
            principal=principal.name,
            name=name,
            document=document,
            created_at=at,
            updated_at=at,
        )
    )


def find_own(lab: Lab, principal: Principal, kind: str, item_id: str) -> UserItem:
    """Return one of a principal's own items.

    Raises
    ------
    UserItemNotFound
        They have none of that kind and id.
    """
    item = find_item(lab.catalog, kind, principal.name, item_id)
    if item is None:
        raise UserItemNotFound(f"you have no {_WORDS[kind]} of that id", item_id=item_id)
    return item


def delete_own(lab: Lab, principal: Principal, kind: str, item_id: str) -> None:
    """Forget one of a principal's own items; raises as `find_own`."""
    lab.ledger.remove_user_item(find_own(lab, principal, kind, item_id).item_id)


def read_words(value: Any, what: str = "name", most: int = LONGEST_NAME) -> str:
    """Return a line of words without the space around it.

    Raises
    ------
    UserItemRefused
        It is no text, empty, too long, or holds what cannot be printed.
    """
    words = value.strip() if isinstance(value, str) else ""
    if not 1 <= len(words) <= most or not words.isprintable():
        raise UserItemRefused(f"expected a {what} of 1 to {most} printable characters")
    return words


def read_state(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return a view's state as `ViewerState.to_dict` gives it, each part of its type and range.

    Raises
    ------
    UserItemRefused
        A part is unsound.
    """
    state = ViewerState()
    try:
        state.update_from(said)
    except (TypeError, ValueError) as error:
        raise UserItemRefused(f"expected a view's state, but {error}; reload the page") from error
    return state.to_dict()
