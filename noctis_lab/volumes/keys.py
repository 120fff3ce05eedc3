"""What may tell frames at one place from each other: each key by name, value and word. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass

from noctis_lab.dicom.frame_facts import FrameFacts
from noctis_lab.volumes.frames import Frame

__all__ = [
    "B_VALUE",
    "CONTRASTS",
    "DIMS",
    "LAST_RESORT",
    "PARTS",
    "REMARKS",
    "TRIGGER",
    "Key",
    "acquired_s",
    "dimension_key",
    "is_one_clock",
]

type Value = Hashable

#: Numbers of one protocol are alike to so many digits; scanners round the rest.
_DIGITS = 6
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Key:
    """One thing that is stated of a frame. `dim` is the dim that its values make, if any may."""

    name: str
    dim: str | None
    value: Callable[[Frame], Value]
    words: Callable[[Value], str]
    is_number: bool = False  # of a contrast: then each plane may have its own


def _number(value: float | None) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{_DIGITS}g}")


def _of(get: Callable[[FrameFacts], Value]) -> Callable[[Frame], Value]:
    return lambda frame: get(frame.facts)


def _with(prefix: str, unit: str = "") -> Callable[[Value], str]:
    def words(value: Value) -> str:
        return f"{prefix} not stated" if value is None else f"{prefix} {value}{unit}"

    return words


def _echo(facts: FrameFacts) -> Value:
    return facts.echo_number if facts.echo_ms is None else _number(facts.echo_ms)


def _b_value(facts: FrameFacts) -> Value:
    if facts.b_value is None:
        return None
    vector = tuple(round(part, 4) for part in facts.b_vector or ())
    key = facts.gradient_key or ()
    return (_number(facts.b_value), vector, facts.diffusion_directionality or "", key)


def _b_words(value: Value) -> str:
    if not isinstance(value, tuple):
        return "b-value not stated"
    b_value, vector, direction, _ = value
    along = f" along {vector}" if vector else f" {direction.lower()}" if direction else ""
    return f"b {b_value:g} s/mm²{along}"


def _image_type(facts: FrameFacts) -> Value:
    return facts.image_type


def _flavour(facts: FrameFacts) -> Value:
    """Return what ImageType says of the contrast: its values from the third (PS3.3 C.8.16.1.3)."""
    return facts.image_type[2:]


def _origin(facts: FrameFacts) -> Value:
    return facts.image_type[:2]


def _type_words(value: Value) -> str:
    return "\\".join(value) if isinstance(value, tuple) and value else "no ImageType"


def _is_rescaled(facts: FrameFacts) -> Value:
    """Return whether a Modality LUT is stated at all: where none is, values are as stored."""
    return facts.rescale is not None or facts.has_unread_modality_lut


def _units(facts: FrameFacts) -> Value:
    return None if facts.rescale is None else facts.rescale.units or None


def _vector(keyword: str) -> Callable[[Frame], Value]:
    return lambda frame: dict(frame.facts.vectors).get(keyword)


COMPONENT = Key(
    "component", None, _of(lambda facts: facts.component), lambda v: str(v or "no component")
)
IMAGE_TYPE = Key("image type", None, _of(_image_type), _type_words)
FLAVOUR = Key("image type", None, _of(_flavour), _type_words)
ORIGIN = Key("ImageType values 1 and 2", None, _of(_origin), _type_words)
ENERGY_WINDOW = Key("energy window", None, _vector("EnergyWindowVector"), _with("energy window"))
DETECTOR = Key("detector", None, _vector("DetectorVector"), _with("detector"))
INTERVAL = Key("interval", None, _vector("RRIntervalVector"), _with("R-R interval"))
INVERSION = Key(
    "inversion",
    None,
    _of(lambda f: _number(f.inversion_ms)),
    _with("inversion", " ms"),
    is_number=True,
)
FLIP_ANGLE = Key(
    "flip angle",
    None,
    _of(lambda f: _number(f.flip_deg)),
    _with("flip angle", "°"),
    is_number=True,
)
KERNEL = Key("kernel", None, _of(lambda f: f.kernel), _with("kernel"))
TUBE_VOLTAGE = Key(
    "tube voltage",
    None,
    _of(lambda f: _number(f.tube_kv)),
    _with("tube voltage", " kV"),
    is_number=True,
)
ASL_TECHNIQUE = Key("ASL technique", None, _of(lambda f: f.asl_technique), _with("ASL technique"))
B_VALUE = Key("b-value", "b_value", _of(_b_value), _b_words, is_number=True)
ECHO = Key("echo", "echo", _of(_echo), _with("echo", " ms"), is_number=True)
ASL_CONTEXT = Key("ASL context", "asl_context", _of(lambda f: f.asl_context), _with("ASL context"))
PHASE = Key("phase", "phase", _of(lambda facts: facts.phase_index), _with("phase"))
PART_OF_BEAT = Key(
    "part of the beat", "phase", _of(lambda f: _number(f.phase_percent)), _with("at", " %")
)
TRIGGER = Key("trigger", "phase", _of(lambda f: _number(f.trigger_ms)), _with("trigger", " ms"))
TIME_POINT = Key("time point", "time", _of(lambda facts: facts.temporal_index), _with("time point"))
PHASE_VECTOR = Key("phase vector", "time", _vector("PhaseVector"), _with("time phase"))
REFERENCE_TIME = Key(
    "reference time", "time", _of(lambda f: _number(f.reference_ms)), _with("at", " ms")
)
FRAME_TIME = Key(
    "frame time", "time", _of(lambda f: _number(f.frame_time_ms)), _with("frame time", " ms")
)
ACQUISITION = Key(
    "acquisition", None, _of(lambda facts: facts.acquisition_number), _with("acquisition")
)

#: What parts frames at one place into stacks, and is never a dim.
PARTS = (
    *(COMPONENT, IMAGE_TYPE, ENERGY_WINDOW, DETECTOR, INTERVAL),
    *(INVERSION, FLIP_ANGLE, KERNEL, TUBE_VOLTAGE, ASL_TECHNIQUE),
)
#: What may be a dim, the more telling first.
DIMS = (
    *(B_VALUE, ECHO, ASL_CONTEXT, PHASE, PART_OF_BEAT, TRIGGER),
    *(TIME_POINT, PHASE_VECTOR, REFERENCE_TIME, FRAME_TIME),
)
#: What parts frames where nothing else does.
LAST_RESORT = (ACQUISITION,)
#: What planes of one volume must share, be they at one place or at several.
CONTRASTS = (
    *(FLAVOUR if key is IMAGE_TYPE else key for key in PARTS),
    *(B_VALUE, ECHO, ASL_CONTEXT),
)
#: What planes of one volume may differ in, if it is said.
REMARKS = (
    ORIGIN,
    Key("whether a Modality LUT is stated", None, _of(_is_rescaled), _with("Modality LUT")),
    Key("RescaleType", None, _of(_units), _with("RescaleType")),
    *(PHASE, PART_OF_BEAT, TIME_POINT),
)


def dimension_key(pointer: str) -> Key:
    """Return the key of an enhanced image's dimension, by what its index points to."""
    return Key(
        f"dimension {pointer}",
        None,
        _of(
            lambda facts: dict(zip(facts.dimensions, facts.dimension_index, strict=False)).get(
                pointer
            )
        ),
        _with(f"dimension {pointer}"),
    )


def acquired_s(frame: Frame) -> float | None:
    """Return when a frame's acquisition began: seconds, comparable within a series."""
    value = frame.facts.acquired_s
    return value if value is not None and math.isfinite(value) else None


def is_one_clock(times_s: Collection[float]) -> bool:
    """Return whether moments of `acquired_s` follow each other as their numbers do.

    Moments with a date and moments without one do not; without dates those of more than half a day
    do not either, since midnight may lie between them.
    """
    if not times_s:
        return True
    first, last = min(times_s), max(times_s)
    return first > _DAY_S or (last <= _DAY_S and last - first <= _DAY_S / 2)
