"""Real world values: stored values mapped to quantities with a unit, beside the Modality LUT."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noctis_lab.dicom.header import Header
from noctis_lab.errors import CannotInterpret

__all__ = ["RealWorldMapping", "find_real_world_mappings"]

_SEQUENCE = "RealWorldValueMappingSequence"
_MOST_MAPPINGS = 64  # of one frame
_MOST_ENTRIES = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RealWorldMapping:
    """One item of RealWorldValueMappingSequence: a line or a table, within a range of inputs."""

    label: str  # LUTLabel; may be empty
    explanation: str  # LUTExplanation; may be empty
    units: str | None  # the unit's UCUM code, as MeasurementUnitsCodeSequence has it
    units_meaning: str | None
    first: float  # stored values from here
    last: float  # to here, included
    slope: float | None  # None for a table
    intercept: float | None
    table: NDArray[np.float64] | None  # a value for each integer from `first` to `last`

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
        is_mapped = (stored >= self.first) & (stored <= self.last)
        values = np.full(stored.shape, np.nan)
        inputs = stored[is_mapped].astype(np.float64)
        if self.table is not None:
            values[is_mapped] = self.table[(inputs - self.first).astype(np.int64)]
        else:
            assert self.slope is not None
            assert self.intercept is not None
            values[is_mapped] = inputs * self.slope + self.intercept
        return values


def find_real_world_mappings(header: Header, frame: int = 0) -> tuple[RealWorldMapping, ...]:
    """Return the real world value mappings of a frame.

    Parameters
    ----------
    header
        From `read_header`, or `read_header_bytes` for tables of more than 8192 entries.
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
    for place in (
        f"PerFrameFunctionalGroupsSequence[{frame}].",
        "SharedFunctionalGroupsSequence[0].",
        "",
    ):
        found = []
        for number in range(_MOST_MAPPINGS):
            item = f"{place}{_SEQUENCE}[{number}]."
            if not _is_stated(header, item):
                break
            found.append(_read_item(header, item))
        if found:
            return tuple(found)
    return ()


_PARTS = (
    "RealWorldValueSlope",
    "RealWorldValueIntercept",
    "RealWorldValueLUTData",
    "RealWorldValueFirstValueMapped",
    "DoubleFloatRealWorldValueFirstValueMapped",
    "LUTLabel",
)


def _is_stated(header: Header, item: str) -> bool:
    return any(header.length(item + keyword) is not None for keyword in _PARTS)


def _read_item(header: Header, item: str) -> RealWorldMapping:
    first = _bound(header, item, "RealWorldValueFirstValueMapped")
    last = _bound(header, item, "RealWorldValueLastValueMapped")
    if first > last:
        raise CannotInterpret(item + "RealWorldValueLastValueMapped", f"{last} is below {first}")
    slope, intercept = (
        header.number(f"{item}RealWorldValue{part}") for part in ("Slope", "Intercept")
    )
    table: NDArray[np.float64] | None = None
    if slope is None or intercept is None:
        slope, intercept = None, None
        table = _read_table(header, item + "RealWorldValueLUTData", int(last - first) + 1)
    units = f"{item}MeasurementUnitsCodeSequence[0]."
    return RealWorldMapping(
        label=header.text(f"{item}LUTLabel") or "",
        explanation=header.text(f"{item}LUTExplanation") or "",
        units=header.text(f"{units}CodeValue") or header.text(f"{units}LongCodeValue"),
        units_meaning=header.text(f"{units}CodeMeaning"),
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


def _read_table(header: Header, keyword: str, count: int) -> NDArray[np.float64]:
    length = header.length(keyword)
    if length is None:
        raise CannotInterpret(keyword, "a mapping has neither slope and intercept nor a table")
    if length != 8 * count or count > _MOST_ENTRIES:
        raise CannotInterpret(keyword, f"{count} entries are mapped, {length} bytes are there")
    numbers = header.numbers(keyword)
    if numbers is None:
        raise CannotInterpret(keyword, "the table is longer than was read, or is not all numbers")
    return np.array(numbers, np.float64)
