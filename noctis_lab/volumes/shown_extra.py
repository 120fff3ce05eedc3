"""What a viewer is told of a dim that is none of space, and of how fast frames follow. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from noctis_lab.dicom.header import Header
from noctis_lab.volumes.frames import Frame
from noctis_lab.volumes.plan import Plan

__all__ = ["ShownExtra", "shown_extra", "stated_rate_hz"]

_FASTEST_HZ = 240.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownExtra:
    """A dim along which each plane was acquired several times.

    Frame ``i`` of the shown order lies at ``i // planes`` along it and at plane ``i % planes``,
    for the first ``len(values) * planes`` frames.
    """

    dim: str  # time, echo, b_value, phase, asl_context or frame
    units: str | None
    values: tuple[float | str, ...]
    planes: int  # at each index; 1 without a place in the patient

    def index_of(self, place: int) -> int | None:
        """Return where along it the frame at a place of the shown order lies; None beside it."""
        return place // self.planes if place < len(self.values) * self.planes else None


def shown_extra(plan: Plan | None, frames: tuple[Frame, ...]) -> ShownExtra | None:
    """Return the extra dim of a series whose planned frames make one array, else None.

    Parameters
    ----------
    plan
        The series', where there is one.
    frames
        In the order in which they are shown, from `view_frames`.
    """
    if plan is None or len(plan.stacks) != 1:
        return None
    (stack,) = plan.stacks
    extra = stack.extra
    if extra is None or extra.size < 2 or not _are_shown(stack.frames, frames):
        return None
    along, attributes = extra.coords.get(extra.dim, (None, {}))
    values = range(1, extra.size + 1) if along is None else along.tolist()
    return ShownExtra(
        dim=extra.dim,
        units=attributes.get("units"),
        values=tuple(value if isinstance(value, str) else float(value) for value in values),
        planes=max(stack.plane_count, 1),
    )


def _are_shown(planned: tuple[Frame, ...], shown: tuple[Frame, ...]) -> bool:
    # A mosaic is shown as it is stored: its slices are no frames of their own there.
    keys = [(frame.row.sha256, frame.index) for frame in planned]
    return keys == [(frame.row.sha256, frame.index) for frame in shown[: len(planned)]]


def stated_rate_hz(header: Header | None) -> float | None:
    """Return how many frames a second an image says it is to be played at; None where it does not.

    References
    ----------
    :dcm:`PS3.3 C.7.6.5 <part03/sect_C.7.6.5.html>`: Cine Module
    """
    if header is None:
        return None
    time_ms = header.number("FrameTime")
    stated = (
        header.number("RecommendedDisplayFrameRate"),
        header.number("CineRate"),
        1000 / time_ms if time_ms else None,
    )
    for rate in stated:
        if rate is not None and math.isfinite(rate) and 0 < rate <= _FASTEST_HZ:
            return rate
    return None
