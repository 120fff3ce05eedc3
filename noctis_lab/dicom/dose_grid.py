"""What an RTDOSE data set states: its planes' places, its scaling and what it was computed for."""

from __future__ import annotations

import math
from dataclasses import dataclass

from noctis_lab.dicom.geometry import PlaneGeometry, is_orthonormal, plane_normal
from noctis_lab.dicom.header import Header
from noctis_lab.dicom.items import Item, to_tree
from noctis_lab.dicom.rescale import Rescale
from noctis_lab.errors import NoGeometry, UnsupportedSeries

__all__ = ["DoseGrid", "parse_dose_grid"]

#: GridFrameOffsetVector and ImagePositionPatient are decimal strings, rounded each by itself.
_SAME_MM = 0.01
#: How far a plane's normal may lean from the patient's z for its offsets to be z coordinates.
_AXIAL_COSINE = 1 - 1e-6
_UNITS = {"GY": "Gy", "RELATIVE": "relative"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DoseGrid:
    """One RTDOSE: where its planes lie, what its stored values mean, what it refers to.

    `offsets_mm` are along the planes' normal from `plane.position_mm` on, one per frame, in the
    order of the frames.
    """

    SOPInstanceUID: str
    plane: PlaneGeometry
    offsets_mm: tuple[float, ...]
    #: stored · DoseGridScaling, in the unit of DoseUnits; None where the scaling is missing.
    rescale: Rescale | None
    DoseUnits: str | None
    DoseType: str | None
    DoseSummationType: str | None
    FrameOfReferenceUID: str | None
    ReferencedPlanUIDs: tuple[str, ...]
    ReferencedStructureSetUIDs: tuple[str, ...]
    note: str | None  # what was stated and not followed


def parse_dose_grid(header: Header) -> DoseGrid:
    """Return what an RTDOSE data set states.

    Parameters
    ----------
    header
        With pixels.

    Returns
    -------
    DoseGrid

    Raises
    ------
    NoGeometry
        Position, orientation or spacing is missing or no plane's.
    UnsupportedSeries
        GridFrameOffsetVector is missing, does not have one number per frame, or begins neither
        with 0 nor with the planes' z; DoseGridScaling is no positive number.

    Notes
    -----
    Offsets that begin with 0 are relative, along the right-handed normal of the planes (so that
    they descend in z for an image orientation that leads down); offsets that begin with the z of
    ImagePositionPatient are z coordinates, which only axial planes have.

    References
    ----------
    :dcm:`PS3.3 C.8.8.3.2 <part03/sect_C.8.8.3.html>`
    """
    assert header.pixels is not None
    if header.text("NumberOfFrames") is not None and header.integer("NumberOfFrames") is None:
        raise _refusal(header, "NumberOfFrames should be a whole number, another value came")
    plane = header.plane()
    _require_plane(header, plane)
    offsets_mm, note = _offsets_mm(header, plane, header.pixels.frames)
    tree = to_tree(header, "ReferencedRTPlanSequence", "ReferencedStructureSetSequence")
    return DoseGrid(
        SOPInstanceUID=header.SOPInstanceUID,
        plane=plane,
        offsets_mm=offsets_mm,
        rescale=_rescale(header),
        DoseUnits=header.text("DoseUnits"),
        DoseType=header.text("DoseType"),
        DoseSummationType=header.text("DoseSummationType"),
        FrameOfReferenceUID=header.text("FrameOfReferenceUID"),
        ReferencedPlanUIDs=_referenced(tree, "ReferencedRTPlanSequence"),
        ReferencedStructureSetUIDs=_referenced(tree, "ReferencedStructureSetSequence"),
        note=note,
    )


def _require_plane(header: Header, plane: PlaneGeometry) -> None:
    spacing_mm = plane.pixel_spacing_mm
    if (
        plane.position_mm is None
        or plane.orientation is None
        or not is_orthonormal(plane.orientation)
        or spacing_mm is None
        or not all(value > 0 for value in spacing_mm)
    ):
        raise NoGeometry(
            header.SeriesInstanceUID,
            "the dose grid states no usable position, orientation or pixel spacing",
            SOPInstanceUIDs=(header.SOPInstanceUID,),
        )


def _offsets_mm(
    header: Header, plane: PlaneGeometry, frames: int
) -> tuple[tuple[float, ...], str | None]:
    stated = header.numbers("GridFrameOffsetVector")
    if frames == 1:
        # The attribute is needed by multi-frame grids only; a lone plane lies at its position.
        unfit = stated is not None and len(stated) != 1
        note = "GridFrameOffsetVector does not fit one frame, and was not followed"
        return (0.0,), note if unfit else None
    if stated is None or len(stated) != frames:
        came = "none" if stated is None else str(len(stated))
        raise _refusal(
            header,
            f"GridFrameOffsetVector should have {frames} numbers, one per frame, {came} came; "
            "where the planes of the dose lie is not known",
        )
    assert plane.position_mm is not None
    assert plane.orientation is not None
    first, z_mm = stated[0], plane.position_mm[2]
    if first == 0:
        return stated, None
    if abs(first - z_mm) > _SAME_MM:
        raise _refusal(
            header,
            f"GridFrameOffsetVector should begin with 0 (relative) or with the planes' z, "
            f"{z_mm:g} mm (absolute), {first:g} came",
        )
    cosine = plane_normal(plane.orientation)[2]
    if abs(cosine) < _AXIAL_COSINE:
        raise _refusal(
            header,
            "GridFrameOffsetVector holds z coordinates, but the planes are not axial: PS3.3 "
            "C.8.8.3.2 has no place for them",
        )
    towards = math.copysign(1.0, cosine)
    return tuple(towards * (offset - first) for offset in stated), None


def _rescale(header: Header) -> Rescale | None:
    text, scaling = header.text("DoseGridScaling"), header.number("DoseGridScaling")
    if text is None:
        return None
    if scaling is None or scaling <= 0:
        raise _refusal(header, "DoseGridScaling should be a positive number, another came")
    stated = header.text("DoseUnits")
    units = None if stated is None else _UNITS.get(stated.upper(), stated)
    return Rescale(slope=scaling, intercept=0.0, units=units)


def _refusal(header: Header, reason: str) -> UnsupportedSeries:
    return UnsupportedSeries(
        header.SeriesInstanceUID, reason, SOPInstanceUIDs=(header.SOPInstanceUID,)
    )


def _referenced(tree: Item, sequence: str) -> tuple[str, ...]:
    found = (item.text("ReferencedSOPInstanceUID") for item in tree.items(sequence))
    return tuple(uid for uid in found if uid is not None)
