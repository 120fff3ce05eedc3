"""The z coordinate of each frame of a viewer's stack, as the array that is loaded has it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from noctis_lab.volumes.axes import stack_coordinates
from noctis_lab.volumes.frames import Frame
from noctis_lab.volumes.plan import Plan

__all__ = ["shown_z"]


def shown_z(plan: Plan | None, frames: Sequence[Frame]) -> tuple[float | None, ...]:
    """Return what `sel(z=…)` takes for each frame.

    Parameters
    ----------
    plan
        The series', where there is one.
    frames
        As `order.view_frames` gives them.

    Returns
    -------
    tuple of float or None
        One a frame, mm; None for a frame that is a plane of no array. Of a stack that leans they
        are not distances along its normal.
    """
    found: dict[tuple[bytes, int], float] = {}
    for stack in () if plan is None else plan.stacks:
        if stack.placement is None:
            continue
        shape = (stack.plane_count, *stack.matrix)
        coordinates = stack_coordinates(stack.placement, shape, FrameOfReferenceUID=None)
        along_mm = coordinates["z"][1]
        for index, frame in enumerate(stack.frames):
            if frame.facts.tile is None:  # a mosaic is shown as it is stored, without a place
                key = (frame.row.sha256, frame.index)
                found.setdefault(key, float(along_mm[index % stack.plane_count]))  # type: ignore[index]
    return tuple(found.get((frame.row.sha256, frame.index)) for frame in frames)
