"""An analysis' arrays, which no record keeps: measured again from the images, as it was asked."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from noctis_lab.analysis.calibration.result import HuAnalysis
from noctis_lab.jobs.calibration.again import measure_again

if TYPE_CHECKING:
    from noctis_lab.catalog.records import SeriesRow
    from noctis_lab.lab import Lab

__all__ = ["analyse_again"]

#: 400 planes of 512 × 512, some 400 MB while it is measured; of more a page shows the records.
_MOST_VOXELS: Final = 400 * 512 * 512
_MOST_KEPT: Final = 16  # analyses, of some 200 kB each
_kept: OrderedDict[str, HuAnalysis] = OrderedDict()
_one_at_a_time = threading.Lock()


def analyse_again(lab: Lab, series: SeriesRow, row: Mapping[str, Any]) -> HuAnalysis:
    """Return the analysis that a row of `hu_analysis` is of, with its arrays; nothing is recorded.

    The newest of a process are kept. One is measured at a time, so that many visitors take no more
    memory than one.

    Raises
    ------
    CannotCalibrate
        ``too_large``: it is too large to be measured for a page; or as `measure_again`.
    NoctisError
        Its pixels cannot be read.
    """
    analysis_id = str(row["analysis_id"])
    with _one_at_a_time:
        found = _kept.get(analysis_id)
        if found is None:
            found = _kept[analysis_id] = measure_again(
                lab.handle, series, row, most_voxels=_MOST_VOXELS
            )
        _kept.move_to_end(analysis_id)
        while len(_kept) > _MOST_KEPT:
            _kept.popitem(last=False)
    return found
