"""A measurement as it is kept and listed: of an archive's images, and of an array in memory."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from noctis_lab.catalog.measurements import MeasurementRow
from noctis_lab.lab.measuring.computing import differing

if TYPE_CHECKING:
    from noctis_lab.lab.measuring.computing import Computed
    from noctis_lab.lab.measuring.draft import MeasurementDraft

__all__ = ["row_of"]


def row_of(
    draft: MeasurementDraft,
    computed: Computed,
    *,
    StudyInstanceUID: str,
    SeriesInstanceUID: str,
    SOPInstanceUID: str | None,
    author: str,
    at: datetime,
) -> MeasurementRow:
    """Return a measurement of which the figures were computed here.

    Parameters
    ----------
    draft
        As it came; `differs` names the figures of which it had another value.
    StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID
        What it was drawn on; of a plane through a volume no instance is named.
    at
        When, UTC; of its making and of this state.
    """
    is_on_plane = draft.plane is not None
    points_mm = computed.points_mm
    return MeasurementRow(
        MeasurementUID=draft.MeasurementUID,
        kind=draft.kind,
        StudyInstanceUID=StudyInstanceUID,
        SeriesInstanceUID=SeriesInstanceUID,
        SOPInstanceUID=None if is_on_plane else SOPInstanceUID,
        frame=None if is_on_plane else draft.frame or 0,
        FrameOfReferenceUID=computed.FrameOfReferenceUID,
        points_mm=None if points_mm is None else points_mm.tolist(),
        points_px=None if is_on_plane else computed.points_px.tolist(),
        plane=None if draft.plane is None else draft.plane.model_dump(mode="json"),
        label=draft.label,
        extra_index=computed.extra_index,
        values=computed.figures,
        differs=differing(draft.values, computed.figures),
        author=author,
        created_at=at,
        updated_at=at,
        deleted_at=None,
    )
