"""What lies over a series' images: segmentations and overlay planes, listed, and their labels."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response, StreamingResponse

from noctis_lab.volumes.coloured.listing import encode_colouring, list_colourings
from noctis_lab.web.routes.context import AskedLab
from noctis_lab.web.routes.series import MOST_FRAMES, AskedSeries

__all__ = ["router"]

router = APIRouter(tags=["series"])

_FRAMES_AT_ONCE = 4

Overlay = Annotated[
    str,
    Path(pattern=r"^([0-9.]{1,64}|planes)$", description="A SOPInstanceUID, or `planes` (60xx)."),
]


@router.get("/studies/{study_uid}/series/{uid}/overlays")
async def overlays(lab: AskedLab, series: AskedSeries) -> list[dict[str, Any]]:
    """Return what can lie over the images: names, segments and colours; why not, where not."""
    found = await asyncio.to_thread(list_colourings, lab.handle, series)
    return [described.to_dict() for described in found]


@router.get("/studies/{study_uid}/series/{uid}/overlays/{overlay}", response_class=Response)
async def labels(
    lab: AskedLab,
    series: AskedSeries,
    overlay: Overlay,
    first: Annotated[int, Query(ge=0)] = 0,
    count: Annotated[int, Query(ge=1, le=MOST_FRAMES)] = 1,
    revision: Annotated[str | None, Query(max_length=128)] = None,
) -> StreamingResponse:
    """Stream the labels over images, as boxes of runs: `volumes/coloured/layers.py` says how."""

    def encode(start: int) -> bytes:
        length = min(_FRAMES_AT_ONCE, first + count - start)
        return encode_colouring(lab.handle, series, overlay, start, length, revision=revision)

    # Before the answer begins: what cannot be read is a problem, not a broken stream.
    head = await asyncio.to_thread(encode, first)

    async def body() -> AsyncIterator[bytes]:
        yield head
        for start in range(first + _FRAMES_AT_ONCE, first + count, _FRAMES_AT_ONCE):
            yield await asyncio.to_thread(encode, start)

    return StreamingResponse(body(), media_type="application/octet-stream")
