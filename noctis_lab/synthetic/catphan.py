"""CT series of CatPhans, the ACR 464 and plain water, drawn from their drawings."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Any, Unpack, cast

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from noctis_lab.synthetic.options import CtOptions, CtSeriesOptions
from noctis_lab.synthetic.phantom_models import PHANTOM_MODELS, Module, PhantomModel
from noctis_lab.synthetic.series import ct_series
from noctis_lab.synthetic.shapes import Canvas, NoisePower, ct_noise_power, filtered_noise

__all__ = ["CtPhantom", "CtPhantomOptions", "catphan504", "ct_phantom"]

type Plane = NDArray[np.float32]

_AIR_HU = -1000.0
_INTERCEPT_HU = -1024
_WIDTH_MM = 250.0
#: A ramp's wire: how broad it looks, and its contrast in a slice of 1 mm; thick ones dilute it.
_WIRE_MM, _WIRE_HU_MM = 0.6, 1000.0
_MOST_WIRE_HU = 1500.0
_NODE_RADIUS_MM = 1.5
_TARGETS_DISTANCE_MM = 50.0
_TARGET_DIAMETERS_MM = (15.0, 9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0)
_TARGET_ANGLES_DEG = (0.0, 18.3, 34.7, 48.9, 62.3, 74.5, 84.5, 93.0, 99.7)
_TARGET_CONTRASTS_HU = (10.0, 5.0, 3.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CtPhantom:
    """How the phantom lies and how the scanner errs."""

    kvp: int = 120  # 80, 100, 120 or 140
    #: Standard deviation of the noise, HU; 0 for none.
    noise_hu: float = 5.0
    noise_seed: int = 504
    #: Frequency in mm⁻¹ → the noise's power, in any unit: `noise_hu` sets the scale.
    noise_power: NoisePower = ct_noise_power
    blur_sigma_mm: float = 0.5
    #: z of the sensitometry module's middle, LPS.
    module_z_mm: float = 0.0
    #: Of the phantom's axis at `module_z_mm`, LPS (x, y).
    center_mm: tuple[float, float] = (0.0, 0.0)
    roll_deg: float = 0.0
    #: How the axis leaves z: towards the back (+y), and towards the patient's left (+x). Small: a
    #: circle's cut is drawn as a circle.
    tilt_deg: tuple[float, float] = (0.0, 0.0)
    table: bool = True
    #: By how much the middle is too low, falling off with the square of the radius.
    cupping_hu: float = 0.0
    #: Measured = true · hu_scale + hu_offset.
    hu_scale: float = 1.0
    hu_offset: float = 0.0
    #: What is written outside of the circle of reconstruction; None for the image's own values.
    padding_hu: float | None = None
    #: The planes are those between two z, from the sensitometry module's middle; None for all of
    #: the phantom and a little air. Not used where planes or an origin are asked for.
    coverage_mm: tuple[float, float] | None = None


class CtPhantomOptions(CtOptions, total=False):
    """The keyword arguments of `ct_phantom`: a series's, and those of `CtPhantom`."""

    kvp: int
    noise_hu: float
    noise_seed: int
    noise_power: NoisePower
    blur_sigma_mm: float
    module_z_mm: float
    center_mm: tuple[float, float]
    roll_deg: float
    tilt_deg: tuple[float, float]
    table: bool
    cupping_hu: float
    hu_scale: float
    hu_offset: float
    padding_hu: float | None
    coverage_mm: tuple[float, float] | None


def catphan504(**options: Unpack[CtPhantomOptions]) -> list[Dataset]:
    """Return a CT series of a CatPhan 504; see `ct_phantom`."""
    return ct_phantom("CatPhan 504", **options)


def ct_phantom(model: str, **options: Unpack[CtPhantomOptions]) -> list[Dataset]:
    """Return a CT series of a phantom under an invented identity, PHANTOM^CATPHAN 504 for one.

    Parameters
    ----------
    model
        "CatPhan 503", "CatPhan 504", "CatPhan 600", "CatPhan 604", "ACR 464" or "water phantom".
    **options
        Fields of `CtPhantom` say how it lies, all others are `ct_series`'s. Unless asked
        otherwise: planes of 512² at 0.49 mm, every 2 mm, over the whole phantom (80 of a CatPhan
        504), 12 bits with an intercept of -1024.

    Returns
    -------
    list of pydicom.Dataset
        In the order of z, ascending.

    Raises
    ------
    ValueError
        There is no such model.

    Notes
    -----
    Drawn: body, air around it, table, inserts, nodes, ramps, line pairs, low-contrast targets; a
    plane is the mean of what is within the slice's thickness. Not drawn: streaks and beads. The
    planes are axial.
    """
    drawing = PHANTOM_MODELS.get(model)
    if drawing is None:
        raise ValueError(f"expected one of {', '.join(PHANTOM_MODELS)}, came {model}")
    own = {field.name for field in fields(CtPhantom)}
    phantom = CtPhantom(**{key: value for key, value in options.items() if key in own})  # type: ignore[arg-type]
    asked = {key: value for key, value in options.items() if key not in own}
    series = _series_options(drawing, phantom, asked)
    spec = CtSeriesOptions(**series)
    painter = _Painter(drawing, phantom, spec)

    def stored(index: int) -> NDArray[np.int32]:
        return _to_stored(painter.plane(index), spec, index)

    series["stored"] = stored
    return ct_series(**series)


def _series_options(drawing: PhantomModel, phantom: CtPhantom, asked: dict[str, Any]) -> CtOptions:
    rows, columns = asked.get("rows", 512), asked.get("columns", 512)
    spacing = asked.get("pixel_spacing_mm", (_WIDTH_MM / 512, _WIDTH_MM / 512))
    step = asked.get("slice_spacing_mm", 2.0)
    low, high = drawing.reach_mm
    planes, middle = math.ceil((high - low + 25) / step), (low + high) / 2
    if phantom.coverage_mm is not None:
        low, high = phantom.coverage_mm
        planes, middle = math.floor((high - low) / step + 1e-6) + 1, (low + high) / 2
    planes = asked.get("planes", planes)
    origin = (
        -(columns - 1) / 2 * spacing[1],
        -(rows - 1) / 2 * spacing[0],
        phantom.module_z_mm + middle - (planes - 1) / 2 * step,
    )
    elements = {
        "SeriesDescription": drawing.model,
        "ProtocolName": drawing.model,
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
        "seed": drawing.model.lower().replace(" ", ""),
        "PatientName": f"PHANTOM^{drawing.model.upper()}",
        "PatientID": f"NOCTIS-{drawing.model.upper().replace(' ', '-')}",
        **asked,
        "elements": elements | dict(asked.get("elements", {})),
    }
    return cast("CtOptions", series)


class _Painter:
    """Draws a phantom's planes in measured HU; what planes have in common is kept."""

    def __init__(self, drawing: PhantomModel, phantom: CtPhantom, spec: CtSeriesOptions) -> None:
        self._drawing, self._phantom, self._spec = drawing, phantom, spec
        self._thickness_mm = (
            spec.slice_spacing_mm if spec.slice_thickness_mm is None else spec.slice_thickness_mm
        )
        self._leaning = tuple(math.tan(math.radians(angle)) for angle in reversed(phantom.tilt_deg))
        self._canvas = Canvas(
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
        self._shared: dict[str, Plane] = {}

    def plane(self, index: int) -> Plane:
        """Return one plane, float32 of shape (rows, columns)."""
        spec, phantom = self._spec, self._phantom
        positions = spec.positions_mm
        z_mm = (
            spec.origin_mm[2] + index * spec.slice_spacing_mm
            if positions is None
            else positions[index][2]
        ) - phantom.module_z_mm
        x, y = self._canvas.center_mm
        lean_x, lean_y = self._leaning
        canvas = replace(self._canvas, center_mm=(x + lean_x * z_mm, y + lean_y * z_mm))
        plane = self._cut(canvas, z_mm)
        if phantom.noise_hu > 0:
            rng = np.random.default_rng((phantom.noise_seed, index))
            noise = filtered_noise(
                rng, (spec.rows, spec.columns), spec.pixel_spacing_mm, power=phantom.noise_power
            )
            plane += np.float32(phantom.noise_hu) * noise
        plane = plane * np.float32(phantom.hu_scale) + np.float32(phantom.hu_offset)
        if phantom.padding_hu is not None:
            y_mm, x_mm = (
                (np.arange(count) - (count - 1) / 2) * step
                for count, step in zip(
                    (spec.rows, spec.columns), spec.pixel_spacing_mm, strict=True
                )
            )
            radius = min(y_mm[-1], x_mm[-1])
            plane[np.hypot(y_mm[:, None], x_mm[None]) > radius] = phantom.padding_hu
        return plane

    def _cut(self, canvas: Canvas, z_mm: float) -> Plane:
        """Return the plane without noise: each module by the share of the slice that it fills."""
        is_tilted = self._phantom.tilt_deg != (0.0, 0.0)
        own_z: float | Plane = z_mm
        if is_tilted:
            x, y = canvas.positions_mm()
            lean_x, lean_y = self._leaning
            x, y = x + np.float32(lean_x * z_mm), y + np.float32(lean_y * z_mm)
            length = math.sqrt(1 + lean_x**2 + lean_y**2)
            leant: Plane = x * np.float32(lean_x) + y * np.float32(lean_y) + np.float32(z_mm)
            own_z = leant / np.float32(length)
        shares = {
            module.name: share
            for module in self._drawing.modules
            if float(np.max(share := self._share(module, own_z))) > 0
        }
        drawn = {module.name: module for module in self._drawing.modules}
        base = self._shared_plane(None, canvas, keep=not is_tilted)
        plane = base.copy()
        for name, share in shares.items():
            module_plane = self._shared_plane(drawn[name], canvas, keep=not is_tilted)
            if np.ndim(share) == 0 and share == 1:
                plane = module_plane.copy()
            else:
                plane += np.float32(1) * share * (module_plane - base)
        if self._drawing.ramp_deg is not None:
            self._draw_wires(plane, canvas, z_mm)
        return plane

    def _share(self, module: Module, own_z: float | Plane) -> Any:
        """Return how much of a slice about some z lies in a module, 0 to 1."""
        half = self._thickness_mm / 2
        low, high = module.reach_mm
        within = np.minimum(own_z + half, high) - np.maximum(own_z - half, low)
        return np.clip(within / self._thickness_mm, 0.0, 1.0)

    def _shared_plane(self, module: Module | None, canvas: Canvas, *, keep: bool) -> Plane:
        name = "air" if module is None else module.name
        if keep and name in self._shared:
            return self._shared[name]
        if module is None:
            plane = np.full((canvas.rows, canvas.columns), _AIR_HU, np.float32)
            if self._phantom.table:
                self._draw_table(plane)
        else:
            plane = self._shared_plane(None, canvas, keep=keep).copy()
            self._draw_module(plane, canvas, module)
        if keep:
            self._shared[name] = plane
        return plane

    def _draw_table(self, plane: Plane) -> None:
        # 5 mm of carbon fibre under the phantom, its foam ignored; it does not lean.
        canvas = self._canvas
        place = (0.0, self._drawing.radius_mm + 8)
        canvas.set_bar(plane, place, (220.0, 5.0), -self._phantom.roll_deg, -150.0)

    def _draw_module(self, plane: Plane, canvas: Canvas, module: Module) -> None:
        radius = self._drawing.radius_mm
        canvas.set_disc(plane, (0.0, 0.0), radius, module.background_hu)
        if module.shows == "inserts":
            self._draw_inserts(plane, canvas)
        elif module.shows == "gauge":
            self._draw_gauge(plane, canvas)
        elif module.shows == "targets":
            _draw_targets(plane, canvas, module.background_hu)
        if self._phantom.cupping_hu != 0:
            x, y = canvas.positions_mm()
            bowl = 1 - (x * x + y * y) / np.float32(radius**2)
            plane -= np.float32(self._phantom.cupping_hu) * np.maximum(bowl, 0)

    def _draw_inserts(self, plane: Plane, canvas: Canvas) -> None:
        kvp = self._phantom.kvp
        for insert in self._drawing.inserts:
            place = canvas.place(insert.distance_mm, insert.angle_deg)
            canvas.set_disc(plane, place, insert.radius_mm, insert.hu_by_kvp[kvp])
        if self._drawing.node_mm is None:
            return
        values = {insert.material: insert.hu_by_kvp[kvp] for insert in self._drawing.inserts}
        for corner, angle in enumerate((45, 135, 225, 315)):
            place = canvas.place(self._drawing.node_mm * math.sqrt(2), angle)
            value = values["Teflon"] if corner == 0 else _AIR_HU
            canvas.set_disc(plane, place, _NODE_RADIUS_MM, value)

    def _draw_gauge(self, plane: Plane, canvas: Canvas) -> None:
        gauge = self._drawing.gauge
        assert gauge is not None
        for group, (pairs_per_cm, bars) in enumerate(gauge.groups):
            width = 5.0 / pairs_per_cm
            angle = -90 + gauge.step_deg * group
            for bar in range(bars):
                offset = (bar - (bars - 1) / 2) * 2 * width
                radius = math.hypot(gauge.distance_mm, offset)
                turn = math.degrees(math.atan2(offset, gauge.distance_mm))
                place = canvas.place(radius, angle + turn)
                canvas.set_bar(plane, place, (gauge.length_mm, width), angle, gauge.hu)

    def _draw_wires(self, plane: Plane, canvas: Canvas, z_mm: float) -> None:
        """Draw the wires, which rise: where they cross the plane tells z."""
        ramp_deg, distance = self._drawing.ramp_deg, self._drawing.ramp_distance_mm
        assert ramp_deg is not None
        assert distance is not None
        sensitometry = self._drawing.modules[0]
        rise = math.tan(math.radians(ramp_deg))
        contrast = min(_WIRE_HU_MM / self._thickness_mm, _MOST_WIRE_HU)
        for side in (0, 90, 180, 270):
            # Own z where the wire crosses: other than the plane's where the phantom leans.
            x, y = canvas.place(distance, side)
            own_z = z_mm + self._leaning[0] * x + self._leaning[1] * y
            if self._share(sensitometry, own_z) < 0.5:
                continue
            along = own_z / rise
            radius = math.hypot(distance, along)
            turn = math.degrees(math.atan2(along, distance))
            place = canvas.place(radius, side + turn)
            size = (self._thickness_mm / rise, _WIRE_MM)
            canvas.set_bar(plane, place, size, side + 90, sensitometry.background_hu + contrast)


def _draw_targets(plane: Plane, canvas: Canvas, background_hu: float) -> None:
    for group, contrast in enumerate(_TARGET_CONTRASTS_HU):
        for diameter, turn in zip(_TARGET_DIAMETERS_MM, _TARGET_ANGLES_DEG, strict=True):
            place = canvas.place(_TARGETS_DISTANCE_MM, -87.4 + 120 * group + turn)
            canvas.set_disc(plane, place, diameter / 2, background_hu + contrast)


def _to_stored(plane: Plane, spec: CtSeriesOptions, index: int) -> NDArray[np.int32]:
    slope, intercept = (
        float(number) if isinstance(number, (int, float)) else float(number[index])
        for number in (spec.rescale_slope, spec.rescale_intercept)
    )
    stored = np.rint((plane - intercept) / slope).astype(np.int32)
    low = -(1 << (spec.bits_stored - 1)) if spec.signed else 0
    return np.clip(stored, low, low + (1 << spec.bits_stored) - 1)
