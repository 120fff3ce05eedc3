"""Names, coordinates and attributes of a stack's array, loaded or lazy alike."""

from __future__ import annotations

import warnings
from collections.abc import Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noctis_lab.catalog.records import SeriesRow
from noctis_lab.dicom.rescale import IDENTITY
from noctis_lab.errors import ContrastWarning, GeometryWarning
from noctis_lab.volumes.axes import stack_coordinates
from noctis_lab.volumes.conversion import NO_RESCALE, Conversion
from noctis_lab.volumes.lookups import find_units
from noctis_lab.volumes.stack import Stack
from noctis_lab.volumes.summary import describe_gaps, describe_varying

__all__ = ["attributes_of", "coordinates_of", "series_attributes", "warn_of_stack"]

type Attributes = dict[str, str | int | float | list[float] | list[int]]


def coordinates_of(stack: Stack) -> dict[Hashable, Any]:
    """Return the coordinates of a stack's array.

    Returns
    -------
    mapping of str to (dims, values[, attrs])
        Places in mm, the extra dim's own, and per frame SOPInstanceUID, InstanceNumber, slope and
        intercept (as stated, also where stored values are given); frame_number, from 1, where
        instances have several frames.
    """
    coordinates: dict[Hashable, Any] = {}
    if stack.placement is not None:
        uid = stack.frames[0].facts.frame_of_reference_uid
        shape = (stack.plane_count, *stack.matrix)
        coordinates |= stack_coordinates(stack.placement, shape, FrameOfReferenceUID=uid)
    if stack.extra is not None:
        for name, (values, attributes) in stack.extra.coords.items():
            coordinates[name] = ((stack.extra.dim,), values, attributes)
    if stack.is_color:
        coordinates["channel"] = (("channel",), np.array(["R", "G", "B"]), {})
    for name, values in _per_frame(stack).items():
        coordinates[name] = (stack.outer_dims, values.reshape(stack.outer_shape))
    return coordinates


def attributes_of(
    series: SeriesRow, stack: Stack, conversion: Conversion, *, stored: bool
) -> Attributes:
    """Return the attributes of a stack's array: str, numbers and flat lists only."""
    frames = stack.frames
    units = (
        "stored"
        if stored or stack.is_color
        else find_units(series, frames, conversion.luts, conversion.pet_units)
    )
    attributes: dict[str, Any] = {
        "units": units,
        **series_attributes(series),
        "PhotometricInterpretation": "RGB"
        if stack.is_color
        else frames[0].layout.photometric_interpretation,
        "stack": ", ".join(stack.parted_by) or None,
    }
    if stack.placement is None:
        spacings = {frame.facts.plane.pixel_spacing_mm for frame in frames}
        spacing_mm = spacings.pop() if len(spacings) == 1 else None
        attributes["PixelSpacing"] = None if spacing_mm is None else list(spacing_mm)
    elif (note := describe_gaps(stack.placement)) is not None:
        attributes["spacing_note"] = note
        attributes["gaps_after_mm"] = [gap.after_mm for gap in stack.placement.gaps]
        attributes["gap_planes"] = [gap.planes for gap in stack.placement.gaps]
    attributes["contrast_note"] = describe_varying(stack)
    return {name: value for name, value in attributes.items() if value not in (None, [])}


def series_attributes(series: SeriesRow) -> dict[str, str | int | None]:
    """Return what an array says of its series, by DICOM keyword; None where it is not stated."""
    return {
        "Modality": series.Modality,
        "SeriesDescription": series.SeriesDescription,
        "SeriesNumber": series.SeriesNumber,
        "SeriesInstanceUID": series.SeriesInstanceUID,
        "StudyInstanceUID": series.StudyInstanceUID,
    }


def warn_of_stack(stack: Stack, *, stacklevel: int, of_gaps: bool = True) -> None:
    """Warn where planes lie at unequal distances, and where they are not alike."""
    uid, placement = stack.SeriesInstanceUID, stack.placement
    varying = describe_varying(stack)
    if varying is not None:
        warnings.warn(ContrastWarning(uid, varying, stack.varying), stacklevel=stacklevel + 1)
    note = None if placement is None or not of_gaps else describe_gaps(placement)
    if note is not None and placement is not None:
        gaps = tuple((gap.after_mm, gap.planes) for gap in placement.gaps)
        warnings.warn(GeometryWarning(uid, note, gaps), stacklevel=stacklevel + 1)


def _per_frame(stack: Stack) -> dict[str, NDArray[Any]]:
    frames = stack.frames
    numbers = [frame.row.InstanceNumber for frame in frames]
    # An integer array has no room for "not stated".
    kind = np.float64 if None in numbers else np.int64
    rescales = [
        NO_RESCALE if frame.facts.has_unread_modality_lut else frame.facts.rescale or IDENTITY
        for frame in frames
    ]
    found: dict[str, NDArray[Any]] = {
        "SOPInstanceUID": np.array([frame.row.SOPInstanceUID for frame in frames]),
        "InstanceNumber": np.array(numbers, dtype=kind),
    }
    if any(frame.layout.frames > 1 for frame in frames):
        found["frame_number"] = np.array([frame.index + 1 for frame in frames])
    if not stack.is_color:
        found["slope"] = np.array([rescale.slope for rescale in rescales])
        found["intercept"] = np.array([rescale.intercept for rescale in rescales])
    return found
