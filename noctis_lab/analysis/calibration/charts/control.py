"""The control chart of a trend: limits scan by scan, and the alarms as rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from noctis_lab.analysis.calibration.charts.baselines import Baseline, estimate_baseline
from noctis_lab.analysis.calibration.charts.rules import RULES, ControlRule
from noctis_lab.analysis.calibration.charts.tolerance import (
    ToleranceBand,
    ToleranceBreach,
    find_breaches,
)
from noctis_lab.analysis.calibration.charts.trends import ChartKey, Gap, Trend, find_gaps
from noctis_lab.errors import CannotCalibrate

__all__ = ["Alarm", "ControlChart", "RuleTrack", "control_chart"]

_MOST_BASELINES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """A scan at which a rule's statistic is outside of its limits.

    Attributes
    ----------
    rule
        The rule's name.
    side
        "high" or "low".
    value
        The statistic that passed, in the figure's unit: for Shewhart's rule the scan's own.
    reading
        The scan's own value.
    limit
        What it passed.
    center, sigma
        Of the baseline.
    scan_number
        Since the baseline began, 1 for its first scan.
    is_onset
        The scan before was not outside for the same rule and side: the row to tell people of.
    is_provisional
        The baseline is of fewer than 20 scans.
    is_retrospective
        The scan is one of those from which the baseline was estimated.
    """

    key: ChartKey
    figure: str
    rule: str
    side: str
    scan_id: str
    at: np.datetime64
    value: float
    reading: float
    limit: float
    center: float
    sigma: float
    scan_number: int
    is_onset: bool
    is_provisional: bool
    is_retrospective: bool

    @property
    def sigmas(self) -> float:
        """How far the statistic is from the centre, in standard deviations of a scan."""
        return (self.value - self.center) / self.sigma


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTrack:
    """A rule along a trend.

    Attributes
    ----------
    statistic, low, high
        ndarray of float64, shape (n,), in the figure's unit; NaN where no limits hold.
    """

    rule: ControlRule
    statistic: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlChart:
    """A trend against its baselines.

    Attributes
    ----------
    baselines
        Ascending in time.
    baseline_numbers
        ndarray of int64, shape (n,): which of them a scan is held against, −1 before the first.
    scan_numbers
        ndarray of int64, shape (n,): 1 for the first scan of a baseline, 0 without one.
    tracks
        One per rule.
    alarms
        In order of time, then of rules.
    tolerance, breaches
        Held against each scan by itself; None and empty without.
    """

    trend: Trend
    baselines: tuple[Baseline, ...]
    baseline_numbers: NDArray[np.int64]
    scan_numbers: NDArray[np.int64]
    tracks: tuple[RuleTrack, ...]
    alarms: tuple[Alarm, ...]
    gaps: tuple[Gap, ...]
    tolerance: ToleranceBand | None
    breaches: tuple[ToleranceBreach, ...]

    @property
    def onsets(self) -> tuple[Alarm, ...]:
        """The first alarm of each excursion."""
        return tuple(alarm for alarm in self.alarms if alarm.is_onset)

    @property
    def status(self) -> str:
        """How the scanner stands at its last scan.

        "alarm": outside of a rule's limits; else what its baseline is worth: "established",
        "provisional", "pending", "no spread"; "no baseline" where none is valid, "no scans".
        """
        if not len(self.trend):
            return "no scans"
        last = int(self.baseline_numbers[-1])
        if last < 0:
            return "no baseline"
        if self.alarms and self.alarms[-1].scan_id == self.trend.scan_ids[-1]:
            return "alarm"
        return self.baselines[last].status


def control_chart(
    trend: Trend,
    baselines: Sequence[Baseline] | None = None,
    *,
    rules: Sequence[ControlRule] = RULES,
    tolerance: ToleranceBand | None = None,
) -> ControlChart:
    """Hold a trend against its baselines.

    Each baseline holds until the next one's time, and every statistic begins anew with it. Scans
    before the first, and those of a baseline that is pending or has no spread, are shown and not
    judged. Scans count, not days: a gap in time is told in `gaps` and changes no limit.

    Parameters
    ----------
    baselines
        In any order, at most 1,000; of two of one moment the later given holds. None: one is
        estimated from the first 20 scans.

    Raises
    ------
    CannotCalibrate
        ``too_many_baselines``; ``bad_rule``: no rules, or two of one name.

    Notes
    -----
    Successive scans are taken as independent and normal, as the run lengths of the rules are.
    """
    if not rules or len({rule.name for rule in rules}) < len(rules):
        raise CannotCalibrate("bad_rule", "expected rules, each of a name of its own")
    held = _in_order(trend, baselines)
    numbers = np.full(len(trend), -1, np.int64)
    if held:
        begins = np.array([baseline.valid_from for baseline in held], dtype="datetime64[us]")
        numbers[:] = np.searchsorted(begins, trend.at, side="right") - 1
    scan_numbers = _scan_numbers(numbers)
    tracks = tuple(_track(rule, trend, held, numbers, scan_numbers) for rule in rules)
    alarms = [a for track in tracks for a in _alarms(track, trend, held, numbers, scan_numbers)]
    place = {scan_id: number for number, scan_id in enumerate(trend.scan_ids)}
    return ControlChart(
        trend=trend,
        baselines=held,
        baseline_numbers=numbers,
        scan_numbers=scan_numbers,
        tracks=tracks,
        alarms=tuple(sorted(alarms, key=lambda alarm: place[alarm.scan_id])),
        gaps=find_gaps(trend),
        tolerance=tolerance,
        breaches=() if tolerance is None else find_breaches(trend, tolerance),
    )


def _in_order(trend: Trend, baselines: Sequence[Baseline] | None) -> tuple[Baseline, ...]:
    if baselines is None:
        return (estimate_baseline(trend),) if len(trend) else ()
    if len(baselines) > _MOST_BASELINES:
        raise CannotCalibrate(
            "too_many_baselines",
            f"expected at most {_MOST_BASELINES} baselines, came {len(baselines)}",
        )
    return tuple(sorted(baselines, key=lambda baseline: baseline.valid_from))


def _scan_numbers(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return 1, 2 … within each run of one baseline; `numbers` never descend."""
    first = np.searchsorted(numbers, numbers, side="left")
    counted: NDArray[np.int64] = np.arange(numbers.size, dtype=np.int64) - first + 1
    return np.where(numbers < 0, 0, counted)


def _track(
    rule: ControlRule,
    trend: Trend,
    baselines: tuple[Baseline, ...],
    numbers: NDArray[np.int64],
    scan_numbers: NDArray[np.int64],
) -> RuleTrack:
    statistic, low, high = (np.full(len(trend), np.nan) for _ in range(3))
    for number, baseline in enumerate(baselines):
        mine = numbers == number
        if not baseline.has_limits or not mine.any():
            continue
        center, sigma = baseline.center, baseline.sigma
        reach = sigma * rule.half_width(scan_numbers[mine])
        statistic[mine] = center + sigma * rule.statistic((trend.values[mine] - center) / sigma)
        low[mine], high[mine] = center - reach, center + reach
    return RuleTrack(rule=rule, statistic=statistic, low=low, high=high)


def _alarms(
    track: RuleTrack,
    trend: Trend,
    baselines: tuple[Baseline, ...],
    numbers: NDArray[np.int64],
    scan_numbers: NDArray[np.int64],
) -> Iterator[Alarm]:
    # NaN, where no limits hold, is outside of nothing
    sides = (track.statistic > track.high).astype(int) - (track.statistic < track.low)
    for place in np.flatnonzero(sides):
        baseline = baselines[numbers[place]]
        is_high = bool(sides[place] > 0)
        goes_on = scan_numbers[place] > 1 and sides[place - 1] == sides[place]
        until = baseline.estimated_until
        yield Alarm(
            key=trend.key,
            figure=trend.figure,
            rule=track.rule.name,
            side="high" if is_high else "low",
            scan_id=trend.scan_ids[place],
            at=trend.at[place],
            value=float(track.statistic[place]),
            reading=float(trend.values[place]),
            limit=float((track.high if is_high else track.low)[place]),
            center=baseline.center,
            sigma=baseline.sigma,
            scan_number=int(scan_numbers[place]),
            is_onset=not goes_on,
            is_provisional=baseline.status == "provisional",
            is_retrospective=until is not None and bool(trend.at[place] <= until),
        )
