"""What a data set states of each of its frames: place, values, and what tells it from others."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from noctis_lab.dicom.attributes import Attributes, FunctionalGroups, split_functional_groups
from noctis_lab.dicom.cine import frame_times_ms, frame_vectors, reconstructed_planes
from noctis_lab.dicom.concatenation import Concatenation, concatenation_of
from noctis_lab.dicom.csa import CsaHeader, parse_csa
from noctis_lab.dicom.dictionary import element_name
from noctis_lab.dicom.diffusion import diffusion_of
from noctis_lab.dicom.frame_contrast import (
    asl_context_of,
    asl_technique_of,
    component_of,
    image_type_of,
    orphaned_groups_of,
)
from noctis_lab.dicom.geometry import PlaneGeometry
from noctis_lab.dicom.header import Header
from noctis_lab.dicom.mosaic import split_mosaic
from noctis_lab.dicom.private_elements import CSA_IMAGE_HEADER
from noctis_lab.dicom.rescale import Rescale
from noctis_lab.dicom.temporal import (
    acquired_s_of,
    offset_ms_of,
    phase_index_of,
    temporal_index_of,
)
from noctis_lab.errors import DicomTooLarge, InvalidDicom

__all__ = ["MOST_FRAMES", "FrameFacts", "Tile", "dimension_pointers", "frame_facts"]

#: Volumes have some ten thousand frames; beyond are whole-slide images, which are no volume.
MOST_FRAMES = 1 << 17

#: First row, first column, rows, columns.
type Tile = tuple[int, int, int, int]

_TAG = re.compile("([0-9A-F]{4}),([0-9A-F]{4})")
_CONTENT = "FrameContentSequence[0]."
_CARDIAC = "CardiacSynchronizationSequence[0]."
_TRIGGER_PATHS = (
    *(f"{_CARDIAC}NominalCardiacTriggerDelayTime", f"{_CARDIAC}ActualCardiacTriggerDelayTime"),
    *("NominalCardiacTriggerDelayTime", "TriggerTime"),
)
_LUT_TABLE = ("ModalityLUTSequence[0].LUTDescriptor", "ModalityLUTSequence[0].LUTData")
_VALUES = "PixelValueTransformationSequence[0]."


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
    #: A mosaic's slice within its image.
    tile: Tile | None = None
    #: What stands against taking the frame as a plane, in one sentence.
    refusal: str | None = None
    frame_of_reference_uid: str | None = None
    #: ImageType, or the FrameType that stands in its stead.
    image_type: tuple[str, ...] = ()
    #: MAGNITUDE, PHASE, REAL, IMAGINARY or MIXED.
    component: str | None = None
    #: StackID: only frames of one stack belong together.
    stack_id: str | None = None
    in_stack_position: int | None = None
    #: DimensionIndexValues, and what each is an index of, where there is one for each.
    dimension_index: tuple[int, ...] = ()
    dimensions: tuple[str, ...] = ()  # as `dimension_pointers`
    #: The vectors of a nuclear image: keyword (``EnergyWindowVector`` …) and index from 1.
    vectors: tuple[tuple[str, int], ...] = ()
    temporal_index: int | None = None  # point in time, from 1
    temporal_count: int | None = None  # NumberOfTemporalPositions
    acquisition_number: int | None = None
    #: When its acquisition began, in seconds: since 1970-01-01 where the date is stated, else since
    #: midnight: the one does not compare with the other.
    acquired_s: float | None = None
    #: From the first frame of its instance, as a cine states it.
    frame_time_ms: float | None = None
    reference_ms: float | None = None  # FrameReferenceTime of PET: from its series' reference
    trigger_ms: float | None = None  # from the R wave, or from what triggered
    phase_index: int | None = None  # cardiac phase, from 1
    phase_percent: float | None = None  # of the R-R interval
    echo_ms: float | None = None
    echo_number: int | None = None
    inversion_ms: float | None = None
    flip_deg: float | None = None
    b_value: float | None = None  # s/mm²
    #: Unit vector of the diffusion gradient, patient LPS; None where b is 0.
    b_vector: tuple[float, float, float] | None = None
    diffusion_directionality: str | None = None  # DIRECTIONAL, BMATRIX, ISOTROPIC or NONE
    #: The scanner's own words for the direction: they tell one from another and nothing else.
    gradient_key: tuple[float, ...] | None = None
    asl_context: str | None = None  # LABEL, CONTROL or M_ZERO_SCAN
    asl_technique: str | None = None  # GE's: of the weighted images, and of those beside them
    kernel: str | None = None  # ConvolutionKernel
    tube_kv: float | None = None  # KVP
    segment_number: int | None = None
    #: Groups of private elements whose creator is missing, as ``0019``: nobody can read those.
    orphaned_groups: tuple[str, ...] = ()
    #: The part of a larger multi-frame image that its instance is.
    concatenation: Concatenation | None = None


def frame_facts(header: Header) -> tuple[FrameFacts, ...]:
    """Return what a data set states of each of its frames.

    Parameters
    ----------
    header
        Of any instance.

    Returns
    -------
    tuple of FrameFacts
        In the order of the frames, a mosaic's slices ascending along their normal; empty where
        there are no pixels. Frames of which the same is stated share one object.

    Raises
    ------
    DicomTooLarge
        More than `MOST_FRAMES` frames.

    Notes
    -----
    An image that cannot be taken apart into planes (a mosaic without what that needs, functional
    groups of more frames than there are, or stated twice) is not refused here: each frame's
    `refusal` says why.

    References
    ----------
    :dcm:`PS3.3 C.7.6.2 <part03/sect_C.7.6.2.html>`, :dcm:`PS3.3 C.8.3.1 <part03/sect_C.8.3.html>`,
    :dcm:`PS3.3 C.7.6.16 <part03/sect_C.7.6.16.html>`
    """
    pixels = header.pixels
    if pixels is None:
        return ()
    if pixels.frames > MOST_FRAMES:
        raise DicomTooLarge(f"{pixels.frames} frames, expected at most {MOST_FRAMES}")
    groups = split_functional_groups(header)
    orphans = orphaned_groups_of(header)
    found = _frame_facts(header, groups)
    part = concatenation_of(header)
    if not orphans and part is None:
        return found
    return tuple(replace(each, orphaned_groups=orphans, concatenation=part) for each in found)


def _frame_facts(header: Header, groups: FunctionalGroups) -> tuple[FrameFacts, ...]:
    """Return the frames of an image, as its kind states them."""
    pixels = header.pixels
    assert pixels is not None
    if header.repeated_group is not None:
        refusal = f"{header.repeated_group} has several items, of which one is allowed"
        return (_refused(_facts(groups.of_all, None), refusal),) * pixels.frames
    if header.is_mosaic() and (groups.is_stated or pixels.frames > 1):
        refused = _refused(_facts(groups.of_all, None), "the mosaic is a multi-frame image")
        return (refused,) * pixels.frames
    if groups.is_stated:
        facts = _with_dimensions(_enhanced_facts(groups, pixels.frames), dimension_pointers(header))
        return facts if len(facts) > 1 else (_single_facts(header, facts[0]),)
    if pixels.frames > 1:
        return _cine_facts(header, groups.of_all, pixels.frames)
    return _classic_facts(header, groups.of_all)


def dimension_pointers(header: Header) -> tuple[str, ...]:
    """Return what each of a frame's `dimension_index` is an index of.

    Returns
    -------
    tuple of str
        Keyword of each DimensionIndexPointer (``gggg,eeee`` where it has none), in order; empty
        where any is no tag.

    References
    ----------
    :dcm:`PS3.3 C.7.6.17 <part03/sect_C.7.6.17.html>`
    """
    pointers: list[str] = []
    while text := header.text(f"DimensionIndexSequence[{len(pointers)}].DimensionIndexPointer"):
        tag = _TAG.fullmatch(text)
        if tag is None:
            return ()
        pointers.append(element_name(int(tag[1] + tag[2], 16)))
    return tuple(pointers)


def _classic_facts(header: Header, attributes: Attributes) -> tuple[FrameFacts, ...]:
    """Return the frame of a classic image, or the slices of a mosaic."""
    csa, why = None, None
    raw = attributes.private_raw(CSA_IMAGE_HEADER)
    if raw is not None:
        try:
            csa = parse_csa(raw)
        except InvalidDicom as error:
            why = str(error)
    facts = replace(
        _facts(attributes, csa),
        plane=header.plane(),
        rescale=header.rescale(),
        has_unread_modality_lut=header.has_unread_modality_lut(),
    )
    if not header.is_mosaic():
        return (facts,)
    assert header.pixels is not None
    try:
        slices = split_mosaic(
            facts.plane,
            rows=header.pixels.rows,
            columns=header.pixels.columns,
            attributes=attributes,
            csa=csa,
        )
    except InvalidDicom as error:
        reason = str(error) if why is None else f"{error}; {why}"
        return (_refused(facts, reason),)
    return tuple(replace(facts, plane=each.plane, tile=each.tile) for each in slices)


def _cine_facts(header: Header, attributes: Attributes, frames: int) -> tuple[FrameFacts, ...]:
    """Return the frames of a multi-frame image without functional groups."""
    of_all = replace(
        _facts(attributes, None),
        plane=header.plane(),
        rescale=header.rescale(),
        has_unread_modality_lut=header.has_unread_modality_lut(),
    )
    vectors = frame_vectors(attributes, frames)
    slices = vectors.get("SliceVector")
    planes = None if slices is None else reconstructed_planes(attributes, slices, of_all.plane)
    times_ms = frame_times_ms(attributes, frames)
    # Position is the first frame's: of the others none is stated.
    later = replace(of_all, plane=_nowhere(of_all.plane))
    if not vectors and times_ms is None:
        return (of_all, *(later,) * (frames - 1))
    made = []
    for index in range(frames):
        facts = of_all if index == 0 else later
        time_ms = None if times_ms is None else times_ms[index]
        started_s = facts.acquired_s
        made.append(
            replace(
                facts,
                plane=facts.plane if planes is None else planes[index],
                vectors=tuple((keyword, vector[index]) for keyword, vector in vectors.items()),
                frame_time_ms=time_ms,
                acquired_s=started_s
                if started_s is None or time_ms is None
                else started_s + time_ms / 1000,
                temporal_index=_at(vectors, "TimeSliceVector", index, facts.temporal_index),
                phase_index=_at(vectors, "TimeSlotVector", index, facts.phase_index),
            )
        )
    return tuple(made)


def _enhanced_facts(groups: FunctionalGroups, frames: int) -> Iterator[FrameFacts]:
    """Return the frames of an instance with functional groups."""
    stated = max(groups.frames, default=-1) + 1
    of_all = _facts(groups.of_all, None)
    if stated > frames:
        refusal = f"functional groups of {stated} frames are stated, there are {frames}"
        yield from (_refused(of_all, refusal),) * frames
        return
    for index in range(frames):
        own = groups.of_frame(index)
        yield of_all if own is None else _facts(own, None)


def _with_dimensions(
    facts: Iterator[FrameFacts], pointers: tuple[str, ...]
) -> tuple[FrameFacts, ...]:
    """Say of each frame what its dimension indices are of; a point in time may be stated so only.

    References
    ----------
    :dcm:`PS3.3 C.7.6.17 <part03/sect_C.7.6.17.html>`
    """
    named = []
    for each in facts:
        indices = each.dimension_index
        if not pointers or len(indices) != len(pointers):
            named.append(each)
            continue
        index = dict(zip(pointers, indices, strict=True)).get("TemporalPositionIndex")
        time = index if each.temporal_index is None else each.temporal_index
        named.append(replace(each, dimensions=pointers, temporal_index=time))
    return tuple(named)


def _single_facts(header: Header, facts: FrameFacts) -> FrameFacts:
    """Return the facts of the only frame: then a position at the top level is its own."""
    if facts.plane.position_mm is not None or facts.refusal is not None:
        return facts
    return replace(facts, plane=replace(facts.plane, position_mm=header.plane().position_mm))


def _facts(attributes: Attributes, csa: CsaHeader | None) -> FrameFacts:
    """Return what is stated of a frame, wherever its attributes stand."""
    diffusion = diffusion_of(attributes, csa)
    rescale, has_unread = _modality_lut(attributes)
    return FrameFacts(
        plane=_plane(attributes),
        rescale=rescale,
        has_unread_modality_lut=has_unread,
        frame_of_reference_uid=attributes.text("FrameOfReferenceUID"),
        image_type=image_type_of(attributes),
        component=component_of(attributes),
        stack_id=attributes.text(f"{_CONTENT}StackID", "StackID"),
        in_stack_position=attributes.integer(
            f"{_CONTENT}InStackPositionNumber", "InStackPositionNumber"
        ),
        dimension_index=_indices(attributes),
        temporal_index=temporal_index_of(attributes),
        temporal_count=attributes.integer("NumberOfTemporalPositions"),
        acquisition_number=attributes.integer(
            f"{_CONTENT}FrameAcquisitionNumber", "AcquisitionNumber"
        ),
        acquired_s=acquired_s_of(attributes),
        frame_time_ms=offset_ms_of(attributes),
        reference_ms=attributes.number("FrameReferenceTime"),
        trigger_ms=attributes.number(*_TRIGGER_PATHS),
        phase_index=phase_index_of(attributes),
        phase_percent=attributes.number(
            f"{_CARDIAC}NominalPercentageOfCardiacPhase", "NominalPercentageOfCardiacPhase"
        ),
        echo_ms=attributes.number("MREchoSequence[0].EffectiveEchoTime", "EchoTime"),
        echo_number=attributes.integer("EchoNumbers"),
        inversion_ms=attributes.number("MRModifierSequence[0].InversionTimes", "InversionTime"),
        flip_deg=attributes.number(
            "MRTimingAndRelatedParametersSequence[0].FlipAngle", "FlipAngle"
        ),
        b_value=diffusion.b_value,
        b_vector=diffusion.b_vector,
        diffusion_directionality=diffusion.directionality,
        gradient_key=diffusion.gradient_key,
        asl_context=asl_context_of(attributes),
        asl_technique=asl_technique_of(attributes),
        kernel=attributes.text(
            "CTReconstructionSequence[0].ConvolutionKernel", "ConvolutionKernel"
        ),
        tube_kv=attributes.number("CTXRayDetailsSequence[0].KVP", "KVP"),
        segment_number=attributes.integer(
            "SegmentIdentificationSequence[0].ReferencedSegmentNumber"
        ),
    )


def _plane(attributes: Attributes) -> PlaneGeometry:
    """Return the place that functional groups state, and what stands at the top level for all."""
    cosines = attributes.numbers(
        "PlaneOrientationSequence[0].ImageOrientationPatient", "ImageOrientationPatient"
    )
    spacing_mm = attributes.numbers("PixelMeasuresSequence[0].PixelSpacing", "PixelSpacing")
    return PlaneGeometry(
        position_mm=attributes.vector("PlanePositionSequence[0].ImagePositionPatient"),
        orientation=None if cosines is None or len(cosines) != 6 else (*cosines[:3], *cosines[3:6]),
        pixel_spacing_mm=None
        if spacing_mm is None or len(spacing_mm) != 2
        else (spacing_mm[0], spacing_mm[1]),
    )


def _refused(facts: FrameFacts, why: str) -> FrameFacts:
    """Return facts of a frame that is no plane: whatever position is stated is not its own."""
    return replace(facts, plane=_nowhere(facts.plane), refusal=why)


def _nowhere(plane: PlaneGeometry) -> PlaneGeometry:
    return replace(plane, position_mm=None)


def _modality_lut(attributes: Attributes) -> tuple[Rescale | None, bool]:
    """Return the linear Modality LUT, and whether another one is stated, whole or in part.

    Slope and intercept count only together, from one place; a table goes before them.
    """
    is_stated = attributes.has(*_LUT_TABLE)
    for layer in attributes.layers:
        for group in (_VALUES, ""):
            nearest = Attributes((layer,), attributes.private_bytes)
            slope = nearest.single(f"{group}RescaleSlope")
            intercept = nearest.single(f"{group}RescaleIntercept")
            if slope is not None and intercept is not None:
                units = nearest.text(f"{group}RescaleType")
                return Rescale(slope=slope, intercept=intercept, units=units), is_stated
            is_stated = is_stated or bool(
                nearest.text(f"{group}RescaleSlope", f"{group}RescaleIntercept")
            )
    return None, is_stated


def _indices(attributes: Attributes) -> tuple[int, ...]:
    numbers = attributes.numbers(f"{_CONTENT}DimensionIndexValues")
    if numbers is None or not all(number.is_integer() for number in numbers):
        return ()
    return tuple(int(number) for number in numbers)


def _at(
    vectors: Mapping[str, tuple[int, ...]], keyword: str, index: int, otherwise: int | None
) -> int | None:
    vector = vectors.get(keyword)
    return otherwise if vector is None else vector[index]
