"""Series and images: the viewer's stack, its pixels, thumbnails, headers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response, StreamingResponse

from noctis_lab.catalog.columns import tag_text
from noctis_lab.catalog.records import SeriesRow
from noctis_lab.errors import InstanceNotFound, SeriesNotFound
from noctis_lab.lab.thumbnails import find_thumbnail
from noctis_lab.views.listing import ListedSeries, list_series
from noctis_lab.volumes.pixels import describe_stack, encode_frames, encode_preview
from noctis_lab.volumes.planes import instance_file, read_instance_header
from noctis_lab.web.routes.context import UID, AskedLab
from noctis_lab.web.schemas import ElementAnswer

__all__ = ["MOST_FRAMES", "AskedSeries", "router"]

router = APIRouter(tags=["series"])

MOST_FRAMES = 64  #: of one request for pixels
_FRAMES_AT_ONCE = 4
_LONGEST_VALUE = 4096  # characters of one element's value


def _find(lab: AskedLab, study_uid: UID, uid: UID) -> SeriesRow:
    """Return the series that a path names; by its study, since UIDs of series come twice."""
    series = lab.catalog.find_series_of(study_uid, uid)
    if series is None:
        raise SeriesNotFound(f"series {uid} is not in this archive", SeriesInstanceUID=uid)
    return series


AskedSeries = Annotated[SeriesRow, Depends(_find)]


@router.get("/studies/{study_uid}/series/{uid}")
async def one_series(lab: AskedLab, series: AskedSeries) -> ListedSeries:
    """Return a series."""
    (listed,) = await asyncio.to_thread(list_series, lab, [series])
    return listed


@router.get("/studies/{study_uid}/series/{uid}/stack")
async def stack(lab: AskedLab, series: AskedSeries) -> dict[str, Any]:
    """Return the series' frames in viewing order, their geometry and windows; no pixels."""
    described = await asyncio.to_thread(describe_stack, lab.handle, series.reference)
    return described.to_dict()


@router.get("/studies/{study_uid}/series/{uid}/pixels", response_class=Response)
async def pixels(
    lab: AskedLab,
    series: AskedSeries,
    first: Annotated[int, Query(ge=0)] = 0,
    count: Annotated[int, Query(ge=1, le=MOST_FRAMES)] = 1,
    revision: Annotated[str | None, Query(max_length=64)] = None,
) -> StreamingResponse:
    """Stream the stored values of frames, little endian, back to back, as the stack says them."""

    def encode(start: int) -> bytes:
        length = min(_FRAMES_AT_ONCE, first + count - start)
        return encode_frames(lab.handle, series.reference, start, length, revision=revision)

    # Before the answer begins: what cannot be read is a problem, not a broken stream.
    head = await asyncio.to_thread(encode, first)

    async def body() -> AsyncIterator[bytes]:
        yield head
        for start in range(first + _FRAMES_AT_ONCE, first + count, _FRAMES_AT_ONCE):
            yield await asyncio.to_thread(encode, start)

    return StreamingResponse(body(), media_type="application/octet-stream")


@router.get("/studies/{study_uid}/series/{uid}/preview", response_class=Response)
async def preview(
    lab: AskedLab,
    series: AskedSeries,
    index: Annotated[int, Query(ge=0)] = 0,
    revision: Annotated[str | None, Query(max_length=64)] = None,
) -> Response:
    """Return one frame's stored values as means of squares, at most 1,024 a side."""
    found = await asyncio.to_thread(
        encode_preview, lab.handle, series.reference, index, revision=revision
    )
    return Response(found, media_type="application/octet-stream")


@router.get("/studies/{study_uid}/series/{uid}/thumbnail", response_class=Response)
async def thumbnail(request: Request, lab: AskedLab, series: AskedSeries) -> Response:
    """Return a PNG of the series' middle image."""
    async with request.app.state.rendering:
        picture = await asyncio.to_thread(find_thumbnail, lab, series.reference)
    return Response(picture, media_type="image/png")


@router.get("/image/{uid}/metadata")
async def metadata(lab: AskedLab, uid: UID) -> list[ElementAnswer]:
    """Return an instance's elements, as text; values longer than 4,096 characters are cut."""

    def read() -> list[ElementAnswer]:
        row = lab.catalog.find_instance(uid)
        if row is None:
            raise InstanceNotFound(f"instance {uid} is not in this archive", SOPInstanceUID=uid)
        header = read_instance_header(instance_file(lab.storage, row), row)
        return [
            ElementAnswer(
                path=element.path,
                tag=tag_text(element.tag),
                VR=element.VR,
                value=element.value[:_LONGEST_VALUE] if element.value is not None else None,
            )
            for element in header.elements
        ]

    return await asyncio.to_thread(read)
