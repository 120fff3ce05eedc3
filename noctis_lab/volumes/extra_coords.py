"""The coordinates of a dim that is none of space: seconds, milliseconds, b-values, words. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noctis_lab.dicom.frame_facts import FrameFacts
from noctis_lab.volumes.frames import Frame
from noctis_lab.volumes.keys import acquired_s, is_one_clock
from noctis_lab.volumes.stack import Extra

__all__ = ["extra_of", "extra_of_unplaced"]

type Coords = dict[str, tuple[NDArray[Any], dict[str, str]]]
type Planes = Sequence[Sequence[Frame]]  # for each index of the dim its frames, one for each place

_MS = {"units": "ms"}
_B = {"units": "s/mm2"}


def extra_of(dim: str, planes: Planes) -> Extra:
    """Return a dim with what is known along it.

    Parameters
    ----------
    dim
        time, echo, b_value, phase or asl_context.
    planes
        For each index its frames, one for each place.

    Returns
    -------
    Extra
        time in seconds from the first, echo and phase in ms, b_value in s/mm²; where no such number
        is stated, what counts them (from 1). Other facts that are the same at all places and vary
        along the dim are coordinates too.
    """
    coords: Coords = {dim: _COORDS[dim](planes)}
    for name, get, attributes in _ALONG:
        known = _constant(planes, get)
        if name != dim and known is not None and len(set(known)) > 1:
            coords[name] = (np.array(known), attributes)
    if dim == "b_value":
        coords |= _b_vectors(planes)
    return Extra(dim=dim, size=len(planes), coords=coords)


def extra_of_unplaced(frames: Sequence[Frame]) -> Extra:
    """Return the dim of frames without a place: time where a cine states it, else frame."""
    times_ms = [frame.facts.frame_time_ms for frame in frames]
    if (
        len(frames) > 1
        and None not in times_ms
        and len({f.row.SOPInstanceUID for f in frames}) == 1
    ):
        seconds = np.array(times_ms, dtype=np.float64) / 1000
        if np.all(np.diff(seconds) > 0):
            return Extra(dim="time", size=len(frames), coords={"time": (seconds, {"units": "s"})})
    return Extra(dim="frame", size=len(frames), coords=_vectors(frames))


def _vectors(frames: Sequence[Frame]) -> Coords:
    """Return the vectors of a nuclear image that tell its frames apart."""
    vectors = [dict(frame.facts.vectors) for frame in frames]
    names = [name for name in vectors[0] if all(name in vector for vector in vectors)]
    indices = {name: np.array([vector[name] for vector in vectors]) for name in names}
    return {name: (values, {}) for name, values in indices.items() if np.ptp(values) > 0}


def _constant(planes: Planes, get: Callable[[FrameFacts], Any]) -> list[Any] | None:
    """Return a fact for each index, where all places state the same one."""
    found = [{get(frame.facts) for frame in plane} for plane in planes]
    if any(len(values) != 1 or None in values for values in found):
        return None
    return [values.pop() for values in found]


def _counted(planes: Planes) -> tuple[NDArray[Any], dict[str, str]]:
    return np.arange(1, len(planes) + 1), {}


def _times(planes: Planes) -> tuple[NDArray[Any], dict[str, str]]:
    getters: tuple[Callable[[FrameFacts], float | None], ...] = (
        lambda facts: _seconds(facts.reference_ms),
        lambda facts: _seconds(facts.frame_time_ms),
        lambda facts: _seconds(facts.trigger_ms),
    )
    by_clock = [[acquired_s(frame) for frame in plane] for plane in planes]
    others = ([[get(frame.facts) for frame in plane] for plane in planes] for get in getters)
    for stated in (by_clock, *others):
        known = [time for times in stated for time in times if time is not None]
        if len(known) < sum(map(len, stated)) or (stated is by_clock and not is_one_clock(known)):
            continue
        firsts = np.array(stated, dtype=np.float64).min(axis=1)
        if np.all(np.diff(firsts) > 0):
            return firsts - firsts[0], {"units": "s", "long_name": "since the first"}
    return _counted(planes)


def _seconds(value_ms: float | None) -> float | None:
    return None if value_ms is None else value_ms / 1000


def _echoes(planes: Planes) -> tuple[NDArray[Any], dict[str, str]]:
    echo_ms = [plane[0].facts.echo_ms for plane in planes]
    if None not in echo_ms:
        return np.array(echo_ms, dtype=np.float64), _MS
    return np.array([plane[0].facts.echo_number for plane in planes]), {}


def _b_values(planes: Planes) -> tuple[NDArray[Any], dict[str, str]]:
    return np.array([plane[0].facts.b_value for plane in planes], dtype=np.float64), _B


def _phases(planes: Planes) -> tuple[NDArray[Any], dict[str, str]]:
    percent = _constant(planes, lambda facts: facts.phase_percent)
    if percent is not None and len(set(percent)) == len(percent):
        return np.array(percent, dtype=np.float64), {"units": "percent of the R-R interval"}
    trigger_ms = _constant(planes, lambda facts: facts.trigger_ms)
    if trigger_ms is not None and len(set(trigger_ms)) == len(trigger_ms):
        return np.array(trigger_ms, dtype=np.float64), _MS
    return _counted(planes)


def _contexts(planes: Planes) -> tuple[NDArray[Any], dict[str, str]]:
    return np.array([plane[0].facts.asl_context for plane in planes]), {}


def _b_vectors(planes: Planes) -> Coords:
    vectors = [plane[0].facts.b_vector for plane in planes]
    if not any(vectors):
        return {}
    nan = (float("nan"),) * 3
    known = np.array([vector or nan for vector in vectors], dtype=np.float64)
    return {f"b_vector_{axis}": (known[:, number], {}) for number, axis in enumerate("xyz")}


_COORDS: dict[str, Callable[[Planes], tuple[NDArray[Any], dict[str, str]]]] = {
    "time": _times,
    "echo": _echoes,
    "b_value": _b_values,
    "phase": _phases,
    "asl_context": _contexts,
}

#: Coordinates along a dim that is another.
_ALONG: tuple[tuple[str, Callable[[FrameFacts], Any], dict[str, str]], ...] = (
    ("b_value", lambda facts: facts.b_value, _B),
    ("asl_context", lambda facts: facts.asl_context, {}),
    ("echo_ms", lambda facts: facts.echo_ms, _MS),
    ("inversion_ms", lambda facts: facts.inversion_ms, _MS),
    ("flip_deg", lambda facts: facts.flip_deg, {"units": "degree"}),
)
