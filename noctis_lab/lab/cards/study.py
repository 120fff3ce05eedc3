"""The card of a study: who, when, and its series as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noctis_lab.catalog.hu_records import find_checks
from noctis_lab.catalog.records import StudyRow
from noctis_lab.lab.cards.deadline import Deadline
from noctis_lab.lab.cards.parts import Field, StudyCard
from noctis_lab.lab.cards.series import patient_words
from noctis_lab.lab.cards.tables import series_table
from noctis_lab.lab.cards.words import (
    bytes_words,
    count_words,
    cut,
    day_words,
    moment_words,
    name_words,
)
from noctis_lab.volumes.badges import badges_of_study
from noctis_lab.volumes.lossy import find_lossy_series

if TYPE_CHECKING:
    from noctis_lab.lab import Lab

__all__ = ["study_card"]

_MOST_SERIES = 20


def study_card(lab: Lab, study: StudyRow, *, pictures: bool, limit_s: float) -> StudyCard:
    """Gather a study's card; as `series_card`."""
    deadline = Deadline(limit_s)
    series = lab.catalog.series_of(study.StudyInstanceUID)
    find_lossy_series(lab.handle, series, wait_s=0)  # of all at once, those of the table too
    line = (
        day_words(study.StudyDate),
        cut(study.StudyDescription, 64),
        count_words(study.series_count, "series"),
        count_words(study.instance_count, "instance"),
        bytes_words(study.stored_bytes),
    )
    born = (day_words(study.PatientBirthDate), cut(study.PatientSex, 8))
    fields = (
        Field(label="Patient ID", text=cut(study.PatientID, 64)),
        Field(label="Born, sex", text=", ".join(each for each in born if each)),
        Field(label="Accession", text=cut(study.AccessionNumber, 32)),
        Field(label="Referrer", text=name_words(study.ReferringPhysicianName, 48)),
        Field(label="Facility", text=cut(", ".join(study.facilities), 48)),
        Field(label="Arrived", text=moment_words(study.last_received_at)),
    )
    table = series_table(
        lab,
        [(row, study) for row in series[:_MOST_SERIES]],
        deadline,
        pictures=pictures,
        of_one_study=True,
        more=max(0, len(series) - _MOST_SERIES),
    )
    lossy = find_lossy_series(lab.handle, series, wait_s=deadline.rest_s)
    return StudyCard(
        StudyInstanceUID=study.StudyInstanceUID,
        patient=patient_words(study),
        line=" · ".join(part for part in line if part),
        modalities=tuple(cut(modality, 16) for modality in study.modalities[:8]),
        fields=tuple(field for field in fields if field.text),
        badges=badges_of_study(series, lossy, find_checks(lab.catalog, series)),
        series=table,
    )
