"""From a volume to a phantom analysis: what was found, measured, fitted and judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypedDict, Unpack

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from noctis_lab.analysis.calibration.align import align
from noctis_lab.analysis.calibration.body import Body, find_body
from noctis_lab.analysis.calibration.fit import LinearFit, fit_line
from noctis_lab.analysis.calibration.nodes import read_nodes
from noctis_lab.analysis.calibration.nominals import Nominal, find_nominals, load_nominals
from noctis_lab.analysis.calibration.phantoms import Phantom, load_phantoms
from noctis_lab.analysis.calibration.ramps import read_ramps
from noctis_lab.analysis.calibration.recognise import Recognition, recognise
from noctis_lab.analysis.calibration.resolution import measure_body_edge, measure_resolution
from noctis_lab.analysis.calibration.result import HuAnalysis, MeasuredRoi, Verdict
from noctis_lab.analysis.calibration.scene import Scene, to_scene
from noctis_lab.analysis.calibration.sensitometry import (
    RoiFigures,
    measure_disc,
    measure_inserts,
    module_planes,
)
from noctis_lab.analysis.calibration.spectrum import NoiseSpectrum, measure_spectrum
from noctis_lab.analysis.calibration.tolerances import ToleranceSet, check_figures
from noctis_lab.analysis.calibration.uniformity import Uniformity, measure_uniformity
from noctis_lab.errors import CannotCalibrate

__all__ = [
    "ENGINE_VERSION",
    "AnalyseOptions",
    "AnalyseSettings",
    "HuAnalysis",
    "MeasuredRoi",
    "Verdict",
    "analyse",
]

ENGINE_VERSION = "3"
_WATER_DISTANCE_SHARE, _WATER_RADIUS_SHARE = 0.6, 0.1
_WATER_ROI_SHARE = 0.4  # radius of the region in a water phantom's middle, of the phantom's
_PLAIN_PLANES = _EDGE_PLANES = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyseSettings:
    """What can be asked of `analyse` beside the tube voltage.

    Attributes
    ----------
    serial
        The phantom's serial number: nominal values of its own go before its model's.
    serials
        Model → serial number of the phantom that is scanned here, where `serial` is None.
    slice_thickness_mm
        SliceThickness (0018,0050), where it is stated: planes that may hold two modules are left
        out. None takes planes to be as thick as they are far apart.
    z_mm
        Where somebody says that the sensitometry module's middle is, patient LPS; None for what
        the images say. The analysis is marked (`overrides`).
    phantoms, nominals
        What may be found, and what its materials should measure; None for what ships here.
    tolerances
        Limits for the other figures, such as one of `load_tolerances()`; None for none.
    """

    serial: str | None = None
    serials: Mapping[str, str] = field(default_factory=dict)
    slice_thickness_mm: float | None = None
    z_mm: float | None = None
    phantoms: Sequence[Phantom] | None = None
    nominals: Sequence[Nominal] | None = None
    tolerances: ToleranceSet | None = None


class AnalyseOptions(TypedDict, total=False):
    """The keyword arguments of `analyse`; `AnalyseSettings` says what each one means."""

    serial: str | None
    serials: Mapping[str, str]
    slice_thickness_mm: float | None
    z_mm: float | None
    phantoms: Sequence[Phantom] | None
    nominals: Sequence[Nominal] | None
    tolerances: ToleranceSet | None


def analyse(
    volume: xr.DataArray, *, kvp: float | None, **options: Unpack[AnalyseOptions]
) -> HuAnalysis:
    """Recognise a phantom in a CT volume and measure it.

    Parameters
    ----------
    volume
        DataArray with dims (z, y, x), HU, axial, as `Series.load` gives it.
    kvp
        KVP (0018,0060); None where it is not stated or differs between images: no verdict then.
    **options
        See `AnalyseSettings`, whose fields they are.

    Raises
    ------
    CannotCalibrate
        Nothing is recognised, or the volume is not one to be analysed; `refusal` names why.
    """
    asked = AnalyseSettings(**options)
    scene = to_scene(volume, slice_thickness_mm=asked.slice_thickness_mm)
    body = find_body(scene)
    found = recognise(scene, body, load_phantoms() if asked.phantoms is None else asked.phantoms)
    nominals = load_nominals() if asked.nominals is None else asked.nominals
    serial = asked.serials.get(found.model) if asked.serial is None else asked.serial
    accepted = find_nominals(nominals, found.model, kvp, serial=serial)
    if found.phantom is None:
        analysis = _measure_water(scene, body, found, accepted)
    else:
        analysis = _measure_phantom(scene, body, found, accepted, asked.z_mm)
    analysis = replace(analysis, kvp=kvp, serial=serial)
    tolerances = asked.tolerances
    if tolerances is None:
        return analysis
    checks = check_figures(analysis.figures, tolerances)
    failed = analysis.status == "pass" and any(check.verdict == "fail" for check in checks)
    return replace(
        analysis,
        tolerance_set=tolerances.name,
        checks=checks,
        status="fail" if failed else analysis.status,
    )


def _measure_phantom(
    scene: Scene,
    body: Body,
    found: Recognition,
    accepted: dict[str, Nominal],
    z_mm: float | None,
) -> HuAnalysis:
    phantom = found.phantom
    assert phantom is not None
    ramps = read_ramps(scene, body, found)
    # Without wires a module's ends tell its middle, each to a plane: a box of that width.
    z_se = scene.plane_spacing_mm / float(np.sqrt(24))
    if z_mm is not None:
        found, z_se = replace(found, z_mm=_along_axis(scene, body, z_mm)), float("nan")
    elif ramps is not None:
        found, z_se = replace(found, z_mm=ramps.z_mm), ramps.z_se_mm
    planes = module_planes(scene, found, _middle_of(phantom, scene))
    lie = align(scene, body, found, planes)
    rois = tuple(
        _judge(figures, accepted) for figures in measure_inserts(scene, body, found, lie, planes)
    )
    water = next((roi.figures for roi in rois if roi.figures.material == "water"), None)
    whole = module_planes(scene, found, phantom.modules["sensitometry"], count=_EDGE_PLANES)
    mtf, mtf_refusal = _or_refusal(lambda: measure_resolution(scene, body, found, lie, whole))
    uniformity, refusal = _or_refusal(lambda: _uniformity_of(scene, body, found))
    noise, noise_refusal = _or_refusal(lambda: _spectrum_of(scene, body, found))
    return HuAnalysis(
        engine_version=ENGINE_VERSION,
        kvp=None,
        serial=None,
        found=found,
        body=body,
        lie=lie,
        z_mm=_lps_z(scene, body, found.z_mm),
        z_se_mm=z_se,
        ramps=ramps,
        nodes=read_nodes(scene, body, found, lie, planes),
        rois=rois,
        fit=_fit_of(rois),
        water_hu=None if water is None else water.value,
        water_se=None if water is None else water.se,
        uniformity=uniformity,
        uniformity_refusal=refusal,
        mtf=mtf,
        mtf_refusal=mtf_refusal,
        noise_spectrum=noise,
        noise_spectrum_refusal=noise_refusal,
        status=_status_of(rois),
        overrides=() if z_mm is None else ("z_mm",),
    )


def _lps_z(scene: Scene, body: Body, z_mm: float) -> float:
    """Return the patient's z of the point of the phantom's axis at a z of the stack."""
    x, y = (float(np.interp(z_mm, scene.z_mm, along)) for along in body.center_mm.T)
    return scene.to_lps(x, y, z_mm)[2]


def _along_axis(scene: Scene, body: Body, z_mm: float) -> float:
    """Return the stack's z of the point of the phantom's axis at a z of the patient."""
    ends = [_lps_z(scene, body, float(scene.z_mm[end])) for end in (0, -1)]
    share = (z_mm - ends[0]) / (ends[1] - ends[0])
    return float(scene.z_mm[0] + share * (scene.z_mm[-1] - scene.z_mm[0]))


def _or_refusal[T](measure: Callable[[], T]) -> tuple[T | None, str | None]:
    try:
        return measure(), None
    except CannotCalibrate as refusal:
        return None, str(refusal)


def _middle_of(phantom: Phantom, scene: Scene) -> tuple[float, float]:
    """Return the part of the module of which planes are taken, mm."""
    low, high = phantom.modules["sensitometry"]
    middle = (low + high) / 2
    # Planes next to the middle are the surest; thick ones get all the room that there is.
    reach = min((high - low) / 2, max(1.6 * scene.plane_spacing_mm, 5.0))
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
    # A bound is no measurement: most of a clipped insert may lie anywhere lower.
    pairs = [
        (roi.nominal.nominal_hu, roi.figures.value)
        for roi in rois
        if roi.nominal is not None and not roi.figures.is_bound
    ]
    if len({nominal for nominal, _ in pairs}) < 4:
        return None
    nominal, measured = np.array(pairs).T
    return fit_line(nominal, measured)


def _plain_planes(scene: Scene, body: Body, found: Recognition) -> NDArray[np.intp]:
    phantom = found.phantom
    assert phantom is not None
    low, high = phantom.modules["uniformity"]
    margin = min(5.0, (high - low) / 4)
    planes = module_planes(scene, found, (low + margin, high - margin), count=_PLAIN_PLANES)
    planes = planes[np.isin(planes, body.planes)]
    if planes.size == 0:
        raise CannotCalibrate("partial", "the uniformity module is not wholly in the series")
    return planes


def _uniformity_of(scene: Scene, body: Body, found: Recognition) -> Uniformity:
    phantom = found.phantom
    assert phantom is not None
    return measure_uniformity(
        scene,
        body,
        _plain_planes(scene, body, found),
        distance_mm=phantom.uniformity_distance_mm,
        radius_mm=phantom.uniformity_radius_mm,
    )


def _spectrum_of(scene: Scene, body: Body, found: Recognition) -> NoiseSpectrum:
    planes = _plain_planes(scene, body, found)
    return measure_spectrum(scene, body, planes, source="uniformity module")


def _measure_water(
    scene: Scene, body: Body, found: Recognition, accepted: dict[str, Nominal]
) -> HuAnalysis:
    order = np.argsort(np.abs(scene.z_mm[found.planes] - found.z_mm), kind="stable")
    planes = np.sort(found.planes[order[:_PLAIN_PLANES]])
    figures = measure_disc(
        scene,
        planes,
        [(float(x), float(y)) for x, y in body.center_mm[planes]],
        _WATER_ROI_SHARE * body.radius_mm,
        material="water",
    )
    uniformity, refusal = _or_refusal(
        lambda: measure_uniformity(
            scene,
            body,
            planes,
            distance_mm=_WATER_DISTANCE_SHARE * body.radius_mm,
            radius_mm=_WATER_RADIUS_SHARE * body.radius_mm,
        )
    )
    mtf, mtf_refusal = _or_refusal(lambda: measure_body_edge(scene, body, planes))
    noise, noise_refusal = _or_refusal(
        lambda: measure_spectrum(scene, body, planes, source="water")
    )
    rois = (_judge(figures, accepted),)
    return HuAnalysis(
        engine_version=ENGINE_VERSION,
        kvp=None,
        serial=None,
        found=found,
        body=body,
        lie=None,
        z_mm=_lps_z(scene, body, found.z_mm),
        z_se_mm=scene.plane_spacing_mm / float(np.sqrt(24)),
        ramps=None,
        nodes=None,
        rois=rois,
        fit=None,
        water_hu=figures.value,
        water_se=figures.se,
        uniformity=uniformity,
        uniformity_refusal=refusal,
        mtf=mtf,
        mtf_refusal=mtf_refusal,
        noise_spectrum=noise,
        noise_spectrum_refusal=noise_refusal,
        status=_status_of(rois),
    )
