"""What a study's and a series' rows say, taken from the header of one of its instances."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from noctis_lab.catalog.rows import clean_text
from noctis_lab.catalog.search import search_text
from noctis_lab.dicom.header import Element

__all__ = [
    "SERIES_TEXTS",
    "STUDY_TEXTS",
    "instance_number",
    "join_modalities",
    "series_texts",
    "study_texts",
    "text_of",
    "top_level",
]

STUDY_TEXTS = (
    "PatientID",
    "IssuerOfPatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyDescription",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
)
SERIES_TEXTS = (
    "Modality",
    "SeriesDescription",
    "SeriesDate",
    "BodyPartExamined",
    "Manufacturer",
    "ManufacturerModelName",
    "StationName",
    "ProtocolName",
    "FrameOfReferenceUID",
)
_SEARCHED = (
    "PatientName",
    "PatientID",
    "AccessionNumber",
    "StudyDescription",
    "ReferringPhysicianName",
    "StudyID",
    "StudyDate",
)
_WANTED = frozenset({*STUDY_TEXTS, *SERIES_TEXTS, "SeriesNumber", "InstanceNumber"})
_INT64 = 2.0**63


def top_level(elements: Iterable[Element]) -> dict[str, Element]:
    """Return those elements that rollups are made of, by keyword."""
    return {element.path: element for element in elements if element.path in _WANTED}


def text_of(top: Mapping[str, Element], keyword: str) -> str | None:
    """Return a top-level element's text as it is stored, None where it is missing or empty."""
    element = top.get(keyword)
    if element is None or element.value is None:
        return None
    return clean_text(element.value) or None


def study_texts(top: Mapping[str, Element]) -> dict[str, Any]:
    """Return the describing columns of the study's row, `search_text` included."""
    texts: dict[str, Any] = {keyword: text_of(top, keyword) for keyword in STUDY_TEXTS}
    texts["search_text"] = search_text(texts[keyword] for keyword in _SEARCHED)
    return texts


def series_texts(top: Mapping[str, Element]) -> dict[str, Any]:
    """Return the describing columns of the series' row."""
    texts: dict[str, Any] = {keyword: text_of(top, keyword) for keyword in SERIES_TEXTS}
    texts["SeriesNumber"] = _integer(top, "SeriesNumber")
    return texts


def instance_number(top: Mapping[str, Element]) -> int | None:
    """Return InstanceNumber, None where it is missing or no number."""
    return _integer(top, "InstanceNumber")


def join_modalities(known: str, modality: str | None) -> str:
    """Return the study's modalities with one more: distinct, sorted, joined by a backslash."""
    parts = {part for part in known.split("\\") if part}
    if modality:
        parts.add(modality.replace("\\", " "))
    return "\\".join(sorted(parts))


def _integer(top: Mapping[str, Element], keyword: str) -> int | None:
    element = top.get(keyword)
    if element is None or element.number is None:
        return None
    number = element.number
    return int(number) if math.isfinite(number) and -_INT64 <= number < _INT64 else None
