"""Names, coordinates and attributes of a stack's array, loaded or lazy alike."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noctis_lab.catalog.records import SeriesRow
from noctis_lab.dicom.rescale import IDENTITY
from noctis_lab.errors import ContrastWarning, GeometryWarning
from noctis_lab.volumes.axes import stack_coordinates
from noctis_lab.volumes.conversion import NO_RESCALE, Conversion
from noctis_lab.volumes.frames import describe_unplaced
from noctis_lab.volumes.lookups import find_units
from noctis_lab.volumes.real_world import FrameMapping
from noctis_lab.volumes.stack import Stack
from noctis_lab.volumes.summary import describe_gaps, describe_varying

__all__ = ["attributes_of", "coordinates_of", "series_attributes", "warn_of_stack"]

type Attributes = dict[str, str | int | float | list[float] | list[int]]


def coordinates_of(stack: Stack, mappings: Sequence[FrameMapping] = ()) -> dict[Hashable, Any]:
    """Return the coordinates of a stack's array.

    Parameters
    ----------
    stack
        The plan of it.
    mappings
        Of each frame, where its values are real world values.

    Returns
    -------
    mapping of str to (dims, values[, attrs])
        Places in mm, the extra dim's own, and per frame SOPInstanceUID, InstanceNumber, slope and
        intercept (as stated, also where stored values are given; of `mappings`, where there are
        such); frame_number, from 1, where instances have several frames.
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
    for name, values in _per_frame(stack, mappings).items():
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
        **_real_world_attributes(conversion.mappings),
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
        attributes["place_note"] = describe_unplaced(frames)
    elif (note := describe_gaps(stack.placement)) is not None:
        attributes["spacing_note"] = note
        attributes["gaps_after_mm"] = [gap.after_mm for gap in stack.placement.gaps]
        attributes["gap_planes"] = [gap.planes for gap in stack.placement.gaps]
    attributes["contrast_note"] = describe_varying(stack)
    return {name: value for name, value in attributes.items() if value not in (None, [])}


def _real_world_attributes(mappings: Sequence[FrameMapping]) -> Attributes:
    """Return the unit of real world values, and how all frames call their mapping, if alike."""
    attributes: Attributes = {"units": mappings[0].pieces[0].unit} if mappings else {}
    for keyword, words in (
        ("LUTLabel", {mapping.pieces[0].label for mapping in mappings}),
        ("LUTExplanation", {mapping.pieces[0].explanation for mapping in mappings}),
    ):
        if len(words) == 1 and (word := words.pop()):
            attributes[keyword] = word
    return attributes


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
    """Warn of planes at unequal distances, or not alike, and of a place that cannot be one."""
    uid, placement = stack.SeriesInstanceUID, stack.placement
    varying = describe_varying(stack)
    if varying is not None:
        warnings.warn(ContrastWarning(uid, varying, stack.varying), stacklevel=stacklevel + 1)
    unplaced = None if placement is not None else describe_unplaced(stack.frames)
    if unplaced is not None:
        warnings.warn(GeometryWarning(uid, unplaced), stacklevel=stacklevel + 1)
    note = None if placement is None or not of_gaps else describe_gaps(placement)
    if note is not None and placement is not None:
        gaps = tuple((gap.after_mm, gap.planes) for gap in placement.gaps)
        warnings.warn(GeometryWarning(uid, note, gaps), stacklevel=stacklevel + 1)


def _per_frame(stack: Stack, mappings: Sequence[FrameMapping]) -> dict[str, NDArray[Any]]:
    frames = stack.frames
    numbers = [frame.row.InstanceNumber for frame in frames]
    # An integer array has no room for "not stated".
    kind = np.float64 if None in numbers else np.int64
    if mappings:
        lines = [mapping.line for mapping in mappings]
    else:
        rescales = [
            NO_RESCALE if frame.facts.has_unread_modality_lut else frame.facts.rescale or IDENTITY
            for frame in frames
        ]
        lines = [(rescale.slope, rescale.intercept) for rescale in rescales]
    found: dict[str, NDArray[Any]] = {
        "SOPInstanceUID": np.array([frame.row.SOPInstanceUID for frame in frames]),
        "InstanceNumber": np.array(numbers, dtype=kind),
    }
    if any(frame.layout.frames > 1 for frame in frames):
        found["frame_number"] = np.array([frame.index + 1 for frame in frames])
    if not stack.is_color:
        found["slope"] = np.array([slope for slope, _ in lines])
        found["intercept"] = np.array([intercept for _, intercept in lines])
    return found
