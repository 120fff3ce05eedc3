"""What a data set states of each of its frames: place, values, and what tells it from others."""

from __future__ import annotations

from dataclasses import dataclass

from noctis_lab.dicom.geometry import PlaneGeometry
from noctis_lab.dicom.header import Header
from noctis_lab.dicom.rescale import Rescale
from noctis_lab.dicom.timing import parse_date_time_s, parse_time_s
from noctis_lab.errors import DicomTooLarge

__all__ = ["MOST_FRAMES", "FrameFacts", "frame_facts"]

#: Whole-slide images have some hundred thousand frames; volumes, some ten thousand.
MOST_FRAMES = 1 << 20

#: First row, first column, rows, columns.
type Tile = tuple[int, int, int, int]

_COMPONENTS = {
    **dict.fromkeys(("M", "M_FFE", "M_SE", "M_IR", "M_B0", "MAGNITUDE"), "MAGNITUDE"),
    **dict.fromkeys(("P", "PHASE"), "PHASE"),
    **dict.fromkeys(("R", "REAL"), "REAL"),
    **dict.fromkeys(("I", "IMAGINARY"), "IMAGINARY"),
    "MIXED": "MIXED",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFacts:
    """What is stated of one frame; None (or empty) where nothing is, and nothing is made up.

    A frame is one plane of pixels: the image of a classic instance, a frame of a multi-frame one,
    or a slice within a mosaic.
    """

    plane: PlaneGeometry
    rescale: Rescale | None = None
    #: A Modality LUT is stated that `rescale` does not give: a table, or half of a linear one.
    has_unread_modality_lut: bool = False
    #: A mosaic's slice within its image: first row, first column, rows, columns.
    tile: Tile | None = None
    frame_of_reference_uid: str | None = None
    #: ImageType, or the FrameType that stands in its stead.
    image_type: tuple[str, ...] = ()
    #: MAGNITUDE, PHASE, REAL, IMAGINARY or MIXED.
    component: str | None = None
    #: StackID: only frames of one stack belong together.
    stack_id: str | None = None
    in_stack_position: int | None = None
    #: DimensionIndexValues: where the frame lies in the index that the instance was written by.
    dimension_index: tuple[int, ...] = ()
    temporal_index: int | None = None  # TemporalPositionIndex or TemporalPositionIdentifier
    acquisition_number: int | None = None
    #: When its acquisition began, in seconds: since 1970-01-01 where the date is stated, else since
    #: midnight. Within a series they compare.
    acquired_s: float | None = None
    #: From the first frame of its instance, as a cine states it.
    frame_time_ms: float | None = None
    trigger_ms: float | None = None  # from the R wave, or from what triggered
    phase_index: int | None = None  # cardiac phase, from 1
    echo_ms: float | None = None
    echo_number: int | None = None
    inversion_ms: float | None = None
    flip_deg: float | None = None
    b_value: float | None = None  # s/mm²
    #: Unit vector of the diffusion gradient, patient LPS.
    b_vector: tuple[float, float, float] | None = None
    #: DIRECTIONAL, BMATRIX, ISOTROPIC or NONE.
    diffusion_directionality: str | None = None
    asl_context: str | None = None  # LABEL, CONTROL or M_ZERO_SCAN
    segment_number: int | None = None


def frame_facts(header: Header) -> tuple[FrameFacts, ...]:
    """Return what a data set states of each of its frames.

    Parameters
    ----------
    header
        Of any instance.

    Returns
    -------
    tuple of FrameFacts
        In the order of the frames; empty where there are no pixels.

    Raises
    ------
    DicomTooLarge
        More than `MOST_FRAMES` frames.

    References
    ----------
    :dcm:`PS3.3 C.7.6.2 <part03/sect_C.7.6.2.html>`, :dcm:`PS3.3 C.8.3.1 <part03/sect_C.8.3.html>`
    """
    if header.pixels is None:
        return ()
    if header.pixels.frames > MOST_FRAMES:
        raise DicomTooLarge(f"{header.pixels.frames} frames, expected at most {MOST_FRAMES}")
    return (_classic_facts(header),) * header.pixels.frames


def _classic_facts(header: Header) -> FrameFacts:
    image_type = tuple((header.text("ImageType") or "").upper().split("\\"))
    image_type = image_type if any(image_type) else ()
    is_mr = header.text("Modality") == "MR"
    return FrameFacts(
        plane=header.plane(),
        rescale=header.rescale(),
        has_unread_modality_lut=header.has_unread_modality_lut(),
        frame_of_reference_uid=header.text("FrameOfReferenceUID"),
        image_type=image_type,
        component=_component(image_type) if is_mr else None,
        stack_id=header.text("StackID"),
        in_stack_position=header.integer("InStackPositionNumber"),
        temporal_index=_first_integer(
            header, "TemporalPositionIdentifier", "TemporalPositionIndex"
        ),
        acquisition_number=header.integer("AcquisitionNumber"),
        acquired_s=_acquired_s(header),
        trigger_ms=_first_number(header, "NominalCardiacTriggerDelayTime", "TriggerTime"),
        echo_ms=_first_number(header, "EchoTime", "EffectiveEchoTime"),
        echo_number=header.integer("EchoNumbers"),
        inversion_ms=header.number("InversionTime"),
        flip_deg=header.number("FlipAngle"),
        b_value=header.number("DiffusionBValue"),
    )


def _component(image_type: tuple[str, ...]) -> str | None:
    """Return the part of a complex signal that ImageType names beyond its first two values."""
    named = {_COMPONENTS[word] for word in image_type[2:] if word in _COMPONENTS}
    return named.pop() if len(named) == 1 else None


def _acquired_s(header: Header) -> float | None:
    stated_s = parse_date_time_s(header.text("AcquisitionDateTime"))
    if stated_s is not None:
        return stated_s
    time = header.text("AcquisitionTime")
    dated_s = parse_date_time_s(header.text("AcquisitionDate"), time or "")
    return parse_time_s(time) if dated_s is None else dated_s


def _first_number(header: Header, *keywords: str) -> float | None:
    found = (header.number(keyword) for keyword in keywords)
    return next((number for number in found if number is not None), None)


def _first_integer(header: Header, *keywords: str) -> int | None:
    found = (header.integer(keyword) for keyword in keywords)
    return next((number for number in found if number is not None), None)
