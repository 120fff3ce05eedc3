"""Figures of a measurement, from the archive's own pixels."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from noctis_lab.analysis.measure.figures import Figures, MeasuredPlane, figures_of
from noctis_lab.analysis.measure.kinds import KINDS, check_points
from noctis_lab.analysis.measure.placed import PlanePlace
from noctis_lab.errors import CannotMeasure, InstanceNotFound
from noctis_lab.volumes.frame_values import (
    LARGEST_PLANE,
    SeriesFrame,
    WantedPlane,
    find_frame,
    find_frame_units,
    read_plane_values,
    read_values,
)
from noctis_lab.volumes.frames import has_place
from noctis_lab.volumes.series_plan import find_facts

if TYPE_CHECKING:
    from noctis_lab.catalog.records import SeriesRow
    from noctis_lab.lab.measuring.draft import MeasurementDraft, PlaneDraft
    from noctis_lab.volumes.cache import Handle

__all__ = [
    "Computed",
    "compute",
    "differing",
    "measure_frame",
    "measure_on_plane",
    "place_of",
    "points_on",
    "require_finite",
]

_TOLERANCE = 1e-6  #: relative; the client adds up the same numbers in the same order


@dataclass(frozen=True, slots=True, kw_only=True)
class Computed:
    """A measurement's place and figures."""

    points_px: NDArray[np.float64]  # shape (points, 2): (column, row)
    points_mm: NDArray[np.float64] | None  # shape (points, 3), patient LPS
    FrameOfReferenceUID: str | None
    extra_index: int | None  # along the dim before z; None where the series has none
    figures: Figures


def compute(handle: Handle, series: SeriesRow, draft: MeasurementDraft) -> Computed:
    """Compute a measurement anew, of the frame or the plane that it was drawn on.

    Raises
    ------
    CannotMeasure, CannotResample
        What was drawn is no measurement, there is nothing to measure it on, or a figure of it is
        beyond what a number can say.
    InstanceNotFound
        The series has no such frame.
    FileChanged, NoPixels, UnsupportedTransferSyntax, DecodeError, CannotStack
        Its pixels cannot be read.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return require_finite(_compute(handle, series, draft))


def require_finite(computed: Computed) -> Computed:
    """Return a measurement whose figures are numbers.

    Raises
    ------
    CannotMeasure
        A figure of it is beyond what a number can say.
    """
    try:
        # What is not finite is not JSON: neither the journal nor an answer could hold it.
        json.dumps(computed.figures, allow_nan=False)
    except ValueError:
        raise CannotMeasure(
            "a figure of it is not finite: the values there are too large to be summed; measure "
            "where they are sound"
        ) from None
    return computed


def _compute(handle: Handle, series: SeriesRow, draft: MeasurementDraft) -> Computed:
    if draft.plane is not None:
        return measure_on_plane(
            lambda wanted: read_plane_values(handle, series.reference, wanted),
            draft,
            draft.plane,
            FrameOfReferenceUID=series.FrameOfReferenceUID,
            extra_size=find_facts(handle, series.reference).extra_size,
        )
    found = find_frame(
        handle, series.reference, SOPInstanceUID=draft.SOPInstanceUID, frame=draft.frame or 0
    )
    if found is None:
        raise InstanceNotFound(
            f"series {series.SeriesInstanceUID} has no frame {draft.frame or 0} of instance "
            f"{draft.SOPInstanceUID}",
            SOPInstanceUID=draft.SOPInstanceUID,
        )
    return measure_frame(handle, found, draft.kind, points_on(found, draft))


def points_on(found: SeriesFrame, draft: MeasurementDraft) -> NDArray[np.float64]:
    """Return a measurement's points on a frame.

    Returns
    -------
    ndarray of float64, shape (points, 2)
        (column, row), 0 at the centre of the first voxel.

    Raises
    ------
    CannotMeasure
        It states places in the patient alone, and the frame has none there.
    """
    if draft.points_px is not None:
        return np.array(draft.points_px, dtype=np.float64)
    place = place_of(found)
    if place is None:
        raise CannotMeasure("this image has no place in the patient: give points_px")
    return place.to_px(np.array(draft.points_mm))


def measure_frame(
    handle: Handle, found: SeriesFrame, kind: str, points_px: NDArray[np.float64]
) -> Computed:
    """Measure on one frame; as `compute`."""
    points_px = check_points(kind, points_px)
    has_values = KINDS[kind].has_values
    layout = found.frame.layout
    figures = figures_of(
        kind,
        points_px,
        MeasuredPlane(
            shape=(layout.rows, layout.columns),
            values=read_values(handle, found) if has_values else None,
            spacing_mm=found.plane.pixel_spacing_mm,
            units=find_frame_units(handle, found) if has_values else None,
        ),
    )
    place = place_of(found)
    facts = found.frame.facts
    return Computed(
        points_px=points_px,
        points_mm=None if place is None else place.to_mm(points_px),
        FrameOfReferenceUID=facts.frame_of_reference_uid or found.series.FrameOfReferenceUID,
        extra_index=found.extra_index,
        figures=figures,
    )


def place_of(found: SeriesFrame) -> PlanePlace | None:
    """Return where a frame lies in the patient, None where it does not say."""
    plane = found.plane
    if not has_place(plane):
        return None
    assert plane.position_mm is not None
    assert plane.orientation is not None
    assert plane.pixel_spacing_mm is not None
    return PlanePlace(
        origin_mm=plane.position_mm,
        right=plane.orientation[:3],
        down=plane.orientation[3:],
        spacing_mm=plane.pixel_spacing_mm,
    )


def measure_on_plane(
    read: Callable[[WantedPlane], tuple[NDArray[np.float64], str | None]],
    draft: MeasurementDraft,
    plane: PlaneDraft,
    *,
    FrameOfReferenceUID: str | None,
    extra_size: int | None,
) -> Computed:
    """Measure on a plane through a volume, of which `read` gives values and unit; as `compute`.

    `extra_size` is how many steps the volume's dim before z has, None without one.
    """
    place = PlanePlace(
        origin_mm=plane.origin_mm,
        right=plane.right,
        down=plane.down,
        spacing_mm=plane.spacing_mm,
    )
    points_mm = np.array(draft.points_mm, dtype=np.float64)
    points_px = check_points(draft.kind, place.to_px(points_mm))
    extra_index = _step_of(extra_size, draft)
    measured = MeasuredPlane(shape=(1, 1), values=None, spacing_mm=plane.spacing_mm)
    shift = np.zeros(2)
    if KINDS[draft.kind].has_values:
        # A part of the plane with a sample to spare all around, its samples at the same places.
        first = np.floor(points_px.min(axis=0)) - 1
        columns, rows = (int(size) for size in np.ceil(points_px.max(axis=0)) - first + 2)
        if rows * columns > LARGEST_PLANE:
            raise CannotMeasure(
                f"what was drawn spans {rows} × {columns} samples of its plane, and "
                f"{LARGEST_PLANE} are the most; draw it on a coarser one"
            )
        x, y, z = place.to_mm(first[np.newaxis])[0].tolist()
        values, units = read(
            WantedPlane(
                origin_mm=(x, y, z),
                right=plane.right,
                down=plane.down,
                spacing_mm=plane.spacing_mm,
                shape=(rows, columns),
                slab_mm=plane.slab_mm,
                how=plane.projection or "mean",
                extra_index=extra_index,
            ),
        )
        measured = replace(measured, shape=(rows, columns), values=values, units=units)
        shift = first
    figures = figures_of(draft.kind, points_px - shift, measured)
    if "clipped" in figures:
        # The plane goes on; it is the volume that ends.
        figures["clipped"] = bool(figures.get("excluded")) or figures.get("value", 0.0) is None
    return Computed(
        points_px=points_px,
        points_mm=points_mm,
        FrameOfReferenceUID=FrameOfReferenceUID,
        extra_index=extra_index,
        figures=figures,
    )


def _step_of(size: int | None, draft: MeasurementDraft) -> int | None:
    """Return which step of the dim before z a plane goes through: the first, unless it says."""
    if size is None:
        return None
    index = draft.extra_index or 0
    if index >= size:
        raise CannotMeasure(f"extra_index is 0 to {size - 1} in this series; {index} came")
    return index


def differing(said: dict[str, Any], figures: Figures) -> list[str]:
    """Return the names of figures of which a client had another value than ours.

    Parameters
    ----------
    said
        As they came; what is no number of a figure that we have is passed over.
    """
    return sorted(
        name
        for name, ours in figures.items()
        if name in said
        and _is_number(ours)
        and not (
            _is_number(said[name])
            and math.isclose(said[name], ours, rel_tol=_TOLERANCE, abs_tol=1e-9)
        )
    )


def _is_number(value: Any) -> bool:
    is_one = isinstance(value, int | float) and not isinstance(value, bool)
    return is_one and abs(value) <= sys.float_info.max
