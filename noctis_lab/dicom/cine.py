"""Frames that follow each other in time or by index, as cine and nuclear medicine state them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import accumulate, repeat

from noctis_lab.dicom.attributes import Attributes
from noctis_lab.dicom.geometry import PlaneGeometry, is_orthonormal, plane_normal

__all__ = ["VECTORS", "frame_times_ms", "frame_vectors", "reconstructed_planes"]

#: PS3.3 C.8.4.8: what a frame increment pointer may point to, by keyword.
VECTORS = {
    "0054,0010": "EnergyWindowVector",
    "0054,0020": "DetectorVector",
    "0054,0030": "PhaseVector",
    "0054,0050": "RotationVector",
    "0054,0060": "RRIntervalVector",
    "0054,0070": "TimeSlotVector",
    "0054,0080": "SliceVector",
    "0054,0090": "AngularViewVector",
    "0054,0100": "TimeSliceVector",
}
_FRAME_TIME, _FRAME_TIME_VECTOR = "0018,1063", "0018,1065"
_RECONSTRUCTED = frozenset(("RECON TOMO", "RECON GATED TOMO"))


def frame_times_ms(attributes: Attributes, frames: int) -> tuple[float, ...] | None:
    """Return when each frame was taken, in ms from the first; None where it is not stated.

    Parameters
    ----------
    attributes
        Of the instance.
    frames
        How many there are.

    References
    ----------
    :dcm:`PS3.3 C.7.6.5.1.2 <part03/sect_C.7.6.5.html>`: Frame Time Vector holds the increments
    between frames, the first frame's being 0.
    """
    pointers = attributes.texts("FrameIncrementPointer")
    if not pointers or _FRAME_TIME_VECTOR in pointers:
        increments = attributes.numbers("FrameTimeVector")
        if increments is not None:
            if len(increments) != frames or any(step < 0 for step in increments):
                return None
            return _finite(accumulate((0.0, *increments[1:])))
    if not pointers or _FRAME_TIME in pointers:
        step = attributes.number("FrameTime")
        if step is not None and step > 0:
            return _finite(accumulate(repeat(step, frames - 1), initial=0.0))
    return None


def _finite(times_ms: Iterable[float]) -> tuple[float, ...] | None:
    found = tuple(times_ms)
    return found if math.isfinite(found[-1]) else None


def frame_vectors(attributes: Attributes, frames: int) -> dict[str, tuple[int, ...]]:
    """Return the vectors of indices, from 1, by which the frames of a nuclear image are told apart.

    Parameters
    ----------
    attributes
        Of the instance.
    frames
        How many there are.

    Returns
    -------
    dict of str to tuple of int
        By keyword, in the order of Frame Increment Pointer; a vector that has not one whole number
        per frame is left out.

    References
    ----------
    :dcm:`PS3.3 C.8.4.8 <part03/sect_C.8.4.8.html>`: NM Multi-frame Module
    """
    found: dict[str, tuple[int, ...]] = {}
    for pointer in attributes.texts("FrameIncrementPointer"):
        keyword = VECTORS.get(pointer)
        numbers = attributes.numbers(keyword) if keyword is not None else None
        if keyword is None or numbers is None or len(numbers) != frames:
            continue
        if all(number.is_integer() for number in numbers):
            found[keyword] = tuple(int(number) for number in numbers)
    return found


def reconstructed_planes(
    attributes: Attributes, slices: tuple[int, ...], plane: PlaneGeometry
) -> tuple[PlaneGeometry, ...] | None:
    """Return where the slices of a reconstructed nuclear tomography lie.

    Parameters
    ----------
    attributes
        Of the instance.
    slices
        Its Slice Vector.
    plane
        What the instance states at the top level.

    Returns
    -------
    tuple of PlaneGeometry, or None
        One per frame; None where the image is no reconstruction, or does not state all that is
        needed.

    References
    ----------
    :dcm:`PS3.3 C.8.4.15 <part03/sect_C.8.4.15.html>`: the sign of Spacing Between Slices says
    whether slices lie behind the first or in front of it; Position and Orientation of the first
    are the detector's, :dcm:`PS3.3 C.8.4.11 <part03/sect_C.8.4.11.html>`.
    """
    step_mm = attributes.number("SpacingBetweenSlices")
    detector = "DetectorInformationSequence[0]."
    first_mm = attributes.vector(f"{detector}ImagePositionPatient", "ImagePositionPatient")
    cosines = attributes.numbers(f"{detector}ImageOrientationPatient", "ImageOrientationPatient")
    if not _RECONSTRUCTED & set(attributes.texts("ImageType")[2:]):
        return None
    if step_mm is None or step_mm == 0 or first_mm is None or cosines is None or len(cosines) != 6:
        return None
    orientation = (*cosines[:3], *cosines[3:6])
    if not is_orthonormal(orientation):
        return None
    nx, ny, nz = plane_normal(orientation)
    x, y, z = first_mm
    return tuple(
        PlaneGeometry(
            position_mm=(x + by_mm * nx, y + by_mm * ny, z + by_mm * nz),
            orientation=orientation,
            pixel_spacing_mm=plane.pixel_spacing_mm,
        )
        for by_mm in ((index - 1) * step_mm for index in slices)
    )
