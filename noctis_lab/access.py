"""Pure policy: may this principal do that? No I/O; who people are is `catalog/people.py`'s."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from noctis_lab.errors import AccessDenied

__all__ = ["ADMIN", "Action", "Principal", "Role", "may", "may_edit", "require"]


class Role(StrEnum):
    """What a principal is, within their facilities."""

    VIEWER = "viewer"
    RESEARCHER = "researcher"
    ADMIN = "admin"


class Action(StrEnum):
    """What can be asked for."""

    SEE = "see"  # worklist, pixels, headers of a study
    ANNOTATE = "annotate"  # measurements, annotations, presets of one's own
    QUERY = "query"  # SQL over the catalogue
    UPLOAD = "upload"
    CALIBRATE = "calibrate"  # analyses of phantoms, baselines, curves, events of scanners
    ADMINISTER = "administer"  # senders, facilities, people, quarantine, deletion


_ALLOWED: dict[Role, frozenset[Action]] = {
    Role.VIEWER: frozenset({Action.SEE, Action.ANNOTATE}),
    Role.RESEARCHER: frozenset(
        {Action.SEE, Action.ANNOTATE, Action.QUERY, Action.UPLOAD, Action.CALIBRATE}
    ),
    Role.ADMIN: frozenset(Action),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Somebody who is signed in.

    `facilities` None means every facility (an administrator of the archive).
    """

    name: str
    role: Role
    facilities: frozenset[str] | None


ADMIN = "admin"  #: the principal that a fresh archive has


def may(principal: Principal, action: Action, *, facilities: Collection[str] | None = None) -> bool:
    """Return whether `principal` may do `action`.

    Parameters
    ----------
    facilities
        The facilities of the thing acted on (a study's `study_access`); None where the action is
        about no study. A study of no facility is seen only by principals of every facility.
    """
    if action not in _ALLOWED[principal.role]:
        return False
    if facilities is None or principal.facilities is None:
        return True
    return not principal.facilities.isdisjoint(facilities)


def require(
    principal: Principal, action: Action, *, facilities: Collection[str] | None = None
) -> None:
    """Raise `AccessDenied` where `may` says no."""
    if not may(principal, action, facilities=facilities):
        raise AccessDenied(
            f"'{principal.name}' ({principal.role}) may not {action}; ask an administrator of this "
            "archive for the role or the facility",
            principal=principal.name,
            action=str(action),
        )


def may_edit(principal: Principal, author: str) -> bool:
    """Return whether `principal` may change or delete what `author` made."""
    return principal.role is Role.ADMIN or principal.name == author
