"""How this installation is, for administrators: the quick ones of the doctor's checks."""

from __future__ import annotations

from fastapi import APIRouter, Request

from noctis_lab.jobs.doctor import Finding
from noctis_lab.web.remembered import Remembered
from noctis_lab.web.schemas import HealthAnswer

__all__ = ["router"]

router = APIRouter(tags=["status"])


@router.get("/health")
async def health(request: Request) -> HealthAnswer:
    """Return whether this installation is well, line by line, with remedies."""
    findings: Remembered[tuple[Finding, ...]] = request.app.state.health
    return HealthAnswer(findings=await findings.answer())
