"""When a frame was taken: its point in time by index, and by the clock."""

from __future__ import annotations

from noctis_lab.dicom.attributes import Attributes
from noctis_lab.dicom.private_elements import GE_LOCATIONS, PHILIPS_PHASE
from noctis_lab.dicom.timing import parse_date_time_s, parse_time_s

__all__ = ["acquired_s_of", "offset_ms_of", "phase_index_of", "temporal_index_of"]

_CONTENT = "FrameContentSequence[0]."
#: A century.
_LONGEST_S = 3.2e9


def temporal_index_of(attributes: Attributes) -> int | None:
    """Return a frame's point in time, from 1.

    Notes
    -----
    GE's classic series of several points in time number their instances volume by volume without
    Temporal Position Identifier. That counts only where everything that such an instance states
    agrees: InstanceNumber, InStackPositionNumber, NumberOfTemporalPositions and the private count
    of places.

    References
    ----------
    :dcm:`PS3.3 C.7.6.16.2.2 <part03/sect_C.7.6.16.2.html>`,
    :dcm:`PS3.3 C.8.3.1 <part03/sect_C.8.3.html>`,
    :dcm:`PS3.3 C.8.9.4.1.9 <part03/sect_C.8.9.4.html>`: Image Index of a dynamic PET
    """
    stated = attributes.integer(
        f"{_CONTENT}TemporalPositionIndex", "TemporalPositionIdentifier", "TemporalPositionIndex"
    )
    if stated is None:
        stated = _volume_of_pet(attributes, "DYNAMIC", "NumberOfTimeSlices")
    return _index_by_number(attributes) if stated is None else stated


def phase_index_of(attributes: Attributes) -> int | None:
    """Return a frame's cardiac phase, from 1.

    References
    ----------
    :dcm:`PS3.3 C.8.9.4.1.9 <part03/sect_C.8.9.4.html>`: Image Index of a gated PET
    """
    stated = attributes.private_integer(PHILIPS_PHASE)
    return _volume_of_pet(attributes, "GATED", "NumberOfTimeSlots") if stated is None else stated


def _volume_of_pet(attributes: Attributes, series_type: str, count: str) -> int | None:
    """Return which of so many volumes a PET's image is of: they follow each other by Image Index.

    A gated series repeats its time slots for each R-R interval.
    """
    if attributes.texts("SeriesType")[:1] != (series_type,):
        return None
    index, slices = attributes.integer("ImageIndex"), attributes.integer("NumberOfSlices")
    volumes = attributes.integer(count)
    if index is None or slices is None or volumes is None or min(index, slices, volumes) < 1:
        return None
    intervals = attributes.integer("NumberOfRRIntervals") or 1
    volume = (index - 1) // slices
    return volume % volumes + 1 if volume < volumes * intervals else None


def _index_by_number(attributes: Attributes) -> int | None:
    places = attributes.private_integer(GE_LOCATIONS)
    if places is None or places < 1:
        return None
    points = attributes.integer("NumberOfTemporalPositions")
    number = attributes.integer("InstanceNumber")
    position = attributes.integer("InStackPositionNumber")
    if points is None or points < 2 or number is None or position is None:
        return None
    point, place = divmod(number - 1, places)
    return point + 1 if place == position - 1 and 0 <= point < points else None


def acquired_s_of(attributes: Attributes) -> float | None:
    """Return when a frame's acquisition began, in seconds.

    Returns
    -------
    float or None
        Since 1970-01-01 where the date is stated, else since midnight.

    References
    ----------
    :dcm:`PS3.3 C.7.6.16.2.2 <part03/sect_C.7.6.16.2.html>`,
    :dcm:`PS3.3 C.7.6.1 <part03/sect_C.7.6.html>`: Acquisition Date and Time
    """
    for path in (
        f"{_CONTENT}FrameAcquisitionDateTime",
        f"{_CONTENT}FrameReferenceDateTime",
        "AcquisitionDateTime",
    ):
        stated_s = parse_date_time_s(attributes.text(path))
        if stated_s is not None:
            return stated_s
    time = attributes.text("AcquisitionTime")
    dated_s = parse_date_time_s(attributes.text("AcquisitionDate"), time or "")
    return parse_time_s(time) if dated_s is None else dated_s


def offset_ms_of(attributes: Attributes) -> float | None:
    """Return a frame's time from the start of its multi-frame image, where groups state it.

    References
    ----------
    :dcm:`PS3.3 C.8.24.6.3 <part03/sect_C.8.24.6.3.html>`: Temporal Position Macro
    """
    offset_s = attributes.number("TemporalPositionSequence[0].TemporalPositionTimeOffset")
    return None if offset_s is None or abs(offset_s) > _LONGEST_S else offset_s * 1000
