"""Notifications as server-sent events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Request
from fastapi.responses import StreamingResponse

from noctis_lab.access import Action, Principal, may
from noctis_lab.web.auth import cookie_name
from noctis_lab.web.live import Notification
from noctis_lab.web.routes.context import AskedGate, Feed

__all__ = ["router"]

router = APIRouter(tags=["notifications"])


@router.get("/notifications/stream")
async def stream(
    request: Request,
    gate: AskedGate,
    feed: Feed,
    last_event_id: Annotated[int | None, Header(ge=0)] = None,
) -> StreamingResponse:
    """Stream what happens in the archive; `Last-Event-ID` goes on where a page left off.

    What is about a study goes to those who may see it, all other to administrators. It ends with
    the session, and follows what becomes of its principal's rights.
    """
    secret = request.cookies.get(cookie_name(gate.lab.settings), "")

    def asking() -> Principal | None:
        return gate.find_principal(secret)

    def sees(notification: Notification) -> bool:
        principal = asking()
        if principal is None:
            return False
        StudyInstanceUID = notification.fields.get("StudyInstanceUID")
        if isinstance(StudyInstanceUID, str):
            return gate.may_see(principal, StudyInstanceUID)
        return may(principal, Action.ADMINISTER)

    async def events() -> AsyncIterator[bytes]:
        async with feed.subscribe(
            after=last_event_id, sees=sees, is_over=lambda: asking() is None
        ) as subscription:
            async for message in subscription.iter_sse():
                yield message

    return StreamingResponse(
        events(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
    )
