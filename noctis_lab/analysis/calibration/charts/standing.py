"""How a scanner stands by a chart, in a word."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from noctis_lab.analysis.calibration.charts.control import ControlChart

__all__ = ["STANDINGS", "has_stepped", "standing_of"]

#: The worst first; a scanner of several charts stands as the worst of them does.
STANDINGS: Final = (
    *("out of tolerance", "step", "drifting", "no verdict", "provisional", "in control"),
)
_PROVISIONAL: Final = ("provisional", "pending")


def standing_of(chart: ControlChart) -> str:
    """Return how a scanner stands at its last scan: one of `STANDINGS`.

    * "out of tolerance": the scan is, whatever the control limits say;
    * "step", "drifting": it is outside of a rule's limits, and the scans since the baseline began
      look more like a sudden change, or more like a steady one (`has_stepped`);
    * "no verdict": there is no scan, no baseline, or one whose scans are all equal;
    * "provisional": within limits of fewer than 20 scans, or too few for any;
    * "in control": within limits that are established.
    """
    if not len(chart.trend):
        return "no verdict"
    last = chart.trend.scan_ids[-1]
    if chart.breaches and chart.breaches[-1].scan_id == last:
        return "out of tolerance"
    if chart.status == "alarm":
        baseline = chart.baselines[int(chart.baseline_numbers[-1])]
        mine = chart.baseline_numbers == chart.baseline_numbers[-1]
        deviations = (chart.trend.values[mine] - baseline.center) / baseline.sigma
        return "step" if has_stepped(deviations) else "drifting"
    if chart.status in _PROVISIONAL:
        return "provisional"
    return "in control" if chart.status == "established" else "no verdict"


def has_stepped(deviations: NDArray[np.float64]) -> bool:
    """Say whether scans look more like a step than like a drift that goes on to the last of them.

    Of all scans at which a change may have begun, the one is taken with which a constant, or else a
    line from 0, leaves the least sum of squares; the better of both fits tells.

    Parameters
    ----------
    deviations
        ndarray of float64, shape (n,), n ≥ 1: from the centre, in any unit, oldest first.

    Notes
    -----
    A step of less than two standard deviations and a drift are alike while they are young.
    """
    left = np.arange(deviations.size, 0, -1, dtype=np.float64)  # scans from each on
    tails = deviations[::-1].cumsum()[::-1]
    ramps = tails[::-1].cumsum()[::-1]  # Σ t·x with t = 1, 2 … from each scan on
    by_step = tails**2 / left
    by_drift = ramps**2 / (left * (left + 1) * (2 * left + 1) / 6)
    return bool(by_step.max() >= by_drift.max())
