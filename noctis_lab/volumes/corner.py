"""The texts in the corners of a stage: who, where and when, how it was acquired. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from noctis_lab.catalog.records import SeriesRow
from noctis_lab.dicom.header import Header
from noctis_lab.dicom.person_name import write_person_name

__all__ = ["Corner", "corner_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Corner:
    """The lines in three corners of the stage; the fourth is the viewer's own."""

    top_left: tuple[str, ...]  # who
    top_right: tuple[str, ...]  # where and when
    bottom_right: tuple[str, ...]  # acquisition


def corner_of(header: Header | None, series: SeriesRow) -> Corner:
    """Return the texts of a series; none where its header cannot be read."""
    if header is None:
        return Corner(top_left=(), top_right=(), bottom_right=())

    def line(*parts: str) -> str:
        return " ".join(part for part in parts if part)

    def text(keyword: str, unit: str = "") -> str:
        value = (header.text(keyword) or "").strip()
        number = header.number(keyword)
        value = f"{number:g}" if value and unit and number is not None else value
        return f"{value} {unit}".strip() if value else ""

    scanned = text("SequenceName") or text("ScanningSequence")
    echo = line(_prefixed("TR", text("RepetitionTime")), _prefixed("TE", text("EchoTime")))
    number = f"{series.SeriesNumber}:" if series.SeriesNumber is not None else ""
    lines = (
        (
            write_person_name(text("PatientName")),
            text("PatientID"),
            line(text("PatientSex"), text("PatientAge")),
        ),
        (
            text("InstitutionName"),
            line(_date(text("StudyDate")), _time(text("StudyTime"))),
            text("StudyDescription"),
            line(number, text("SeriesDescription")),
        ),
        (
            text("ManufacturerModelName"),
            line(text("KVP", "kV"), text("XRayTubeCurrent", "mA")),
            line(scanned, echo),
            _prefixed("Slice", text("SliceThickness", "mm")),
        ),
    )
    top_left, top_right, bottom_right = (tuple(text for text in part if text) for part in lines)
    return Corner(top_left=top_left, top_right=top_right, bottom_right=bottom_right)


def _prefixed(prefix: str, text: str) -> str:
    return f"{prefix} {text}" if text else ""


def _date(text: str) -> str:
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if len(text) == 8 and text.isdigit() else text


def _time(text: str) -> str:
    return f"{text[:2]}:{text[2:4]}" if len(text) >= 4 and text[:4].isdigit() else text
