"""Studies: search, one, its series."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter

from noctis_lab.catalog.worklist import Facets
from noctis_lab.errors import StudyNotFound
from noctis_lab.views.listing import (
    ListedSeries,
    ListedStudy,
    StudyPage,
    count_studies,
    find_page,
    list_series,
    list_study,
)
from noctis_lab.web.routes.context import UID, AskedLab, Asking
from noctis_lab.web.schemas import CountStudies, SearchStudies

__all__ = ["router"]

router = APIRouter(tags=["studies"])


@router.post("/studies/search")
async def search_studies(lab: AskedLab, principal: Asking, asked: SearchStudies) -> StudyPage:
    """Find studies by text and filters, sorted, a window at a time; names never in an address."""
    return await asyncio.to_thread(find_page, lab, principal, asked.to_query())


@router.post("/studies/facets")
async def facets(lab: AskedLab, principal: Asking, asked: CountStudies) -> Facets:
    """Count a search's studies by modality and by facility."""
    return await asyncio.to_thread(count_studies, lab, principal, asked.to_query())


@router.get("/studies/{uid}")
async def one_study(lab: AskedLab, uid: UID) -> ListedStudy:
    """Return a study."""

    def find() -> ListedStudy:
        row = lab.catalog.find_study(uid)
        if row is None:
            raise StudyNotFound(f"study {uid} is not in this archive", StudyInstanceUID=uid)
        return list_study(lab, row)

    return await asyncio.to_thread(find)


@router.get("/studies/{uid}/series")
async def series_of_study(lab: AskedLab, uid: UID) -> list[ListedSeries]:
    """Return a study's series, in the order of their numbers."""

    def find() -> list[ListedSeries]:
        return list_series(lab, lab.catalog.series_of(uid))

    return await asyncio.to_thread(find)
