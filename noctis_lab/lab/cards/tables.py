"""The tables of cards: studies, series and instances as rows that say most in least width."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from noctis_lab.catalog.hu_records import find_checks
from noctis_lab.catalog.records import InstanceRow, SeriesRow, StudyRow
from noctis_lab.lab.cards.deadline import Deadline
from noctis_lab.lab.cards.geometry import Geometry, find_geometry
from noctis_lab.lab.cards.parts import Column, Table, TableRow
from noctis_lab.lab.cards.pictures import ROW_PX, series_picture, within
from noctis_lab.lab.cards.series import instance_words, series_badges
from noctis_lab.lab.cards.words import cut, day_words, moment_words, name_words
from noctis_lab.volumes.badges import badges_of_study
from noctis_lab.volumes.lossy import find_lossy_series

if TYPE_CHECKING:
    from noctis_lab.lab import Lab

__all__ = ["instances_table", "series_table", "studies_table"]

#: Rows of more series than that get no pictures, and geometry only where a worker found it out.
_MOST_PICTURES = 12
#: Of all series of a table together, instances that are looked at for geometry.
_MOST_LOOKED_AT = 2_000

_NUMBER = Column(heading="#", name="place in the list", is_number=True)
_WHO = (
    Column(heading="Patient", name="PatientName"),
    Column(heading="ID", name="PatientID"),
    Column(heading="Date", name="StudyDate", keeps=True),
    Column(heading="Modality", name="modalities"),
    Column(heading="Description", name="StudyDescription"),
)
_COUNTS = (
    Column(heading="Series", name="series_count", is_number=True),
    Column(heading="Instances", name="instance_count", is_number=True),
)
_ARRIVED = Column(heading="Arrived", name="last_received_at", keeps=True)
_SERIES_COLUMNS = (
    _NUMBER,
    Column(heading="Modality", name="Modality"),
    Column(heading="No.", name="SeriesNumber", is_number=True),
    Column(heading="Description", name="SeriesDescription"),
    Column(heading="Images", name="image_count", is_number=True),
)
_OF_STUDY = (
    Column(heading="Patient", name="PatientID"),
    Column(heading="Date", name="StudyDate", keeps=True),
)
_INSTANCE_COLUMNS = (
    _NUMBER,
    Column(heading="Modality", name="Modality"),
    Column(heading="No.", name="InstanceNumber", is_number=True),
    Column(heading="Pixels", name="frame_count, Rows, Columns"),
    Column(heading="Arrived", name="received_at", keeps=True),
    Column(heading="SOPInstanceUID", name="SOPInstanceUID"),
)


def studies_table(
    lab: Lab,
    studies: Sequence[StudyRow],
    deadline: Deadline,
    *,
    more: int = 0,
    arrived: bool = False,
) -> Table:
    """Return studies as rows; with `arrived`, when something came last in the place of counts."""
    columns = (*_WHO, _ARRIVED) if arrived else (_NUMBER, *_WHO, *_COUNTS)
    series = [lab.catalog.series_of(study.StudyInstanceUID) for study in studies]
    every = list(chain.from_iterable(series))
    lossy = find_lossy_series(lab.handle, every, wait_s=deadline.rest_s)
    checks = find_checks(lab.catalog, every)
    rows = []
    for place, (study, its) in enumerate(zip(studies, series, strict=True)):
        named = (
            name_words(study.PatientName, 32),
            cut(study.PatientID, 24),
            day_words(study.StudyDate),
            cut("/".join(study.modalities), 16),
            cut(study.StudyDescription, 40),
        )
        counts = (str(study.series_count), str(study.instance_count))
        cells = (
            (*named, moment_words(study.last_received_at))
            if arrived
            else (str(place), *named, *counts)
        )
        badges = badges_of_study(its, lossy, checks)
        rows.append(TableRow(cells=cells, badges=badges, uid=study.StudyInstanceUID))
    return Table(columns=columns, rows=tuple(rows), more=more)


def series_table(
    lab: Lab,
    series: Sequence[tuple[SeriesRow, StudyRow | None]],
    deadline: Deadline,
    *,
    pictures: bool,
    of_one_study: bool = False,
    more: int = 0,
) -> Table:
    """Return series as rows, with pictures of the first ones."""
    asked = [row for row, _ in series]
    find_lossy_series(lab.handle, asked, wait_s=0)  # asked while geometry is looked at
    geometries = _look_at(lab, asked, deadline)
    made = _make_pictures(lab, asked, deadline) if pictures else {}
    shown = within(("Middle image", made.get(row.reference)) for row in asked)
    lossy = find_lossy_series(lab.handle, asked, wait_s=deadline.rest_s)
    checks = find_checks(lab.catalog, asked)
    rows = []
    for place, (row, study) in enumerate(series):
        own = (
            str(place),
            cut(row.Modality, 16),
            "" if row.SeriesNumber is None else str(row.SeriesNumber),
            cut(row.SeriesDescription or row.ProtocolName, 40),
            str(row.image_count),
        )
        whose = ("", "")
        if study is not None:
            who = cut(study.PatientID, 24) or name_words(study.PatientName, 24)
            whose = (who, day_words(study.StudyDate))
        rows.append(
            TableRow(
                cells=own if of_one_study else (own[0], *whose, *own[1:]),
                badges=series_badges(
                    row,
                    geometries.get(row.reference),
                    lossy.get(row.reference),
                    checks.get(row.reference),
                ),
                picture=shown[place],
                awaits_picture=shown[place] is None and row.reference in made,
                uid=row.SeriesInstanceUID,
            )
        )
    columns = _SERIES_COLUMNS if of_one_study else (_NUMBER, *_OF_STUDY, *_SERIES_COLUMNS[1:])
    return Table(columns=columns, rows=tuple(rows), more=more)


def instances_table(
    instances: Sequence[tuple[InstanceRow, SeriesRow | None]], *, more: int = 0
) -> Table:
    """Return instances as rows."""
    rows = tuple(
        TableRow(
            cells=(
                str(place),
                cut(None if series is None else series.Modality, 16),
                "" if row.InstanceNumber is None else str(row.InstanceNumber),
                instance_words(row),
                moment_words(row.received_at),
                cut(row.SOPInstanceUID, 64),
            ),
            uid=row.SOPInstanceUID,
        )
        for place, (row, series) in enumerate(instances)
    )
    return Table(columns=_INSTANCE_COLUMNS, rows=rows, more=more)


def _look_at(lab: Lab, series: Sequence[SeriesRow], deadline: Deadline) -> dict[str, Geometry]:
    """Find out, as far as time and a bound allow, what no worker has found out yet."""
    rest, tasks = _MOST_LOOKED_AT, {}
    for row in series:
        if row.facts.is_volume is None and row.image_count and row.instance_count <= rest:
            rest -= row.instance_count
            tasks[row.reference] = partial(find_geometry, lab.handle, row)
    return deadline.collect(lab.handle.background, tasks)


def _make_pictures(
    lab: Lab, series: Sequence[SeriesRow], deadline: Deadline
) -> dict[str, bytes | None]:
    """Return pictures of the first series with images, by reference; None where one is late."""
    shown = [row.reference for row in series if row.image_count][:_MOST_PICTURES]
    tasks = {reference: partial(series_picture, lab, reference, ROW_PX) for reference in shown}
    return dict.fromkeys(shown) | deadline.collect(lab.handle.background, tasks)
