"""One data set's header: every element as a typed value, and where its pixels lie."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from noctis_lab.dicom.byte_window import ByteWindow, FileWindow, InflatedWindow, inflated_length
from noctis_lab.dicom.charsets import DEFAULT_CHARSET, Charset, parse_charset
from noctis_lab.dicom.dictionary import KEYWORDS, element_name
from noctis_lab.dicom.file_meta import MEDIA_DIRECTORY, read_file_meta
from noctis_lab.dicom.frames import PixelLayout
from noctis_lab.dicom.geometry import PlaneGeometry
from noctis_lab.dicom.pixel_layout import build_layout
from noctis_lab.dicom.private_elements import KEPT_WHOLE, private_key
from noctis_lab.dicom.rescale import Rescale
from noctis_lab.dicom.scanner import DEFAULT_LIMITS, Limits, RawElement, Scan, scan_data_set
from noctis_lab.dicom.transfer_syntaxes import STREAMS
from noctis_lab.dicom.values import PARSERS, parse_numbers
from noctis_lab.errors import DicomTooLarge, InvalidDicom

__all__ = [
    "Element",
    "Header",
    "Limits",
    "build_header",
    "parse_header",
    "read_header",
    "scan_file",
]

IMPLICIT_LE = "1.2.840.10008.1.2"
EXPLICIT_BE = "1.2.840.10008.1.2.2"
_NATIVE = frozenset((IMPLICIT_LE, "1.2.840.10008.1.2.1", EXPLICIT_BE))
#: Deflated, and the deflated streams of JPIP.
_DEFLATED = frozenset(
    ("1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205")
)
_REQUIRED = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
_LARGEST_UID = 1024
_CHARSET_TAG = 0x00080005
_REPRESENTATION_TAG = 0x00280103
_DIRECTORY = ("FileSetID", "DirectoryRecordSequence", "OffsetOfThe")
# PS3.5 A.1: how an ambiguous dictionary entry is read; "US or SS" alone asks PixelRepresentation.
_AMBIGUOUS = {"OB or OW": "OW", "US or OW": "OW", "US or SS or OW": "OW"}
_SHARED = "SharedFunctionalGroupsSequence[0]."
_OF_FIRST_FRAME = "PerFrameFunctionalGroupsSequence[0]."
_RESCALE_PLACES = (f"{_SHARED}PixelValueTransformationSequence[0].", "")
_LUT_TABLE = ("ModalityLUTSequence[0].LUTDescriptor", "ModalityLUTSequence[0].LUTData")
_RESCALE_OF_FIRST_FRAME = f"{_OF_FIRST_FRAME}PixelValueTransformationSequence[0].RescaleSlope"
_SECOND = re.compile(
    r"(SharedFunctionalGroupsSequence)\[1\]\.|"
    r"(?:Shared|PerFrame)FunctionalGroupsSequence\[\d+\]\.(\w+)\[1\]\."
)
#: Of the functional groups that are read, those of one item (PS3.3 C.7.6.16.2, C.8.13.5, C.8.20).
_OF_ONE_ITEM = frozenset(
    (
        *("SharedFunctionalGroupsSequence", "PixelMeasuresSequence", "PlanePositionSequence"),
        *("PlaneOrientationSequence", "FrameContentSequence", "PixelValueTransformationSequence"),
        *("TemporalPositionSequence", "CardiacSynchronizationSequence", "MREchoSequence"),
        *("MRDiffusionSequence", "MRModifierSequence", "MRTimingAndRelatedParametersSequence"),
        "SegmentIdentificationSequence",
    )
)


class Element(NamedTuple):
    """One leaf element (PS3.5 7.1), wherever it is nested.

    `path` names it for SQL: the keyword, or ``gggg,eeee`` where the dictionary has none, with
    ``Sequence[0].`` before it for every level; a sequence without items is a leaf too. `value` is
    DICOM's own text form, decoded to Unicode, multiple values joined by a backslash; None for
    empty, binary and pixel values, and for those longer than `Limits.max_value_bytes`.
    """

    # A NamedTuple: a frozen dataclass takes six times as long to make, 200 times per instance.
    path: str
    tag: int  # 0xGGGGEEEE
    VR: str
    private_creator: str | None
    value: str | None
    number: float | None  # the first value, where the VR is numeric
    length: int  # bytes in the file


@dataclass(frozen=True, kw_only=True)
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
    #: By path the bytes of those private elements in `KEPT_WHOLE` that have no text form.
    private_bytes: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    @cached_property
    def _by_path(self) -> dict[str, Element]:
        return {element.path: element for element in self.elements}

    def text(self, keyword: str) -> str | None:
        """Return the text form of an element, by keyword (or path); None where it has none."""
        element = self._by_path.get(keyword)
        return None if element is None else element.value

    def number(self, keyword: str) -> float | None:
        """Return the first value of a numeric element; None where it is no finite number."""
        element = self._by_path.get(keyword)
        return None if element is None else element.number

    def single(self, keyword: str) -> float | None:
        """Return the value of a numeric element that has one by the standard; None of several."""
        return None if "\\" in (self.text(keyword) or "") else self.number(keyword)

    def integer(self, keyword: str) -> int | None:
        """Return the first value of a numeric element where it is a whole number."""
        number = self.number(keyword)
        return int(number) if number is not None and number.is_integer() else None

    def numbers(self, keyword: str) -> tuple[float, ...] | None:
        """Return all values of a numeric element; None where any is no finite number."""
        text = self.text(keyword)
        return None if text is None else parse_numbers(text)

    def length(self, keyword: str) -> int | None:
        """Return how many bytes an element takes in the file; None where it is absent."""
        element = self._by_path.get(keyword)
        return None if element is None else element.length

    def plane(self) -> PlaneGeometry:
        """Return where the image lies, from the shared functional groups or the top level.

        Notes
        -----
        Nothing is checked but the count of numbers: a degenerate orientation is returned as it is.
        What the first frame states for itself, or what is stated twice, is None: `frame_facts`
        tells.

        References
        ----------
        :dcm:`PS3.3 C.7.6.2 <part03/sect_C.7.6.2.html>`,
        :dcm:`PS3.3 C.7.6.16.2 <part03/sect_C.7.6.16.2.html>`
        """
        position = self._numbers_of("PlanePositionSequence", "ImagePositionPatient", 3)
        orientation = self._numbers_of("PlaneOrientationSequence", "ImageOrientationPatient", 6)
        spacing = self._numbers_of("PixelMeasuresSequence", "PixelSpacing", 2)
        return PlaneGeometry(
            position_mm=None if position is None else (position[0], position[1], position[2]),
            orientation=None if orientation is None else (*orientation[:3], *orientation[3:6]),  # type: ignore[arg-type]
            pixel_spacing_mm=None if spacing is None else (spacing[0], spacing[1]),
        )

    def rescale(self) -> Rescale | None:
        """Return the linear Modality LUT, from the shared functional groups or the top level.

        Returns
        -------
        Rescale or None
            None where slope or intercept is missing, several numbers (they have one, PS3.6) or no
            finite one, or the first frame states its own; whether anything is stated in its stead
            says `has_unread_modality_lut`.

        References
        ----------
        :dcm:`PS3.3 C.11.1.1.2 <part03/sect_C.11.html>`
        """
        if _RESCALE_OF_FIRST_FRAME in self._by_path:
            return None
        for place in _RESCALE_PLACES:
            slope, intercept = (
                self.single(f"{place}RescaleSlope"),
                self.single(f"{place}RescaleIntercept"),
            )
            if slope is not None and intercept is not None:
                units = self.text(f"{place}RescaleType")
                return Rescale(slope=slope, intercept=intercept, units=units)
        return None

    def has_unread_modality_lut(self) -> bool:
        """Return whether a Modality LUT is stated that `rescale` does not give.

        Notes
        -----
        It is a table (Modality LUT Sequence), which goes before a slope that stands beside it; or
        half of a linear one: slope or intercept alone, or one that is not one finite number; or one
        of each frame's own.

        References
        ----------
        :dcm:`PS3.3 C.11.1 <part03/sect_C.11.html>`
        """
        by_path = self._by_path
        if any(path in by_path for path in _LUT_TABLE):
            return True
        if self.rescale() is not None:
            return False
        return _RESCALE_OF_FIRST_FRAME in by_path or any(
            self.text(f"{place}{keyword}")
            for place in _RESCALE_PLACES
            for keyword in ("RescaleSlope", "RescaleIntercept")
        )

    def is_mosaic(self) -> bool:
        """Return whether the image is a mosaic: many slices side by side, as Siemens writes them.

        Position and spacing of such an image are those of no plane that it shows.
        """
        return "MOSAIC" in (self.text("ImageType") or "").upper().split("\\")

    @cached_property
    def repeated_group(self) -> str | None:
        """A sequence of the functional groups that has several items where one may be; or None.

        References
        ----------
        :dcm:`PS3.3 C.7.6.16 <part03/sect_C.7.6.16.html>`: "Only a single Item shall be included".
        """
        for element in self.elements:
            path = element.path
            if "FunctionalGroupsSequence[" in path and "[1]." in path:
                found = _SECOND.match(path)
                name = found and (found[1] or found[2])
                if name in _OF_ONE_ITEM:
                    return name
        return None

    def _numbers_of(self, group: str, keyword: str, count: int) -> tuple[float, ...] | None:
        if f"{_OF_FIRST_FRAME}{group}[0].{keyword}" in self._by_path or self.repeated_group:
            return None
        for path in (f"{_SHARED}{group}[0].{keyword}", keyword):
            numbers = self.numbers(path)
            if numbers is not None and len(numbers) == count:
                return numbers
        return None


def read_header(
    path: Path, *, limits: Limits = DEFAULT_LIMITS, transfer_syntax_uid: str | None = None
) -> Header:
    """Read the header of a file: Part 10, without preamble, or a bare data set.

    Parameters
    ----------
    path
        The file.
    limits
        The bounds.
    transfer_syntax_uid
        What to go by instead of the file meta group's word.

    Raises
    ------
    InvalidDicom, TruncatedDicom, NestingTooDeep, DicomTooLarge
        See `parse_header`; a file that is not DICOM, and a DICOMDIR, are refused by name.
    OSError
        The file cannot be read.

    References
    ----------
    :dcm:`PS3.10 7 <part10/chapter_7.html>`
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        meta = read_file_meta(fd)
        if meta.sop_class_uid == MEDIA_DIRECTORY:
            raise InvalidDicom("a media directory (DICOMDIR) is an index, not an instance")
        return parse_header(
            fd,
            file_size=os.fstat(fd).st_size,
            data_set_offset=meta.data_set_offset,
            transfer_syntax_uid=transfer_syntax_uid or meta.transfer_syntax_uid,
            limits=limits,
        )
    finally:
        os.close(fd)


def parse_header(
    fd: int,
    *,
    file_size: int,
    data_set_offset: int,
    transfer_syntax_uid: str,
    limits: Limits = DEFAULT_LIMITS,
) -> Header:
    """Parse the header of a data set in an open file, by ``pread``, without reading its pixels.

    Parameters
    ----------
    fd
        File descriptor open for reading; its position is not moved.
    file_size
        The data set is bytes ``[data_set_offset, file_size)``.
    data_set_offset
        Bytes from the file's start to the first element.
    transfer_syntax_uid
        How the data set is encoded; unknown ones are Explicit VR Little Endian with encapsulated
        or native pixels.
    limits
        The bounds.

    Raises
    ------
    TruncatedDicom
        A length reaches beyond the bytes there are, or native pixel data is shorter than its
        attributes need.
    NestingTooDeep, DicomTooLarge
        A bound is exceeded.
    InvalidDicom
        The bytes are no data set, or one without the UIDs that an instance is known by.

    Notes
    -----
    UIDs are kept verbatim, valid or not, up to 1024 characters.
    """
    scan, window = scan_file(
        fd,
        file_size=file_size,
        data_set_offset=data_set_offset,
        transfer_syntax_uid=transfer_syntax_uid,
        limits=limits,
    )
    return build_header(
        scan,
        window,
        file_size=file_size,
        data_set_offset=data_set_offset,
        transfer_syntax_uid=transfer_syntax_uid,
    )


def build_header(
    scan: Scan,
    window: ByteWindow,
    *,
    file_size: int,
    data_set_offset: int,
    transfer_syntax_uid: str,
) -> Header:
    """Turn what `scan_file` found into typed values; see `parse_header`."""
    private_bytes: dict[str, bytes] = {}
    elements = tuple(_parse_elements(scan.elements, private_bytes))
    by_path = {element.path: element for element in elements}
    header = Header(
        **_required_uids(by_path),
        transfer_syntax_uid=transfer_syntax_uid,
        data_set_offset=data_set_offset,
        data_set_length=file_size - data_set_offset,
        elements=elements,
        pixels=None,
        private_bytes=private_bytes,
    )
    header.__dict__["_by_path"] = by_path
    header.__dict__["pixels"] = build_layout(
        scan,
        integer=header.integer,
        photometric_interpretation=header.text("PhotometricInterpretation") or "",
        window=window,
        encapsulated=transfer_syntax_uid not in _NATIVE | _DEFLATED,
        deflated=transfer_syntax_uid in _DEFLATED,
        is_stream=transfer_syntax_uid in STREAMS,
    )
    return header


def scan_file(
    fd: int, *, file_size: int, data_set_offset: int, transfer_syntax_uid: str, limits: Limits
) -> tuple[Scan, ByteWindow]:
    """Walk a data set in an open file; see `parse_header`.

    Returns
    -------
    Scan
        Offsets are from the file's start; from the inflated data set's start where it is deflated.
    ByteWindow
        The bytes these offsets are of.
    """
    window: ByteWindow
    if transfer_syntax_uid in _DEFLATED:
        length = inflated_length(
            fd,
            offset=data_set_offset,
            file_size=file_size,
            limit_bytes=limits.max_inflated_bytes,
        )
        start, window = 0, InflatedWindow(fd, data_set_offset, length)
    else:
        start, window = data_set_offset, FileWindow(fd, file_size)
    scan = scan_data_set(
        window,
        start=start,
        implicit=transfer_syntax_uid == IMPLICIT_LE,
        big_endian=transfer_syntax_uid == EXPLICIT_BE,
        limits=limits,
    )
    return scan, window


def _required_uids(by_path: dict[str, Element]) -> dict[str, str]:
    found: dict[str, str] = {}
    for keyword in _REQUIRED:
        element = by_path.get(keyword)
        if element is not None and element.value is not None:
            found[keyword] = element.value
            if len(element.value) > _LARGEST_UID:
                raise DicomTooLarge(f"{keyword} is longer than {_LARGEST_UID} characters")
    missing = [keyword for keyword in _REQUIRED if keyword not in found]
    if missing and any(path.startswith(_DIRECTORY) for path in by_path):
        raise InvalidDicom("a media directory (DICOMDIR) is an index, not an instance")
    if missing:
        raise InvalidDicom(f"the data set has no {', '.join(missing)}")
    return found


def _inherited[T](known: dict[str, T], prefix: str) -> T:
    """Return what is in force at a prefix: its own, or that of the nearest level above."""
    while prefix not in known:
        # "A[0].B[1]." to "A[0]."
        prefix = prefix[: prefix.rfind(".", 0, -1) + 1]
    return known[prefix]


def _find_signed(raws: list[RawElement]) -> dict[str, bool]:
    """Return where PixelRepresentation says two's complement; it may come after a sequence."""
    signed = {"": False}
    for prefix, tag, _, _, _, raw, _, _ in raws:
        if tag == _REPRESENTATION_TAG:
            signed[prefix] = bool(raw) and any(raw or b"")
    return signed


def _parse_elements(raws: list[RawElement], private_bytes: dict[str, bytes]) -> list[Element]:
    # Once per element received: look-ups are local names, and calls only those needed.
    charsets: dict[str, Charset] = {"": DEFAULT_CHARSET}
    signed: dict[str, bool] | None = None
    charset, current = DEFAULT_CHARSET, ""
    elements: list[Element] = []
    append, parsers, new = elements.append, PARSERS.get, tuple.__new__
    names, keywords = dict[int, str](), KEYWORDS.get
    for prefix, tag, VR, _, length, raw, creator, big in raws:
        if prefix != current:
            current, charset = prefix, _inherited(charsets, prefix)
        parse = parsers(VR)
        if parse is None and len(VR) > 2:
            signed = _find_signed(raws) if signed is None else signed
            VR = _AMBIGUOUS.get(VR) or ("SS" if _inherited(signed, prefix) else "US")
            parse = parsers(VR)
        name = keywords(tag) or names.get(tag)
        if name is None:
            name = names[tag] = element_name(tag)
        if raw and parse is not None:
            value, number = parse(raw, big, charset)
        else:
            value = number = None
            if raw and creator is not None and private_key(creator, tag) in KEPT_WHOLE:
                private_bytes[prefix + name] = raw
        if tag == _CHARSET_TAG:
            charset = charsets[prefix] = parse_charset(value or "")
        append(new(Element, (prefix + name, tag, VR, creator, value, number, length)))
    return elements
