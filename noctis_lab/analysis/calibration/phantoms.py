"""What each phantom is made of: read from data files, one a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from noctis_lab.analysis.calibration.bounds import number_of, toml_of, word_of

__all__ = ["Insert", "Phantom", "load_phantoms", "parse_phantom"]

_LARGEST_BYTES = 65_536
_MOST_PARTS, _MOST_MM = 64, 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Insert:
    """A rod of known material.

    Attributes
    ----------
    angle_deg
        From the image's right (the patient's left) towards its bottom, as images are shown.
    typical_hu
        Roughly what it measures: to recognise the phantom by, never to judge a scanner.
    """

    material: str
    angle_deg: float
    distance_mm: float
    radius_mm: float
    typical_hu: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Phantom:
    """A cylinder of modules along z.

    Attributes
    ----------
    modules
        Name → (from, to) in mm along the phantom's own z; 0 is the sensitometry module's middle.
    uniformity_distance_mm, uniformity_radius_mm
        Where the uniformity module's outer regions lie, and their radius.
    ramp_deg, ramp_distance_mm
        The wires that tell z and slice thickness, None without.
    gauge_distance_mm
        Where the resolution module's line pairs lie, None without.
    node_spacing_mm
        Side of the square of small holes that tells the scale, None without.
    """

    model: str
    source: str
    radius_mm: float
    background_hu: float
    modules: dict[str, tuple[float, float]]
    inserts: tuple[Insert, ...]
    uniformity_distance_mm: float
    uniformity_radius_mm: float
    ramp_deg: float | None
    ramp_distance_mm: float | None
    gauge_distance_mm: float | None
    node_spacing_mm: float | None


def parse_phantom(text: str) -> Phantom:
    """Return the phantom that a TOML document describes.

    Raises
    ------
    ValueError
        It is no TOML, or something of it is missing, of the wrong kind or out of bounds.
    """
    document = toml_of(text, _LARGEST_BYTES)
    try:
        return _from_document(document)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"a phantom's file lacks something, or has it wrong: {error}") from None


def _from_document(document: dict[str, Any]) -> Phantom:
    ramps, nodes, gauge = (document.get(name) for name in ("ramps", "nodes", "gauge"))
    modules, inserts, plain = document["modules"], document["inserts"], document["uniformity"]
    if not 1 <= len(inserts) <= _MOST_PARTS or not len(modules) <= _MOST_PARTS:
        raise ValueError(f"expected 1 to {_MOST_PARTS} inserts and modules")
    missing = {"sensitometry", "uniformity"} - modules.keys()
    if missing:
        raise ValueError(f"expected the module {min(missing)}")
    return Phantom(
        model=word_of(document, "model"),
        source=word_of(document, "source"),
        radius_mm=number_of(document, "radius_mm", 1.0, _MOST_MM),
        background_hu=number_of(document, "background_hu", -1100.0, 30_000.0),
        modules={str(name): _reach_of(name, reach) for name, reach in modules.items()},
        inserts=tuple(_insert_of(insert) for insert in inserts),
        uniformity_distance_mm=number_of(plain, "distance_mm", 0.0, _MOST_MM),
        uniformity_radius_mm=number_of(plain, "radius_mm", 0.5, _MOST_MM),
        ramp_deg=None if ramps is None else number_of(ramps, "angle_deg", 1.0, 89.0),
        ramp_distance_mm=None if ramps is None else number_of(ramps, "distance_mm", 0.0, _MOST_MM),
        gauge_distance_mm=None if gauge is None else number_of(gauge, "distance_mm", 1.0, _MOST_MM),
        node_spacing_mm=None if nodes is None else number_of(nodes, "spacing_mm", 1.0, _MOST_MM),
    )


def _reach_of(name: str, reach: Sequence[Any]) -> tuple[float, float]:
    if len(reach) != 2:
        raise ValueError(f"expected the module {name} from one z to another")
    low, high = (number_of({name: edge}, name, -1000.0, 1000.0) for edge in reach)
    if low >= high:
        raise ValueError(f"expected the module {name} from low to high")
    return low, high


def _insert_of(insert: Mapping[str, Any]) -> Insert:
    return Insert(
        material=word_of(insert, "material"),
        angle_deg=number_of(insert, "angle_deg", -360.0, 360.0),
        distance_mm=number_of(insert, "distance_mm", 1.0, _MOST_MM),
        radius_mm=number_of(insert, "radius_mm", 0.5, _MOST_MM),
        typical_hu=number_of(insert, "typical_hu", -1100.0, 30_000.0),
    )


@cache
def load_phantoms() -> tuple[Phantom, ...]:
    """Return the phantoms that ship with the package, by model."""
    folder = resources.files(__package__).joinpath("data", "phantoms")
    found = [
        parse_phantom(entry.read_text("utf-8"))
        for entry in folder.iterdir()
        if entry.name.endswith(".toml")
    ]
    return tuple(sorted(found, key=lambda phantom: phantom.model))
