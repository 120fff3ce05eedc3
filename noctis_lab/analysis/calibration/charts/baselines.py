"""What a scanner is held against: centre and spread, stated or estimated, from a time on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from noctis_lab.analysis.calibration.charts.trends import Trend
from noctis_lab.errors import CannotCalibrate

__all__ = [
    "LEAST_ESTABLISHED",
    "Baseline",
    "Estimator",
    "ScannerEvent",
    "baselines_from_events",
    "center_and_sigma",
    "estimate_baseline",
]

type Estimator = Literal["moving range", "standard deviation"]

#: Limits from fewer scans are provisional.
LEAST_ESTABLISHED: Final = 20
_LEAST_SCANS = 2
_MOST_EVENTS = 1000
_D2 = 2 / math.sqrt(math.pi)  # mean range of two normal values, in standard deviations: 1.128
_NO_SPREAD = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannerEvent:
    """Something that happened to a scanner; `kind` in the records' words: service, tube change."""

    kind: str
    happened_at: np.datetime64


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """Centre and standard deviation of a figure in control, valid until the next one is.

    Attributes
    ----------
    valid_from
        Scans of this moment and later are held against it.
    center, sigma
        In the figure's unit; NaN where there is none yet.
    scan_count
        From how many scans.
    estimator
        "stated" by somebody, or how it was estimated.
    reason
        The named action: the first scans, or what happened to the scanner.
    estimated_until
        When the last scan was that it was estimated from; None of a stated one. Scans until then
        are judged by limits that they made themselves.

    Raises
    ------
    CannotCalibrate
        ``bad_baseline``: no time, a centre or sigma that is infinite, or a sigma or count below 0.
    """

    valid_from: np.datetime64
    center: float
    sigma: float
    scan_count: int
    reason: str
    estimator: Estimator | Literal["stated"] = "stated"
    estimated_until: np.datetime64 | None = None

    def __post_init__(self) -> None:
        if (
            np.isnat(self.valid_from)
            or math.isinf(self.center)
            or math.isinf(self.sigma)
            or self.sigma < 0
            or self.scan_count < 0
        ):
            raise CannotCalibrate(
                "bad_baseline", "expected a time, a finite centre, and a sigma and count from 0"
            )

    @property
    def status(self) -> str:
        """What its limits are worth.

        "pending": too few scans for any; "no spread": all values equal, which is a copy or a
        rounding rather than a scanner's constancy, and no scan is judged by it; "provisional":
        fewer than 20 scans; "established".
        """
        if math.isnan(self.sigma) or math.isnan(self.center):
            return "pending"
        if self.sigma <= _NO_SPREAD * max(1.0, abs(self.center)):
            return "no spread"
        return "provisional" if self.scan_count < LEAST_ESTABLISHED else "established"

    @property
    def has_limits(self) -> bool:
        """Whether scans are judged by it."""
        return self.status in ("provisional", "established")


def center_and_sigma(
    values: NDArray[np.float64], estimator: Estimator = "moving range"
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Estimate centre and standard deviation of single values in control.

    Parameters
    ----------
    values
        ndarray of float64, shape (…, n), in order of time, n ≥ 2.
    estimator
        * "moving range": the mean difference of neighbours over 1.128. A drift or a step among the
          scans hardly widens it, and a baseline's first scans are not known to be in control: so it
          is the default. It takes about 1.6 times as many scans for the same certainty, and is too
          narrow where neighbours are alike;
        * "standard deviation": s over c₄, unbiased, best if all scans are known to be in control.

    Returns
    -------
    tuple of two ndarray of float64
        Mean and standard deviation, shape (…).

    References
    ----------
    NIST/SEMATECH e-Handbook of Statistical Methods, 6.3.2.2: individuals by the moving range.
    Montgomery, Introduction to Statistical Quality Control, on individuals and on c₄.
    """
    center: NDArray[np.float64] = values.mean(axis=-1)
    if estimator == "moving range":
        return center, np.abs(np.diff(values, axis=-1)).mean(axis=-1) / _D2
    count = values.shape[-1]
    c4 = math.sqrt(2 / (count - 1)) * math.exp(
        math.lgamma(count / 2) - math.lgamma((count - 1) / 2)
    )
    return center, values.std(axis=-1, ddof=1) / c4


def estimate_baseline(
    trend: Trend,
    *,
    valid_from: np.datetime64 | None = None,
    valid_until: np.datetime64 | None = None,
    most_scans: int = LEAST_ESTABLISHED,
    estimator: Estimator = "moving range",
    reason: str = "first scans",
) -> Baseline:
    """Estimate a baseline from the first scans from a time on.

    Parameters
    ----------
    valid_from
        The trend's first scan by default.
    valid_until
        Scans of this moment and later do not count.
    most_scans
        How many scans make it, at least 2: once there are as many, it moves no more. Fewer are
        taken as they are.

    Returns
    -------
    Baseline
        "pending" where there are fewer than two scans.

    Raises
    ------
    CannotCalibrate
        ``no_scans``: no time is given and the trend is empty; ``bad_baseline``: `most_scans` below
        2.
    """
    if most_scans < _LEAST_SCANS:
        raise CannotCalibrate(
            "bad_baseline", f"expected at least {_LEAST_SCANS} scans for a baseline"
        )
    if valid_from is None:
        if not len(trend):
            raise CannotCalibrate("no_scans", "expected a trend with scans, or a time")
        valid_from = trend.at[0]
    until = len(trend) if valid_until is None else int(np.searchsorted(trend.at, valid_until))
    first = int(np.searchsorted(trend.at, valid_from))
    last = min(first + most_scans, until)
    center = sigma = math.nan
    if last - first >= _LEAST_SCANS:
        center, sigma = map(float, center_and_sigma(trend.values[first:last], estimator))
    return Baseline(
        valid_from=valid_from,
        center=center,
        sigma=sigma,
        scan_count=max(0, last - first),
        reason=reason,
        estimator=estimator,
        estimated_until=trend.at[last - 1] if last > first else None,
    )


def baselines_from_events(
    trend: Trend,
    events: Iterable[ScannerEvent],
    *,
    most_scans: int = LEAST_ESTABLISHED,
    estimator: Estimator = "moving range",
) -> tuple[Baseline, ...]:
    """Return the baselines of a trend whose scanner was made another by events.

    Parameters
    ----------
    events
        Those that begin a baseline, in any order: a change of tube, a service after which the scale
        may be another. An event that should leave the scale as it was is none: a shift after it is
        to be told.

    Returns
    -------
    tuple of Baseline
        Ascending in time: of the first scans, unless an event went before them, then of each event.

    Raises
    ------
    CannotCalibrate
        ``too_many_events``: more than 1,000; ``bad_event``: one without time.
    """
    begins = _begins(trend, list(events))
    ends = (*(at for at, _ in begins[1:]), None)
    return tuple(
        estimate_baseline(
            trend,
            valid_from=at,
            valid_until=end,
            most_scans=most_scans,
            estimator=estimator,
            reason=reason,
        )
        for (at, reason), end in zip(begins, ends, strict=False)
    )


def _begins(trend: Trend, events: Sequence[ScannerEvent]) -> list[tuple[np.datetime64, str]]:
    if len(events) > _MOST_EVENTS:
        raise CannotCalibrate("too_many_events", f"expected at most {_MOST_EVENTS} events")
    if any(np.isnat(event.happened_at) for event in events):
        raise CannotCalibrate("bad_event", "expected events with a time")
    begins = sorted(((e.happened_at, e.kind) for e in events), key=lambda begin: begin[0])
    if len(trend) and (not begins or trend.at[0] < begins[0][0]):
        begins.insert(0, (trend.at[0], "first scans"))
    return begins
