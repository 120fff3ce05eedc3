"""The regions that an analysis measured, as circles over the viewer's images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from noctis_lab.analysis.calibration.result import HuAnalysis
from noctis_lab.views.calibration.numbers import number, number_of, text_of

__all__ = ["Module", "modules_of", "region_marks", "uniformity_marks"]

#: A module of a phantom → what pages call it.
_NAMES: Final[Mapping[str, Mapping[str, str]]] = {
    "CatPhan": {
        "sensitometry": "CTP404", "uniformity": "CTP486", "resolution": "CTP528",
        "low_contrast": "CTP515",
    },
}  # fmt: skip
_WORDS: Final = {
    "sensitometry": "sensitometry: inserts of known material",
    "uniformity": "uniformity: plain all over",
    "resolution": "resolution: line pairs",
    "low_contrast": "low contrast",
}
_ORDER: Final = ("sensitometry", "uniformity", "resolution", "low_contrast")


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """A module that the series reaches: where its middle is, z in mm, patient LPS."""

    name: str
    words: str
    z_mm: float


def region_marks(
    SeriesInstanceUID: str,
    rois: Sequence[Mapping[str, Any]],
    spacing_mm: float,
    *,
    is_movable: bool = False,
) -> list[dict[str, Any]]:
    """Return the circles of an analysis' regions, rows of `hu_roi`.

    Parameters
    ----------
    spacing_mm
        Between planes: a circle is drawn on those that were measured.
    is_movable
        Whether they may be put elsewhere, for another analysis; each is then known by its material.
    """
    placed = [roi for roi in rois if number_of(roi["x_mm"]) is not None]
    if not placed:
        return []
    middle = sum(float(roi["y_mm"]) for roi in placed) / len(placed)
    return [
        {
            "SeriesInstanceUID": SeriesInstanceUID,
            "centre_mm": [float(roi[name]) for name in ("x_mm", "y_mm", "z_mm")],
            "radius_mm": float(roi["radius_mm"]),
            "reach_mm": (int(number_of(roi["plane_count"]) or 1) // 2 + 0.25) * spacing_mm,
            "title": _title(text_of(roi["material"])) + (", by hand" if roi["is_manual"] else ""),
            "lines": [number(float(roi["value_hu"]))],
            "isAbove": float(roi["y_mm"]) < middle - 1,  # y ascends to the back, as images go down
        }
        | ({"name": text_of(roi["material"])} if is_movable else {})
        for roi in placed
    ]


def uniformity_marks(
    SeriesInstanceUID: str, analysis: HuAnalysis, row: Mapping[str, Any], z_mm: float
) -> list[dict[str, Any]]:
    """Return the circles of the uniformity module's regions.

    Parameters
    ----------
    row
        Of `hu_analysis`: where the phantom's axis is.
    z_mm
        Of the module's middle.
    """
    found, phantom = analysis.uniformity, analysis.found.phantom
    x, y = number_of(row["x_mm"]), number_of(row["y_mm"])
    if found is None or phantom is None or x is None or y is None:
        return []
    low, high = phantom.modules["uniformity"]
    distance = phantom.uniformity_distance_mm
    steps = {"center": (0, 0), "right": (1, 0), "bottom": (0, 1), "left": (-1, 0), "top": (0, -1)}
    return [
        {
            "SeriesInstanceUID": SeriesInstanceUID,
            "centre_mm": [x + dx * distance, y + dy * distance, z_mm],
            "radius_mm": phantom.uniformity_radius_mm,
            "reach_mm": (high - low) / 2,
            "title": "",
            "lines": [number(mean)],
            "isAbove": False,
        }
        for (dx, dy), mean in ((steps[place], mean) for place, mean in found.means.items())
    ]


def modules_of(model: str, row: Mapping[str, Any]) -> tuple[Module, ...]:
    """Return a phantom's modules by an analysis, the sensitometry module first.

    Of plain water it is the water itself.
    """
    from noctis_lab.analysis.calibration.phantoms import load_phantoms

    z_mm = number_of(row["z_mm"])
    if z_mm is None:
        return ()
    phantom = next((one for one in load_phantoms() if one.model == model), None)
    if phantom is None:
        return (Module(name="Water", words="plain water", z_mm=z_mm),)
    names = next((names for maker, names in _NAMES.items() if model.startswith(maker)), {})
    sign = -1 if row["is_reversed"] is True or row["is_reversed"] == 1 else 1
    return tuple(
        Module(
            name=names.get(kind, kind.replace("_", " ").capitalize()),
            words=_WORDS.get(kind, kind),
            z_mm=z_mm + sign * (phantom.modules[kind][0] + phantom.modules[kind][1]) / 2,
        )
        for kind in sorted(
            phantom.modules, key=lambda kind: _ORDER.index(kind) if kind in _ORDER else len(_ORDER)
        )
    )


def _title(material: str) -> str:
    return material[:1].upper() + material[1:]
