"""The private elements that say what the standard's own do not: each with its creator."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = [
    "CSA_IMAGE_HEADER",
    "GE_ASL_TECHNIQUE",
    "GE_B_VALUE",
    "GE_COMPONENT",
    "GE_GRADIENT",
    "GE_LOCATIONS",
    "KEPT_WHOLE",
    "PHILIPS_B_VALUE",
    "PHILIPS_COMPONENT",
    "PHILIPS_GRADIENT",
    "PHILIPS_GRADIENT_NUMBER",
    "PHILIPS_LABEL",
    "PHILIPS_PHASE",
    "SIEMENS_B_VALUE",
    "SIEMENS_DIRECTIONALITY",
    "SIEMENS_GRADIENT",
    "SIEMENS_MOSAIC_COUNT",
    "PrivateElement",
    "private_key",
]

#: Creator, and tag without the block that the creator reserved: 0xGGGG00EE.
type PrivateKey = tuple[str, int]


class PrivateElement(NamedTuple):
    """A private element (PS3.5 7.8): who defined it, where, and how its value is read."""

    creator: str
    tag: int  # 0xGGGG00EE
    VR: str

    @property
    def key(self) -> PrivateKey:
        """What it is found by."""
        return self.creator, self.tag


def private_key(creator: str, tag: int) -> PrivateKey:
    """Return what a private element of a data set is found by.

    Examples
    --------
    >>> private_key("GEMS_PARM_01", 0x00431039) == GE_B_VALUE.key
    True
    """
    return creator, tag & 0xFFFF00FF


_SIEMENS, _GE, _GE_ACQUISITION = "SIEMENS MR HEADER", "GEMS_PARM_01", "GEMS_ACQU_01"
_PHILIPS, _PHILIPS_MR = "Philips Imaging DD 001", "Philips MR Imaging DD 001"
_PHILIPS_MR_5 = "Philips MR Imaging DD 005"

CSA_IMAGE_HEADER: Final = PrivateElement("SIEMENS CSA HEADER", 0x00290010, "OB")
SIEMENS_MOSAIC_COUNT: Final = PrivateElement(_SIEMENS, 0x0019000A, "US")
SIEMENS_B_VALUE: Final = PrivateElement(_SIEMENS, 0x0019000C, "IS")
SIEMENS_DIRECTIONALITY: Final = PrivateElement(_SIEMENS, 0x0019000D, "CS")
SIEMENS_GRADIENT: Final = PrivateElement(_SIEMENS, 0x0019000E, "FD")
#: 0 magnitude, 1 phase, 2 real, 3 imaginary.
GE_COMPONENT: Final = PrivateElement(_GE, 0x0043002F, "SS")
#: The first of four numbers; where there are several b-values, 10⁹ is added to it.
GE_B_VALUE: Final = PrivateElement(_GE, 0x00430039, "IS")
#: x, y and z of the gradient, in the image's frame, not the patient's.
GE_GRADIENT: Final = tuple(
    PrivateElement(_GE_ACQUISITION, 0x00190000 | low, "DS") for low in (0xBB, 0xBC, 0xBD)
)
#: PSEUDOCONTINUOUS of the perfusion-weighted images, CONTINUOUS of the proton density beside them.
GE_ASL_TECHNIQUE: Final = PrivateElement(_GE, 0x004300A3, "CS")
#: How many places the images of one point in time are of.
GE_LOCATIONS: Final = PrivateElement("GEMS_RELA_01", 0x0021004F, "SS")
PHILIPS_B_VALUE: Final = PrivateElement(_PHILIPS, 0x20010003, "FL")
PHILIPS_PHASE: Final = PrivateElement(_PHILIPS, 0x20010008, "IS")
PHILIPS_COMPONENT: Final = PrivateElement(_PHILIPS_MR, 0x20050011, "CS")
#: Right to left, anterior to posterior, feet to head.
PHILIPS_GRADIENT: Final = tuple(
    PrivateElement(_PHILIPS_MR, 0x20050000 | low, "FL") for low in (0xB0, 0xB1, 0xB2)
)
PHILIPS_GRADIENT_NUMBER: Final = PrivateElement(_PHILIPS_MR_5, 0x20050013, "IS")
PHILIPS_LABEL: Final = PrivateElement(_PHILIPS_MR_5, 0x20050029, "CS")

#: Whose bytes a header keeps where its VR tells no value: OB, or UN after a passage through a
#: system that did not know the element.
KEPT_WHOLE: Final = frozenset(
    element.key
    for element in (
        *(CSA_IMAGE_HEADER, SIEMENS_MOSAIC_COUNT, SIEMENS_B_VALUE, SIEMENS_DIRECTIONALITY),
        *(SIEMENS_GRADIENT, GE_COMPONENT, GE_B_VALUE, *GE_GRADIENT, GE_LOCATIONS),
        GE_ASL_TECHNIQUE,
        *(
            PHILIPS_B_VALUE,
            PHILIPS_PHASE,
            PHILIPS_COMPONENT,
            *PHILIPS_GRADIENT,
            PHILIPS_GRADIENT_NUMBER,
        ),
        PHILIPS_LABEL,
    )
)
