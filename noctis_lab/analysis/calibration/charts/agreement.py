"""Two scanners compared by Bland and Altman: bias and limits of agreement, with intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from noctis_lab.analysis.calibration.charts.trends import Trend
from noctis_lab.analysis.calibration.fit import student_reach
from noctis_lab.errors import CannotCalibrate

__all__ = ["Agreement", "Pairs", "bland_altman", "pair_by_name", "pair_by_time"]

_LEAST_PAIRS = 3
_MOST_CANDIDATES = 1_000_000
_Z = 1.959964  # 95 % of a normal distribution lie within


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """What two scanners measured of the same.

    Attributes
    ----------
    first, second
        ndarray of float64, shape (n,), in one unit.
    labels
        n of them: what the pair is of.
    pairing
        How they were paired, in words.
    unpaired
        How many of the first and of the second have no partner.
    """

    first: NDArray[np.float64]
    second: NDArray[np.float64]
    labels: tuple[str, ...]
    pairing: str
    unpaired: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How far the second scanner reads from the first.

    Attributes
    ----------
    means, differences
        ndarray of float64, shape (n,): half the sum; second less first.
    bias, bias_ci
        Mean difference and its 95 % interval, Student's t.
    sd
        Of the differences.
    low, high
        Limits of agreement, bias ∓ 1.96 sd: where 95 % of differences lie.
    low_ci, high_ci
        Their exact 95 % intervals, by the noncentral t distribution.
    slope, slope_ci
        Of the differences on the means: other than 0 where the scanners differ in scale, and the
        limits then say too much at one end and too little at the other. NaN where all means are
        the same.
    """

    pairs: Pairs
    means: NDArray[np.float64]
    differences: NDArray[np.float64]
    bias: float
    bias_ci: tuple[float, float]
    sd: float
    low: float
    low_ci: tuple[float, float]
    high: float
    high_ci: tuple[float, float]
    slope: float
    slope_ci: tuple[float, float]


def pair_by_time(first: Trend, second: Trend, *, within_days: float) -> Pairs:
    """Pair scans of two scanners that were made close to one another, each once, nearest first.

    Raises
    ------
    CannotCalibrate
        ``different_figures``, ``different_phantoms``: the trends are not of the same thing;
        ``bad_pairing``: `within_days` is below 0 or not finite, or so wide that more than 1,000,000
        pairs are near.

    Notes
    -----
    kVp, kernel and slice thickness may differ: what differs is named in `pairing`.
    """
    _same_thing(first, second)
    if not 0 <= within_days < math.inf:
        raise CannotCalibrate("bad_pairing", "expected within_days from 0 and finite")
    days = [trend.at.astype(np.int64) / 86_400e6 for trend in (first, second)]
    begins = np.searchsorted(days[1], days[0] - within_days, side="left")
    counts = np.searchsorted(days[1], days[0] + within_days, side="right") - begins
    if int(counts.sum()) > _MOST_CANDIDATES:
        raise CannotCalibrate(
            "bad_pairing", f"expected at most {_MOST_CANDIDATES} near pairs; say fewer within_days"
        )
    mine = np.repeat(np.arange(len(first)), counts)
    theirs = np.arange(mine.size) - np.repeat(np.cumsum(counts) - counts, counts) + begins[mine]
    chosen: dict[int, int] = {}
    taken: set[int] = set()
    for place in np.argsort(np.abs(days[0][mine] - days[1][theirs]), kind="stable"):
        one, other = int(mine[place]), int(theirs[place])
        if one not in chosen and other not in taken:
            chosen[one] = other
            taken.add(other)
    left, right = sorted(chosen), [chosen[one] for one in sorted(chosen)]
    return Pairs(
        first=first.values[left],
        second=second.values[right],
        labels=tuple(str(first.at[one].astype("datetime64[D]")) for one in left),
        pairing=f"nearest scans within {within_days:g} days, each once{_named(first, second)}",
        unpaired=(len(first) - len(left), len(second) - len(right)),
    )


def pair_by_name(first: Mapping[str, float], second: Mapping[str, float]) -> Pairs:
    """Pair values by name, as materials of one phantom; what is not finite has no partner."""
    names = [
        name
        for name, value in first.items()
        if math.isfinite(value) and math.isfinite(second.get(name, math.nan))
    ]
    return Pairs(
        first=np.array([first[name] for name in names], np.float64),
        second=np.array([second[name] for name in names], np.float64),
        labels=tuple(names),
        pairing="by name",
        unpaired=(len(first) - len(names), len(second) - len(names)),
    )


def bland_altman(pairs: Pairs) -> Agreement:
    """Return bias and limits of agreement of pairs.

    Raises
    ------
    CannotCalibrate
        ``too_few_pairs``: fewer than three; ``not_finite``: a value is no number.

    Notes
    -----
    Differences are taken as independent and normal. Where one of the scanners drifts, or pairs are
    materials with errors of their own, the bias is a mean of different things: see the plot, and
    `slope`.

    References
    ----------
    Bland and Altman, Lancet 327 (1986) 307, and Stat. Methods Med. Res. 8 (1999) 135. Carkeet,
    Optom. Vis. Sci. 92 (2015) e71: exact intervals of the limits.
    """
    from scipy.special import nctdtrit  # a fifth of a second of a process's start

    count = pairs.first.size
    if count < _LEAST_PAIRS:
        raise CannotCalibrate(
            "too_few_pairs", f"expected at least {_LEAST_PAIRS} pairs, came {count}"
        )
    if not (np.isfinite(pairs.first).all() and np.isfinite(pairs.second).all()):
        raise CannotCalibrate("not_finite", "expected numbers in every pair")
    differences = pairs.second - pairs.first
    means = pairs.first + differences / 2
    bias, sd = float(differences.mean()), float(differences.std(ddof=1))
    unit = sd / math.sqrt(count)
    reach = student_reach(count - 1) * unit
    inner, outer = (float(nctdtrit(count - 1, _Z * math.sqrt(count), p)) for p in (0.025, 0.975))
    slope, slope_ci = _slope(means, differences)
    return Agreement(
        pairs=pairs,
        means=means,
        differences=differences,
        bias=bias,
        bias_ci=(bias - reach, bias + reach),
        sd=sd,
        low=bias - _Z * sd,
        low_ci=(bias - outer * unit, bias - inner * unit),
        high=bias + _Z * sd,
        high_ci=(bias + inner * unit, bias + outer * unit),
        slope=slope,
        slope_ci=slope_ci,
    )


def _slope(
    means: NDArray[np.float64], differences: NDArray[np.float64]
) -> tuple[float, tuple[float, float]]:
    if float(np.ptp(means)) <= 1e-12 * max(1.0, float(np.abs(means).max())):
        return math.nan, (math.nan, math.nan)
    from scipy.stats import linregress  # 0.7 s of a process's start, which few of them need

    line = linregress(means, differences)
    reach = student_reach(means.size - 2) * float(line.stderr)
    return float(line.slope), (float(line.slope) - reach, float(line.slope) + reach)


def _same_thing(first: Trend, second: Trend) -> None:
    if first.figure != second.figure:
        raise CannotCalibrate(
            "different_figures", f"came {first.figure[:64]!r} and {second.figure[:64]!r}"
        )
    models = first.key.phantom_model, second.key.phantom_model
    if models[0] != models[1]:
        raise CannotCalibrate("different_phantoms", f"came {models[0][:64]} and {models[1][:64]}")


def _named(first: Trend, second: Trend) -> str:
    """Return in what the protocols differ, in words."""
    differing = [
        name
        for name in ("KVP", "ConvolutionKernel", "SliceThickness")
        if getattr(first.key, name) != getattr(second.key, name)
    ]
    return f"; other {', '.join(differing)}" if differing else ""
