"""What each phantom is made of: read from data files, one a model."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

__all__ = ["Insert", "Phantom", "load_phantoms", "parse_phantom"]

_LARGEST_BYTES = 65_536


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
    node_spacing_mm: float | None


def parse_phantom(text: str) -> Phantom:
    """Return the phantom that a TOML document describes.

    Raises
    ------
    ValueError
        It is no TOML, or something of it is missing or of the wrong kind.
    """
    if len(text.encode()) > _LARGEST_BYTES:
        raise ValueError(f"expected a phantom's file of at most {_LARGEST_BYTES} bytes")
    document = tomllib.loads(text)
    try:
        return _from_document(document)
    except (KeyError, TypeError) as error:
        raise ValueError(f"a phantom's file lacks something, or has it wrong: {error}") from None


def _from_document(document: dict[str, Any]) -> Phantom:
    ramps, nodes = document.get("ramps"), document.get("nodes")
    return Phantom(
        model=str(document["model"]),
        source=str(document["source"]),
        radius_mm=float(document["radius_mm"]),
        background_hu=float(document["background_hu"]),
        modules={
            str(name): (float(low), float(high))
            for name, (low, high) in document["modules"].items()
        },
        inserts=tuple(
            Insert(
                material=str(insert["material"]),
                angle_deg=float(insert["angle_deg"]),
                distance_mm=float(insert["distance_mm"]),
                radius_mm=float(insert["radius_mm"]),
                typical_hu=float(insert["typical_hu"]),
            )
            for insert in document["inserts"]
        ),
        uniformity_distance_mm=float(document["uniformity"]["distance_mm"]),
        uniformity_radius_mm=float(document["uniformity"]["radius_mm"]),
        ramp_deg=None if ramps is None else float(ramps["angle_deg"]),
        ramp_distance_mm=None if ramps is None else float(ramps["distance_mm"]),
        node_spacing_mm=None if nodes is None else float(nodes["spacing_mm"]),
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
