"""The pages' figures for notebooks: of an analysis, and of control charts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from noctis_lab.errors import CannotCalibrate
from noctis_lab.views.calibration.module_plots import (
    mtf_plot,
    noise_plot,
    profile_plot,
    uniformity_plot,
)
from noctis_lab.views.calibration.numbers import rows_of
from noctis_lab.views.calibration.quantities import quantity_of
from noctis_lab.views.calibration.scale_plot import inserts_of, residual_plot, scale_plot
from noctis_lab.views.calibration.trend_plot import trend_plot
from noctis_lab.views.calibration_page import CalibrationPage, plots_cell

if TYPE_CHECKING:
    from noctis_lab.jobs.calibration.charts import ScannerChart
    from noctis_lab.lab.calibrating.calibration import Calibration

__all__ = ["plot_analysis", "plot_charts"]

_MOST_CHARTS: Final = 24
_WATER_SHARE: Final = 0.6


def plot_analysis(calibration: Calibration) -> CalibrationPage:
    """Return what an analysis measured, for a notebook's cell.

    Measured against nominal, the residuals, the uniformity map with its profiles, the MTF and the
    noise power spectrum, as far as each was measured; `Calibration.plot` opens it.
    """
    analysis = calibration.analysis
    rows = calibration.rois.assign(nominal_source=None, SOPInstanceUID=None)
    names = {"low_hu": "nominal_low_hu", "high_hu": "nominal_high_hu"}
    inserts = inserts_of(rows_of(rows.rename(columns=names)))
    told: list[tuple[str, Any]] = [
        ("HU scale", scale_plot(inserts)),
        ("Residuals", residual_plot(inserts)),
    ]
    if analysis.uniformity is not None:
        phantom = analysis.found.phantom
        distance = _WATER_SHARE * analysis.body.radius_mm
        if phantom is not None:
            distance = phantom.uniformity_distance_mm
        told.append(("Uniformity", uniformity_plot(analysis.uniformity, distance)))
        told.append(("Profiles", profile_plot(analysis.uniformity)))
    if analysis.mtf is not None:
        told.append(("Resolution", mtf_plot(analysis.mtf)))
    if analysis.noise_spectrum is not None:
        told.append(("Noise", noise_plot(analysis.noise_spectrum)))
    shown = [(title, figure) for title, figure in told if figure is not None]
    return plots_cell([figure for _, figure in shown], [title for title, _ in shown])


def plot_charts(charts: Sequence[ScannerChart]) -> CalibrationPage:
    """Return control charts for a notebook's cell; `CalibrationRecords.plot` opens it.

    Raises
    ------
    CannotCalibrate
        ``no_scans``: there is no chart; ``too_many_charts``: more than 24.
    """
    if not charts:
        raise CannotCalibrate("no_scans", "expected at least one chart, came none")
    if len(charts) > _MOST_CHARTS:
        raise CannotCalibrate(
            "too_many_charts",
            f"expected at most {_MOST_CHARTS} charts, came {len(charts)}: say scanner, protocol or "
            "quantity",
        )
    titles = [
        f"{chart.name.display}: {quantity_of(chart.quantity).name}, {chart.protocol}"
        for chart in charts
    ]
    return plots_cell([trend_plot(chart) for chart in charts], titles)
