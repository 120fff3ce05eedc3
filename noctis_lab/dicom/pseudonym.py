"""A data set without its patient: the Basic Profile of PS3.15, with keyed pseudonyms. No I/O."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydicom import config
from pydicom._uid_dict import UID_dictionary
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.uid import UID

from noctis_lab.dicom.date_policy import DatePolicy
from noctis_lab.dicom.dictionary import find_vr
from noctis_lab.dicom.file_meta import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from noctis_lab.dicom.pseudonym_actions import find_action
from noctis_lab.dicom.pseudonym_frames import blank_frames
from noctis_lab.dicom.pseudonym_keys import Pseudonyms, shift_date, shift_datetime
from noctis_lab.dicom.pseudonym_risks import find_content_risk, find_pixel_risk
from noctis_lab.dicom.pseudonym_words import (
    DEEPEST,
    IdentifyingWords,
    element_text,
    find_identifying_words,
    read_element,
)
from noctis_lab.errors import CannotPseudonymise

__all__ = ["pseudonymise", "silenced_pydicom"]

# pydicom's list of PS3.6's syntaxes lacks one (pynetdicom, once imported, adds it), and it writes
# none that is not in its list.
UID_dictionary.setdefault(
    UID("1.2.840.10008.1.2.8.1"),
    (
        "Deflated Image Frame Compression",
        "Transfer Syntax",
        "",
        "",
        "DeflatedImageFrameCompression",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Context:
    """What holds of the whole data set while its items are cleaned."""

    pseudonyms: Pseudonyms
    words: IdentifyingWords
    dates: DatePolicy
    patient: str
    offset_days: int


#: Values that tell nothing (action D); bulk data of this action is removed.
_DUMMIES = dict.fromkeys(("AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UT"), "REMOVED") | {
    "AS": "000Y", "DA": "19000101", "DT": "19000101000000", "TM": "000000",
}  # fmt: skip
# PS3.15 E.2, E.3.6: codes of CID 7050.
_PROFILE = ("113100", "Basic Application Confidentiality Profile")
_OF_DATES = {
    DatePolicy.SHIFT: (
        "113107",
        "Retain Longitudinal Temporal Information Modified Dates Option",
        "MODIFIED",
    ),
    DatePolicy.KEEP: (
        "113106",
        "Retain Longitudinal Temporal Information Full Dates Option",
        "UNMODIFIED",
    ),
}
_BIRTH = frozenset((0x00100030, 0x00100032))  # no option retains them
_TIMES = frozenset(("DA", "DT", "TM"))
_FREE_TEXT = frozenset(("AE", "LT", "PN", "ST", "UN", "UR", "UT"))
_SHORT_TEXT = frozenset(("CS", "LO", "SH", "UC"))
#: Binary numbers, as the bytes of a little-endian file.
_NUMBERS = {
    "FD": "<f8", "FL": "<f4", "SL": "<i4", "SS": "<i2", "SV": "<i8", "UL": "<u4", "US": "<u2",
    "UV": "<u8",
}  # fmt: skip
_BULK = frozenset(("OB", "OD", "OF", "OL", "OV", "OW"))
#: Pixels, tables, meshes and traces; of any other bulk nobody knows what is in it.
_KEPT_BULK = frozenset(
    (
        *("PixelData", "FloatPixelData", "DoubleFloatPixelData"),
        *("ExtendedOffsetTable", "ExtendedOffsetTableLengths", "ICCProfile", "LUTData"),
        *("RedPaletteColorLookupTableData", "SegmentedRedPaletteColorLookupTableData"),
        *("GreenPaletteColorLookupTableData", "SegmentedGreenPaletteColorLookupTableData"),
        *("BluePaletteColorLookupTableData", "SegmentedBluePaletteColorLookupTableData"),
        *("AlphaPaletteColorLookupTableData", "SpectroscopyData", "WaveformData"),
        *("PointCoordinatesData", "VectorCoordinateData", "LongPrimitivePointIndexList"),
        *("LongTrianglePointIndexList", "LongEdgePointIndexList", "LongVertexPointIndexList"),
        *("TrackPointIndexList", "FloatingPointValues", "DoublePointCoordinatesData"),
    )
)
_PIXELS = frozenset(("PixelData", "FloatPixelData", "DoubleFloatPixelData"))
_UID = re.compile(r"[0-9.]{1,64}")
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")
_TIME = re.compile(r"\d{2}(:?\d{2}(:?\d{2}(\.\d{1,6})?)?)?")
_AGE = re.compile(r"\d{3}[DWMY]")


def pseudonymise(
    dataset: Dataset,
    pseudonyms: Pseudonyms,
    *,
    dates: DatePolicy = DatePolicy.SHIFT,
    allow_burned_in: bool = False,
) -> Dataset:
    """Return a data set that names its patient by a pseudonym only.

    Parameters
    ----------
    dataset
        As read from a file, file meta included; it is not changed.
    pseudonyms
        The archive's.
    dates
        What becomes of dates and times.
    allow_burned_in
        Take images whose pixels may show a name.

    Returns
    -------
    Dataset
        A new one with file meta of its own, in the same transfer syntax, text in UTF-8.

    Raises
    ------
    CannotPseudonymise
        A report or document; pixels that may show a name, unless those are allowed; compressed
        frames that cannot be taken apart, or of JPEG XL or video.

    Notes
    -----
    Beyond the table: whatever the dictionary does not know, private attributes, person names, free
    text and bulk data of unknown content are removed everywhere; of the short texts and codes that
    remain, those in which a word of the patient's names or numbers stands are emptied. In
    compressed frames comments, application data and bytes behind the image become zeros. Faces can
    be made of head images, and pixels are not looked at.

    References
    ----------
    :dcm:`PS3.15 E.2 and Table E.1-1 <part15/chapter_E.html>`
    """
    with silenced_pydicom():
        _require_cleanable(dataset, allow_burned_in=allow_burned_in)
        identity = (
            _text(dataset, "PatientID"),
            _text(dataset, "IssuerOfPatientID"),
            _text(dataset, "StudyInstanceUID") or "",
        )
        context = _Context(
            pseudonyms=pseudonyms,
            words=find_identifying_words(dataset),
            dates=dates,
            patient=pseudonyms.patient(*identity),
            offset_days=pseudonyms.offset_days(*identity) if dates is DatePolicy.SHIFT else 0,
        )
        cleaned = _clean(dataset, context, 0)
        _cut_padding(cleaned)
        blank_frames(
            cleaned,
            str(dataset.file_meta.TransferSyntaxUID),
            _text(dataset, "SOPInstanceUID") or "(unknown)",
        )
        _state_method(cleaned, context)
        cleaned.file_meta = _file_meta(dataset, cleaned)
        return cleaned


@contextmanager
def silenced_pydicom() -> Iterator[None]:
    """Hold pydicom's warnings back, which quote values; for reading what is to be cleaned, too.

    Notes
    -----
    The warnings' filters, pydicom's validation and its logger are the whole process': in another
    thread's reading they are silent meanwhile.
    """
    spoken = logging.getLogger("pydicom")
    before = spoken.disabled
    spoken.disabled = True
    try:
        with warnings.catch_warnings(), config.disable_value_validation():
            warnings.simplefilter("ignore")
            yield
    finally:
        spoken.disabled = before


def _require_cleanable(dataset: Dataset, *, allow_burned_in: bool) -> None:
    def text(keyword: str) -> str | None:
        return _text(dataset, keyword)

    uid = text("SOPInstanceUID") or "(unknown)"
    reason = find_content_risk(text)
    if reason is None and "EncapsulatedDocument" in dataset:
        reason = "it holds an encapsulated document, which is not cleaned; leave its series out"
    if reason is not None:
        raise CannotPseudonymise(uid, reason)
    reason = find_pixel_risk(text) if any(word in dataset for word in _PIXELS) else None
    if reason is None and _has_overlay_within_pixels(dataset):
        reason = "an overlay lies in the spare bits of its pixels"
    if reason is not None and not allow_burned_in:
        raise CannotPseudonymise(
            uid, f"{reason}; look at the images, then allow burned-in annotation, or leave it out"
        )


def _has_overlay_within_pixels(dataset: Dataset) -> bool:
    # PS3.5 8.1.2, retired: OverlayBitPosition without OverlayData.
    return any(
        (group << 16 | 0x0102) in dataset and (group << 16 | 0x3000) not in dataset
        for group in range(0x6000, 0x6020, 2)
    )


def _text(dataset: Dataset, keyword: str) -> str | None:
    element = read_element(dataset, keyword) if keyword in dataset else None  # type: ignore[arg-type]
    return None if element is None else element_text(element)


def _clean(dataset: Dataset, context: _Context, depth: int) -> Dataset:
    cleaned = Dataset()
    for tag in sorted(dataset.keys()):
        if not _is_known(tag):
            continue
        element = read_element(dataset, tag)
        if element is None:
            continue
        kept = _kept(element, context, depth)
        if kept is not None:
            cleaned.add(kept)
    return cleaned


def _is_known(tag: int) -> bool:
    group, number = tag >> 16, tag & 0xFFFF
    is_data = group >= 8 and not group % 2 and number != 0  # neither meta, private nor length
    # An overlay without its data, which goes by the table, is none; the character set is ours.
    is_overlay = group & 0xFF00 == 0x6000
    return is_data and not is_overlay and tag != 0x00080005 and find_vr(tag, None) is not None


def _kept(element: DataElement, context: _Context, depth: int) -> DataElement | None:
    """Return an element as it may stand, None where it is removed."""
    tag, VR = int(element.tag), element.VR
    if depth and element.keyword in _PIXELS:  # an icon's, say: what is in it nobody looks at
        return None
    if tag in (0x00100010, 0x00100020):
        return DataElement(tag, find_vr(tag, None) or VR, context.patient)
    code = find_action(tag)
    if VR in _TIMES and tag not in _BIRTH and context.dates is not DatePolicy.REMOVE:
        return _with_values(element, _move_by_vr(VR, context))
    if VR == "UI" and code != "X":
        return _with_values(element, lambda text: _uid(text, element.keyword, context))
    if code is None:
        return _by_vr(element, context, depth)
    return _by_table(element, code, context, depth)


def _by_table(element: DataElement, code: str, context: _Context, depth: int) -> DataElement | None:
    """Return an element as its action says; of a choice what keeps any object whole."""
    VR = element.VR
    if code == "X":
        return None
    if code in ("Z", "X/Z") or (code == "Z/D" and VR not in _TIMES):
        return _empty(element)
    if VR == "SQ":
        return _recursed(element, context, depth)
    return DataElement(element.tag, VR, _DUMMIES[VR]) if VR in _DUMMIES else None


def _by_vr(element: DataElement, context: _Context, depth: int) -> DataElement | None:
    """Return an element that the table does not name, by what may stand in its VR."""
    if element.VR == "SQ":
        return _recursed(element, context, depth)
    if element.VR in _SHORT_TEXT:
        return _empty(element) if context.words.stand_in(element_text(element)) else element
    return element if _is_harmless(element, context.words) else None


def _is_harmless(element: DataElement, words: IdentifyingWords) -> bool:
    VR, keyword = element.VR, element.keyword
    if VR in _FREE_TEXT or VR in _TIMES:
        return False
    if VR in _NUMBERS:
        return not _spells_a_word(element, words)
    if VR in _BULK or " or " in VR:  # implicit VR: "US or SS" is told apart when it is written
        is_kept = keyword in _KEPT_BULK or "US" in VR
        return keyword in _PIXELS or (is_kept and not words.stand_in_bytes(element.value or b""))
    shape = {"AS": _AGE, "DS": _NUMBER, "IS": _NUMBER}.get(VR)
    values = element_text(element).split("\\")
    return shape is None or all(not value or shape.fullmatch(value) for value in values)


def _spells_a_word(element: DataElement, words: IdentifyingWords) -> bool:
    """Return whether the bytes of binary numbers, in either order, are a name."""
    numbers = np.atleast_1d(np.asarray([] if element.value is None else element.value))
    packed = numbers.astype(_NUMBERS[element.VR])
    return words.stand_in_bytes(packed.tobytes() + b"\0" + packed.byteswap().tobytes())


def _recursed(element: DataElement, context: _Context, depth: int) -> DataElement | None:
    if depth >= DEEPEST:
        return None
    items = [_clean(item, context, depth + 1) for item in element.value]
    return DataElement(element.tag, "SQ", Sequence(items))


def _empty(element: DataElement) -> DataElement:
    value: Any = Sequence() if element.VR == "SQ" else None
    return DataElement(element.tag, element.VR, value)


def _with_values(element: DataElement, change: Callable[[str], str]) -> DataElement:
    value = element.value
    many = value if isinstance(value, MultiValue) else [value]
    changed = [change(str(each)) if each is not None else "" for each in many]
    return DataElement(element.tag, element.VR, changed if len(changed) > 1 else changed[0])


def _move_by_vr(VR: str, context: _Context) -> Callable[[str], str]:
    days = context.offset_days
    if VR == "DA":
        return lambda text: shift_date(text, days) or ""
    if VR == "DT":
        return lambda text: shift_datetime(text, days) or ""
    return lambda text: text if _TIME.fullmatch(text.strip()) else ""


def _uid(text: str, keyword: str, context: _Context) -> str:
    # Of private classes too the UID stays: it names no one, and readers go by it.
    is_class = keyword.endswith("SOPClassUID") and _UID.fullmatch(text) is not None
    return text if is_class or not text else context.pseudonyms.uid(text)


def _cut_padding(cleaned: Dataset) -> None:
    """Cut what lies behind the last frame of native pixels."""
    facts = [
        cleaned.get(keyword)
        for keyword in ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "PixelData")
    ]
    if not all(isinstance(fact, int) for fact in facts[:4]) or not isinstance(facts[4], bytes):
        return
    stated = cleaned.get("NumberOfFrames")
    frames = int(stated) if isinstance(stated, int) else 1
    size = (facts[0] * facts[1] * facts[2] * facts[3] * frames + 7) // 8
    # A YBR_FULL_422 frame is shorter, an encapsulated one is not of this length at all.
    is_native = not cleaned["PixelData"].is_undefined_length
    if is_native and len(facts[4]) > size + size % 2:
        cleaned["PixelData"].value = facts[4][: size + size % 2]


def _state_method(cleaned: Dataset, context: _Context) -> None:
    cleaned.PatientName = cleaned.PatientID = context.patient  # where none is stated, too
    cleaned.PatientIdentityRemoved = "YES"
    cleaned.DeidentificationMethod = "noctis_lab: PS3.15 Basic Profile, keyed pseudonyms"
    codes = [_PROFILE]
    state = "REMOVED"
    if context.dates in _OF_DATES:
        value, meaning, state = _OF_DATES[context.dates]
        codes.append((value, meaning))
    items = []
    for value, meaning in codes:
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
        items.append(item)
    cleaned.DeidentificationMethodCodeSequence = Sequence(items)
    cleaned.LongitudinalTemporalInformationModified = state
    cleaned.SpecificCharacterSet = "ISO_IR 192"


def _file_meta(dataset: Dataset, cleaned: Dataset) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = cleaned.SOPClassUID
    meta.MediaStorageSOPInstanceUID = cleaned.SOPInstanceUID
    meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    return meta
