"""Measurements on an array in memory: figures as of an archive's images, kept as long as a view."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from noctis_lab.analysis.measure.figures import MeasuredPlane, figures_of
from noctis_lab.analysis.measure.kinds import KINDS, check_points
from noctis_lab.analysis.measure.placed import PlanePlace
from noctis_lab.catalog.measurements import MeasurementRow
from noctis_lab.errors import CannotMeasure, InstanceNotFound, MeasurementNotFound
from noctis_lab.lab.measuring.computing import (
    Computed,
    differing,
    measure_on_plane,
    require_finite,
)
from noctis_lab.lab.measuring.keeping import own_principal
from noctis_lab.volumes.axes import CHANNEL
from noctis_lab.volumes.frame_values import plane_values_of

if TYPE_CHECKING:
    from noctis_lab.lab.measuring.draft import MeasurementDraft
    from noctis_lab.volumes.array_stack import ArrayStack

__all__ = ["ArrayMeasurements"]

#: Of one array.
_MOST = 10_000


class ArrayMeasurements:
    """What was measured on one array; nothing of it is kept in an archive."""

    def __init__(self, stack: ArrayStack) -> None:
        self._stack = stack
        self._rows: dict[str, MeasurementRow] = {}

    def rows(self) -> list[MeasurementRow]:
        """Return the measurements, oldest first."""
        return list(self._rows.values())

    def save(self, draft: MeasurementDraft, *, at: datetime | None = None) -> MeasurementRow:
        """Take a measurement, or another state of one, with figures computed from the array.

        Raises
        ------
        CannotMeasure, CannotResample
            What was drawn cannot be measured, or there are too many.
        InstanceNotFound
            The array has no such frame.
        """
        known = self._rows.get(draft.MeasurementUID)
        if known is None and len(self._rows) >= _MOST:
            raise CannotMeasure(f"{_MOST} measurements on one array are the most; delete some")
        with np.errstate(over="ignore", invalid="ignore"):
            computed = require_finite(self._compute(draft))
        at = at or datetime.now(UTC)
        is_on_plane = draft.plane is not None
        points_mm = computed.points_mm
        row = MeasurementRow(
            MeasurementUID=draft.MeasurementUID,
            kind=draft.kind,
            StudyInstanceUID=self._stack.uid,
            SeriesInstanceUID=self._stack.uid,
            SOPInstanceUID=None if is_on_plane else self._stack.uid,
            frame=None if is_on_plane else draft.frame or 0,
            FrameOfReferenceUID=computed.FrameOfReferenceUID,
            points_mm=None if points_mm is None else points_mm.tolist(),
            points_px=None if is_on_plane else computed.points_px.tolist(),
            plane=None if draft.plane is None else draft.plane.model_dump(mode="json"),
            label=draft.label,
            extra_index=computed.extra_index,
            values=computed.figures,
            differs=differing(draft.values, computed.figures),
            author=own_principal().name,
            created_at=at if known is None else known.created_at,
            updated_at=at,
            deleted_at=None,
        )
        self._rows[row.MeasurementUID] = row
        return row

    def remove(self, MeasurementUID: str, *, at: datetime | None = None) -> MeasurementRow:
        """Forget a measurement.

        Raises
        ------
        MeasurementNotFound
            There is none of that UID.
        """
        row = self._rows.pop(MeasurementUID, None)
        if row is None:
            raise MeasurementNotFound(
                f"this array has no measurement {MeasurementUID}", MeasurementUID=MeasurementUID
            )
        return replace(row, deleted_at=at or datetime.now(UTC))

    def _compute(self, draft: MeasurementDraft) -> Computed:
        stack = self._stack
        if draft.plane is not None:
            # True and false have nothing in between; 0 and 1 have, as a viewer draws them.
            is_mask = stack.array.dtype.kind == "b"
            volume = stack.array.astype(np.uint8) if is_mask else stack.array
            return measure_on_plane(
                lambda wanted: (plane_values_of(volume, wanted), stack.units),
                draft,
                draft.plane,
                FrameOfReferenceUID=stack.place.FrameOfReferenceUID,
                extra_size=None if stack.extra_dim is None else volume.sizes[stack.extra_dim],
            )
        index = draft.frame or 0
        if not 0 <= index < stack.count:
            raise InstanceNotFound(f"the array shows frames 0 to {stack.count - 1}, not {index}")
        place = self._place_of(index)
        if draft.points_px is not None:
            points_px = np.array(draft.points_px, dtype=np.float64)
        elif place is not None:
            points_px = place.to_px(np.array(draft.points_mm))
        else:
            raise CannotMeasure("this array has no place in the patient: give points_px")
        points_px = check_points(draft.kind, points_px)
        values = self._values(index) if KINDS[draft.kind].has_values else None
        plane = MeasuredPlane(
            shape=stack.shape,
            values=values,
            spacing_mm=stack.place.pixel_spacing_mm,
            units=None if values is None else stack.units,
        )
        return Computed(
            points_px=points_px,
            points_mm=None if place is None else place.to_mm(points_px),
            FrameOfReferenceUID=stack.place.FrameOfReferenceUID,
            extra_index=None if stack.extra_dim is None else index // stack.planes,
            figures=figures_of(draft.kind, points_px, plane),
        )

    def _values(self, index: int) -> NDArray[np.float64] | None:
        if CHANNEL in self._stack.array.dims:
            return None
        values: NDArray[np.float64] = self._stack.read(index, 1)[0].astype(np.float64)
        return values

    def _place_of(self, index: int) -> PlanePlace | None:
        place = self._stack.place
        if place.positions_mm is None or place.orientation is None:
            return None
        assert place.pixel_spacing_mm is not None
        return PlanePlace(
            origin_mm=place.positions_mm[index % self._stack.planes],
            right=place.orientation[:3],
            down=place.orientation[3:],
            spacing_mm=place.pixel_spacing_mm,
        )
