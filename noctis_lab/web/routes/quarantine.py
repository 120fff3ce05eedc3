"""What is kept aside, for administrators: listed, looked at, accepted, discarded."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Query

from noctis_lab.ingest import quarantine as ingest_quarantine
from noctis_lab.lab import Lab
from noctis_lab.web.routes.context import AskedLab, Asking
from noctis_lab.web.schemas import InspectionAnswer, QuarantineAnswer, QuarantinedRow

__all__ = ["router"]

router = APIRouter(prefix="/quarantine", tags=["quarantine"])

_MOST_ROWS = 200  #: of one answer

QuarantineId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", description="As the list has it.")]


@router.get("")
async def list_quarantined(
    lab: AskedLab,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=_MOST_ROWS)] = 50,
) -> QuarantineAnswer:
    """Return what is kept aside, newest first."""
    return await asyncio.to_thread(_answer, lab, offset, limit)


@router.get("/{quarantine_id}")
async def inspect(lab: AskedLab, quarantine_id: QuarantineId) -> InspectionAnswer:
    """Return what one is, how it differs from what stands, and what accepting it would do."""

    def ask() -> InspectionAnswer:
        found = ingest_quarantine.inspect(lab.archive, quarantine_id)
        return InspectionAnswer(
            **QuarantinedRow.of(found.row).model_dump(),
            differences=found.differences,
            can_accept=found.can_accept,
            accept_means=found.accept_means,
        )

    return await asyncio.to_thread(ask)


@router.post("/{quarantine_id}/accept")
async def accept(lab: AskedLab, principal: Asking, quarantine_id: QuarantineId) -> QuarantineAnswer:
    """Admit one; of a conflict it takes the place of what stands, which is kept aside instead."""

    def settle() -> QuarantineAnswer:
        ingest_quarantine.accept(lab.archive, quarantine_id, principal=principal.name)
        return _answer(lab)

    return await asyncio.to_thread(settle)


@router.post("/{quarantine_id}/discard")
async def discard(
    lab: AskedLab, principal: Asking, quarantine_id: QuarantineId
) -> QuarantineAnswer:
    """Remove one for good."""

    def settle() -> QuarantineAnswer:
        ingest_quarantine.discard(lab.archive, quarantine_id, principal=principal.name)
        return _answer(lab)

    return await asyncio.to_thread(settle)


def _answer(lab: Lab, offset: int = 0, limit: int = 50) -> QuarantineAnswer:
    total, rows = lab.catalog.list_quarantine(offset=offset, limit=limit)
    return QuarantineAnswer(total=total, rows=tuple(map(QuarantinedRow.of, rows)))
