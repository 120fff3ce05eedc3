"""The card of a series: who, what, where in the patient, what stands out, and how to go on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from noctis_lab.catalog.columns import tag_text
from noctis_lab.catalog.hu_records import HuRecord, find_checks
from noctis_lab.catalog.records import InstanceRow, SeriesRow, StudyRow
from noctis_lab.dicom.header import Header, read_header
from noctis_lab.dicom.lossy import Lossy
from noctis_lab.lab.cards.deadline import Deadline
from noctis_lab.lab.cards.geometry import MOST_INSTANCES, Geometry, find_geometry
from noctis_lab.lab.cards.parts import ElementLine, Field, Note, Picture, SeriesCard
from noctis_lab.lab.cards.pictures import frame_picture, series_picture, within
from noctis_lab.lab.cards.words import (
    bytes_words,
    count_words,
    cut,
    day_words,
    mm_words,
    moment_words,
    name_words,
    times_words,
)
from noctis_lab.volumes.badges import Badge, badges_of_series
from noctis_lab.volumes.lossy import find_lossy_series
from noctis_lab.volumes.planes import instance_file

if TYPE_CHECKING:
    from noctis_lab.lab import Lab

__all__ = ["instance_words", "patient_words", "series_badges", "series_card"]

_MOST_ELEMENTS = 100
_VALUE_CHARACTERS = 120
_NOT_YET = "Not looked at yet: show the card again, or let `noctis worker` do it."


def series_card(
    lab: Lab, series: SeriesRow, study: StudyRow | None, *, pictures: bool, limit_s: float
) -> SeriesCard:
    """Gather a series' card.

    Parameters
    ----------
    lab
        The open archive.
    series, study
        Their rows.
    pictures
        Also read pictures and elements; text needs neither.
    limit_s
        How long it may take; what is not there by then is left out, and there the next time.
    """
    deadline = Deadline(limit_s)
    find_lossy_series(lab.handle, [series], wait_s=0)  # asked while the rest is looked at
    geometry = _geometry_within(lab, series, deadline)
    main, strip, header = None, tuple[Picture, ...](), None
    if pictures and geometry is not None:
        main, strip, header = _read_pictures(lab, series, geometry, deadline)
    lossy = find_lossy_series(lab.handle, [series], wait_s=deadline.rest_s)
    check = find_checks(lab.catalog, [series]).get(series.reference)
    badges = series_badges(series, geometry, lossy.get(series.reference), check)
    elements = () if header is None else header.elements
    is_late = pictures and series.instance_count <= MOST_INSTANCES and not deadline.rest_s
    count = count_words(series.instance_count, "instance")
    return SeriesCard(
        SeriesInstanceUID=series.SeriesInstanceUID,
        patient=patient_words(study),
        modality=cut(series.Modality, 16),
        line=_line(series),
        fields=tuple(_fields(series, study, geometry)),
        badges=badges,
        notes=_notes(series, geometry, badges),
        main=main,
        is_late=is_late,
        awaits_picture=pictures and main is None and series.image_count > 0,
        strip=strip,
        elements=tuple(
            ElementLine(
                path=cut(element.path, _VALUE_CHARACTERS),
                tag=tag_text(element.tag),
                VR=cut(element.VR, 2),
                value=cut(element.value, _VALUE_CHARACTERS),
            )
            for element in elements[:_MOST_ELEMENTS]
        ),
        element_count=len(elements),
        elements_of=f"the middle one of {count}" if series.instance_count > 1 else "its instance",
    )


def _geometry_within(lab: Lab, series: SeriesRow, deadline: Deadline) -> Geometry | None:
    """Return a series' geometry, None where it takes too long or there are too many instances."""
    if series.instance_count > MOST_INSTANCES:
        return None
    task = partial(find_geometry, lab.handle, series)
    return deadline.collect(lab.handle.background, {0: task}).get(0)


def series_badges(
    series: SeriesRow, geometry: Geometry | None, lossy: Lossy | None, check: HuRecord | None
) -> tuple[Badge, ...]:
    """Return the worklist's badges, of facts that no worker has found out yet too."""
    return badges_of_series(_with_facts(series, geometry), lossy, check)


def patient_words(study: StudyRow | None) -> str:
    """Return who the patient is: the name as pages write it, else the ID."""
    if study is None:
        return "Unknown patient"
    return name_words(study.PatientName) or cut(study.PatientID) or "No name"


def _with_facts(series: SeriesRow, geometry: Geometry | None) -> SeriesRow:
    if geometry is None:
        return series
    values = {name: getattr(series, name) for name in SeriesRow.__dataclass_fields__}
    return SeriesRow(**values | {"facts": geometry.facts})


def _read_pictures(
    lab: Lab, series: SeriesRow, geometry: Geometry, deadline: Deadline
) -> tuple[Picture | None, tuple[Picture, ...], Header | None]:
    executor, middle = lab.handle.background, geometry.middle
    read: dict[int, Callable[[], Header]] = {}
    if middle is not None:
        read[0] = partial(read_header, instance_file(lab.storage, middle))
    header = deadline.collect(executor, read).get(0)
    if not geometry.frames:
        return None, (), header
    made: dict[int, Callable[[], bytes]] = {0: partial(series_picture, lab, series.reference)}
    if len(geometry.frames) > 1:
        for place, (row, frame) in zip(geometry.places, geometry.frames, strict=True):
            made[place] = partial(frame_picture, lab, row, frame)
    found = deadline.collect(executor, made)
    labels = ["Middle image", *(f"Image {place}" for place in list(made)[1:])]
    main, *strip = within(
        (label, found.get(place)) for label, place in zip(labels, made, strict=True)
    )
    return main, tuple(picture for picture in strip if picture is not None), header


def _line(series: SeriesRow) -> str:
    number = "" if series.SeriesNumber is None else f"series {series.SeriesNumber}"
    counted = (series.image_count, "image")
    if series.image_count == 0:
        counted = (series.instance_count, "instance")
    parts = (
        cut(series.SeriesDescription or series.ProtocolName, 64),
        number,
        count_words(*counted),
        bytes_words(series.stored_bytes),
    )
    return " · ".join(part for part in parts if part)


def _fields(series: SeriesRow, study: StudyRow | None, geometry: Geometry | None) -> list[Field]:
    found = [] if geometry is None else _place_fields(geometry)
    if not any(field.label == "Spacing" for field in found) and series.facts.slice_spacing_mm:
        found.append(Field(label="Spacing", text=mm_words((series.facts.slice_spacing_mm,))))
    if study is not None:
        found.append(Field(label="Patient ID", text=cut(study.PatientID, 48)))
        words = (day_words(study.StudyDate), cut(study.StudyDescription, 48))
        found.append(Field(label="Study", text=" · ".join(word for word in words if word)))
        found.append(Field(label="Facility", text=cut(", ".join(study.facilities), 48)))
    found.append(Field(label="Arrived", text=moment_words(series.last_received_at)))
    maker = cut(
        " ".join(each for each in (series.Manufacturer, series.ManufacturerModelName) if each), 48
    )
    found.append(Field(label="Scanner", text=maker))
    if series.FrameOfReferenceUID:
        frame = cut(series.FrameOfReferenceUID, 64)
        text = f"FrameOfReferenceUID {frame}"  # what shares it shares millimetres
        found.append(Field(label="Positions", text=text, is_code=True))
    return [field for field in found if field.text]


def _place_fields(geometry: Geometry) -> list[Field]:
    found = []
    if geometry.shape:
        found.append(Field(label="Shape", text=times_words(geometry.shape)))
    if geometry.spacing_mm:
        found.append(Field(label="Spacing", text=mm_words(geometry.spacing_mm)))
        extent_mm = [
            count * step_mm
            for count, step_mm in zip(geometry.sides, geometry.spacing_mm, strict=True)
        ]
        found.append(Field(label="Extent", text=mm_words(extent_mm)))
    if geometry.refusal is None:
        values = cut(geometry.units, 16) or "no unit known"
        found.append(Field(label="Values", text=values))
    return found


def _notes(
    series: SeriesRow, geometry: Geometry | None, badges: tuple[Badge, ...]
) -> tuple[Note, ...]:
    if geometry is None:
        known = series.facts.is_volume is not None or series.image_count == 0
        return () if known else (Note(kind="none", title="Geometry", sentence=_NOT_YET),)
    if geometry.refusal is not None:
        name, reason = geometry.refusal
        kind = "none" if series.image_count == 0 else "warn"
        sentence = f"s.load() refuses: {cut(reason, 300)}."
        return (Note(kind="none" if kind == "none" else "warn", title=name, sentence=sentence),)
    return tuple(
        Note(
            kind="warn" if badge.kind == "warn" else "info",
            title=badge.text,
            sentence=cut(badge.sentence, 300),
        )
        for badge in badges
        if badge.kind not in {"pass", "none"}
    )


def instance_words(row: InstanceRow) -> str:
    """Return the size of an instance's pixels."""
    if row.pixels is None:
        return "no pixels"
    size = times_words((row.pixels.rows, row.pixels.columns))
    return size if row.pixels.frames == 1 else f"{row.pixels.frames} × {size}"
