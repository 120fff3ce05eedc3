"""What a study's rows say to a rule: columns at hand at once, the others read when first asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

from noctis_lab.catalog.records import SeriesFacts, SeriesRow, StudyRow
from noctis_lab.dicom.header import Header, read_header
from noctis_lab.errors import CannotStack, FileChanged, InvalidDicom
from noctis_lab.lab.hanging.columns import IMAGE_COLUMNS, SERIES_COLUMNS, STUDY_COLUMNS, Asked
from noctis_lab.lab.hanging.conditions import Condition, all_hold
from noctis_lab.volumes.frames import Frame
from noctis_lab.volumes.pixels import find_shown_frames
from noctis_lab.volumes.planes import instance_file
from noctis_lab.volumes.shown_extra import ShownExtra

if TYPE_CHECKING:
    from noctis_lab.lab import Lab

__all__ = ["MOST_IMAGES", "HungSeries", "HungStudy"]

MOST_IMAGES: Final = 64  #: of a series whose single images are asked about
_AT_HAND: Final = {each.name for each in fields(SeriesRow)} & set(SERIES_COLUMNS)
_FACTS: Final = {each.name for each in fields(SeriesFacts)} & set(SERIES_COLUMNS)


class HungSeries:
    """One series that has images, or may have."""

    def __init__(self, study: HungStudy, row: SeriesRow) -> None:
        self._study = study
        self.row = row
        self.values: Mapping[str, Any] = {
            **{name: getattr(row, name) for name in _AT_HAND},
            **{name: getattr(row.facts, name) for name in _FACTS},
        }

    @property
    def uid(self) -> str:
        """Its SeriesInstanceUID."""
        return self.row.SeriesInstanceUID

    def value(self, name: str) -> Any:
        """Return a column's value; None where it is not stated, or varies over the series."""
        if name in self.values:
            return self.values[name]
        return self._study.further(self.uid, (name,)).get(name)

    def holds(self, conditions: Mapping[str, Condition]) -> bool:
        """Return whether all conditions hold of its columns; those at hand are asked first."""
        at_hand = {name: each for name, each in conditions.items() if name in self.values}
        if not all_hold(at_hand, self.values):
            return False
        rest = {name: each for name, each in conditions.items() if name not in self.values}
        return not rest or all_hold(rest, self._study.further(self.uid, rest))

    def find_image(self, conditions: Mapping[str, Condition]) -> int | None:
        """Return the first frame, from 0, of an instance of which all conditions hold."""
        if not 0 < self.row.instance_count <= MOST_IMAGES:
            return None
        headers = self._study.headers(self.row)
        found = {
            header.SOPInstanceUID
            for header in headers
            if all(each.holds(_value(header, name)) for name, each in conditions.items())
        }
        if not found:
            return None
        try:
            frames, _ = self.shown()
        except (CannotStack, FileChanged):
            return None
        places = (i for i, frame in enumerate(frames) if frame.row.SOPInstanceUID in found)
        return next(places, None)

    def shown(self) -> tuple[tuple[Frame, ...], ShownExtra | None]:
        """Return its frames in the order in which they are shown, and the dim beside space."""
        return self._study.shown(self.row)


class HungStudy:
    """One study as rules see it; its rows are read once.

    Parameters
    ----------
    row
        Of the study.
    series
        Its series, in any order.
    """

    def __init__(self, lab: Lab, row: StudyRow, series: Iterable[SeriesRow]) -> None:
        self._lab = lab
        self.StudyInstanceUID = row.StudyInstanceUID
        self.values = {name: getattr(row, name) for name in STUDY_COLUMNS}
        self.series = tuple(HungSeries(self, each) for each in series)
        self._further: dict[str, dict[str, Any]] = {}
        self._asked: set[str] = set()
        self._headers: dict[str, tuple[Header, ...]] = {}
        self._shown: dict[str, tuple[tuple[Frame, ...], ShownExtra | None]] = {}

    def further(self, SeriesInstanceUID: str, names: Iterable[str]) -> dict[str, Any]:
        """Return columns of a series that the commit tier's rows do not hold, by SQL."""
        new = [name for name in names if name not in self._asked]
        if new:
            # Names are our own words: `SERIES_COLUMNS` has them.
            columns = ", ".join(f'"{name}"' for name in new)
            query = f"SELECT SeriesInstanceUID, {columns} FROM series WHERE StudyInstanceUID = ?"  # noqa: S608
            for uid, *values in self._lab.sql(query, [self.StudyInstanceUID]).fetchall():
                self._further.setdefault(uid, {}).update(zip(new, values, strict=True))
            self._asked.update(new)
        return self._further.get(SeriesInstanceUID, {})

    def headers(self, row: SeriesRow) -> tuple[Header, ...]:
        """Return the headers of a series' instances; of a few images that is sooner than SQL."""
        if row.reference not in self._headers:
            self._headers[row.reference] = tuple(self._read_headers(row))
        return self._headers[row.reference]

    def _read_headers(self, row: SeriesRow) -> Iterator[Header]:
        for instance in self._lab.catalog.instances_of(row.reference):
            # What cannot be read has no values: the pane itself says why nothing is shown.
            with suppress(OSError, InvalidDicom):
                yield read_header(instance_file(self._lab.storage, instance))

    def shown(self, row: SeriesRow) -> tuple[tuple[Frame, ...], ShownExtra | None]:
        """Return a series' frames as `HungSeries.shown`; no pixels are read for it."""
        if row.reference not in self._shown:
            _, frames, extra = find_shown_frames(self._lab.handle, row.reference)
            self._shown[row.reference] = frames, extra
        return self._shown[row.reference]


def _value(header: Header, name: str) -> str | float | None:
    """Return an element of an instance's top level, as a condition of its column takes it."""
    return header.number(name) if IMAGE_COLUMNS[name] is Asked.NUMBER else header.text(name)
