"""How this installation is, for administrators: the quick ones of the doctor's checks."""

from __future__ import annotations

import asyncio
import time

from fastapi import APIRouter, Request

from noctis_lab.config import Settings
from noctis_lab.jobs.doctor import Depth, Finding, examine
from noctis_lab.web.schemas import HealthAnswer

__all__ = ["HealthProbe", "router"]

router = APIRouter(tags=["status"])

_LOOK_EVERY_S = 5.0


class HealthProbe:
    """The doctor's quick look at an archive; it is asked at most every five seconds."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = asyncio.Lock()
        self._asked_s = -_LOOK_EVERY_S
        self._findings: tuple[Finding, ...] = ()

    async def look(self) -> tuple[Finding, ...]:
        """Return the findings, of now or of a few seconds ago."""
        async with self._lock:
            if time.monotonic() - self._asked_s >= _LOOK_EVERY_S:
                self._findings = await asyncio.to_thread(self._examine)
                self._asked_s = time.monotonic()
            return self._findings

    def _examine(self) -> tuple[Finding, ...]:
        return tuple(examine(self._settings, depth=Depth(quick=True)))


@router.get("/health")
async def health(request: Request) -> HealthAnswer:
    """Return whether this installation is well, line by line, with remedies."""
    probe: HealthProbe = request.app.state.health
    return HealthAnswer(findings=await probe.look())
