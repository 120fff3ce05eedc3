"""The demo: synthetic series into this archive, on an administrator's word."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter

from noctis_lab.jobs.demo import ask_for_demo, find_demo_job, has_demo
from noctis_lab.lab import Lab
from noctis_lab.web.routes.context import AskedLab, Asking
from noctis_lab.web.schemas import DemoAnswer

__all__ = ["router"]

router = APIRouter(prefix="/demo", tags=["demo"])


@router.get("")
async def demo(lab: AskedLab) -> DemoAnswer:
    """Return whether the demo is in this archive, or on its way."""
    return await asyncio.to_thread(_answer, lab)


@router.post("")
async def load_demo(lab: AskedLab, principal: Asking) -> DemoAnswer:
    """Let the worker take synthetic series into the facility 'demo'; twice is as once."""

    def ask() -> DemoAnswer:
        ask_for_demo(lab.catalog)
        lab.ledger.audit(principal=principal.name, action="load-demo", subject="demo")
        return _answer(lab)

    return await asyncio.to_thread(ask)


def _answer(lab: Lab) -> DemoAnswer:
    job = find_demo_job(lab.catalog)
    if job is None:
        return DemoAnswer(state="loaded" if has_demo(lab.catalog) else "absent", why=None)
    if job.lease_owner is not None:
        return DemoAnswer(state="loading", why=None)
    return DemoAnswer(state="waiting" if job.last_error is None else "failed", why=job.last_error)
