"""A CT series of a CatPhan 504, drawn from its drawing: for the demo, tests and docs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, Unpack, cast

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from noctis_lab.synthetic.options import CtOptions, CtSeriesOptions
from noctis_lab.synthetic.series import ct_series
from noctis_lab.synthetic.shapes import Canvas, filtered_noise

__all__ = ["CATPHAN504_INSERTS", "Catphan504", "CatphanOptions", "Insert", "catphan504"]

type Plane = NDArray[np.float32]

RADIUS_MM = 100.0
INSERT_RADIUS_MM = 6.1
INSERT_DISTANCE_MM = 58.7
_INTERCEPT_HU = -1024
_AIR_HU = -1000.0
_RAMP_DISTANCE_MM, _RAMP_DEG, _RAMP_HU = 38.0, 23.0, 800.0
_NODE_MM, _NODE_RADIUS_MM = 25.0, 1.5
#: Line pairs per cm → bars, of aluminium, on a circle.
_GAUGE = ((1, 2), (2, 3), (3, 4), (4, 4), (5, 4), (6, 5), (7, 5), (8, 5))
_GAUGE_DISTANCE_MM, _GAUGE_LENGTH_MM, _GAUGE_HU = 47.0, 5.0, 1600.0
_TARGETS_DISTANCE_MM = 50.0
_TARGET_DIAMETERS_MM = (15.0, 9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0)
_TARGET_ANGLES_DEG = (0.0, 18.3, 34.7, 48.9, 62.3, 74.5, 84.5, 93.0, 99.7)
_TARGET_CONTRASTS_HU = (10.0, 5.0, 3.0)
#: Background of each module, HU.
_BACKGROUND_HU = {
    "resolution": 95.0,
    "sensitometry": 95.0,
    "low_contrast": 50.0,
    "uniformity": 12.0,
}
#: Module ↔ from which to which z it reaches, mm from the sensitometry module's middle.
_REACH_MM = {
    "resolution": (15.0, 50.0),
    "sensitometry": (-15.0, 15.0),
    "low_contrast": (-47.5, -15.0),
    "uniformity": (-85.0, -47.5),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Insert:
    """A rod of the sensitometry module: where it is, and its value per tube voltage."""

    material: str
    angle_deg: float  # from the right, clockwise as the image is shown
    hu_by_kvp: Mapping[int, float]


def _insert(material: str, angle_deg: float, *hu: float) -> Insert:
    values = dict(zip((80, 100, 120, 140), hu, strict=True))
    return Insert(material=material, angle_deg=angle_deg, hu_by_kvp=MappingProxyType(values))


#: Values computed for each kVp behind 20 cm of water; they are no verdict on any scanner.
CATPHAN504_INSERTS: tuple[Insert, ...] = (
    _insert("air", -90, _AIR_HU, _AIR_HU, _AIR_HU, _AIR_HU),
    _insert("PMP", -120, -219, -201, -190, -183),
    _insert("LDPE", 180, -134, -114, -102, -94),
    _insert("polystyrene", 120, -78, -59, -47, -40),
    _insert("air", 90, _AIR_HU, _AIR_HU, _AIR_HU, _AIR_HU),
    _insert("acrylic", 60, 94, 108, 116, 121),
    _insert("Delrin", 0, 331, 340, 345, 349),
    _insert("Teflon", -60, 1002, 970, 951, 938),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Catphan504:
    """How the phantom lies and how the scanner errs."""

    kvp: int = 120  # 80, 100, 120 or 140
    #: Standard deviation of the noise, HU; 0 for none.
    noise_hu: float = 5.0
    noise_seed: int = 504
    blur_sigma_mm: float = 0.5
    #: z of the sensitometry module's middle, LPS.
    module_z_mm: float = 0.0
    #: Of the phantom's centre, LPS (x, y).
    center_mm: tuple[float, float] = (0.0, 0.0)
    roll_deg: float = 0.0
    table: bool = True
    #: By how much the middle is too low, falling off with the square of the radius.
    cupping_hu: float = 0.0
    #: Measured = true · hu_scale + hu_offset.
    hu_scale: float = 1.0
    hu_offset: float = 0.0


class CatphanOptions(CtOptions, total=False):
    """The keyword arguments of `catphan504`: a series's, and those of `Catphan504`."""

    kvp: int
    noise_hu: float
    noise_seed: int
    blur_sigma_mm: float
    module_z_mm: float
    center_mm: tuple[float, float]
    roll_deg: float
    table: bool
    cupping_hu: float
    hu_scale: float
    hu_offset: float


def catphan504(**options: Unpack[CatphanOptions]) -> list[Dataset]:
    """Return a CT series of a CatPhan 504 under the invented identity PHANTOM^CATPHAN 504.

    Parameters
    ----------
    **options
        Fields of `Catphan504` say how it lies, all others are `ct_series`'s. Unless asked
        otherwise: 80 planes of 512² at 0.49 mm, every 2 mm, 12 bits with an intercept of -1024.

    Returns
    -------
    list of pydicom.Dataset
        In the order of z, ascending.

    Notes
    -----
    Drawn: body, air around it, table, inserts, nodes, ramps, line pairs, low-contrast targets.
    Not drawn: streaks, beads and the phantom's tilt. The planes are axial.
    """
    own = {field.name for field in fields(Catphan504)}
    phantom = Catphan504(**{key: value for key, value in options.items() if key in own})  # type: ignore[arg-type]
    asked = {key: value for key, value in options.items() if key not in own}
    series = _series_options(phantom, asked)
    spec = CtSeriesOptions(**series)
    canvas = _canvas(phantom, spec)
    first_z = spec.origin_mm[2] - phantom.module_z_mm
    heights_mm = [first_z + index * spec.slice_spacing_mm for index in range(spec.planes)]
    modules = _draw_modules(phantom, spec, canvas, {_module_at(z) for z in heights_mm})

    def stored(index: int) -> NDArray[np.int32]:
        return _to_stored(_draw_plane(phantom, canvas, modules, heights_mm[index], index))

    series["stored"] = stored
    return ct_series(**series)


def _series_options(phantom: Catphan504, asked: dict[str, Any]) -> CtOptions:
    rows, columns = asked.get("rows", 512), asked.get("columns", 512)
    planes, step = asked.get("planes", 80), asked.get("slice_spacing_mm", 2.0)
    spacing = asked.get("pixel_spacing_mm", (250 / 512, 250 / 512))
    middle_z = phantom.module_z_mm - 17.5  # the middle of the modules' reach
    origin = (
        -(columns - 1) / 2 * spacing[1],
        -(rows - 1) / 2 * spacing[0],
        middle_z - (planes - 1) / 2 * step,
    )
    elements = {
        "SeriesDescription": "CatPhan 504",
        "ProtocolName": "CatPhan 504",
        "KVP": phantom.kvp,
        "ConvolutionKernel": "STANDARD",
    }
    series: dict[str, Any] = {
        "planes": planes,
        "rows": rows,
        "columns": columns,
        "slice_spacing_mm": step,
        "pixel_spacing_mm": spacing,
        "origin_mm": origin,
        "signed": False,
        "bits_stored": 12,
        "rescale_intercept": float(_INTERCEPT_HU),
        "windows": ((50.0, 400.0),),
        "seed": "catphan504",
        "PatientName": "PHANTOM^CATPHAN 504",
        "PatientID": "NOCTIS-CATPHAN-504",
        **asked,
        "elements": elements | dict(asked.get("elements", {})),
    }
    return cast("CtOptions", series)


def _canvas(phantom: Catphan504, spec: CtSeriesOptions) -> Canvas:
    return Canvas(
        rows=spec.rows,
        columns=spec.columns,
        pixel_spacing_mm=spec.pixel_spacing_mm,
        center_mm=(
            phantom.center_mm[0] - spec.origin_mm[0],
            phantom.center_mm[1] - spec.origin_mm[1],
        ),
        roll_deg=phantom.roll_deg,
        blur_sigma_mm=phantom.blur_sigma_mm,
    )


def _module_at(z_mm: float) -> str:
    """Return which module is cut so far from the sensitometry module's middle, or "air"."""
    return next((name for name, (low, high) in _REACH_MM.items() if low <= z_mm < high), "air")


def _draw_modules(
    phantom: Catphan504, spec: CtSeriesOptions, canvas: Canvas, wanted: set[str]
) -> dict[str, Plane]:
    """Draw what every plane of a module has in common, HU, once."""
    air = np.full((spec.rows, spec.columns), _AIR_HU, np.float32)
    if phantom.table:
        # 5 mm of carbon fibre under the phantom, its foam ignored.
        canvas.set_bar(air, (0.0, RADIUS_MM + 8), (220.0, 5.0), -phantom.roll_deg, -150.0)
    modules = {"air": air}
    for name in sorted(wanted - {"air"}):
        plane = modules[name] = air.copy()
        canvas.set_disc(plane, (0.0, 0.0), RADIUS_MM, _BACKGROUND_HU[name])
        if name == "sensitometry":
            _draw_inserts(plane, canvas, phantom.kvp)
        elif name == "resolution":
            _draw_gauge(plane, canvas)
        elif name == "low_contrast":
            _draw_targets(plane, canvas)
        if phantom.cupping_hu != 0:
            bowl = 1 - canvas.squared_radius_mm2() / np.float32(RADIUS_MM**2)
            plane -= np.float32(phantom.cupping_hu) * np.maximum(bowl, 0)
    return modules


def _draw_inserts(plane: Plane, canvas: Canvas, kvp: int) -> None:
    for insert in CATPHAN504_INSERTS:
        place = canvas.place(INSERT_DISTANCE_MM, insert.angle_deg)
        canvas.set_disc(plane, place, INSERT_RADIUS_MM, insert.hu_by_kvp[kvp])
    teflon = next(insert for insert in CATPHAN504_INSERTS if insert.material == "Teflon")
    for corner, angle in enumerate((45, 135, 225, 315)):
        place = canvas.place(_NODE_MM * math.sqrt(2), angle)
        value = teflon.hu_by_kvp[kvp] if corner == 0 else _AIR_HU
        canvas.set_disc(plane, place, _NODE_RADIUS_MM, value)


def _draw_gauge(plane: Plane, canvas: Canvas) -> None:
    for group, (pairs_per_cm, bars) in enumerate(_GAUGE):
        width = 5.0 / pairs_per_cm
        angle = -90 + 40.0 * group
        for bar in range(bars):
            offset = (bar - (bars - 1) / 2) * 2 * width
            radius = math.hypot(_GAUGE_DISTANCE_MM, offset)
            turn = math.degrees(math.atan2(offset, _GAUGE_DISTANCE_MM))
            place = canvas.place(radius, angle + turn)
            canvas.set_bar(plane, place, (_GAUGE_LENGTH_MM, width), angle, _GAUGE_HU)


def _draw_targets(plane: Plane, canvas: Canvas) -> None:
    for group, contrast in enumerate(_TARGET_CONTRASTS_HU):
        for diameter, turn in zip(_TARGET_DIAMETERS_MM, _TARGET_ANGLES_DEG, strict=True):
            place = canvas.place(_TARGETS_DISTANCE_MM, -87.4 + 120 * group + turn)
            canvas.set_disc(plane, place, diameter / 2, _BACKGROUND_HU["low_contrast"] + contrast)


def _draw_plane(
    phantom: Catphan504, canvas: Canvas, modules: dict[str, Plane], z_mm: float, index: int
) -> Plane:
    """Return one plane in measured HU; z is from the sensitometry module's middle."""
    name = _module_at(z_mm)
    plane = modules[name].copy()
    if name == "sensitometry":
        # Wires rise by 23 degrees: where they cross the plane tells z.
        along = z_mm / math.tan(math.radians(_RAMP_DEG))
        for side in (0, 90, 180, 270):
            radius = math.hypot(_RAMP_DISTANCE_MM, along)
            turn = math.degrees(math.atan2(along, _RAMP_DISTANCE_MM))
            place = canvas.place(radius, side + turn)
            canvas.set_bar(plane, place, (2.5, 0.6), side + 90, _RAMP_HU)
    if phantom.noise_hu > 0:
        rng = np.random.default_rng((phantom.noise_seed, index))
        noise = filtered_noise(rng, (canvas.rows, canvas.columns), canvas.pixel_spacing_mm)
        plane += np.float32(phantom.noise_hu) * noise
    return plane * np.float32(phantom.hu_scale) + np.float32(phantom.hu_offset)


def _to_stored(plane: Plane) -> NDArray[np.int32]:
    stored = np.rint(plane - _INTERCEPT_HU).astype(np.int32)
    return np.clip(stored, 0, 4095)
