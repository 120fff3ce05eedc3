"""What kind of image a frame is: its type, the part of a complex signal, its place in ASL."""

from __future__ import annotations

from noctis_lab.dicom.attributes import Attributes
from noctis_lab.dicom.header import Header
from noctis_lab.dicom.private_elements import (
    GE_ASL_TECHNIQUE,
    GE_COMPONENT,
    PHILIPS_COMPONENT,
    PHILIPS_LABEL,
)

__all__ = [
    "asl_context_of",
    "asl_technique_of",
    "component_of",
    "image_type_of",
    "orphaned_groups_of",
]

_FRAME_TYPES = tuple(
    f"{sequence}[0].FrameType"
    for sequence in (
        *("MRImageFrameTypeSequence", "CTImageFrameTypeSequence", "PETFrameTypeSequence"),
        *("XRay3DFrameTypeSequence", "MRSpectroscopyFrameTypeSequence"),
        *("ParametricMapFrameTypeSequence", "IntravascularOCTFrameTypeSequence"),
        *("PhotoacousticImageFrameTypeSequence", "WholeSlideMicroscopyImageFrameTypeSequence"),
    )
)
_COMPONENTS = {
    **dict.fromkeys(("M", "M_FFE", "M_SE", "M_IR", "M_B0", "MAGNITUDE"), "MAGNITUDE"),
    **dict.fromkeys(("P", "PHASE"), "PHASE"),
    **dict.fromkeys(("R", "REAL"), "REAL"),
    **dict.fromkeys(("I", "IMAGINARY"), "IMAGINARY"),
    "MIXED": "MIXED",
}
_GE_COMPONENTS = {0: "MAGNITUDE", 1: "PHASE", 2: "REAL", 3: "IMAGINARY"}
_GROUPS_OF_MAKERS = frozenset((0x0019, 0x0021, 0x0029, 0x0043, 0x2001, 0x2005))
_ASL_CONTEXTS = frozenset(("LABEL", "CONTROL", "M_ZERO_SCAN"))


def image_type_of(attributes: Attributes) -> tuple[str, ...]:
    """Return a frame's FrameType, or else its instance's ImageType; empty where neither is.

    References
    ----------
    :dcm:`PS3.3 C.8.16.1 <part03/sect_C.8.16.html>`
    """
    return attributes.texts(*_FRAME_TYPES, "ImageType")


def component_of(attributes: Attributes) -> str | None:
    """Return which part of the complex signal of an MR a frame shows.

    Returns
    -------
    str or None
        MAGNITUDE, PHASE, REAL, IMAGINARY or MIXED; None where it is not stated, and of images of
        another modality.

    References
    ----------
    :dcm:`PS3.3 C.8.13.3.1.1 <part03/sect_C.8.13.3.html>`: Complex Image Component
    """
    if attributes.text("Modality") != "MR":
        return None
    stated = attributes.texts(
        "MRImageFrameTypeSequence[0].ComplexImageComponent", "ComplexImageComponent"
    )
    if not stated:
        stated = (attributes.private_text(PHILIPS_COMPONENT) or "",)
    if stated[0] in _COMPONENTS:
        return _COMPONENTS[stated[0]]
    number = attributes.private_integer(GE_COMPONENT)
    if number is not None:
        return _GE_COMPONENTS.get(number)
    # The classic Image Type: makers name the component beyond its first two values.
    named = {_COMPONENTS[word] for word in image_type_of(attributes)[2:] if word in _COMPONENTS}
    return named.pop() if len(named) == 1 else None


def asl_context_of(attributes: Attributes) -> str | None:
    """Return a frame's place in arterial spin labelling: LABEL, CONTROL or M_ZERO_SCAN.

    References
    ----------
    :dcm:`PS3.3 C.8.13.5.14 <part03/sect_C.8.13.5.14.html>`
    """
    stated = attributes.texts("MRArterialSpinLabelingSequence[0].ASLContext", "ASLContext")
    context = (stated or (attributes.private_text(PHILIPS_LABEL) or "",))[0]
    return context.upper() if context.upper() in _ASL_CONTEXTS else None


def asl_technique_of(attributes: Attributes) -> str | None:
    """Return GE's word for how a frame of arterial spin labelling was labelled.

    Notes
    -----
    GE stores no label and control: its series hold perfusion-weighted images (PSEUDOCONTINUOUS)
    and those of proton density (CONTINUOUS), at the same places. The word parts the two; it is no
    ASL Context.
    """
    stated = attributes.private_text(GE_ASL_TECHNIQUE)
    return stated.strip(" ").upper() or None if stated is not None else None


def orphaned_groups_of(header: Header) -> tuple[str, ...]:
    """Return the groups of those private elements that stand without their creator, ascending.

    Notes
    -----
    Programs that remove what they do not know take the creators (gggg,0010-00FF) first. Only the
    groups in which makers state b-values, components and labels are looked at.

    References
    ----------
    :dcm:`PS3.5 7.8.1 <part05/sect_7.8.html>`
    """
    groups = {
        element.tag >> 16
        for element in header.elements
        if element.private_creator is None
        and element.tag >> 16 in _GROUPS_OF_MAKERS
        and element.tag & 0xFFFF >= 0x1000
    }
    return tuple(f"{group:04X}" for group in sorted(groups))
