"""How the archive is: health for machines, status for people."""

from __future__ import annotations

import asyncio
import os
import time
from importlib.metadata import version

from fastapi import APIRouter, Request

from noctis_lab.access import Principal
from noctis_lab.config import Settings
from noctis_lab.lab import Lab
from noctis_lab.views.listing import StudyQuery, find_page
from noctis_lab.views.receiver import is_listening, reached_at
from noctis_lab.web.routes.context import AskedLab, Asking
from noctis_lab.web.schemas import ReceiverState, StatusAnswer

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
async def status(request: Request, lab: AskedLab, principal: Asking) -> StatusAnswer:
    """Return what the archive holds, the space left, and whether the receiver listens."""
    probe: ReceiverProbe = request.app.state.receiver
    listening = await probe.is_listening()
    return await asyncio.to_thread(_status, lab, principal, listening=listening)


def _status(lab: Lab, principal: Principal, *, listening: bool) -> StatusAnswer:
    settings = lab.settings
    sees_all = principal.facilities is None
    counts = lab.catalog.counts() if sees_all else None
    seen = find_page(lab, principal, StudyQuery(limit=1)).total if counts is None else 0
    disk = os.statvfs(settings.root)
    return StatusAnswer(
        receiver=ReceiverState(
            aet=settings.dicom_aet,
            host=settings.dicom_host,
            port=settings.dicom_port,
            reached_at=reached_at(settings),
            listening=listening,
        ),
        studies=seen if counts is None else counts.studies,
        series=None if counts is None else counts.series,
        instances=None if counts is None else counts.instances,
        stored_bytes=None if counts is None else counts.stored_bytes,
        free_bytes=disk.f_bavail * disk.f_frsize,
        version=version("noctis-lab"),
    )
