"""The data dictionary as plain look-ups: keyword and value representation of a tag."""

from __future__ import annotations

from pydicom._dicom_dict import DicomDictionary, RepeatersDictionary
from pydicom._private_dict import private_dictionaries
from pydicom.datadict import mask_match, tag_for_keyword

__all__ = ["KEYWORDS", "STANDARD_VRS", "element_name", "find_tag", "find_vr"]

#: Tag to keyword, PS3.6's and the retired ones that have a keyword.
KEYWORDS: dict[int, str] = {int(tag): row[4] for tag, row in DicomDictionary.items() if row[4]}
#: Tag to value representation as PS3.6 prints it, ``US or SS`` and the like included.
STANDARD_VRS: dict[int, str] = {int(tag): row[0] for tag, row in DicomDictionary.items()}

_REPEATED_GROUPS = (0x5000, 0x6000)


def element_name(tag: int) -> str:
    """Return a tag's keyword, or ``gggg,eeee`` in upper-case hexadecimal where it has none.

    Of repeating groups (60xx, 50xx) only the first bears the keyword, so that a name within one
    data set stands for one element.
    """
    keyword = KEYWORDS.get(tag)
    if keyword is not None:
        return keyword
    if tag >> 16 in _REPEATED_GROUPS:
        mask = mask_match(tag)
        if mask is not None and RepeatersDictionary[mask][4]:
            return RepeatersDictionary[mask][4]
    return f"{tag >> 16:04X},{tag & 0xFFFF:04X}"


def find_tag(keyword: str) -> int | None:
    """Return the tag of a keyword, None where the dictionary has no such keyword."""
    return tag_for_keyword(keyword)


def find_vr(tag: int, private_creator: str | None) -> str | None:
    """Return the dictionary's value representation of a tag, None where it is not known.

    Parameters
    ----------
    tag
        0xGGGGEEEE.
    private_creator
        The creator that reserved the block of a private tag.
    """
    standard = STANDARD_VRS.get(tag)
    if standard is not None:
        return standard
    if tag & 0x10000:
        return _private_vr(tag, private_creator)
    if not tag & 0xFFFF:
        return "UL"  # PS3.5 7.2: group length
    mask = mask_match(tag)
    return None if mask is None else RepeatersDictionary[mask][0]


def _private_vr(tag: int, private_creator: str | None) -> str | None:
    if 0x10 <= tag & 0xFFFF <= 0xFF:
        return "LO"  # PS3.5 7.8.1: private creator
    entries = private_dictionaries.get(private_creator or "")
    if entries is None:
        return None
    name = f"{tag:08X}"
    entry = (
        entries.get(name)
        or entries.get(f"{name[:4]}xx{name[6:]}")
        or entries.get(f"{name[:2]}xxxx{name[6:]}")
    )
    return None if entry is None else entry[0]
