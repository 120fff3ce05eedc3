"""One data set's header: every element as a typed value, and where its pixels lie."""

from __future__ import annotations

from dataclasses import dataclass

from noctis_lab.dicom.frames import PixelLayout

__all__ = ["Element", "Header", "Limits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The bounds within which a data set is parsed."""

    max_depth: int = 64
    max_elements: int = 200_000
    max_value_bytes: int = 65_536
    max_header_bytes: int = 64 * 1024 * 1024
    max_inflated_bytes: int = 1024 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Element:
    """One leaf element (PS3.5 7.1), wherever it is nested.

    `path` names it for SQL: the keyword, or ``gggg,eeee`` where the dictionary has none, with
    ``Sequence[0].`` before it for every level. `value` is DICOM's own text form, decoded to
    Unicode, multiple values joined by a backslash; None for empty, binary and pixel values.
    """

    path: str
    tag: int  # 0xGGGGEEEE
    VR: str
    private_creator: str | None
    value: str | None
    number: float | None  # the first value, where the VR is numeric
    length: int  # bytes in the file


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What is known of an instance once its bytes were read."""

    SOPClassUID: str
    SOPInstanceUID: str
    StudyInstanceUID: str
    SeriesInstanceUID: str
    transfer_syntax_uid: str
    data_set_offset: int  # bytes from the file's start to the first element after the file meta
    data_set_length: int
    elements: tuple[Element, ...]
    pixels: PixelLayout | None
