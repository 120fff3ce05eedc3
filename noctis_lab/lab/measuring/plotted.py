"""What plots beside a view draw: histograms, a profile, a curve along time, echoes or b-values."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from noctis_lab.analysis.measure.kinds import KINDS
from noctis_lab.analysis.measure.roi_statistics import histogram_of
from noctis_lab.errors import CannotMeasure, FrameNotFound
from noctis_lab.lab.measuring.computing import compute, measure_frame, points_on
from noctis_lab.volumes.frame_values import (
    SeriesFrame,
    find_frame,
    find_frame_units,
    iter_series_frames,
    read_values,
)
from noctis_lab.volumes.pixels import find_shown_frames

if TYPE_CHECKING:
    from noctis_lab.analysis.measure.figures import Figures
    from noctis_lab.catalog.records import SeriesRow
    from noctis_lab.lab.measuring.draft import MeasurementDraft
    from noctis_lab.volumes.cache import Handle
    from noctis_lab.volumes.shown_extra import ShownExtra

__all__ = [
    "CURVE_KINDS",
    "MOST_FRAMES",
    "PLOT_BINS",
    "CurveFigures",
    "HistogramFigures",
    "ProfileFigures",
    "curve",
    "profile",
    "slice_histogram",
    "volume_histogram",
]

#: A power of two: whole numbers then fall into bins of a whole width without rounding.
PLOT_BINS: Final = 512
#: That one plot is made of.
MOST_FRAMES: Final = 100_000
#: Kinds of which there is one number at each time.
CURVE_KINDS: Final = tuple(name for name, kind in KINDS.items() if kind.is_area or name == "probe")

_LARGEST_WHOLE: Final = 2.0**52  #: beyond it floats have no whole steps

type Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistogramFigures:
    """How often values occur in an image or in a volume.

    Attributes
    ----------
    low, high
        Outer edges of the bins, all of one width; `high` is included. The width is a whole number
        where all values are.
    counts
        One for each bin, the last one is not empty; at most `PLOT_BINS`.
    count, excluded
        Values that are numbers, and those that are not (padding).
    units
        Of the values.
    images
        How many images were read.
    """

    low: float
    high: float
    counts: tuple[int, ...]
    count: int
    excluded: int
    units: str | None
    images: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileFigures:
    """Values along a line.

    Attributes
    ----------
    distances
        From its first point, in `unit`.
    samples
        The value at each; None beside the image and where a voxel holds none.
    unit
        ``"mm"``, or ``"px"`` where the image states no spacing.
    units
        Of the values.
    points_px, points_mm
        The line's two ends, as `Computed`; `points_px` is None on a plane through a volume.
    """

    distances: tuple[float, ...]
    samples: tuple[float | None, ...]
    unit: str
    units: str | None
    points_px: tuple[tuple[float, ...], ...] | None
    points_mm: tuple[tuple[float, ...], ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveFigures:
    """One region's values along the dim of a series that is none of space.

    Attributes
    ----------
    dim
        time, echo, b_value, phase, asl_context or frame.
    along, along_units
        Where each step lies on it.
    means, sds, counts
        Of the region's values at each step: the mean (None where there is none), the population's
        standard deviation, how many there are. Of a probe its value, no deviation, 1.
    units
        Of the values.
    plane
        The place among the images of one step, from 0; None on a plane through a volume.
    """

    dim: str
    along: tuple[float | str, ...]
    along_units: str | None
    means: tuple[float | None, ...]
    sds: tuple[float | None, ...]
    counts: tuple[int, ...]
    units: str | None
    plane: int | None


def slice_histogram(handle: Handle, reference: str, index: int) -> HistogramFigures:
    """Return the histogram of one image's modality values.

    Parameters
    ----------
    handle, reference
        As `pixels.describe_stack`.
    index
        The image's place in the order in which a viewer shows them.

    Raises
    ------
    FrameNotFound
        The series has no such image.
    CannotMeasure
        Its pixels are colours, or none of them is a number.
    SeriesNotFound, NoPixels, FileChanged, UnsupportedTransferSyntax, DecodeError
        As `frame_values.find_frame` and `frame_values.read_values`.
    """
    found = find_frame(handle, reference, index=index)
    if found is None:
        raise FrameNotFound(f"series {reference} has no image {index}, counted from 0")
    values = _require_values(handle, found)
    return _histogram(lambda: iter((values,)), find_frame_units(handle, found))


def volume_histogram(
    handle: Handle, reference: str, index: int, progress: Progress | None = None
) -> HistogramFigures:
    """Return the histogram of a series' modality values; of several times, that of one.

    Parameters
    ----------
    handle, reference
        As `pixels.describe_stack`.
    index
        An image's place in the order in which a viewer shows them: of the time, echo or b-value
        that is counted.
    progress
        Called before each image and at the end as ``progress(done, in all)``, where each image is
        read twice; what it raises ends the reading.

    Raises
    ------
    FrameNotFound, CannotMeasure, SeriesNotFound, NoPixels, FileChanged, DecodeError
        As `slice_histogram`; also where there are more than `MOST_FRAMES` images.
    UnsupportedTransferSyntax
        As `slice_histogram`.

    Notes
    -----
    Images are read one at a time, once for the range and once to be counted: memory does not grow
    with the series.
    """
    frames = list(iter_series_frames(handle, reference))
    if not 0 <= index < len(frames):
        raise FrameNotFound(f"series {reference} has no image {index}, counted from 0")
    _, _, extra = find_shown_frames(handle, reference)
    places = _same_step(extra, index, len(frames))
    _require_few(len(places))
    chosen = [frames[place] for place in places]
    done = 0

    def images() -> Iterator[NDArray[np.float64]]:
        nonlocal done
        for found in chosen:
            if progress is not None:
                progress(done, 2 * len(chosen))
            done += 1
            yield _require_values(handle, found)

    figures = _histogram(images, find_frame_units(handle, chosen[0]))
    if progress is not None:
        progress(done, 2 * len(chosen))
    return figures


def profile(handle: Handle, series: SeriesRow, draft: MeasurementDraft) -> ProfileFigures:
    """Return the values along a measurement of kind ``profile``.

    Raises
    ------
    CannotMeasure
        It is of another kind, or of what has no values.
    InstanceNotFound, CannotResample, FileChanged, NoPixels, CannotStack, DecodeError
        As `computing.compute`.
    """
    if draft.kind != "profile":
        raise CannotMeasure(f"a profile is plotted of kind 'profile', not {draft.kind!r}")
    computed = compute(handle, series, draft)
    figures = computed.figures
    if "samples" not in figures:
        raise CannotMeasure("colours are no values that can be plotted along a line")
    unit = "mm" if "step_mm" in figures else "px"
    samples, step = figures["samples"], figures[f"step_{unit}"]
    points_mm = computed.points_mm
    return ProfileFigures(
        distances=tuple(place * step for place in range(len(samples))),
        samples=tuple(samples),
        unit=unit,
        units=figures["units"],
        points_px=None if draft.plane is not None else _points(computed.points_px),
        points_mm=None if points_mm is None else _points(points_mm),
    )


def curve(
    handle: Handle,
    series: SeriesRow,
    draft: MeasurementDraft,
    progress: Progress | None = None,
) -> CurveFigures:
    """Return a region's mean at each time, echo or b-value of a series.

    Parameters
    ----------
    handle
        The open archive.
    series
        Which.
    draft
        An area or a probe, on any image of the series or on a plane through it; the same region of
        the same plane is measured at every step.
    progress
        Called before each step and at the end as ``progress(done, in all)``; what it raises ends
        the reading.

    Raises
    ------
    CannotMeasure
        The series has one image at each place, or too many; the measurement is of another kind, on
        no image of those steps, or of what has no values.
    InstanceNotFound, CannotResample, FileChanged, NoPixels, CannotStack, DecodeError
        As `computing.compute`.

    Notes
    -----
    One image is read at a time: the series is never held as a whole.
    """
    if draft.kind not in CURVE_KINDS:
        raise CannotMeasure(
            f"a curve is plotted of one of {', '.join(CURVE_KINDS)}, not of {draft.kind!r}"
        )
    _, _, extra = find_shown_frames(handle, series.reference)
    if extra is None:
        raise CannotMeasure(
            "this series has one image at each place; a curve needs several times, echoes or "
            "b-values of each"
        )
    size = len(extra.values)
    _require_few(size)
    plane, measure = _measuring_steps(handle, series, draft, extra)
    found: list[_Step] = []
    for step in range(size):
        if progress is not None:
            progress(step, size)
        found.append(_step_of(draft.kind, measure(step)))
    if progress is not None:
        progress(size, size)
    return CurveFigures(
        dim=extra.dim,
        along=extra.values,
        along_units=extra.units,
        means=tuple(step.mean for step in found),
        sds=tuple(step.sd for step in found),
        counts=tuple(step.count for step in found),
        units=found[0].units,
        plane=plane,
    )


@dataclass(frozen=True, slots=True)
class _Step:
    mean: float | None
    sd: float | None
    count: int
    units: str | None


def _step_of(kind: str, figures: Figures) -> _Step:
    if kind == "probe" and "value" in figures:
        value = _finite(figures["value"])
        return _Step(value, None, int(value is not None), figures["units"])
    if "mean" not in figures:
        raise CannotMeasure("colours are no values that can be followed")
    return _Step(
        _finite(figures["mean"]), _finite(figures["sd"]), figures["count"], figures["units"]
    )


def _measuring_steps(
    handle: Handle, series: SeriesRow, draft: MeasurementDraft, extra: ShownExtra
) -> tuple[int | None, Callable[[int], Figures]]:
    """Return the plane that a region lies on, and what measures it at a step."""
    if draft.plane is not None:
        return (
            None,
            lambda step: (
                compute(handle, series, draft.model_copy(update={"extra_index": step})).figures
            ),
        )
    drawn = find_frame(
        handle, series.reference, SOPInstanceUID=draft.SOPInstanceUID, frame=draft.frame or 0
    )
    if drawn is None or drawn.index >= len(extra.values) * extra.planes:
        raise CannotMeasure(
            "the region lies on no image of this series' times, echoes or b-values; draw it on one"
        )
    plane, points_px = drawn.index % extra.planes, points_on(drawn, draft)
    frames = list(iter_series_frames(handle, series.reference))

    def measure(step: int) -> Figures:
        found = frames[step * extra.planes + plane]
        with np.errstate(over="ignore", invalid="ignore"):
            return measure_frame(handle, found, draft.kind, points_px).figures

    return plane, measure


def _histogram(
    images: Callable[[], Iterable[NDArray[np.float64]]], units: str | None
) -> HistogramFigures:
    """Return the histogram of images that can be gone through twice."""
    low, high, count, excluded, is_whole, number = math.inf, -math.inf, 0, 0, True, 0
    for values in images():
        numbers = values[np.isfinite(values)]
        number += 1
        count += len(numbers)
        excluded += values.size - len(numbers)
        if len(numbers):
            low, high = min(low, float(numbers.min())), max(high, float(numbers.max()))
            is_whole = is_whole and bool((numbers == np.floor(numbers)).all())
    if not count:
        raise CannotMeasure("no value of it is a number: there is nothing to count")
    span = _span(low, high, is_whole=is_whole)
    counts = np.zeros(PLOT_BINS, dtype=np.int64)
    for values in images():
        found = histogram_of(values.ravel(), bins=PLOT_BINS, span=span)
        if found is not None:
            counts += found.counts
    kept = int(np.flatnonzero(counts)[-1]) + 1
    width = (span[1] - span[0]) / PLOT_BINS
    return HistogramFigures(
        low=span[0],
        high=span[1] if kept == PLOT_BINS else span[0] + kept * width,
        counts=tuple(counts[:kept].tolist()),
        count=count,
        excluded=excluded,
        units=units,
        images=number,
    )


def _span(low: float, high: float, *, is_whole: bool) -> tuple[float, float]:
    """Return outer edges of `PLOT_BINS` bins that hold values from `low` to `high`."""
    if not math.isfinite(high - low):
        raise CannotMeasure("its values are too far apart for a histogram; look at a part of them")
    if is_whole and abs(low) < _LARGEST_WHOLE and abs(high) < _LARGEST_WHOLE:
        return low, low + PLOT_BINS * math.ceil((high - low + 1) / PLOT_BINS)
    # As numpy.histogram: one value alone has a bin around it.
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _same_step(extra: ShownExtra | None, index: int, count: int) -> range:
    """Return the images of the time, echo or b-value of one of them; all where there is none."""
    if extra is None or extra.planes == 1 or index >= len(extra.values) * extra.planes:
        return range(count)
    first = index - index % extra.planes
    return range(first, first + extra.planes)


def _require_values(handle: Handle, found: SeriesFrame) -> NDArray[np.float64]:
    values = read_values(handle, found)
    if values is None:
        raise CannotMeasure("colours are no values that can be counted")
    return values


def _require_few(count: int) -> None:
    if count > MOST_FRAMES:
        raise CannotMeasure(f"{count} images are too many for one plot; {MOST_FRAMES} are the most")


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _points(points: NDArray[np.float64]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(point) for point in points.tolist())
