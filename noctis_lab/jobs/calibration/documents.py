"""A phantom analysis as the record that is kept of it: JSON values under the columns' names."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from noctis_lab.analysis.calibration.charts.trends import ChartKey
from noctis_lab.analysis.calibration.regions import PlacedRegion
from noctis_lab.analysis.calibration.result import HuAnalysis, MeasuredRoi
from noctis_lab.jobs.calibration.scans import to_clock
from noctis_lab.jobs.calibration.words import SeriesWords

if TYPE_CHECKING:
    import xarray as xr

    from noctis_lab.catalog.records import SeriesRow
    from noctis_lab.volumes.cache import Handle

__all__ = [
    "Asked",
    "content_of",
    "document_of",
    "protocol_of",
    "scanner_of",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who asked for an analysis, and what they gave for it: recorded with it.

    Attributes
    ----------
    again
        Of many series analyse those too that this engine has analysed, or refused, as they are.
    model
        The phantom's, where a person says so: nothing else is looked for.
    regions
        Material → where to measure it instead.
    z_mm
        Where the sensitometry module's middle is, patient LPS.
    serial
        The phantom's serial number.
    tolerances
        Name of a tolerance set.
    unattended
        Nobody has said that it is a phantom: of what is nothing like one no refusal is recorded,
        and what passes is raised, so that it is done later.
    """

    author: str = ""
    again: bool = False
    model: str | None = None
    regions: Mapping[str, PlacedRegion] = field(default_factory=dict)
    z_mm: float | None = None
    serial: str | None = None
    tolerances: str | None = None
    note: str | None = None
    unattended: bool = False

    @property
    def is_manual(self) -> bool:
        """Whether a person has decided what the engine decides else."""
        return self.model is not None or self.z_mm is not None or bool(self.regions)

    @property
    def is_told(self) -> bool:
        """Whether a person has given anything that an analysis, or a refusal, may depend on."""
        return self.is_manual or self.serial is not None or self.tolerances is not None

    def to_overrides(self) -> str | None:
        """Return what was decided as JSON, None where nothing was."""
        if not self.is_manual:
            return None
        regions = {name: asdict(region) for name, region in self.regions.items()}
        told = {"model": self.model, "z_mm": self.z_mm, "regions": regions}
        return json.dumps(told, separators=(",", ":"))


def content_of(handle: Handle, series: SeriesRow) -> str:
    """Return a digest of a series' images, in hexadecimal digits: the same as long as they are."""
    digest = hashlib.sha256()
    for sha256 in sorted(row.sha256 for row in handle.catalog.instances_of(series.reference)):
        digest.update(sha256)
    return digest.hexdigest()


def scanner_of(words: SeriesWords) -> str:
    """Return by what a scanner is known: maker, model, and serial number or else station name.

    Examples
    --------
    >>> texts = {"Manufacturer": "ACME", "ManufacturerModelName": "CT 1", "StationName": "CT-A",
    ...          "DeviceSerialNumber": None}
    >>> scanner_of(SeriesWords(texts=texts, numbers={}, acquired_on=None, AcquisitionTime=None))
    'ACME CT 1 CT-A'
    """
    own = words.texts["DeviceSerialNumber"] or words.texts["StationName"]
    parts = (words.texts["Manufacturer"], words.texts["ManufacturerModelName"], own)
    return " ".join(part for part in parts if part) or "unknown"


def protocol_of(words: SeriesWords, phantom_model: str) -> str:
    """Return what one chart is of, beside its scanner: phantom, kVp, kernel and slice thickness."""
    return ChartKey(
        scanner=scanner_of(words),
        phantom_model=phantom_model,
        KVP=words.numbers["KVP"],
        ConvolutionKernel=words.texts["ConvolutionKernel"],
        SliceThickness=words.numbers["SliceThickness"],
    ).protocol


def document_of(
    analysis: HuAnalysis,
    words: SeriesWords,
    asked: Asked,
    volume: xr.DataArray,
    *,
    series: SeriesRow,
    content: str,
) -> dict[str, Any]:
    """Return the document of an analysis' record; `content` is the series' `content_of`."""
    fit, found = analysis.fit, analysis.found
    figures = {}
    for name, figure in analysis.figures.items():
        figures[name], figures[f"{name}_se"] = figure.value, figure.se
    x_mm, y_mm = _axis_mm(analysis, volume)
    sources = sorted({roi.nominal.source for roi in analysis.rois if roi.nominal is not None})
    told: dict[str, Any] = {
        "instance_count": series.instance_count,
        "content_sha256": content,
        "status": analysis.status,
        "phantom_model": found.model,
        "phantom_serial": analysis.serial,
        "is_manual": asked.is_manual,
        "overrides": asked.to_overrides(),
        "note": asked.note,
        "engine_version": analysis.engine_version,
        "settings": json.dumps(
            {
                "phantom_source": None if found.phantom is None else found.phantom.source,
                "nominal_sources": sources,
            }
        ),
        "protocol": protocol_of(words, found.model),
        **words.texts,
        **words.numbers,
        "AcquisitionDate": words.acquired_on,
        "AcquisitionTime": words.AcquisitionTime,
        "scanner_time": None if words.scanner_time is None else to_clock(words.scanner_time),
        "scanner_time_from": words.scanner_time_from,
        "score": found.score,
        "margin": found.margin,
        "x_mm": x_mm,
        "y_mm": y_mm,
        "is_reversed": found.direction < 0,
        **figures,
        "uniformity_refusal": analysis.uniformity_refusal,
        "mtf_refusal": analysis.mtf_refusal,
        "noise_spectrum_refusal": analysis.noise_spectrum_refusal,
        "tolerance_set": analysis.tolerance_set,
        "checks": None if not analysis.checks else json.dumps(_checks(analysis)),
        "rois": [_region(roi, asked) for roi in analysis.rois],
    }
    if fit is not None:
        told |= {
            "slope_low": fit.slope_ci[0],
            "slope_high": fit.slope_ci[1],
            "intercept_low_hu": fit.intercept_ci[0],
            "intercept_high_hu": fit.intercept_ci[1],
            "robust_slope": fit.robust_slope,
            "robust_intercept_hu": fit.robust_intercept,
            "max_residual_hu": fit.max_residual,
            "fits_agree": fit.agrees,
        }
    return {name: _json(value) for name, value in told.items()}


def _region(roi: MeasuredRoi, asked: Asked) -> dict[str, Any]:
    figures, nominal, place = roi.figures, roi.nominal, roi.figures.placement
    told: dict[str, Any] = {
        "SOPInstanceUID": place.SOPInstanceUID,
        "material": figures.material,
        "verdict": roi.verdict,
        "is_manual": figures.material in asked.regions,
        "value_hu": figures.value,
        "deviation_hu": roi.deviation_hu,
        "mean_hu": figures.mean,
        "median_hu": figures.median,
        "sd_hu": figures.sd,
        "se_hu": figures.se,
        "pixel_count": figures.n,
        "plane_count": figures.plane_count,
        "clipped_fraction": figures.clipped_fraction,
        "x_mm": place.center_mm[0],
        "y_mm": place.center_mm[1],
        "z_mm": place.z_mm,
        "radius_mm": place.radius_mm,
    }
    if nominal is not None:
        told |= {
            "nominal_hu": nominal.nominal_hu,
            "nominal_low_hu": nominal.low_hu,
            "nominal_high_hu": nominal.high_hu,
            "nominal_source": nominal.source,
            "nominal_is_verified": nominal.is_verified,
            "relative_electron_density": nominal.relative_electron_density,
        }
    return {name: _json(value) for name, value in told.items()}


def _axis_mm(analysis: HuAnalysis, volume: xr.DataArray) -> tuple[float, float]:
    """Return (x, y) of the phantom's axis amid its planes, mm, patient LPS."""
    axes = np.asarray(volume.coords["patient_lps"].attrs["direction"], float).reshape(3, 3)
    signs = np.sign(axes[[2, 1, 0], [0, 1, 2]])  # the engine's axes ascend with the patient's
    z_mm = np.sort(volume.coords["z"].to_numpy() * signs[0])
    planes = analysis.body.planes
    x, y = analysis.body.center_mm[planes].mean(axis=0)
    place = (axes * signs) @ (float(z_mm[planes].mean()), float(y), float(x))
    return float(place[0]), float(place[1])


def _checks(analysis: HuAnalysis) -> list[dict[str, Any]]:
    return [
        {
            "figure": check.limit.figure,
            "low": check.limit.low,
            "high": check.limit.high,
            "value": _json(check.figure.value),
            "verdict": check.verdict,
        }
        for check in analysis.checks
    ]


def _json(value: Any) -> Any:
    """Return a value as JSON has it: a number that is none is None."""
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
