"""All figures of one measurement on one plane."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from noctis_lab.analysis.measure import geometry
from noctis_lab.analysis.measure.area import AREA_MASKS, leaves_image
from noctis_lab.analysis.measure.kinds import check_points
from noctis_lab.analysis.measure.line_profile import sample_line, value_at
from noctis_lab.analysis.measure.roi_statistics import histogram_of, statistics_of
from noctis_lab.errors import CannotMeasure

__all__ = ["Figures", "MeasuredPlane", "figures_of"]

#: JSON: numbers, None, booleans, text, lists and dictionaries of them.
type Figures = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeasuredPlane:
    """A frame, or a plane through a volume, as it is measured.

    Parameters
    ----------
    shape
        Rows and columns.
    values
        ndarray of any real dtype, shape (rows, columns): modality values, NaN where a voxel holds
        none (padding). None where the pixels are colours.
    spacing_mm
        (row, column), as PixelSpacing; None where nothing states one: figures are then in voxels.
    units
        Of the values.

    Raises
    ------
    CannotMeasure
        Values of another shape or kind; a spacing that is not positive.
    """

    shape: tuple[int, int]
    values: NDArray[np.float64] | None
    spacing_mm: tuple[float, float] | None = None
    units: str | None = None

    def __post_init__(self) -> None:
        if self.values is not None:
            values = np.asarray(self.values)
            if values.shape != self.shape or values.dtype.kind not in "biuf":
                raise CannotMeasure(
                    f"values are real numbers of shape {self.shape}, not {values.dtype} of shape "
                    f"{values.shape}"
                )
            object.__setattr__(self, "values", values.astype(np.float64, copy=False))
        spacing = self.spacing_mm
        if spacing is not None and not all(0 < step < math.inf for step in spacing):
            raise CannotMeasure(f"spacing_mm is two positive numbers (row, column), not {spacing}")


def figures_of(
    kind: str, points_px: Sequence[Sequence[float]] | ArrayLike, plane: MeasuredPlane
) -> Figures:
    """Return the figures of a measurement.

    Parameters
    ----------
    kind
        One of `kinds.KINDS`, which says what the points are.
    points_px
        Array-like of shape (points, 2): (column, row), 0 at the centre of the first voxel.
    plane
        What it was drawn on.

    Returns
    -------
    dict
        By kind: `length_mm`; `angle_deg`; `length_mm` and `width_mm` (bidirectional: the longer
        and the shorter diameter); `value` (probe); of an area `area_mm2`, `perimeter_mm`,
        `clipped`, `count`, `excluded`, `mean`, `sd`, `min`, `max`, `median`, `units`,
        `histogram`; of a profile `length_mm`, `step_mm`, `samples` and their statistics. Without a
        spacing `_px` and `_px2` stand for `_mm` and `_mm2`. An arrow and a text have none.

    Raises
    ------
    CannotMeasure
        No such kind, or points that do not make one; a profile of too many samples.

    Notes
    -----
    An area is the shape's own, not the voxels': it is the same on every grid, and includes what
    lies outside the image. `count` and all that is computed of values is of the voxels whose
    centres lie inside both.
    """
    points = check_points(kind, points_px)
    figures = _FIGURES.get(kind)
    return {} if figures is None else figures(points, plane)


def _scaled(points: NDArray[np.float64], plane: MeasuredPlane) -> tuple[NDArray[np.float64], str]:
    """Return the points in millimetres, or in voxels, and which."""
    if plane.spacing_mm is None:
        return points, "px"
    return points * np.array([plane.spacing_mm[1], plane.spacing_mm[0]]), "mm"


def _length(points: NDArray[np.float64], plane: MeasuredPlane) -> Figures:
    scaled, unit = _scaled(points, plane)
    return {f"length_{unit}": geometry.length(scaled)}


def _bidirectional(points: NDArray[np.float64], plane: MeasuredPlane) -> Figures:
    scaled, unit = _scaled(points, plane)
    one, other = geometry.length(scaled[:2]), geometry.length(scaled[2:])
    return {f"length_{unit}": max(one, other), f"width_{unit}": min(one, other)}


def _angle(points: NDArray[np.float64], plane: MeasuredPlane) -> Figures:
    return {"angle_deg": geometry.angle_deg(_scaled(points, plane)[0])}


def _cobb(points: NDArray[np.float64], plane: MeasuredPlane) -> Figures:
    return {"angle_deg": geometry.angle_between_lines_deg(_scaled(points, plane)[0])}


def _area(kind: str, points: NDArray[np.float64], plane: MeasuredPlane) -> Figures:
    scaled, unit = _scaled(points, plane)
    width, height = np.abs(scaled[1] - scaled[0])
    if kind == "rectangle":
        area, perimeter = width * height, 2.0 * (width + height)
    elif kind == "ellipse":
        area = math.pi * (width / 2.0) * (height / 2.0)
        perimeter = geometry.ellipse_perimeter((width / 2.0, height / 2.0))
    else:
        area, perimeter = geometry.even_odd_area(scaled), geometry.outline_length(scaled)
    figures: Figures = {
        f"area_{unit}2": float(area),
        f"perimeter_{unit}": float(perimeter),
        "clipped": leaves_image(points, plane.shape),
    }
    if plane.values is not None:
        inside = plane.values[AREA_MASKS[kind](points, plane.shape)]
        figures |= _of_values(inside, plane) | {"histogram": _histogram(inside)}
    return figures


def _probe(points: NDArray[np.float64], plane: MeasuredPlane) -> Figures:
    figures: Figures = {"clipped": leaves_image(points, plane.shape)}
    if plane.values is not None:
        figures |= {"value": value_at(plane.values, points[0]), "units": plane.units}
    return figures


def _profile(points: NDArray[np.float64], plane: MeasuredPlane) -> Figures:
    scaled, unit = _scaled(points, plane)
    length = geometry.length(scaled)
    figures: Figures = {
        f"length_{unit}": length,
        "clipped": leaves_image(points, plane.shape),
    }
    if plane.values is not None:
        samples = sample_line(plane.values, points)
        figures |= _of_values(samples, plane)
        figures[f"step_{unit}"] = length / (len(samples) - 1)
        figures["samples"] = [None if not math.isfinite(v) else v for v in samples.tolist()]
    return figures


def _of_values(values: NDArray[np.float64], plane: MeasuredPlane) -> Figures:
    return {**asdict(statistics_of(values)), "units": plane.units}


def _histogram(values: NDArray[np.float64]) -> Figures | None:
    found = histogram_of(values)
    return None if found is None else {**asdict(found), "counts": list(found.counts)}


_FIGURES: Final[dict[str, Callable[[NDArray[np.float64], MeasuredPlane], Figures]]] = {
    "length": _length,
    "angle": _angle,
    "cobb": _cobb,
    "bidirectional": _bidirectional,
    "probe": _probe,
    "profile": _profile,
    **{kind: functools.partial(_area, kind) for kind in AREA_MASKS},
}
