"""An analysis' arrays, which no record keeps: measured again from the images, as it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from noctis_lab.analysis.calibration.result import HuAnalysis
from noctis_lab.jobs.calibration.again import measure_again

if TYPE_CHECKING:
    from noctis_lab.catalog.records import SeriesRow
    from noctis_lab.lab import Lab

__all__ = ["analyse_again"]

#: 400 planes of 512 × 512, some 400 MB while it is measured; of more a page shows the records.
_MOST_VOXELS: Final = 400 * 512 * 512
_VALUE_BYTES: Final = 100  # of what is no array, generously


async def analyse_again(lab: Lab, series: SeriesRow, row: Mapping[str, Any]) -> HuAnalysis:
    """Return the analysis that a row of `hu_analysis` is of, with its arrays; nothing is recorded.

    It is kept among the archive's frames, as long as there is room. One is measured at a time, so
    that many visitors take no more memory than one.

    Raises
    ------
    CannotCalibrate
        ``too_large``: it is too large to be measured for a page; or as `measure_again`.
    NoctisError
        Its pixels cannot be read.
    """
    handle = lab.handle
    key = ("hu_analysis", str(row["analysis_id"]))

    def measured() -> HuAnalysis:
        found: HuAnalysis | None = handle.frames.find(key)  # another may have asked for it before
        if found is None:
            found = measure_again(handle, series, row, most_voxels=_MOST_VOXELS)
            handle.frames.put(key, found, _size_bytes(found))
        return found

    found: HuAnalysis | None = handle.frames.find(key)
    if found is not None:
        return found
    return await asyncio.get_running_loop().run_in_executor(handle.measuring, measured)


def _size_bytes(value: Any) -> int:
    if isinstance(value, np.ndarray):
        return value.nbytes + _VALUE_BYTES
    parts: Iterable[Any] = ()
    if is_dataclass(value):
        parts = (getattr(value, each.name) for each in fields(value))
    elif isinstance(value, Mapping):
        parts = value.values()
    elif isinstance(value, list | tuple):
        parts = value
    return _VALUE_BYTES + sum(map(_size_bytes, parts))
