"""Measurements of a series: listed, saved, deleted, and as CSV."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import Response

from noctis_lab.errors import CannotMeasure
from noctis_lab.lab.measuring import keeping
from noctis_lab.lab.measuring.draft import MeasurementDraft
from noctis_lab.lab.measuring.table import to_csv
from noctis_lab.web.routes.context import AskedLab, Asking
from noctis_lab.web.routes.series import AskedSeries
from noctis_lab.web.schemas import MeasurementAnswer

__all__ = ["router"]

router = APIRouter(prefix="/studies/{study_uid}/series/{uid}", tags=["measurements"])

MeasurementUID = Annotated[
    str, Path(pattern=r"^[0-9a-f]{32}$", description="A uuid4's 32 hexadecimal digits.")
]


@router.get("/measurements")
async def list_measurements(lab: AskedLab, series: AskedSeries) -> list[MeasurementAnswer]:
    """Return a series' measurements, oldest first; those that are deleted are left out."""

    def answer() -> list[MeasurementAnswer]:
        found = keeping.list_measurements(lab, series)
        return [MeasurementAnswer(**row.to_json()) for row in found]

    return await asyncio.to_thread(answer)


@router.get("/measurements.csv", response_class=Response)
async def export_measurements(lab: AskedLab, series: AskedSeries) -> Response:
    """Return a series' measurements as CSV with a head; figures have their unit in the name."""
    text = await asyncio.to_thread(lambda: to_csv(keeping.list_measurements(lab, series)))
    return Response(
        text,
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="measurements.csv"'},
    )


@router.put("/measurements/{measurement_uid}")
async def save_measurement(
    lab: AskedLab,
    series: AskedSeries,
    principal: Asking,
    measurement_uid: MeasurementUID,
    draft: MeasurementDraft,
) -> MeasurementAnswer:
    """Make a measurement, replace it, or bring it back; twice is as once.

    The figures of the answer are computed here, from the pixels; `differs` names those that came
    with another value. Earlier states are kept.
    """
    if draft.MeasurementUID != measurement_uid:
        raise CannotMeasure("the measurement has another MeasurementUID than its address")

    def save() -> MeasurementAnswer:
        row = keeping.save_measurement(lab, series, draft, principal=principal)
        return MeasurementAnswer(**row.to_json())

    return await asyncio.to_thread(save)


@router.delete("/measurements/{measurement_uid}")
async def delete_measurement(
    lab: AskedLab, series: AskedSeries, principal: Asking, measurement_uid: MeasurementUID
) -> MeasurementAnswer:
    """Delete a measurement; saving it again brings it back."""

    def delete() -> MeasurementAnswer:
        row = keeping.delete_measurement(lab, series, measurement_uid, principal=principal)
        return MeasurementAnswer(**row.to_json())

    return await asyncio.to_thread(delete)
