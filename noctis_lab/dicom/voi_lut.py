"""VOI LUTs that are tables: modality values into grey levels where no formula gives them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from noctis_lab.dicom.lookup import LookupTable, read_descriptor, read_table
from noctis_lab.dicom.raw_values import HeaderBytes
from noctis_lab.errors import CannotInterpret

__all__ = ["MOST_TABLES", "VoiLut", "find_voi_luts"]

#: Of one image; mammography's have three (PS3.3 C.11.2.1.1 sets no bound).
MOST_TABLES = 8
_DESCRIPTOR, _DATA = 0x00283002, 0x00283006
_HIGHEST = 255


@dataclass(frozen=True, kw_only=True)
class VoiLut:
    """One item of a VOI LUT Sequence: a display's grey is `greys` at ``value - first_mapped``.

    Values before the first entry take that one, those beyond the last take the last.

    References
    ----------
    :dcm:`PS3.3 C.11.2.1.1 <part03/sect_C.11.2.html>`
    """

    table: LookupTable
    explanation: str = ""  # LUTExplanation

    @property
    def first_mapped(self) -> int:
        """The modality value that the first entry is for."""
        return self.table.first_mapped

    @cached_property
    def greys(self) -> NDArray[np.uint8]:
        """Grey levels 0..255 of the entries, rounded by ``floor(y + 0.5)``; shape (count,)."""
        highest = (1 << self.table.bits) - 1
        levels = np.minimum(self.table.entries, highest) * (_HIGHEST / highest)
        greys: NDArray[np.uint8] = np.floor(levels + 0.5).astype(np.uint8)
        return greys


def find_voi_luts(values: HeaderBytes) -> tuple[VoiLut, ...]:
    """Return the tables of a data set's VOI LUT Sequence, in its order.

    Parameters
    ----------
    values
        From `read_header_bytes`; its top level is asked, enhanced images' functional groups are
        not.

    Returns
    -------
    tuple of VoiLut
        At most `MOST_TABLES`; an item that does not hold what its descriptor states is left out.

    References
    ----------
    :dcm:`PS3.3 C.11.2.1.1 <part03/sect_C.11.2.html>`
    """
    luts = []
    for number in range(MOST_TABLES):
        prefix = f"VOILUTSequence[{number}]."
        if not values.has_item(prefix):
            break
        try:
            descriptor = read_descriptor(
                values, _DESCRIPTOR, prefix, signed=_is_signed(values, prefix)
            )
            table = read_table(values, descriptor, _DATA, prefix)
        except CannotInterpret:
            continue
        explanation = (values.header.text(f"{prefix}LUTExplanation") or "").strip()
        luts.append(VoiLut(table=table, explanation=explanation))
    return tuple(luts)


def _is_signed(values: HeaderBytes, prefix: str) -> bool:
    """Return whether the first value mapped may be negative.

    The table's input is what the Modality LUT gives (PS3.3 C.11.2.1.1): signed where the stored
    values are, and where an intercept below 0 takes them there.
    """
    intercept = values.header.number("RescaleIntercept")
    return (
        values.vr(_DESCRIPTOR, prefix) == "SS"
        or values.header.integer("PixelRepresentation") == 1
        or (intercept is not None and intercept < 0)
    )
