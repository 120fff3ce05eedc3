"""A digest of what must be alike in one volume: whether two images differ in it, in 8 bytes."""

from __future__ import annotations

import hashlib
from typing import Final

from noctis_lab.dicom.csa import parse_csa
from noctis_lab.dicom.header import Element, Header
from noctis_lab.dicom.private_elements import (
    CSA_IMAGE_HEADER,
    GE_ASL_TECHNIQUE,
    GE_B_VALUE,
    GE_COMPONENT,
    GE_GRADIENT,
    PHILIPS_B_VALUE,
    PHILIPS_COMPONENT,
    PHILIPS_GRADIENT,
    PHILIPS_GRADIENT_NUMBER,
    PHILIPS_LABEL,
    PHILIPS_PHASE,
    SIEMENS_B_VALUE,
    SIEMENS_DIRECTIONALITY,
    SIEMENS_GRADIENT,
    private_key,
)
from noctis_lab.errors import InvalidDicom

__all__ = ["contrast_digest"]

#: The elements behind those facts by which `volumes/keys.py` tells contrasts apart.
_KEYWORDS: Final = frozenset(
    (
        *("ImageType", "FrameType", "ComplexImageComponent", "Modality"),
        *("EchoTime", "EffectiveEchoTime", "EchoNumbers"),
        *("InversionTime", "InversionTimes", "FlipAngle"),
        *("DiffusionBValue", "DiffusionDirectionality", "DiffusionGradientOrientation"),
        *("ASLContext", "ConvolutionKernel", "KVP"),
        *("TemporalPositionIdentifier", "TemporalPositionIndex"),
        "NominalPercentageOfCardiacPhase",
    )
)
_PRIVATE: Final = frozenset(
    element.key
    for element in (
        *(SIEMENS_B_VALUE, SIEMENS_DIRECTIONALITY, SIEMENS_GRADIENT),
        *(GE_COMPONENT, GE_B_VALUE, *GE_GRADIENT),
        *(PHILIPS_B_VALUE, PHILIPS_COMPONENT, *PHILIPS_GRADIENT, PHILIPS_GRADIENT_NUMBER),
        *(PHILIPS_PHASE, PHILIPS_LABEL, GE_ASL_TECHNIQUE),
    )
)
_CSA: Final = ("B_value", "DiffusionDirectionality", "DiffusionGradientDirection")


def contrast_digest(header: Header) -> bytes:
    """Return a digest of all that may tell an image's contrast from that of another plane.

    Parameters
    ----------
    header
        Of any instance.

    Returns
    -------
    bytes
        8; of a multi-frame image, and of a mosaic, the same for all. Where two differ, something is
        stated otherwise, be it in the spelling of a number; where they are equal, `frame_facts`
        gives equal component, image type, echo, inversion, flip angle, diffusion weighting, ASL
        context, kernel, tube voltage, cardiac phase and point in time as they are stated.

    Notes
    -----
    Multi-frame images are told apart by their frames, and mosaics by their header, which are always
    read: neither by this. A digest of thousands of frames would take its time as one is received,
    and make a format of each instance.
    """
    digest = hashlib.blake2b(digest_size=8)
    if header.is_mosaic() or (header.pixels is not None and header.pixels.frames > 1):
        return digest.digest()
    for element in header.elements:
        # Once per element received: the cheap tests go first.
        if element.private_creator is not None:
            key = private_key(element.private_creator, element.tag)
            if key in _PRIVATE:
                digest.update(_entry(header, element))
            elif key == CSA_IMAGE_HEADER.key:
                digest.update(_of_csa(header.private_bytes.get(element.path)))
        elif element.path.rpartition(".")[2] in _KEYWORDS:
            digest.update(_entry(header, element))
    return digest.digest()


def _entry(header: Header, element: Element) -> bytes:
    raw = header.private_bytes.get(element.path)
    return repr((element.path, element.value if raw is None else raw)).encode()


def _of_csa(raw: bytes | None) -> bytes:
    if raw is None:
        return b""
    try:
        csa = parse_csa(raw)
    except InvalidDicom:
        return b""
    return repr([csa.get(name) for name in _CSA]).encode()
