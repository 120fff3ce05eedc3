"""One's own window presets: listed, saved, deleted."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Path

from noctis_lab.views import window_presets
from noctis_lab.web.routes.context import AskedLab, Asking
from noctis_lab.web.schemas import SaveWindowPreset, WindowPresetAnswer

__all__ = ["router"]

router = APIRouter(prefix="/window-presets", tags=["window presets"])

ItemId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", description="32 hexadecimal digits.")]


@router.get("")
async def list_presets(lab: AskedLab, principal: Asking) -> list[WindowPresetAnswer]:
    """Return one's own presets, in the order in which they were first saved."""
    found = await asyncio.to_thread(window_presets.list_presets, lab, principal)
    return [WindowPresetAnswer(**window_presets.preset_json(each)) for each in found]


@router.post("")
async def save_preset(
    lab: AskedLab, principal: Asking, asked: SaveWindowPreset
) -> WindowPresetAnswer:
    """Keep a window under a name; one's own of that name and modality is replaced."""

    def save() -> dict[str, Any]:
        saved = window_presets.save_preset(lab, principal, asked.model_dump())
        return window_presets.preset_json(saved)

    return WindowPresetAnswer(**await asyncio.to_thread(save))


@router.delete("/{item_id}", status_code=204)
async def delete_preset(lab: AskedLab, principal: Asking, item_id: ItemId) -> None:
    """Forget one of one's own presets."""
    await asyncio.to_thread(window_presets.delete_preset, lab, principal, item_id)
