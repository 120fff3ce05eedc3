"""How the archive is: health for machines, status for people."""

from __future__ import annotations

import asyncio
import time

from fastapi import APIRouter, Request

from noctis_lab.config import Settings
from noctis_lab.views.status import ArchiveStatus, describe_status, is_listening
from noctis_lab.web.routes.context import AskedLab, Asking

__all__ = ["ReceiverProbe", "health", "router"]

router = APIRouter(tags=["status"])
health = APIRouter(tags=["status"])

_PROBE_EVERY_S = 10.0


class ReceiverProbe:
    """Whether somebody listens where modalities send to; asked at most every ten seconds."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = asyncio.Lock()
        self._asked_s = -_PROBE_EVERY_S
        self._listening = False

    async def is_listening(self) -> bool:
        """Return whether a connection to the receiver's port opens."""
        async with self._lock:
            if time.monotonic() - self._asked_s >= _PROBE_EVERY_S:
                self._listening = await asyncio.to_thread(is_listening, self._settings)
                self._asked_s = time.monotonic()
            return self._listening


@health.get("/health")
async def is_alive() -> dict[str, str]:
    """Say that this process answers; nothing about what it holds."""
    return {"status": "ok"}


@router.get("/status")
async def status(request: Request, lab: AskedLab, principal: Asking) -> ArchiveStatus:
    """Return what the archive holds, the space left, and whether the receiver listens."""
    probe: ReceiverProbe = request.app.state.receiver
    listening = await probe.is_listening()
    return await asyncio.to_thread(describe_status, lab, principal, listening=listening)
