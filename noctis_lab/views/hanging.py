"""How a study is hung for whoever opens it, and the layouts that they save for themselves."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from noctis_lab.access import Action, Principal, require
from noctis_lab.catalog.user_items import UserItem, count_items, find_item, find_named, list_items
from noctis_lab.errors import (
    HangingProtocolRefused,
    NoctisError,
    StudyNotFound,
    UserItemNotFound,
    UserItemRefused,
)
from noctis_lab.lab.hanging import (
    HANGING_PROTOCOL,
    HangingProtocol,
    Protocol,
    find_study,
    iter_protocols,
    parse_protocol,
)
from noctis_lab.lab.hanging.hang import hang
from noctis_lab.lab.hanging.saving import APPLIES_TO, ShownLayout, protocol_of_view
from noctis_lab.views.listing import may_see_study
from noctis_lab.views.sessions import read_name
from noctis_lab.views.state import ViewerState

if TYPE_CHECKING:
    from noctis_lab.lab import Lab

__all__ = [
    "MOST_OWN",
    "Hung",
    "delete_protocol",
    "find_protocol",
    "hang_page",
    "hang_study",
    "list_protocols",
    "rename_protocol",
    "save_protocol",
    "save_view",
]

logger = logging.getLogger(__name__)

MOST_OWN: Final = 100  #: protocols that one principal keeps: all are tried as a study opens


@dataclass(frozen=True, slots=True, kw_only=True)
class Hung:
    """A protocol that applies to a study, and the view's state in which it hangs it."""

    id: str
    name: str
    source: str  # own, lab or built-in
    description: str
    state: dict[str, Any]


def hang_study(lab: Lab, principal: Principal, StudyInstanceUID: str) -> list[Hung]:
    """Return what applies to a study, in the order of trying: the first is how it opens.

    Raises
    ------
    StudyNotFound
        There is no such study, or it is not the principal's to see.
    """
    if not may_see_study(lab, principal, StudyInstanceUID):
        raise StudyNotFound("the study is not here, or not yours to see")
    study = find_study(lab, StudyInstanceUID)
    found = []
    for kept in iter_protocols(lab, principal.name):
        try:
            state = hang(kept.protocol, study)
        except NoctisError as error:
            # One rule that cannot be followed leaves the study to the others.
            logger.warning(
                "a hanging protocol could not be tried: %s", type(error).__name__,
                extra={"protocol": kept.id},
            )  # fmt: skip
            continue
        if state is not None:
            sound = ViewerState()
            sound.update_from(state)
            found.append(
                Hung(
                    id=kept.id,
                    name=kept.name,
                    source=kept.source,
                    description=kept.protocol.description,
                    state=sound.to_dict(),
                )
            )
    return found


def hang_page(
    lab: Lab, principal: Principal, StudyInstanceUID: str, *, is_asked: bool
) -> dict[str, Any]:
    """Return what a study's page is told of hanging: `protocols`, and the id that `hung` it.

    Parameters
    ----------
    is_asked
        The page's address says itself what is shown: nothing hangs it, and `hung` is empty.
    """
    try:
        found = hang_study(lab, principal, StudyInstanceUID)
    except StudyNotFound:
        found = []
    hung = "" if is_asked or not found else found[0].id
    return {"hung": hung, "protocols": [asdict(each) for each in found]}


def list_protocols(lab: Lab, principal: Principal) -> list[HangingProtocol]:
    """Return a principal's own protocols, newest first."""
    found = []
    for item in list_items(lab.catalog, HANGING_PROTOCOL, principal.name):
        try:
            found.append(HangingProtocol.of(lab, item))
        except HangingProtocolRefused:
            logger.warning("a kept hanging protocol is none", extra={"item_id": item.item_id})
    return found


def find_protocol(lab: Lab, principal: Principal, item_id: str) -> HangingProtocol:
    """Return one of a principal's own protocols.

    Raises
    ------
    UserItemNotFound
        They have none of that id.
    """
    return HangingProtocol.of(lab, _find(lab, principal, item_id))


def save_protocol(
    lab: Lab, principal: Principal, text: str, *, at: datetime | None = None
) -> HangingProtocol:
    """Keep a protocol that is given as YAML; one's own of its name is replaced.

    Raises
    ------
    HangingProtocolRefused
        It is none: says in which line and why.
    UserItemRefused
        The principal has too many.
    AccessDenied
        The principal may not keep anything.
    """
    return _keep(lab, principal, parse_protocol(text, source=""), at)


def save_view(
    lab: Lab,
    principal: Principal,
    StudyInstanceUID: str,
    layout: ShownLayout,
    *,
    at: datetime | None = None,
) -> HangingProtocol:
    """Keep a view's layout as a protocol for similar studies; one's own of the name is replaced.

    Parameters
    ----------
    StudyInstanceUID
        The study in view.
    layout
        What is shown, and what it is to apply to; as it came, unsound parts and all.

    Raises
    ------
    UserItemRefused
        Name, state or patterns are unsound, or the principal has too many.
    StudyNotFound
        There is no such study, or it is not the principal's to see.
    AccessDenied
        The principal may not keep anything.
    """
    require(principal, Action.ANNOTATE)
    if not may_see_study(lab, principal, StudyInstanceUID):
        raise StudyNotFound("the study is not here, or not yours to see")
    if set(layout.applies_to) - set(APPLIES_TO):
        raise UserItemRefused(f"expected patterns of {', '.join(APPLIES_TO)} alone")
    state = ViewerState()
    try:
        state.update_from(layout.state)
    except (TypeError, ValueError) as error:
        raise UserItemRefused(f"expected a view's state, but {error}; reload the page") from error
    sound = replace(
        layout,
        name=read_name(layout.name),
        state=state.to_dict(),
        applies_to={column: text.strip() for column, text in layout.applies_to.items()},
    )
    protocol = protocol_of_view(sound, lab.catalog.series_of(StudyInstanceUID))
    try:  # what is kept is what a file may say
        checked = parse_protocol(protocol.to_yaml(), source="")
    except HangingProtocolRefused as error:
        raise UserItemRefused(error.reason) from error
    return _keep(lab, principal, checked, at)


def rename_protocol(
    lab: Lab, principal: Principal, item_id: str, name: str, *, at: datetime | None = None
) -> HangingProtocol:
    """Give one of a principal's own protocols another name.

    Raises
    ------
    UserItemNotFound
        They have none of that id.
    UserItemRefused
        The name is none, or another of theirs has it.
    AccessDenied
        The principal may not keep anything.
    """
    item = _find(lab, principal, item_id)
    known = HangingProtocol.of(lab, item)
    wanted = read_name(name)
    if wanted == item.name:
        return known
    if find_named(lab.catalog, HANGING_PROTOCOL, principal.name, wanted) is not None:
        raise UserItemRefused("expected a name that no other of your protocols has")
    kept = _keep(lab, principal, replace(known.protocol, name=wanted), at, is_renaming=True)
    # Should this fail, both names stand: nothing is lost.
    lab.ledger.remove_user_item(item_id)
    return kept


def delete_protocol(lab: Lab, principal: Principal, item_id: str) -> None:
    """Forget one of a principal's own protocols.

    Raises
    ------
    UserItemNotFound
        They have none of that id.
    """
    lab.ledger.remove_user_item(_find(lab, principal, item_id).item_id)


def _find(lab: Lab, principal: Principal, item_id: str) -> UserItem:
    item = find_item(lab.catalog, HANGING_PROTOCOL, principal.name, item_id)
    if item is None:
        raise UserItemNotFound("you have no hanging protocol of that id", item_id=item_id)
    return item


def _keep(
    lab: Lab,
    principal: Principal,
    protocol: Protocol,
    at: datetime | None,
    *,
    is_renaming: bool = False,
) -> HangingProtocol:
    require(principal, Action.ANNOTATE)
    is_known = find_named(lab.catalog, HANGING_PROTOCOL, principal.name, protocol.name)
    count = count_items(lab.catalog, HANGING_PROTOCOL, principal.name)
    if is_known is None and not is_renaming and count >= MOST_OWN:
        raise UserItemRefused(f"expected at most {MOST_OWN} hanging protocols; delete some first")
    at = at or lab.catalog.clock()
    item = UserItem(
        item_id=uuid4().hex,
        kind=HANGING_PROTOCOL,
        principal=principal.name,
        name=protocol.name,
        document={"protocol": protocol.to_plain()},
        created_at=at,
        updated_at=at,
    )
    return HangingProtocol.of(lab, lab.ledger.save_user_item(item))
