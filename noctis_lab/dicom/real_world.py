"""Real world values: stored values mapped to quantities with a unit, beside the Modality LUT."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noctis_lab.dicom.header import Header
from noctis_lab.dicom.raw_values import HeaderBytes
from noctis_lab.dicom.rescale import Rescale
from noctis_lab.errors import CannotInterpret

__all__ = [
    "TABLES",
    "RealWorldMapping",
    "Tables",
    "find_real_world_mappings",
    "real_world_mappings_of",
]

#: By the hash of their numbers.
type Tables = dict[bytes, NDArray[np.float64]]

_TABLE_TAG = 0x00409212
#: What `read_header_bytes` is to leave as bytes.
TABLES = frozenset({_TABLE_TAG})
_SEQUENCE = "RealWorldValueMappingSequence"
_MOST_MAPPINGS = 64  # of one frame
_MOST_ENTRIES = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RealWorldMapping:
    """One item of RealWorldValueMappingSequence: a line or a table, within a range of inputs."""

    label: str  # LUTLabel; may be empty
    explanation: str  # LUTExplanation; may be empty
    units: str | None  # the unit's code, as MeasurementUnitsCodeSequence has it
    units_meaning: str | None
    units_scheme: str | None  # UCUM, where the standard is followed
    first: float  # stored values from here
    last: float  # to here, included
    slope: float | None  # None for a table
    intercept: float | None
    table: NDArray[np.float64] | None  # a value for each integer from `first` to `last`

    @property
    def unit(self) -> str:
        """The unit as UCUM writes it, else in its own words; ``"unspecified"`` without any."""
        if self.units_scheme in ("UCUM", None):
            return self.units or self.units_meaning or "unspecified"
        return self.units_meaning or self.units or "unspecified"

    @property
    def line(self) -> Rescale | None:
        """The line that it is; None for a table."""
        if self.slope is None or self.intercept is None:
            return None
        return Rescale(slope=self.slope, intercept=self.intercept, units=self.units)

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the greatest value that it gives."""
        if self.table is not None:
            return float(self.table.min()), float(self.table.max())
        assert self.slope is not None
        assert self.intercept is not None
        ends = [end * self.slope + self.intercept for end in (self.first, self.last)]
        return min(ends), max(ends)

    def covers(self, stored: NDArray[Any]) -> NDArray[np.bool_]:
        """Return which stored values lie from `first` to `last`: ndarray of bool, same shape."""
        return np.asarray((stored >= self.first) & (stored <= self.last))

    def apply(self, stored: NDArray[Any]) -> NDArray[np.float64]:
        """Map stored values.

        Parameters
        ----------
        stored
            Stored values, any shape.

        Returns
        -------
        ndarray of float64, same shape
            In `units`; NaN outside of `first` to `last`, for which nothing is stated.

        References
        ----------
        :dcm:`PS3.3 C.7.6.16.2.11.1.2 <part03/sect_C.7.6.16.2.html>`
        """
        is_mapped = self.covers(stored)
        values = np.full(stored.shape, np.nan)
        inputs = stored[is_mapped].astype(np.float64)
        if self.table is not None:
            values[is_mapped] = self.table[(inputs - self.first).astype(np.int64)]
        else:
            assert self.slope is not None
            assert self.intercept is not None
            values[is_mapped] = inputs * self.slope + self.intercept
        return values


def find_real_world_mappings(read: HeaderBytes, frame: int = 0) -> tuple[RealWorldMapping, ...]:
    """Return the real world value mappings of a frame.

    Parameters
    ----------
    read
        From `read_header_bytes`, best with `TABLES` as bytes only.
    frame
        From 0; of functional groups.

    Returns
    -------
    tuple of RealWorldMapping
        Of the frame's own functional groups, else of the shared ones, else of the top level, in
        the data set's order.

    Raises
    ------
    CannotInterpret
        An item lacks its range, or is neither a line nor a table of the length of its range.

    References
    ----------
    :dcm:`PS3.3 C.7.6.16.2.11 <part03/sect_C.7.6.16.2.html>`
    """
    return real_world_mappings_of(read, (frame,))[frame]


def real_world_mappings_of(
    read: HeaderBytes, frames: Iterable[int], tables: Tables | None = None
) -> dict[int, tuple[RealWorldMapping, ...]]:
    """Return the real world value mappings of several frames, by frame.

    Those that frames share are read once, and are one object.

    Parameters
    ----------
    read, frames
        As of `find_real_world_mappings`.
    tables
        Those that are known already, by the hash of their numbers: an equal one is not kept
        twice, and new ones are added.

    Raises
    ------
    CannotInterpret
        As `find_real_world_mappings`.
    """
    known: Tables = {} if tables is None else tables
    shared: tuple[RealWorldMapping, ...] | None = None
    found = {}
    for frame in frames:
        own = _read_items(read, f"PerFrameFunctionalGroupsSequence[{frame}].", known)
        if not own:
            if shared is None:
                shared = _read_items(read, "SharedFunctionalGroupsSequence[0].", known)
                shared = shared or _read_items(read, "", known)
            own = shared
        found[frame] = own
    return found


def _read_items(read: HeaderBytes, place: str, tables: Tables) -> tuple[RealWorldMapping, ...]:
    found = []
    for number in range(_MOST_MAPPINGS):
        item = f"{place}{_SEQUENCE}[{number}]."
        if not _is_stated(read.header, item):
            break
        found.append(_read_item(read, item, tables))
    return tuple(found)


_PARTS = (
    "RealWorldValueSlope",
    "RealWorldValueIntercept",
    "RealWorldValueLUTData",
    "RealWorldValueFirstValueMapped",
    "RealWorldValueLastValueMapped",
    "DoubleFloatRealWorldValueFirstValueMapped",
    "DoubleFloatRealWorldValueLastValueMapped",
    "LUTLabel",
    "LUTExplanation",
    "MeasurementUnitsCodeSequence[0].CodeValue",  # an item of units alone hides no later one
    "MeasurementUnitsCodeSequence[0].LongCodeValue",
    "MeasurementUnitsCodeSequence[0].CodeMeaning",
)


def _is_stated(header: Header, item: str) -> bool:
    return any(header.length(item + keyword) is not None for keyword in _PARTS)


def _read_item(read: HeaderBytes, item: str, tables: Tables) -> RealWorldMapping:
    header = read.header
    first = _bound(header, item, "RealWorldValueFirstValueMapped")
    last = _bound(header, item, "RealWorldValueLastValueMapped")
    if first > last:
        raise CannotInterpret(item + "RealWorldValueLastValueMapped", f"{last} is below {first}")
    slope, intercept = (
        header.number(f"{item}RealWorldValue{part}") for part in ("Slope", "Intercept")
    )
    if not all(part is None or math.isfinite(part) for part in (slope, intercept)):
        raise CannotInterpret(item + "RealWorldValueSlope", "a slope or intercept is no number")
    table: NDArray[np.float64] | None = None
    has_table = header.length(item + "RealWorldValueLUTData") is not None
    if has_table and not (slope is None and intercept is None):
        raise CannotInterpret(
            item + "RealWorldValueLUTData", "a mapping states a line and a table: which holds?"
        )
    if slope is None or intercept is None:
        slope, intercept = None, None
        if not (first.is_integer() and last.is_integer()):
            raise CannotInterpret(
                item + "RealWorldValueLUTData",
                f"a table is of whole stored values, not of {first:g} to {last:g}",
            )
        table = _read_table(read, item, int(last - first) + 1)
        table = tables.setdefault(hashlib.sha256(table).digest(), table)
    units = f"{item}MeasurementUnitsCodeSequence[0]."
    return RealWorldMapping(
        label=header.text(f"{item}LUTLabel") or "",
        explanation=header.text(f"{item}LUTExplanation") or "",
        units=header.text(f"{units}CodeValue") or header.text(f"{units}LongCodeValue"),
        units_meaning=header.text(f"{units}CodeMeaning"),
        units_scheme=header.text(f"{units}CodingSchemeDesignator"),
        first=first,
        last=last,
        slope=slope,
        intercept=intercept,
        table=table,
    )


def _bound(header: Header, item: str, keyword: str) -> float:
    number = header.number(item + keyword)
    if number is None:
        number = header.number(f"{item}DoubleFloat{keyword}")
        if number is None:
            raise CannotInterpret(item + keyword, "the range of a mapping is not stated")
        return number  # a float has its sign
    if header.integer("PixelRepresentation") == 1 and 1 << 15 <= number < 1 << 16:
        number -= 1 << 16  # written as US, where the pixels are signed
    return number


def _read_table(read: HeaderBytes, item: str, count: int) -> NDArray[np.float64]:
    keyword = item + "RealWorldValueLUTData"
    length = read.header.length(keyword)
    if length is None:
        raise CannotInterpret(keyword, "a mapping has neither slope and intercept nor a table")
    if length != 8 * count or count > _MOST_ENTRIES:
        raise CannotInterpret(keyword, f"{count} entries are mapped, {length} bytes are there")
    table = read.doubles(_TABLE_TAG, item)
    if table is None or not np.isfinite(table).all():
        raise CannotInterpret(keyword, "the table is longer than was read, or is not all numbers")
    return table
