"""Diffusion weighting of a frame: b-value and direction, by the standard and by each maker."""

from __future__ import annotations

import math
from typing import NamedTuple

from noctis_lab.dicom.attributes import Attributes
from noctis_lab.dicom.csa import CsaHeader
from noctis_lab.dicom.private_elements import (
    GE_B_VALUE,
    GE_GRADIENT,
    PHILIPS_B_VALUE,
    PHILIPS_GRADIENT,
    PHILIPS_GRADIENT_NUMBER,
    SIEMENS_B_VALUE,
    SIEMENS_DIRECTIONALITY,
    SIEMENS_GRADIENT,
)

__all__ = ["Diffusion", "diffusion_of"]

type Vector = tuple[float, float, float]

_GROUP = "MRDiffusionSequence[0]."
_DIRECTION = "DiffusionGradientDirectionSequence[0].DiffusionGradientOrientation"
_DIRECTIONALITIES = frozenset(("DIRECTIONAL", "BMATRIX", "ISOTROPIC", "NONE"))
_GE_OFFSET = 1e9
#: No gradient reaches it, s/mm²; what is beyond is no b-value.
_LARGEST_B_VALUE = 1e6
#: A direction's length is 1, rounded; what is farther off is no direction.
_UNIT_TOLERANCE = 0.05


class Diffusion(NamedTuple):
    """The diffusion weighting of one frame; each part None where it is not stated."""

    b_value: float | None = None  # s/mm²
    #: Unit vector, patient LPS; None where b is 0 too.
    b_vector: Vector | None = None
    directionality: str | None = None  # DIRECTIONAL, BMATRIX, ISOTROPIC or NONE
    #: The scanner's own words for the direction, in no frame that is known: it tells one direction
    #: from another and nothing else.
    gradient_key: tuple[float, ...] | None = None


def diffusion_of(attributes: Attributes, csa: CsaHeader | None = None) -> Diffusion:
    """Return the diffusion weighting that is stated of a frame.

    Parameters
    ----------
    attributes
        The frame's.
    csa
        Its CSA header, where it has one.

    Notes
    -----
    The standard's own elements go first. GE states directions in the image's frame, by rules that
    differ between its releases: they are given as `gradient_key`, never turned into a vector.

    References
    ----------
    :dcm:`PS3.3 C.8.13.5.9 <part03/sect_C.8.13.5.9.html>`: MR Diffusion Macro
    """
    b_value = _b_value(attributes, csa)
    directionality = _directionality(attributes, csa)
    if b_value == 0:
        return Diffusion(b_value=b_value, directionality=directionality)
    return Diffusion(
        b_value=b_value,
        b_vector=_b_vector(attributes, csa),
        directionality=directionality,
        gradient_key=_gradient_key(attributes),
    )


def _b_value(attributes: Attributes, csa: CsaHeader | None) -> float | None:
    stated = attributes.number(f"{_GROUP}DiffusionBValue", "DiffusionBValue")
    if stated is None:
        for element in (SIEMENS_B_VALUE, PHILIPS_B_VALUE, GE_B_VALUE):
            stated = attributes.private_number(element)
            if stated is not None:
                if element is GE_B_VALUE and stated >= _GE_OFFSET:
                    stated -= _GE_OFFSET
                break
    if stated is None and csa is not None:
        stated = csa.number("B_value")
    return stated if stated is not None and 0 <= stated <= _LARGEST_B_VALUE else None


def _directionality(attributes: Attributes, csa: CsaHeader | None) -> str | None:
    stated = (
        attributes.text(f"{_GROUP}DiffusionDirectionality", "DiffusionDirectionality")
        or attributes.private_text(SIEMENS_DIRECTIONALITY)
        or (csa.get("DiffusionDirectionality", ("",))[0] if csa is not None else "")
    ).upper()
    return stated if stated in _DIRECTIONALITIES else None


def _b_vector(attributes: Attributes, csa: CsaHeader | None) -> Vector | None:
    paths = (f"{_GROUP}{_DIRECTION}", _DIRECTION, "DiffusionGradientOrientation")
    stated = attributes.vector(*paths)
    if stated is None:
        stated = attributes.private_vector(SIEMENS_GRADIENT)
    if stated is None:
        stated = attributes.private_vector(*PHILIPS_GRADIENT)
    if stated is None and csa is not None:
        stated = csa.vector("DiffusionGradientDirection")
    length = 0.0 if stated is None else math.hypot(*stated)
    if stated is None or abs(length - 1) > _UNIT_TOLERANCE:
        return None
    return stated[0] / length, stated[1] / length, stated[2] / length


def _gradient_key(attributes: Attributes) -> tuple[float, ...] | None:
    number = attributes.private_number(PHILIPS_GRADIENT_NUMBER)
    return (number,) if number is not None else attributes.private_vector(*GE_GRADIENT)
