"""What all frames of a series share, None where they do not."""

from __future__ import annotations

from collections.abc import Sequence

from noctis_lab.catalog.records import InstanceRow, SeriesRow
from noctis_lab.dicom.geometry import is_same_orientation
from noctis_lab.volumes.frames import Frame

__all__ = ["shared_frame_of_reference", "shared_orientation", "shared_spacing"]


def shared_frame_of_reference(series: SeriesRow, rows: Sequence[InstanceRow]) -> str | None:
    """Return the FrameOfReferenceUID."""
    stated = {row.FrameOfReferenceUID for row in rows}
    if stated == {None}:
        return series.FrameOfReferenceUID  # rows of an older program do not say it
    return stated.pop() if len(stated) == 1 else None


def shared_orientation(
    frames: Sequence[Frame],
) -> tuple[float, float, float, float, float, float] | None:
    """Return ImageOrientationPatient."""
    first = frames[0].facts.plane.orientation
    if first is None:
        return None
    others = (frame.facts.plane.orientation for frame in frames)
    shared = all(other is not None and is_same_orientation(first, other) for other in others)
    return first if shared else None


def shared_spacing(frames: Sequence[Frame]) -> tuple[float, float] | None:
    """Return PixelSpacing in mm, (row, column)."""
    spacings = {frame.facts.plane.pixel_spacing_mm for frame in frames}
    return spacings.pop() if len(spacings) == 1 else None
