"""Regions that a person placed in place of those that were found; everything else stays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from noctis_lab.analysis.calibration.fit import LinearFit, fit_line
from noctis_lab.analysis.calibration.result import HuAnalysis, MeasuredRoi
from noctis_lab.analysis.calibration.scene import Scene, to_scene
from noctis_lab.analysis.calibration.sensitometry import measure_disc
from noctis_lab.errors import CannotCalibrate

__all__ = ["PlacedRegion", "with_regions"]

_LEAST_RADIUS_MM, _MOST_RADIUS_MM = 1.0, 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedRegion:
    """A disc that a person placed: mm, patient LPS; z is that of the nearest plane.

    `plane_count` planes about z are measured.
    """

    x_mm: float
    y_mm: float
    z_mm: float
    radius_mm: float
    plane_count: int = 3


def with_regions(
    analysis: HuAnalysis, volume: xr.DataArray, regions: Mapping[str, PlacedRegion]
) -> HuAnalysis:
    """Return an analysis whose inserts of some materials are measured where a person says.

    Parameters
    ----------
    analysis
        Of `volume`.
    volume
        As `analyse` took it.
    regions
        Material → where.

    Raises
    ------
    CannotCalibrate
        ``no_such_insert``: the phantom has none of a material. ``bad_region``: a place or radius is
        none. ``partial``: a region is not wholly in the images.
    """
    known = {roi.figures.material for roi in analysis.rois}
    strange = sorted(set(regions) - known)
    if strange:
        raise CannotCalibrate(
            "no_such_insert",
            f"{analysis.found.model} has no insert of {strange[0][:64]!r}: it has "
            f"{', '.join(sorted(known))}",
        )
    scene = to_scene(volume)
    rois = tuple(
        _measured(scene, roi, regions[roi.figures.material])
        if roi.figures.material in regions
        else roi
        for roi in analysis.rois
    )
    return _judged(replace(analysis, rois=rois))


def _measured(scene: Scene, roi: MeasuredRoi, region: PlacedRegion) -> MeasuredRoi:
    place = (region.x_mm, region.y_mm, region.z_mm, region.radius_mm)
    if not np.isfinite(place).all() or not _LEAST_RADIUS_MM <= region.radius_mm <= _MOST_RADIUS_MM:
        raise CannotCalibrate(
            "bad_region",
            f"expected places in mm and a radius of {_LEAST_RADIUS_MM:g} to {_MOST_RADIUS_MM:g} mm",
        )
    z_mm, y_mm, x_mm = (scene.axes.T @ (region.x_mm, region.y_mm, region.z_mm)).tolist()
    order = np.argsort(np.abs(scene.z_mm - z_mm), kind="stable")
    planes = np.sort(order[: max(1, min(region.plane_count, order.size))])
    centers = [(x_mm, y_mm)] * planes.size
    material = roi.figures.material
    figures = measure_disc(scene, planes, centers, region.radius_mm, material=material)
    if roi.nominal is None:
        return replace(roi, figures=figures)
    within = roi.nominal.low_hu <= figures.value <= roi.nominal.high_hu
    return replace(roi, figures=figures, verdict="pass" if within else "fail")


def _judged(analysis: HuAnalysis) -> HuAnalysis:
    """Return an analysis whose line, water, checks and status are those of its regions."""
    judged = [roi for roi in analysis.rois if roi.nominal is not None]
    water = next((roi.figures for roi in analysis.rois if roi.figures.material == "water"), None)
    measured = replace(
        analysis,
        fit=_line_of(judged),
        water_hu=analysis.water_hu if water is None else water.value,
        water_se=analysis.water_se if water is None else water.se,
    )
    figures = measured.figures
    checks = tuple(
        replace(check, figure=figures[check.limit.figure])
        for check in analysis.checks
        if check.limit.figure in figures
    )
    failed = any(roi.verdict == "fail" for roi in judged)
    failed |= any(check.verdict == "fail" for check in checks)
    return replace(
        measured,
        checks=checks,
        status="trend only" if not judged else "fail" if failed else "pass",
    )


def _line_of(judged: Sequence[MeasuredRoi]) -> LinearFit | None:
    pairs = [
        (roi.nominal.nominal_hu, roi.figures.value)
        for roi in judged
        if roi.nominal is not None and not roi.figures.is_bound
    ]
    nominal, measured = np.array(pairs, np.float64).reshape(-1, 2).T
    try:
        return fit_line(nominal, measured)
    except CannotCalibrate:  # as without such regions: too few inserts make no line
        return None
