"""What a phantom analysis says: its figures, each with its uncertainty, and the verdicts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noctis_lab.analysis.calibration.align import Alignment
from noctis_lab.analysis.calibration.body import Body
from noctis_lab.analysis.calibration.edge import Mtf
from noctis_lab.analysis.calibration.fit import LinearFit
from noctis_lab.analysis.calibration.nodes import Nodes
from noctis_lab.analysis.calibration.nominals import Nominal
from noctis_lab.analysis.calibration.ramps import Ramps
from noctis_lab.analysis.calibration.recognise import Recognition
from noctis_lab.analysis.calibration.sensitometry import RoiFigures
from noctis_lab.analysis.calibration.spectrum import NoiseSpectrum
from noctis_lab.analysis.calibration.tolerances import Check, Figure
from noctis_lab.analysis.calibration.uniformity import Uniformity

__all__ = ["HuAnalysis", "MeasuredRoi", "Verdict"]

type Verdict = str  # "pass", "fail", "no nominal"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredRoi:
    """An insert's figures beside what it should measure; `verdict` is "no nominal" without."""

    figures: RoiFigures
    nominal: Nominal | None
    verdict: Verdict

    @property
    def deviation_hu(self) -> float | None:
        """Measured less the middle of the accepted range."""
        return None if self.nominal is None else self.figures.value - self.nominal.nominal_hu


@dataclass(frozen=True, slots=True, kw_only=True)
class HuAnalysis:
    """A phantom analysis.

    Attributes
    ----------
    serial
        The phantom's serial number, as it was said; its own nominal values hold.
    found
        Model, score, roll and direction.
    lie
        Centre, roll and scale from the inserts; None for a water phantom.
    rois
        Inserts, or water's one region.
    fit
        None where fewer than four inserts have nominal values at this kVp: trend only.
    water_hu, water_se
        Of a water insert or phantom, None without.
    uniformity, mtf, noise_spectrum
        None where it cannot be had; `…_refusal` says why, by name.
    z_mm, z_se_mm
        Of the sensitometry module's middle on the phantom's axis, patient LPS.
    overrides
        What somebody said instead of what the images say.
    tolerance_set, checks
        The set's name, and each of its limits that has a figure here.
    status
        "pass", "fail", or "trend only" where no nominal value holds at this kVp. A check outside
        of its tolerance fails the analysis, but gives a trend no verdict.
    """

    engine_version: str
    kvp: float | None
    serial: str | None
    found: Recognition
    body: Body
    lie: Alignment | None
    z_mm: float
    z_se_mm: float
    ramps: Ramps | None
    nodes: Nodes | None
    rois: tuple[MeasuredRoi, ...]
    fit: LinearFit | None
    water_hu: float | None
    water_se: float | None
    uniformity: Uniformity | None
    uniformity_refusal: str | None
    mtf: Mtf | None
    mtf_refusal: str | None
    noise_spectrum: NoiseSpectrum | None
    noise_spectrum_refusal: str | None
    status: str
    overrides: tuple[str, ...] = ()
    tolerance_set: str | None = None
    checks: tuple[Check, ...] = ()

    @property
    def figures(self) -> dict[str, Figure]:
        """Every figure that was had, by name, with its standard error (NaN where one plane tells).

        Names end in their unit: water_hu, noise_hu, periphery_minus_center_hu,
        largest_difference_hu, slice_thickness_mm, node_side_mm, radius_mm, scale, roll_deg,
        tilt_back_deg, tilt_left_deg, z_mm, slope, intercept_hu, max_deviation_hu, f50_per_mm,
        f10_per_mm, noise_peak_per_mm, noise_mean_per_mm.
        """
        found = _of_body(self.body) | {"z_mm": Figure(value=self.z_mm, se=self.z_se_mm)}
        if self.lie is not None:
            found["roll_deg"] = Figure(value=self.lie.roll_deg, se=self.lie.roll_se_deg)
            found["scale"] = Figure(value=self.lie.scale, se=self.lie.scale_se)
        if self.ramps is not None:
            found["slice_thickness_mm"] = Figure(
                value=self.ramps.slice_thickness_mm, se=self.ramps.slice_thickness_se_mm
            )
        if self.nodes is not None:
            found["node_side_mm"] = Figure(value=self.nodes.side_mm, se=self.nodes.side_se_mm)
        if self.water_hu is not None and self.water_se is not None:
            found["water_hu"] = Figure(value=self.water_hu, se=self.water_se)
        found |= _of_uniformity(self.uniformity) | _of_fit(self.fit) | _of_rois(self.rois)
        return found | _of_spectra(self.mtf, self.noise_spectrum)


def _of_body(body: Body) -> dict[str, Figure]:
    return {
        "radius_mm": Figure(value=body.radius_mm, se=body.radius_se_mm),
        "tilt_back_deg": Figure(value=body.tilt_deg[0], se=body.tilt_se_deg[0]),
        "tilt_left_deg": Figure(value=body.tilt_deg[1], se=body.tilt_se_deg[1]),
    }


def _of_uniformity(uniformity: Uniformity | None) -> dict[str, Figure]:
    if uniformity is None:
        return {}
    return {
        "noise_hu": Figure(value=uniformity.noise, se=uniformity.noise_se),
        "periphery_minus_center_hu": Figure(
            value=uniformity.periphery_minus_center, se=uniformity.periphery_minus_center_se
        ),
        "largest_difference_hu": Figure(
            value=uniformity.largest_difference, se=uniformity.largest_difference_se
        ),
    }


def _of_fit(fit: LinearFit | None) -> dict[str, Figure]:
    if fit is None:
        return {}
    return {
        "slope": Figure(value=fit.slope, se=fit.slope_se),
        "intercept_hu": Figure(value=fit.intercept, se=fit.intercept_se),
    }


def _of_rois(rois: tuple[MeasuredRoi, ...]) -> dict[str, Figure]:
    judged = [roi for roi in rois if roi.nominal is not None]
    if not judged:
        return {}
    worst = max(judged, key=lambda roi: abs(roi.deviation_hu or 0.0))
    return {
        "max_deviation_hu": Figure(value=abs(worst.deviation_hu or 0.0), se=worst.figures.se),
    }


def _of_spectra(mtf: Mtf | None, noise: NoiseSpectrum | None) -> dict[str, Figure]:
    found = {}
    if mtf is not None:
        found["f50_per_mm"] = Figure(value=mtf.f50, se=mtf.f50_se)
        found["f10_per_mm"] = Figure(value=mtf.f10, se=mtf.f10_se)
    if noise is not None:
        found["noise_peak_per_mm"] = Figure(value=noise.peak_mm, se=noise.peak_se)
        found["noise_mean_per_mm"] = Figure(value=noise.mean_mm, se=noise.mean_se)
    return {name: figure for name, figure in found.items() if np.isfinite(figure.value)}
