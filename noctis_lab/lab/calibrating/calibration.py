"""An analysis of a phantom, of an array or of an archived series, with its figures as tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from noctis_lab.access import Action, Principal, require
from noctis_lab.analysis.calibration.curves import DensityCurve, curve_through
from noctis_lab.analysis.calibration.regions import PlacedRegion
from noctis_lab.analysis.calibration.result import HuAnalysis
from noctis_lab.jobs.calibration.documents import Asked
from noctis_lab.jobs.calibration.run import analyse_asked, calibrate_one
from noctis_lab.lab.measuring.keeping import own_principal
from noctis_lab.lab.opening import open_plots

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from noctis_lab.catalog.records import SeriesRow
    from noctis_lab.lab import Lab

__all__ = ["CalibrateOptions", "Calibration", "calibrate", "calibrate_series"]


class CalibrateOptions(TypedDict, total=False):
    """What a person may give for an analysis; each is recorded with it."""

    model: str
    regions: Mapping[str, PlacedRegion]
    z_mm: float
    serial: str
    tolerances: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What an analysis found.

    Attributes
    ----------
    analysis
        All of it, arrays too.
    analysis_id
        Under which it is recorded; None of an array's.
    """

    analysis: HuAnalysis
    analysis_id: str | None = None

    @property
    def status(self) -> str:
        """Either "pass" or "fail", or "trend only" where no nominal value holds at this kVp."""
        return self.analysis.status

    @property
    def model(self) -> str:
        """The phantom's."""
        return self.analysis.found.model

    @property
    def rois(self) -> pd.DataFrame:
        """A row for each insert: measured, nominal, verdict and place; HU and mm, patient LPS."""
        import pandas as pd

        rows = []
        for roi in self.analysis.rois:
            figures, nominal = roi.figures, roi.nominal
            rows.append(
                {
                    "material": figures.material,
                    "value_hu": figures.value,
                    "se_hu": figures.se,
                    "sd_hu": figures.sd,
                    "nominal_hu": None if nominal is None else nominal.nominal_hu,
                    "low_hu": None if nominal is None else nominal.low_hu,
                    "high_hu": None if nominal is None else nominal.high_hu,
                    "deviation_hu": roi.deviation_hu,
                    "verdict": roi.verdict,
                    "pixel_count": figures.n,
                    "clipped_fraction": figures.clipped_fraction,
                    "x_mm": figures.placement.center_mm[0],
                    "y_mm": figures.placement.center_mm[1],
                    "z_mm": figures.placement.z_mm,
                    "radius_mm": figures.placement.radius_mm,
                }
            )
        return pd.DataFrame(rows)

    @property
    def figures(self) -> pd.DataFrame:
        """A row for each other figure, by name with its unit, and its standard error."""
        import pandas as pd

        found = self.analysis.figures
        values = [(figure.value, figure.se) for figure in found.values()]
        return pd.DataFrame(values, columns=["value", "se"], index=pd.Index(found, name="figure"))

    def density_curve(self) -> DensityCurve:
        """Return the curve of relative electron density through its inserts.

        Raises
        ------
        CannotCalibrate
            Too few inserts have a density that is known at this kVp, or it does not ascend.
        """
        return curve_through(self.analysis.rois)

    def plot(self) -> Any:
        """Return its figures for a notebook's cell: scale, residuals, uniformity, MTF, noise."""
        return open_plots("analysis", self)

    def __repr__(self) -> str:
        kept = "not kept" if self.analysis_id is None else self.analysis_id
        lines = [f"<noctis_lab.Calibration {self.model}: {self.status} ({kept})>"]
        for roi in self.analysis.rois:
            off = "" if roi.deviation_hu is None else f"  {roi.deviation_hu:+7.1f}"
            lines.append(
                f"  {roi.figures.material:<14} {roi.figures.value:8.1f} HU{off}  {roi.verdict}"
            )
        return "\n".join(lines)


def calibrate(
    volume: xr.DataArray,
    *,
    kvp: float | None = None,
    slice_thickness_mm: float | None = None,
    **options: Unpack[CalibrateOptions],
) -> Calibration:
    """Recognise a phantom in a CT volume and measure it; nothing is recorded.

    Parameters
    ----------
    volume
        DataArray with dims (z, y, x) in HU, axial, as `Series.load` gives it.
    kvp
        Tube voltage, kV; without it there is no verdict.
    slice_thickness_mm
        Of the images; by default they are as thick as they are far apart.
    **options
        `model`: the phantom's, instead of the one that is recognised. `regions`: material → where
        to measure it instead. `z_mm`: where the sensitometry module's middle is, patient LPS.
        `serial`: the phantom's, whose own nominal values go first. `tolerances`: name of a set.

    Raises
    ------
    CannotCalibrate
        `refusal` names why: ``not_hu``, ``no_phantom``, ``unrecognised``, ``partial`` …

    Examples
    --------
    ::

        found = nl.calibrate(lab.series(SeriesInstanceUID=uid).one().load(), kvp=120)
        found.rois[["material", "value_hu", "nominal_hu", "verdict"]]
    """
    asked = Asked(**options)
    return Calibration(
        analysis=analyse_asked(volume, kvp=kvp, thickness_mm=slice_thickness_mm, asked=asked)
    )


def calibrate_series(
    lab: Lab,
    series: SeriesRow,
    *,
    principal: Principal | None = None,
    **options: Unpack[CalibrateOptions],
) -> Calibration:
    """Analyse an archived series and keep the record; an earlier one stays.

    Parameters
    ----------
    principal
        Who asks; by default who works in this process.
    **options
        As `calibrate`, and `note`.

    Raises
    ------
    AccessDenied
        The principal may not calibrate, or not see the study.
    CannotCalibrate
        As `calibrate`; nothing is recorded then.
    """
    who = own_principal() if principal is None else principal
    require(who, Action.CALIBRATE, facilities=lab.catalog.facilities_of(series.StudyInstanceUID))
    asked = Asked(author=who.name, **options)
    analysis, record = calibrate_one(lab.handle, lab.ledger, series, asked)
    return Calibration(analysis=analysis, analysis_id=record.record_id)
