"""Surfaces of a series: asked for, watched, drawn, taken as STL, taken off."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import FileResponse, Response, StreamingResponse

from noctis_lab.lab import surfaces as kept
from noctis_lab.volumes.kept_surfaces import iter_surface_stl, surface_mesh_path
from noctis_lab.volumes.surface_spec import SurfaceSpec
from noctis_lab.web.routes.context import AskedLab, Asking
from noctis_lab.web.routes.series import AskedSeries
from noctis_lab.web.schemas import AskSurface, SegmentAnswer, SurfaceAnswer

__all__ = ["router"]

router = APIRouter(prefix="/studies/{study_uid}/series/{uid}/surfaces", tags=["surfaces"])

SurfaceKey = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", description="32 hexadecimal digits.")]


@router.get("")
async def list_surfaces(lab: AskedLab, series: AskedSeries) -> list[SurfaceAnswer]:
    """Return the surfaces that are kept of a series."""
    found = await asyncio.to_thread(kept.list_asked, lab, series)
    return [SurfaceAnswer(**surface.to_json()) for surface in found]


@router.post("")
async def ask_surface(
    lab: AskedLab, series: AskedSeries, principal: Asking, asked: AskSurface
) -> SurfaceAnswer:
    """Ask for a surface; the worker makes it, and one that is kept is not made again."""

    def ask() -> SurfaceAnswer:
        spec = SurfaceSpec(
            kind=asked.kind,
            level=asked.level,
            SegmentationUID=asked.SOPInstanceUID,
            segment=asked.segment,
            extra_index=asked.extra_index,
        )
        return SurfaceAnswer(**kept.ask_surface(lab, series, spec, principal=principal).to_json())

    return await asyncio.to_thread(ask)


@router.get("/segments")
async def list_segments(lab: AskedLab, series: AskedSeries) -> list[SegmentAnswer]:
    """Return the segments that there can be a surface of, beside this series."""
    found = await asyncio.to_thread(kept.list_segments, lab, series)
    return [SegmentAnswer(**asdict(choice)) for choice in found]


@router.get("/{key}")
async def one_surface(lab: AskedLab, series: AskedSeries, key: SurfaceKey) -> SurfaceAnswer:
    """Return how it stands with a surface."""
    found = await asyncio.to_thread(kept.find_asked, lab, series, key)
    return SurfaceAnswer(**found.to_json())


@router.delete("/{key}", status_code=204)
async def take_off(lab: AskedLab, series: AskedSeries, principal: Asking, key: SurfaceKey) -> None:
    """Forget a surface; where it is being made, that is called off."""
    await asyncio.to_thread(kept.take_off, lab, series, key, principal=principal)


@router.get("/{key}/mesh", response_class=Response)
async def mesh(lab: AskedLab, series: AskedSeries, key: SurfaceKey) -> FileResponse:
    """Return a surface for drawing: binary PLY, mm, patient LPS."""
    path = await asyncio.to_thread(surface_mesh_path, lab.storage, series, key)
    return FileResponse(path, media_type="application/octet-stream")


@router.get("/{key}/stl", response_class=Response)
async def stl(lab: AskedLab, series: AskedSeries, key: SurfaceKey) -> StreamingResponse:
    """Return all of a surface: binary STL, mm, patient LPS."""
    pieces = await asyncio.to_thread(iter_surface_stl, lab.storage, series, key)
    return StreamingResponse(
        pieces,
        media_type="model/stl",
        headers={"Content-Disposition": f'attachment; filename="surface-{key[:8]}.stl"'},
    )
