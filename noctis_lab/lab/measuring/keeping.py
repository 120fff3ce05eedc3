"""Measurements of an archive's series: listed, saved with figures of our own, deleted."""

from __future__ import annotations

import getpass
import logging
import os
from datetime import datetime
from typing import TYPE_CHECKING

from noctis_lab.access import Action, Principal, Role, require
from noctis_lab.catalog import measurements as catalog_measurements
from noctis_lab.catalog.measurements import MeasurementRow
from noctis_lab.errors import CannotMeasure, MeasurementNotFound
from noctis_lab.lab.measuring.computing import compute, differing

if TYPE_CHECKING:
    from noctis_lab.catalog.records import SeriesRow
    from noctis_lab.lab import Lab
    from noctis_lab.lab.measuring.draft import MeasurementDraft

__all__ = ["delete_measurement", "list_measurements", "own_principal", "save_measurement"]

logger = logging.getLogger(__name__)


def list_measurements(lab: Lab, series: SeriesRow) -> list[MeasurementRow]:
    """Return a series' measurements, oldest first; those that are deleted are left out."""
    return catalog_measurements.measurements_of_series(
        lab.catalog, series.StudyInstanceUID, series.SeriesInstanceUID
    )


def save_measurement(
    lab: Lab,
    series: SeriesRow,
    draft: MeasurementDraft,
    *,
    principal: Principal,
    at: datetime | None = None,
) -> MeasurementRow:
    """Make a measurement, give it another state, or bring it back; the figures are computed here.

    Returns
    -------
    MeasurementRow
        As it stands now; `differs` names the figures that came with another value.

    Raises
    ------
    AccessDenied
        The principal may not see the study, or the measurement is another's.
    CannotMeasure, CannotResample, InstanceNotFound, FileChanged, CannotStack, DecodeError
        As `computing.compute`; or it belongs to another series.
    """
    _require(lab, series, principal)
    if (draft.StudyInstanceUID, draft.SeriesInstanceUID) != (
        series.StudyInstanceUID,
        series.SeriesInstanceUID,
    ):
        raise CannotMeasure("the measurement names another study or series than it was sent to")
    computed = compute(lab.handle, series, draft)
    differs = differing(draft.values, computed.figures)
    if differs:
        logger.warning(
            "a measurement came with other figures than ours",
            extra={"MeasurementUID": draft.MeasurementUID, "kind": draft.kind, "figures": differs},
        )
    at = at or lab.catalog.clock()
    points_mm = computed.points_mm
    row = MeasurementRow(
        MeasurementUID=draft.MeasurementUID,
        kind=draft.kind,
        StudyInstanceUID=series.StudyInstanceUID,
        SeriesInstanceUID=series.SeriesInstanceUID,
        SOPInstanceUID=draft.SOPInstanceUID,
        frame=None if draft.SOPInstanceUID is None else draft.frame or 0,
        FrameOfReferenceUID=computed.FrameOfReferenceUID,
        points_mm=None if points_mm is None else points_mm.tolist(),
        points_px=computed.points_px.tolist() if draft.plane is None else None,
        plane=None if draft.plane is None else draft.plane.model_dump(mode="json"),
        label=draft.label,
        extra_index=computed.extra_index,
        values=computed.figures,
        differs=differs,
        author=principal.name,
        created_at=at,
        updated_at=at,
        deleted_at=None,
    )
    return lab.ledger.save_measurement(row, principal=principal)


def delete_measurement(
    lab: Lab,
    series: SeriesRow,
    MeasurementUID: str,
    *,
    principal: Principal,
    at: datetime | None = None,
) -> MeasurementRow:
    """Delete a measurement; its states stay, and saving it again brings it back.

    Raises
    ------
    AccessDenied
        The principal may not see the study, or the measurement is another's.
    MeasurementNotFound
        The series has no such measurement.
    """
    _require(lab, series, principal)
    known = catalog_measurements.find_measurement(lab.catalog, MeasurementUID)
    if known is None or (known.StudyInstanceUID, known.SeriesInstanceUID) != (
        series.StudyInstanceUID,
        series.SeriesInstanceUID,
    ):
        raise MeasurementNotFound(
            f"series {series.SeriesInstanceUID} has no measurement {MeasurementUID}",
            MeasurementUID=MeasurementUID,
        )
    found = lab.ledger.remove_measurement(
        MeasurementUID, principal=principal, at=at or lab.catalog.clock()
    )
    assert found is not None
    return found


def own_principal(name: str | None = None) -> Principal:
    """Return who works in this process, with the rights that the operating system gives anyway.

    Parameters
    ----------
    name
        By default the name of this process' user.
    """
    if name is None:
        try:
            name = getpass.getuser()
        except (KeyError, OSError):  # a container's user without a name
            name = f"user {os.getuid()}"
    return Principal(name=name, role=Role.ADMIN, facilities=None)


def _require(lab: Lab, series: SeriesRow, principal: Principal) -> None:
    facilities = lab.catalog.facilities_of(series.StudyInstanceUID)
    require(principal, Action.ANNOTATE, facilities=facilities)
