"""Statistics of the values in a region, and their histogram."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["HISTOGRAM_BINS", "Histogram", "RoiStatistics", "histogram_of", "statistics_of"]

HISTOGRAM_BINS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """How many values lie in each of some bins of one width."""

    low: float  # lower edge of the first bin: the least value, unless a span was given
    high: float  # upper edge of the last, which includes it: the greatest value
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoiStatistics:
    """Of the values that are numbers; None where there is none."""

    count: int
    excluded: int  # values that are not finite: padding, NaN
    mean: float | None
    sd: float | None  # the population's: divided by the count
    min: float | None
    max: float | None
    median: float | None  # of an even count the mean of the middle two


def statistics_of(values: NDArray[np.float64]) -> RoiStatistics:
    """Return the statistics of values.

    Parameters
    ----------
    values
        ndarray of float64, shape (values,), row after row; what is not finite does not count.

    Returns
    -------
    RoiStatistics

    Notes
    -----
    Sums run from the first value to the last, one after another, so that a viewer which adds them
    up in a loop comes to the same digits; NumPy's own `sum` adds in pairs.
    """
    numbers = values[np.isfinite(values)]
    count, excluded = len(numbers), len(values) - len(numbers)
    if not count:
        return RoiStatistics(
            count=0, excluded=excluded, mean=None, sd=None, min=None, max=None, median=None
        )
    mean = np.cumsum(numbers)[-1] / count
    deviations = numbers - mean
    variance = np.cumsum(deviations * deviations)[-1] / count
    ordered = np.sort(numbers)
    return RoiStatistics(
        count=count,
        excluded=excluded,
        mean=float(mean),
        sd=math.sqrt(variance),
        min=float(ordered[0]),
        max=float(ordered[-1]),
        median=float((ordered[(count - 1) // 2] + ordered[count // 2]) / 2.0),
    )


def histogram_of(
    values: NDArray[np.float64],
    *,
    bins: int = HISTOGRAM_BINS,
    span: tuple[float, float] | None = None,
) -> Histogram | None:
    """Return the histogram of values from the least to the greatest of them.

    Parameters
    ----------
    values
        ndarray of float64, shape (values,); what is not finite does not count.
    bins
        How many, all of one width.
    span
        The outer edges, in place of the least and the greatest value; what lies outside does not
        count.

    Returns
    -------
    Histogram or None
        A value's bin is ``floor((value - low) / (high - low) * bins)``, the upper edge's the
        last; all are in the first where all are one. None where no value is a number.
    """
    numbers = values[np.isfinite(values)]
    if not len(numbers):
        return None
    low, high = (float(numbers.min()), float(numbers.max())) if span is None else span
    if span is not None:
        numbers = numbers[(numbers >= low) & (numbers <= high)]
    places = np.zeros(len(numbers), dtype=np.intp)
    if high > low:
        scaled = np.floor((numbers - low) / (high - low) * bins)
        places = np.minimum(scaled, bins - 1).astype(np.intp)
    counts = np.bincount(places, minlength=bins)
    return Histogram(low=low, high=high, counts=tuple(int(count) for count in counts))
