"""Who asks, and what of the archive is theirs to see: sessions, studies' facilities, the audit."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import TYPE_CHECKING

from noctis_lab.access import Principal
from noctis_lab.catalog import people
from noctis_lab.config import Settings
from noctis_lab.views.listing import may_see_study
from noctis_lab.views.pages import Visit
from noctis_lab.web.targets import Kind, Target

if TYPE_CHECKING:
    from noctis_lab.lab import Lab

__all__ = ["Gate", "cookie_name", "current_visit", "entering"]

_AUDITED_AGAIN_S = 600.0
_MOST_AUDITED = 4096
_VISIT: ContextVar[Visit] = ContextVar("noctis_visit")


def cookie_name(settings: Settings) -> str:
    """Return the session cookie's name: one per port, since cookies do not know of ports."""
    return f"noctis_session_{settings.port}"


@contextmanager
def entering(principal: Principal | None, nonce: str) -> Iterator[None]:
    """Let `current_visit` answer within the block, in threads that it starts too."""
    if principal is None:
        yield
        return
    token = _VISIT.set(Visit(principal=principal, nonce=nonce))
    try:
        yield
    finally:
        _VISIT.reset(token)


def current_visit() -> Visit:
    """Return who makes the request that is being answered.

    Raises
    ------
    LookupError
        Nobody does: the caller stands outside the guard.
    """
    return _VISIT.get()


class Gate:
    """What the guard asks of the catalogue; every method may block."""

    def __init__(self, lab: Lab, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.lab = lab
        self._clock = clock
        self._audited: OrderedDict[tuple[str, str, str], float] = OrderedDict()
        self._auditing = threading.Lock()

    def find_principal(self, secret: str) -> Principal | None:
        """Return whose session a cookie's secret is, or None where it has ended."""
        return people.find_session(self.lab.catalog, secret)

    def open_session(self, principal: str) -> str:
        """Begin a session and return its secret."""
        lasts = timedelta(hours=self.lab.settings.session_hours)
        return people.create_session(self.lab.catalog, principal, lifetime=lasts)

    def redeem_token(self, token: str) -> str | None:
        """Return the principal of a start token, or None where it is not one."""
        return people.redeem_login_token(self.lab.catalog, token)

    def has_passwords(self) -> bool:
        """Return whether anybody can sign in with a password."""
        return people.has_passwords(self.lab.catalog)

    def check_password(self, name: str, password: str) -> str | None:
        """Return the principal whose password it is, or None."""
        return people.check_password(self.lab.catalog, name, password)

    def close_session(self, secret: str) -> None:
        """End a session."""
        people.end_session(self.lab.catalog, secret)

    def may_see(self, principal: Principal, StudyInstanceUID: str) -> bool:
        """Return whether a study exists and is the principal's to see."""
        return may_see_study(self.lab, principal, StudyInstanceUID)

    def admit(self, principal: Principal, target: Target) -> bool:
        """Return whether a target exists and is the principal's to see; write the audit."""
        StudyInstanceUID = self._study_of(target)
        if StudyInstanceUID is None or not self.may_see(principal, StudyInstanceUID):
            return False
        if target.is_viewing:
            self._audit(principal.name, "see-study", StudyInstanceUID)
        return True

    def note_upload(self, principal: Principal, StudyInstanceUID: str) -> None:
        """Write the audit of an upload into a study."""
        self._audit(principal.name, "upload-study", StudyInstanceUID)

    def _audit(self, name: str, action: str, StudyInstanceUID: str) -> None:
        """Write that somebody does something with a study: a line once in ten minutes."""
        now_s = self._clock()
        with self._auditing:
            last_s = self._audited.get((name, action, StudyInstanceUID))
        if last_s is not None and now_s - last_s < _AUDITED_AGAIN_S:
            return
        # Noted after it is written: where the write fails, nobody is let in on the next try either.
        self.lab.ledger.audit(principal=name, action=action, subject=StudyInstanceUID)
        with self._auditing:
            self._audited[name, action, StudyInstanceUID] = now_s
            self._audited.move_to_end((name, action, StudyInstanceUID))
            while len(self._audited) > _MOST_AUDITED:
                self._audited.popitem(last=False)

    def _study_of(self, target: Target) -> str | None:
        assert target.UID is not None
        if target.kind is Kind.STUDY:
            return target.UID
        instance = self.lab.catalog.find_instance(target.UID)
        return instance.StudyInstanceUID if instance else None
