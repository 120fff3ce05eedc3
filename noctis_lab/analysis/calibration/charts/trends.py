"""One figure of one scanner and protocol over time, in order, and what was left out of it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from noctis_lab.errors import CannotCalibrate

__all__ = ["ChartKey", "Gap", "LeftOut", "Reading", "Trend", "find_gaps", "trend_of", "trends_of"]

#: Scans of one trend, and readings that are sorted into trends, at most.
_MOST_SCANS, _MOST_READINGS = 100_000, 2_000_000
_LARGEST = 1e9  # no figure of a phantom comes near; squares of more would end in infinity
_GAP = 3.0  # times the usual interval
_LEAST_INTERVALS = 3


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ChartKey:
    """What one chart is of: scans with another key are another chart's.

    Attributes
    ----------
    scanner
        As the records name it: maker, model, and serial number or station name.
    phantom_model, KVP, ConvolutionKernel, SliceThickness
        None where the series does not state it.
    """

    scanner: str
    phantom_model: str
    KVP: float | None
    ConvolutionKernel: str | None
    SliceThickness: float | None

    @property
    def protocol(self) -> str:
        """All but the scanner in words, as the records' `protocol` has it.

        Examples
        --------
        >>> ChartKey(scanner="CT-A", phantom_model="CatPhan 504", KVP=120.0,
        ...          ConvolutionKernel="Br40", SliceThickness=None).protocol
        'CatPhan 504, 120 kVp, Br40, ? mm'
        """
        return ", ".join(
            (
                self.phantom_model,
                "? kVp" if self.KVP is None else f"{self.KVP:g} kVp",
                self.ConvolutionKernel or "? kernel",
                "? mm" if self.SliceThickness is None else f"{self.SliceThickness:g} mm",
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One figure of one scan.

    Attributes
    ----------
    figure
        As the records name it: ``water_hu``, ``slope``, ``roi:Teflon``.
    scan_id
        Of the scan, the same for all of its figures and every time that it was analysed.
    at
        When it was acquired. All times of a chart are of one clock and bear no zone.
    value
        In the figure's unit.
    """

    key: ChartKey
    figure: str
    scan_id: str
    at: np.datetime64
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A reading that is in no trend.

    `reason` is "no value" (NaN, infinite), "out of range" (beyond ±10⁹), "no time" (NaT), or
    "superseded" (a later reading is of the same scan).
    """

    reading: Reading
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """A figure over time.

    Attributes
    ----------
    at
        ndarray of datetime64[us], shape (n,), ascending.
    values
        ndarray of float64, shape (n,), finite, in the figure's unit.
    scan_ids
        n of them, all different.
    left_out
        What was given and is not in it, in the order given.
    """

    key: ChartKey
    figure: str
    at: NDArray[np.datetime64]
    values: NDArray[np.float64]
    scan_ids: tuple[str, ...]
    left_out: tuple[LeftOut, ...] = ()

    def __len__(self) -> int:
        return len(self.scan_ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Two scans that follow one another after more than three times the usual interval."""

    begins: np.datetime64
    ends: np.datetime64
    days: float


def trends_of(readings: Iterable[Reading]) -> tuple[Trend, ...]:
    """Sort readings into trends, one per key and figure, in the order in which they first come.

    Raises
    ------
    CannotCalibrate
        ``too_many_scans``: more than 2,000,000 readings, or 100,000 of one trend.
    """
    sorted_out: dict[tuple[ChartKey, str], list[Reading]] = {}
    for count, reading in enumerate(readings, start=1):
        if count > _MOST_READINGS:
            raise CannotCalibrate("too_many_scans", f"expected at most {_MOST_READINGS} readings")
        sorted_out.setdefault((reading.key, reading.figure), []).append(reading)
    return tuple(trend_of(of_one) for of_one in sorted_out.values())


def trend_of(readings: Iterable[Reading]) -> Trend:
    """Return the readings of one key and figure as a trend.

    They may come in any order: they are sorted by time, and those of one moment stay as they came.
    Of one scan the last that has a value counts.

    Parameters
    ----------
    readings
        At least one, at most 100,000.

    Raises
    ------
    CannotCalibrate
        ``no_scans``, ``too_many_scans``; ``mixed_trend``: more than one key or figure.
    """
    given = list(readings)
    if not given:
        raise CannotCalibrate("no_scans", "expected at least one reading, came none")
    if len(given) > _MOST_SCANS:
        raise CannotCalibrate(
            "too_many_scans", f"expected at most {_MOST_SCANS} readings, came {len(given)}"
        )
    if len({(reading.key, reading.figure) for reading in given}) > 1:
        raise CannotCalibrate(
            "mixed_trend", "expected readings of one key and figure; sort them by `trends_of`"
        )
    newest = {r.scan_id: place for place, r in enumerate(given) if _fault(r) is None}
    reasons = [_fault(r) or _superseded(newest[r.scan_id], i) for i, r in enumerate(given)]
    kept = [r for r, reason in zip(given, reasons, strict=True) if reason is None]
    at = np.array([reading.at for reading in kept], dtype="datetime64[us]")
    order = np.argsort(at, kind="stable")
    return Trend(
        key=given[0].key,
        figure=given[0].figure,
        at=at[order],
        values=np.array([reading.value for reading in kept], dtype=np.float64)[order],
        scan_ids=tuple(kept[place].scan_id for place in order),
        left_out=tuple(
            LeftOut(reading=r, reason=reason)
            for r, reason in zip(given, reasons, strict=True)
            if reason is not None
        ),
    )


def find_gaps(trend: Trend) -> tuple[Gap, ...]:
    """Return where scans are missing: more than three times the median interval apart.

    Charts count scans, not days, and go on over a gap. Fewer than four scans have no usual
    interval, and no gaps.
    """
    days = np.diff(trend.at) / np.timedelta64(1, "D")
    if days.size < _LEAST_INTERVALS:
        return ()
    long = np.flatnonzero(days > _GAP * float(np.median(days)))
    return tuple(
        Gap(begins=trend.at[place], ends=trend.at[place + 1], days=float(days[place]))
        for place in long
    )


def _fault(reading: Reading) -> str | None:
    if not math.isfinite(reading.value):
        return "no value"
    if abs(reading.value) > _LARGEST:
        return "out of range"
    return "no time" if np.isnat(reading.at) else None


def _superseded(newest: int, place: int) -> str | None:
    return None if newest == place else "superseded"
