"""How the archive is: health for machines, status for people."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request

from noctis_lab.views.status import ArchiveStatus, describe_status
from noctis_lab.web.remembered import Remembered
from noctis_lab.web.routes.context import AskedLab, Asking

__all__ = ["health", "router"]

router = APIRouter(tags=["status"])
health = APIRouter(tags=["status"])


@health.get("/health")
async def is_alive() -> dict[str, str]:
    """Say that this process answers; nothing about what it holds."""
    return {"status": "ok"}


@router.get("/status")
async def status(request: Request, lab: AskedLab, principal: Asking) -> ArchiveStatus:
    """Return what the archive holds, the space left, and whether the receiver listens."""
    receiver: Remembered[bool] = request.app.state.receiver
    listening = await receiver.answer()
    return await asyncio.to_thread(describe_status, lab, principal, listening=listening)
