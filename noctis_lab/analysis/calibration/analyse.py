"""From a volume to a phantom analysis: what was found, measured, fitted and judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from noctis_lab.analysis.calibration.align import Alignment, align
from noctis_lab.analysis.calibration.body import Body, find_body
from noctis_lab.analysis.calibration.fit import LinearFit, fit_line
from noctis_lab.analysis.calibration.nominals import Nominal, find_nominals, load_nominals
from noctis_lab.analysis.calibration.phantoms import Phantom, load_phantoms
from noctis_lab.analysis.calibration.ramps import Ramps, read_ramps
from noctis_lab.analysis.calibration.recognise import Recognition, recognise
from noctis_lab.analysis.calibration.scene import Scene, to_scene
from noctis_lab.analysis.calibration.sensitometry import (
    Placement,
    RoiFigures,
    measure_inserts,
    module_planes,
)
from noctis_lab.analysis.calibration.uniformity import Uniformity, measure_uniformity
from noctis_lab.errors import CannotCalibrate

__all__ = ["ENGINE_VERSION", "HuAnalysis", "MeasuredRoi", "Verdict", "analyse"]

ENGINE_VERSION = "1"
_WATER_DISTANCE_SHARE, _WATER_RADIUS_SHARE = 0.6, 0.1
_WATER_ROI_SHARE = 0.4  # radius of the region in a water phantom's middle, of the phantom's

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
    uniformity
        None where the module is not in the series; `uniformity_refusal` says why.
    status
        "pass", "fail", or "trend only" where no nominal value holds at this kVp.
    """

    engine_version: str
    kvp: float | None
    found: Recognition
    body: Body
    lie: Alignment | None
    z_mm: float
    z_se_mm: float
    ramps: Ramps | None
    rois: tuple[MeasuredRoi, ...]
    fit: LinearFit | None
    water_hu: float | None
    water_se: float | None
    uniformity: Uniformity | None
    uniformity_refusal: str | None
    status: str


def analyse(
    volume: xr.DataArray,
    *,
    kvp: float | None,
    phantoms: Sequence[Phantom] | None = None,
    nominals: Sequence[Nominal] | None = None,
) -> HuAnalysis:
    """Recognise a phantom in a CT volume and measure it.

    Parameters
    ----------
    volume
        DataArray with dims (z, y, x), HU, axial, as `Series.load` gives it.
    kvp
        KVP (0018,0060); None where it is not stated or differs between images: no verdict then.
    phantoms, nominals
        What may be found, and what its materials should measure; by default what ships here.

    Raises
    ------
    CannotCalibrate
        Nothing is recognised, or the volume is not one to be analysed; `refusal` names why.
    """
    scene = to_scene(volume)
    body = find_body(scene)
    found = recognise(scene, body, load_phantoms() if phantoms is None else phantoms)
    accepted = find_nominals(load_nominals() if nominals is None else nominals, found.model, kvp)
    phantom = found.phantom
    if phantom is None:
        return _analyse_water(scene, body, found, accepted, kvp)
    ramps = read_ramps(scene, body, found)
    if ramps is not None:
        found = replace(found, z_mm=ramps.z_mm)
    planes = module_planes(scene, found, _middle_of(phantom, scene))
    lie = align(scene, body, found, planes)
    rois = tuple(
        _judge(figures, accepted) for figures in measure_inserts(scene, body, found, lie, planes)
    )
    water = next((roi.figures for roi in rois if roi.figures.material == "water"), None)
    uniformity, refusal = _uniformity_of(scene, body, found)
    return HuAnalysis(
        engine_version=ENGINE_VERSION,
        kvp=kvp,
        found=found,
        body=body,
        lie=lie,
        z_mm=found.z_mm,
        z_se_mm=float("nan") if ramps is None else ramps.z_se_mm,
        ramps=ramps,
        rois=rois,
        fit=_fit_of(rois),
        water_hu=None if water is None else water.value,
        water_se=None if water is None else water.se,
        uniformity=uniformity,
        uniformity_refusal=refusal,
        status=_status_of(rois),
    )


def _middle_of(phantom: Phantom, scene: Scene) -> tuple[float, float]:
    """Return the part of the module of which planes are taken, mm."""
    low, high = phantom.modules["sensitometry"]
    middle = (low + high) / 2
    # Planes next to the middle are the surest; thick ones get all the room that there is.
    reach = min((high - low) / 2, max(1.6 * scene.plane_spacing_mm, 3.0))
    return middle - reach, middle + reach


def _judge(figures: RoiFigures, accepted: dict[str, Nominal]) -> MeasuredRoi:
    nominal = accepted.get(figures.material)
    if nominal is None:
        return MeasuredRoi(figures=figures, nominal=None, verdict="no nominal")
    within = nominal.low_hu <= figures.value <= nominal.high_hu
    return MeasuredRoi(figures=figures, nominal=nominal, verdict="pass" if within else "fail")


def _status_of(rois: Sequence[MeasuredRoi]) -> str:
    judged = [roi.verdict for roi in rois if roi.nominal is not None]
    if not judged:
        return "trend only"
    return "fail" if "fail" in judged else "pass"


def _fit_of(rois: Sequence[MeasuredRoi]) -> LinearFit | None:
    pairs = [(roi.nominal.nominal_hu, roi.figures.value) for roi in rois if roi.nominal is not None]
    if len({nominal for nominal, _ in pairs}) < 4:
        return None
    nominal, measured = np.array(pairs).T
    return fit_line(nominal, measured)


def _uniformity_of(
    scene: Scene, body: Body, found: Recognition
) -> tuple[Uniformity | None, str | None]:
    phantom = found.phantom
    assert phantom is not None
    low, high = phantom.modules["uniformity"]
    margin = min(5.0, (high - low) / 4)
    try:
        planes = module_planes(scene, found, (low + margin, high - margin), count=9)
        planes = planes[np.isin(planes, body.planes)]
        if planes.size == 0:
            raise CannotCalibrate("partial", "the uniformity module is not wholly in the series")
        measured = measure_uniformity(
            scene,
            body,
            planes,
            distance_mm=phantom.uniformity_distance_mm,
            radius_mm=phantom.uniformity_radius_mm,
        )
    except CannotCalibrate as refusal:
        return None, str(refusal)
    return measured, None


def _analyse_water(
    scene: Scene,
    body: Body,
    found: Recognition,
    accepted: dict[str, Nominal],
    kvp: float | None,
) -> HuAnalysis:
    planes = found.planes
    radius = _WATER_ROI_SHARE * body.radius_mm
    parts = [scene.disc(int(plane), tuple(body.center_mm[plane]), radius) for plane in planes]
    means = np.array([part.mean(dtype=np.float64) for part in parts])
    values: NDArray[np.float64] = np.concatenate(parts).astype(np.float64)
    middle = int(planes[len(planes) // 2])
    figures = RoiFigures(
        material="water",
        placement=Placement(
            center_mm=tuple(body.center_mm[middle].tolist()),
            z_mm=float(scene.z_mm[middle]),
            radius_mm=radius,
        ),
        n=values.size,
        plane_count=len(planes),
        mean=float(values.mean()),
        median=float(np.median(values)),
        sd=float(values.std()),
        se=float(means.std(ddof=1) / np.sqrt(means.size)),
        clipped_fraction=0.0,
        value=float(values.mean()),
    )
    rois = (_judge(figures, accepted),)
    return HuAnalysis(
        engine_version=ENGINE_VERSION,
        kvp=kvp,
        found=found,
        body=body,
        lie=None,
        z_mm=found.z_mm,
        z_se_mm=float("nan"),
        ramps=None,
        rois=rois,
        fit=None,
        water_hu=figures.value,
        water_se=figures.se,
        uniformity=measure_uniformity(
            scene,
            body,
            planes,
            distance_mm=_WATER_DISTANCE_SHARE * body.radius_mm,
            radius_mm=_WATER_RADIUS_SHARE * body.radius_mm,
        ),
        uniformity_refusal=None,
        status=_status_of(rois),
    )
