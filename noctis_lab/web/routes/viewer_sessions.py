"""One's own viewer sessions: listed, saved, opened, deleted."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path

from noctis_lab.lab.sessions import ViewerSession
from noctis_lab.views import sessions
from noctis_lab.web.routes.context import AskedLab, Asking
from noctis_lab.web.schemas import SaveViewerSession, ViewerSessionAnswer

__all__ = ["router"]

router = APIRouter(prefix="/viewer-sessions", tags=["viewer sessions"])

ItemId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", description="32 hexadecimal digits.")]


@router.get("")
async def list_sessions(lab: AskedLab, principal: Asking) -> list[ViewerSessionAnswer]:
    """Return one's own sessions whose series one may see, newest first."""
    found = await asyncio.to_thread(sessions.list_sessions, lab, principal)
    return [_answer(session) for session in found]


@router.post("")
async def save_session(
    lab: AskedLab, principal: Asking, asked: SaveViewerSession
) -> ViewerSessionAnswer:
    """Save a view under a name; one's own of that name is replaced."""

    def save() -> ViewerSession:
        return sessions.save_session(
            lab,
            principal,
            name=asked.name,
            StudyInstanceUID=asked.StudyInstanceUID,
            state=asked.state,
        )

    return _answer(await asyncio.to_thread(save))


@router.get("/{item_id}")
async def one_session(lab: AskedLab, principal: Asking, item_id: ItemId) -> ViewerSessionAnswer:
    """Return one of one's own sessions."""
    return _answer(await asyncio.to_thread(sessions.find_session, lab, principal, item_id))


@router.delete("/{item_id}", status_code=204)
async def delete_session(lab: AskedLab, principal: Asking, item_id: ItemId) -> None:
    """Forget one of one's own sessions."""
    await asyncio.to_thread(sessions.delete_session, lab, principal, item_id)


def _answer(session: ViewerSession) -> ViewerSessionAnswer:
    return ViewerSessionAnswer(
        item_id=session.item_id,
        name=session.name,
        StudyInstanceUID=session.StudyInstanceUID,
        state=session.state,
        saved_at=session.saved_at,
    )
