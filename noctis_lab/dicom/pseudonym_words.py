"""The words by which a data set's patient is known, found wherever else they stand."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations, permutations

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

__all__ = [
    "DEEPEST",
    "TERMS",
    "IdentifyingWords",
    "element_text",
    "find_identifying_words",
    "identifying_words",
    "read_element",
]

_KEYWORDS = frozenset(
    (
        *("PatientID", "OtherPatientIDs", "PatientAddress", "PatientTelephoneNumbers"),
        *("PatientBirthDate", "AccessionNumber", "AdmissionID", "MedicalRecordLocator"),
    )
)
#: Sequences within sequences; what is nested deeper is not looked at, and not kept either.
DEEPEST = 64
# What pydicom raises for values that are none of their VR.
_UNREADABLE = (
    ValueError, TypeError, LookupError, AttributeError, ArithmeticError, NotImplementedError,
)  # fmt: skip
#: Shorter words than these stand in other words, or are words of DICOM itself.
_SHORTEST_WORD, _SHORTEST_WITHIN = 3, 5
#: Of scripts that set no spaces between words, where family names have one or two characters.
_SHORTEST_UNSPACED = 2
#: A hostile data set may name millions.
_MOST_WORDS, _LONGEST = 10_000, 10_000
#: Of one name: more are no parts of it, and their orders would be too many.
_MOST_PARTS = 8
#: Letters that are no accented ones, as they are written where a keyboard has none.
_PLAIN = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ı": "i", "þ": "th"})
#: The other spelling of ä, ö, ü, ø and å.
_DIGRAPH = re.compile("ae|oe|ue|aa")
#: Terms that images are read by, which stay even where a patient bears such a name.
TERMS = frozenset(
    (
        "", "PALETTE COLOR",
        *("CR", "CT", "DX", "ES", "IO", "IVUS", "MG", "MR", "NM", "OCT", "OP", "OT", "PT", "PX"),
        *("RF", "RG", "RTDOSE", "RTIMAGE", "RTPLAN", "RTSTRUCT", "SC", "SEG", "SM", "US", "XA"),
        "XC",
        *("MONOCHROME1", "MONOCHROME2", "RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"),
        "YBR_PARTIAL_420",
        *("ORIGINAL", "DERIVED", "PRIMARY", "SECONDARY", "AXIAL", "LOCALIZER", "VOLUME"),
        *("MAGNITUDE", "PHASE", "REAL", "IMAGINARY", "MIXED", "NORM", "ATTN", "DECY"),
        *("HFS", "HFP", "HFDR", "HFDL", "FFS", "FFP", "FFDR", "FFDL", "LINEAR", "LINEAR_EXACT"),
        *("SIGMOID", "HU", "YES", "NO", "LABEL", "CONTROL", "M_ZERO_SCAN", "R", "G", "B"),
    )
)  # fmt: skip
_FIRST_UNSPACED = "\u1100"  # Hangul; kana, ideographs and their extensions come behind it
_BETWEEN = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentifyingWords:
    """Words without case and accents: `whole` ones by themselves, `within` inside others too."""

    whole: frozenset[str]
    within: tuple[str, ...]

    def stand_in(self, text: str) -> bool:
        """Return whether any of the words stands in a text, other than as a term of DICOM's.

        In one piece or in several that stand side by side, with umlauts in either spelling.
        """
        if all(value in TERMS for value in text.split("\\")):
            return False
        plain = _folded(text)
        return any(self._stand_in_folded(folded) for folded in {plain, _shortened(plain)})

    def _stand_in_folded(self, folded: str) -> bool:
        if any(word in folded for word in self.within):
            return True
        longest = max(map(len, self.whole), default=0)
        pieces = [piece for piece in _BETWEEN.split(folded) if piece]
        for start in range(len(pieces)):
            joined = ""
            for piece in pieces[start:]:
                joined += piece
                if joined in self.whole:
                    return True
                if len(joined) >= longest:
                    break
        return False

    def stand_in_bytes(self, value: bytes) -> bool:
        """Return whether any of the longer words stands in bytes, as ASCII."""
        folded = value.lower()
        return any(word.encode() in folded for word in self.within if word.isascii())


def find_identifying_words(dataset: Dataset) -> IdentifyingWords:
    """Gather the words of all person names, and of the patient's numbers, at every level."""
    return identifying_words(_identities(dataset, 0))


def identifying_words(values: Iterable[str]) -> IdentifyingWords:
    """Gather the words of names and numbers that tell who it is."""
    words: set[str] = set()
    for value in values:
        for group in value[:_LONGEST].split("="):  # of a name in letters, ideographs and kana
            folded = _folded(group).strip()
            parts = [part for part in _BETWEEN.split(folded) if part]
            words.update((folded, *parts), _joined(parts[:_MOST_PARTS]))
        if len(words) > _MOST_WORDS:
            break
    words |= {_shortened(word) for word in words}
    unspaced = {word for word in words if len(word) >= _SHORTEST_UNSPACED and _is_unspaced(word)}
    long_enough = {word for word in words if len(word) >= _SHORTEST_WORD} | unspaced
    within = {word for word in long_enough if len(word) >= _SHORTEST_WITHIN} | unspaced
    return IdentifyingWords(whole=frozenset(long_enough), within=tuple(sorted(within)))


def _folded(text: str) -> str:
    """Return a text without what writers of one name differ in: case, accents, widths of kana."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(each for each in plain if not unicodedata.combining(each)).casefold()
    return bare.translate(_PLAIN)


def _shortened(folded: str) -> str:
    """Return a folded text whose ae, oe, ue and aa are as ä, ö, ü and å fold: one letter."""
    return _DIGRAPH.sub(lambda found: found[0][0], folded)


def _joined(parts: list[str]) -> Iterator[str]:
    """Yield what a name's parts make in one word: runs of them, and two or three in any order.

    Numbers keep their order: turned about they are others' numbers.
    """
    count = len(parts)
    for start, stop in combinations(range(count + 1), 2):
        yield "".join(parts[start:stop])
    letters = [part for part in parts if part.isalpha()]
    for size in (2, 3):
        yield from map("".join, permutations(letters, size))


def _is_unspaced(word: str) -> bool:
    """Return whether a word is of letters from the Japanese, Chinese or Korean scripts."""
    return all(each >= _FIRST_UNSPACED and each.isalpha() for each in word)


def read_element(dataset: Dataset, tag: int) -> DataElement | None:
    """Return an element with its value converted; None where it has none that its VR allows."""
    try:
        return dataset[tag]
    except _UNREADABLE:
        return None


def element_text(element: DataElement) -> str:
    r"""Return an element's values as one text, joined by ``\``."""
    value = element.value
    if value is None:
        return ""
    if isinstance(value, MultiValue):
        return "\\".join(str(part) for part in value)
    return str(value)


def _identities(dataset: Dataset, depth: int) -> Iterator[str]:
    if depth > DEEPEST:
        return
    for tag in list(dataset.keys()):
        element = read_element(dataset, tag)
        if element is None:
            continue
        if element.VR == "SQ":
            for item in element.value:
                yield from _identities(item, depth + 1)
        elif element.VR == "PN" or element.keyword in _KEYWORDS:
            yield from element_text(element).split("\\")
