"""What the vectors are made of: small images, what is drawn on them, and their figures."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from noctis_lab.analysis.measure.area import AREA_MASKS
from noctis_lab.analysis.measure.figures import MeasuredPlane, figures_of
from noctis_lab.analysis.measure.kinds import KINDS
from noctis_lab.analysis.measure.placed import PlanePlace

FOLDER = Path(__file__).parent

type Points = list[list[float]]


@dataclass(frozen=True, kw_only=True)
class Image:
    """A frame as it is stored, and what makes values of it."""

    name: str
    stored: np.ndarray | None
    shape: tuple[int, int]
    slope: float = 1.0
    intercept: float = 0.0
    padding: tuple[float, float] | None = None
    spacing_mm: tuple[float, float] | None = None
    units: str | None = None

    def to_plane(self) -> MeasuredPlane:
        values = None
        if self.stored is not None:
            values = self.stored.astype(np.float64) * self.slope + self.intercept
            if self.padding is not None:
                low, high = self.padding
                values[(self.stored >= low) & (self.stored <= high)] = np.nan
        return MeasuredPlane(
            shape=self.shape, values=values, spacing_mm=self.spacing_mm, units=self.units
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "columns": self.shape[1],
            "rows": self.shape[0],
            "stored": None if self.stored is None else _list(self.stored),
            "dtype": None if self.stored is None else str(self.stored.dtype),
            "slope": self.slope,
            "intercept": self.intercept,
            "padding": None if self.padding is None else list(self.padding),
            "spacing_mm": None if self.spacing_mm is None else list(self.spacing_mm),
            "units": self.units,
        }

    @classmethod
    def from_dict(cls, found: dict[str, Any]) -> Image:
        stored = found["stored"]
        shape = (found["rows"], found["columns"])
        if stored is not None:
            numbers = [math.nan if number is None else number for number in stored]
            stored = np.array(numbers, dtype=found["dtype"]).reshape(shape)
        return cls(
            name=found["name"],
            stored=stored,
            shape=shape,
            slope=found["slope"],
            intercept=found["intercept"],
            padding=None if found["padding"] is None else tuple(found["padding"]),
            spacing_mm=None if found["spacing_mm"] is None else tuple(found["spacing_mm"]),
            units=found["units"],
        )


def _list(stored: np.ndarray) -> list[float | None]:
    return [None if number != number else number for number in stored.ravel().tolist()]


def images() -> list[Image]:
    random = np.random.default_rng(20_26)
    ct = random.integers(0, 2400, (10, 12), dtype=np.int16)
    padded = ct.copy()
    padded[:3] = -2000
    padded[3, :4] = -1999
    floats = random.normal(1.5, 0.25, (11, 9)).astype(np.float32)
    floats[2, 3:6] = np.nan
    floats[7, 7] = np.nan
    down, across = np.mgrid[:30, :40]
    smooth = (500 + 300 * np.sin(across / 5) * np.cos(down / 7)).astype(np.uint16)
    return [
        Image(
            name="ct",
            stored=ct,
            shape=ct.shape,
            intercept=-1024.0,
            spacing_mm=(0.7, 0.7),
            units="HU",
        ),
        Image(
            name="anisotropic, fractional slope",
            stored=ct.astype(np.uint16),
            shape=ct.shape,
            slope=0.1,
            intercept=-3.3,
            spacing_mm=(0.5, 1.25),
            units="SUV(bw)",
        ),
        Image(name="no spacing, uint8", stored=(ct % 256).astype(np.uint8), shape=ct.shape),
        Image(
            name="float with NaN",
            stored=floats,
            shape=floats.shape,
            spacing_mm=(2.0, 2.0),
            units="mm2/s",
        ),
        Image(
            name="padding",
            stored=padded,
            shape=ct.shape,
            intercept=-1024.0,
            padding=(-2000.0, -1999.0),
            spacing_mm=(0.7, 0.7),
            units="HU",
        ),
        Image(name="smooth", stored=smooth, shape=smooth.shape, slope=0.25, spacing_mm=(1.0, 0.8)),
        Image(
            name="constant",
            stored=np.full((10, 12), 7, np.int32),
            shape=(10, 12),
            slope=0.1,
            spacing_mm=(1.0, 1.0),
        ),
        Image(name="one voxel", stored=np.array([[42]], np.int16), shape=(1, 1)),
        Image(name="colour", stored=None, shape=(10, 12), spacing_mm=(0.3, 0.3)),
    ]


def drawings() -> list[tuple[str, str, Points]]:
    """Return (name, kind, points) of what is drawn on every image."""
    turn = np.arange(72) * (2 * math.pi / 72)
    hand = np.stack(
        [5 + (3 + np.sin(3 * turn)) * np.cos(turn), 4.5 + (3 + np.sin(3 * turn)) * np.sin(turn)],
        axis=-1,
    )
    star = [[6 + 5 * math.sin(a), 5 - 4 * math.cos(a)] for a in 0.8 * math.pi * np.arange(5)]
    return [
        ("level", "length", [[1, 4], [9, 4]]),
        ("oblique", "length", [[0.25, 7.5], [10.75, 1.125]]),
        ("of no length", "length", [[3, 3], [3, 3]]),
        ("leaving the image", "length", [[-20, 3], [40.5, 8]]),
        ("right", "angle", [[8, 2], [2, 2], [2, 7]]),
        ("acute", "angle", [[9.5, 3.25], [1.5, 2.5], [8.75, 6]]),
        ("straight", "angle", [[1, 1], [4, 4], [7, 7]]),
        ("folded", "angle", [[7, 7], [4, 4], [9, 9]]),
        ("an arm of no length", "angle", [[4, 4], [4, 4], [9, 9]]),
        ("either way", "cobb", [[1, 1], [10, 2.5], [10, 8], [1, 7]]),
        ("parallel", "cobb", [[1, 1], [10, 1], [10, 8], [1, 8]]),
        ("square", "cobb", [[1, 1], [10, 1], [5, 2], [5, 9]]),
        ("crossed", "bidirectional", [[2, 5], [10, 4], [5.5, 2], [6.5, 7.75]]),
        ("the second longer", "bidirectional", [[4, 4], [5, 4], [1, 1], [1, 9]]),
        ("whole corners", "ellipse", [[2, 1], [8, 7]]),
        ("fractions, from the other corner", "ellipse", [[9.75, 8.2], [3.1, 2.4]]),
        ("clipped", "ellipse", [[-4.5, -3], [6, 5.5]]),
        ("flat", "ellipse", [[2, 4], [8, 4]]),
        ("between four centres", "ellipse", [[4.2, 4.2], [4.8, 4.8]]),
        ("about one centre", "ellipse", [[3.6, 3.7], [4.3, 4.4]]),
        ("outside", "ellipse", [[50, 50], [60, 58]]),
        ("edges on centres", "rectangle", [[2, 1], [6, 4]]),
        ("fractions, from the other corner", "rectangle", [[7.3, 6.9], [2.6, 1.2]]),
        ("clipped on all sides", "rectangle", [[-5, -5], [99, 99]]),
        ("the outer edge itself", "rectangle", [[-0.5, -0.5], [11.5, 9.5]]),
        ("one voxel", "rectangle", [[3.5, 2.5], [4.5, 3.5]]),
        ("no voxel", "rectangle", [[3.2, 2.2], [3.8, 2.8]]),
        ("a point on a centre", "rectangle", [[4, 3], [4, 3]]),
        ("outside", "rectangle", [[-9, -9], [-2, -3]]),
        ("square with corners on centres", "polygon", [[2, 2], [6, 2], [6, 6], [2, 6]]),
        ("the other way round", "polygon", [[2, 2], [2, 6], [6, 6], [6, 2]]),
        ("triangle", "polygon", [[1.5, 0.5], [10.25, 3.75], [4, 8.5]]),
        ("concave", "polygon", [[1, 1], [10, 1], [10, 8], [5.5, 3], [1, 8]]),
        ("crossing itself: bow tie", "polygon", [[1, 1], [9, 7], [9, 1], [1, 7]]),
        ("crossing itself: star", "polygon", star),
        ("clipped", "polygon", [[-3, 2], [5, -4], [15, 6], [4, 14]]),
        ("of no area", "polygon", [[1, 1], [5, 5], [9, 9]]),
        ("level", "polygon", [[1, 4], [9, 4], [5, 4]]),
        ("corners given twice", "polygon", [[2, 2], [2, 2], [7, 2], [7, 7], [7, 7], [2, 2]]),
        ("around one centre", "polygon", [[3.9, 3.9], [4.1, 3.9], [4, 4.2]]),
        ("by hand", "freehand", hand.tolist()),
        ("by hand, its end overlapping", "freehand", [*hand.tolist(), *hand[:9].tolist()]),
        ("by hand, clipped", "freehand", (hand - 4).tolist()),
        ("a centre", "probe", [[4, 3]]),
        ("near a centre", "probe", [[4.49, 2.51]]),
        ("halfway", "probe", [[4.5, 2.5]]),
        ("on the edge", "probe", [[-0.5, -0.5]]),
        ("outside", "probe", [[-0.51, 4]]),
        ("far outside", "probe", [[400, -300]]),
        ("note", "arrow", [[4, 3], [8, 6]]),
        ("note", "text", [[4, 3]]),
        ("along a row", "profile", [[1, 4], [9, 4]]),
        ("oblique", "profile", [[0.5, 1.25], [10.5, 8.75]]),
        ("leaving the image", "profile", [[-6, -2], [30, 13]]),
        ("of no length", "profile", [[3, 3], [3, 3]]),
        ("shorter than a voxel", "profile", [[3.2, 3.1], [3.7, 3.4]]),
        ("back to the first voxel", "profile", [[8, 0], [0, 0]]),
    ]


def _figures() -> list[dict[str, Any]]:
    found = []
    for image in images():
        plane = image.to_plane()
        cases = []
        for name, kind, points in drawings():
            case = {"name": f"{kind}, {name}", "kind": kind, "points_px": points}
            case["values"] = figures_of(kind, points, plane)
            if kind in AREA_MASKS:
                mask = AREA_MASKS[kind](np.array(points, dtype=np.float64), plane.shape)
                case["voxels"] = np.argwhere(mask)[:, ::-1].tolist()
            cases.append(case)
        found.append({"image": image.to_dict(), "cases": cases})
    return found


def _planes() -> list[dict[str, Any]]:
    turned = 1 / math.sqrt(2)
    places = [
        PlanePlace(
            origin_mm=(-120.5, -80.0, 35.25),
            right=(1.0, 0.0, 0.0),
            down=(0.0, 0.0, -1.0),
            spacing_mm=(2.5, 0.75),
        ),
        PlanePlace(
            origin_mm=(10.0, 20.0, -30.0),
            right=(turned, turned, 0.0),
            down=(0.5, -0.5, -turned),
            spacing_mm=(0.6, 0.6),
        ),
    ]
    points_px = np.array([[0.0, 0.0], [10.0, 4.0], [-3.25, 17.5]])
    return [
        {
            "plane": {
                "origin_mm": list(place.origin_mm),
                "right": list(place.right),
                "down": list(place.down),
                "spacing_mm": list(place.spacing_mm),
                "slab_mm": 0.0,
                "projection": None,
            },
            "points_mm": place.to_mm(points_px).tolist(),
            "points_px": place.to_px(place.to_mm(points_px)).tolist(),
        }
        for place in places
    ]


def _refused() -> list[dict[str, Any]]:
    return [
        {"name": "no such kind", "kind": "circle", "points_px": [[1, 1], [2, 2]]},
        {"name": "too few points", "kind": "angle", "points_px": [[1, 1], [2, 2]]},
        {"name": "too many points", "kind": "length", "points_px": [[1, 1], [2, 2], [3, 3]]},
        {"name": "two corners", "kind": "polygon", "points_px": [[1, 1], [2, 2]]},
        {"name": "no points", "kind": "probe", "points_px": []},
        {"name": "three coordinates", "kind": "probe", "points_px": [[1, 1, 1]]},
        {"name": "not a number", "kind": "probe", "points_px": [[1, None]]},
        {"name": "too far away", "kind": "probe", "points_px": [[1, 1e7]]},
    ]


def _kinds() -> list[dict[str, Any]]:
    return [
        {
            "kind": name,
            "points": list(kind.points),
            "is_area": kind.is_area,
            "has_values": kind.has_values,
        }
        for name, kind in KINDS.items()
    ]


def render() -> dict[str, str]:
    """Return the text of each file, by its name."""
    return {
        "figures.json": _json(_figures()),
        "kinds.json": _json(_kinds()),
        "planes.json": _json(_planes()),
        "refused.json": _json(_refused()),
    }


def _json(found: list[dict[str, Any]]) -> str:
    """Return JSON with a case a line."""
    lines = []
    for entry in found:
        if "cases" not in entry:
            lines.append(json.dumps(entry, allow_nan=False))
            continue
        cases = ",\n".join(json.dumps(case, allow_nan=False) for case in entry["cases"])
        image = json.dumps(entry["image"], allow_nan=False)
        lines.append(f'{{"image": {image},\n"cases": [\n{cases}\n]}}')
    return "[\n" + ",\n".join(lines) + "\n]\n"
