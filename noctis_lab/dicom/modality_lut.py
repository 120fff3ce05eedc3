"""The Modality LUT as a table: stored values to modality values where no slope gives them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noctis_lab.dicom.lookup import LookupTable, read_descriptor, read_table
from noctis_lab.dicom.raw_values import HeaderBytes
from noctis_lab.errors import CannotInterpret

__all__ = ["ModalityLut", "read_modality_lut"]

_ITEM = "ModalityLUTSequence[0]."
_DESCRIPTOR, _TYPE, _DATA = 0x00283002, "ModalityLUTType", 0x00283006
_SLOPE, _INTERCEPT = 0x00281053, 0x00281052


@dataclass(frozen=True, slots=True, kw_only=True)
class ModalityLut:
    """values = table[stored]."""

    table: LookupTable
    units: str | None  # ModalityLUTType, where stated

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the values: uint8 or uint16."""
        return self.table.entries.dtype

    def apply(self, stored: NDArray[Any]) -> NDArray[Any]:
        """Return modality values of stored integers, of `dtype` and the same shape."""
        return self.table.apply(stored)


def read_modality_lut(values: HeaderBytes) -> ModalityLut | None:
    """Read the Modality LUT Sequence of a data set.

    Parameters
    ----------
    values
        From `read_header_bytes`.

    Returns
    -------
    ModalityLut or None
        None where no table is stated.

    Raises
    ------
    CannotInterpret
        A slope or an intercept stands beside the table, there are several tables, or one that does
        not hold what its descriptor states.

    References
    ----------
    :dcm:`PS3.3 C.11.1 <part03/sect_C.11.html>`: one item; RescaleIntercept must not be there.
    """
    if not values.has_item(_ITEM):
        return None
    for tag in (_INTERCEPT, _SLOPE):
        if values.has(tag):
            raise CannotInterpret(
                values.name(tag), "stands beside a ModalityLUTSequence: which one holds is not said"
            )
    if values.has_item("ModalityLUTSequence[1]."):
        raise CannotInterpret("ModalityLUTSequence", "expected one item, several came")
    descriptor = read_descriptor(values, _DESCRIPTOR, _ITEM)
    table = read_table(values, descriptor, _DATA, _ITEM)
    units = (values.header.text(_ITEM + _TYPE) or "").strip()
    return ModalityLut(table=table, units=units or None)
