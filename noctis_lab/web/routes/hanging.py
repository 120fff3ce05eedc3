"""How a study is hung, and one's own hanging protocols: saved, listed, renamed, deleted."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path

from noctis_lab.lab.hanging import HangingProtocol
from noctis_lab.lab.hanging.saving import ShownLayout
from noctis_lab.views import hanging
from noctis_lab.views.hanging import Hung
from noctis_lab.web.routes.context import UID, AskedLab, Asking
from noctis_lab.web.schemas import (
    HangingProtocolAnswer,
    HangingProtocolText,
    RenameHangingProtocol,
    SaveLayout,
)

__all__ = ["of_study", "router"]

router = APIRouter(prefix="/hanging-protocols", tags=["hanging protocols"])
of_study = APIRouter(tags=["hanging protocols"])

ItemId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", description="32 hexadecimal digits.")]


@of_study.get("/studies/{uid}/hanging")
async def hang_study(lab: AskedLab, principal: Asking, uid: UID) -> list[Hung]:
    """Return the protocols that apply to a study, and the view that each makes of it."""
    return await asyncio.to_thread(hanging.hang_study, lab, principal, uid)


@of_study.post("/studies/{uid}/hanging")
async def save_layout(
    lab: AskedLab, principal: Asking, uid: UID, asked: SaveLayout
) -> HangingProtocolAnswer:
    """Keep a view of a study as a protocol for similar ones; one's own of the name is replaced."""

    def save() -> HangingProtocol:
        layout = ShownLayout(
            name=asked.name,
            state=asked.state,
            applies_to=asked.applies_to.model_dump(),
            keep_windows=asked.keep_windows,
        )
        return hanging.save_view(lab, principal, uid, layout)

    return _answer(await asyncio.to_thread(save))


@router.get("")
async def list_protocols(lab: AskedLab, principal: Asking) -> list[HangingProtocolAnswer]:
    """Return one's own protocols, newest first."""
    found = await asyncio.to_thread(hanging.list_protocols, lab, principal)
    return [_answer(protocol) for protocol in found]


@router.post("")
async def save_protocol(
    lab: AskedLab, principal: Asking, asked: HangingProtocolText
) -> HangingProtocolAnswer:
    """Keep a protocol that is given as YAML; one's own of its name is replaced."""
    return _answer(await asyncio.to_thread(hanging.save_protocol, lab, principal, asked.yaml))


@router.get("/{item_id}")
async def one_protocol(lab: AskedLab, principal: Asking, item_id: ItemId) -> HangingProtocolAnswer:
    """Return one of one's own protocols."""
    return _answer(await asyncio.to_thread(hanging.find_protocol, lab, principal, item_id))


@router.put("/{item_id}")
async def rename_protocol(
    lab: AskedLab, principal: Asking, item_id: ItemId, asked: RenameHangingProtocol
) -> HangingProtocolAnswer:
    """Give one of one's own protocols another name; its id is another one then."""
    renamed = await asyncio.to_thread(hanging.rename_protocol, lab, principal, item_id, asked.name)
    return _answer(renamed)


@router.delete("/{item_id}", status_code=204)
async def delete_protocol(lab: AskedLab, principal: Asking, item_id: ItemId) -> None:
    """Forget one of one's own protocols."""
    await asyncio.to_thread(hanging.delete_protocol, lab, principal, item_id)


def _answer(kept: HangingProtocol) -> HangingProtocolAnswer:
    assert kept.saved_at is not None  # one's own
    return HangingProtocolAnswer(
        item_id=kept.id.removeprefix("own:"),
        name=kept.name,
        description=kept.protocol.description,
        yaml=kept.yaml,
        saved_at=kept.saved_at,
    )
