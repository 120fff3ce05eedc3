"""Who may send: known and unknown calling AE titles, for administrators."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter

from noctis_lab.catalog import senders as catalog_senders
from noctis_lab.lab import Lab
from noctis_lab.web.routes.context import AskedLab, Asking
from noctis_lab.web.schemas import AddSender, SenderName, SendersAnswer

__all__ = ["router"]

router = APIRouter(prefix="/senders", tags=["senders"])


@router.get("")
async def list_senders(lab: AskedLab) -> SendersAnswer:
    """Return who sends, who asked to, and the facilities there are.

    `attempts` of who asked is at least how often: the first in a minute is counted at once, the
    others of that minute with the next one after it.
    """
    return await asyncio.to_thread(_answer, lab)


@router.post("/approve")
async def approve_sender(lab: AskedLab, principal: Asking, asked: AddSender) -> SendersAnswer:
    """Accept a calling AE title into a facility, which is made where it is not known yet."""

    def approve() -> SendersAnswer:
        lab.ledger.approve_sender(asked.aet, asked.address or None, asked.facility)
        _audit(lab, principal.name, "approve-sender", asked.aet)
        return _answer(lab)

    return await asyncio.to_thread(approve)


@router.post("/block")
async def block_sender(lab: AskedLab, principal: Asking, asked: SenderName) -> SendersAnswer:
    """Refuse a calling AE title from now on, without asking again."""

    def block() -> SendersAnswer:
        lab.ledger.block_sender(asked.aet, asked.address or None)
        _audit(lab, principal.name, "block-sender", asked.aet)
        return _answer(lab)

    return await asyncio.to_thread(block)


def _audit(lab: Lab, principal: str, action: str, subject: str) -> None:
    lab.ledger.audit(principal=principal, action=action, subject=subject)


def _answer(lab: Lab) -> SendersAnswer:
    return SendersAnswer(
        known=tuple(catalog_senders.list_senders(lab.catalog)),
        unknown=tuple(catalog_senders.list_unknown_senders(lab.catalog)),
        facilities=tuple(catalog_senders.list_facilities(lab.catalog)),
    )
