"""Which columns of the catalogue a rule may ask, and of what type each is."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from noctis_lab.catalog.columns import KEYWORDS, Kind

__all__ = ["IMAGE_COLUMNS", "SERIES_COLUMNS", "STUDY_COLUMNS", "Asked"]


class Asked(StrEnum):
    """What a column holds."""

    TEXT = "text"
    NUMBER = "number"
    FLAG = "flag"


#: Who the patient is decides no layout, and a rule that is handed on shall name nobody.
_OF_PERSONS: Final = frozenset(
    {
        *("PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate", "StudyID"),
        *("AccessionNumber", "ReferringPhysicianName", "PatientIdentityRemoved"),
    }
)
_TYPES: Final = {
    Kind.TEXT: Asked.TEXT,
    Kind.INTEGER: Asked.NUMBER,
    Kind.NUMBER: Asked.NUMBER,
}
_KEYWORDS: Final = {
    name: _TYPES[kind]
    for name, kind in KEYWORDS.items()
    if kind in _TYPES and name not in _OF_PERSONS and not name.endswith("UID")
}
_FACTS: Final = {
    "instance_count": Asked.NUMBER,
    "frame_count": Asked.NUMBER,
    "image_count": Asked.NUMBER,
    "is_volume": Asked.FLAG,
    "is_regular": Asked.FLAG,
    "slice_spacing_mm": Asked.NUMBER,
    "tilt_deg": Asked.NUMBER,
    "gap_count": Asked.NUMBER,
    "stack_count": Asked.NUMBER,
    "extra_dim": Asked.TEXT,
    "extra_size": Asked.NUMBER,
}

#: Of a study.
STUDY_COLUMNS: Final = {
    "StudyDescription": Asked.TEXT,
    "modalities": Asked.TEXT,
    "series_count": Asked.NUMBER,
    "instance_count": Asked.NUMBER,
}
#: Of a series: every keyword that is constant over it, and what the archive finds out of it.
SERIES_COLUMNS: Final = _KEYWORDS | _FACTS
#: Of one image of a series.
IMAGE_COLUMNS: Final = _KEYWORDS
