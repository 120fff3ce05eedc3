"""A series' plan in the catalogue's columns, and in one sentence for people. Pure; no I/O."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from noctis_lab.catalog.records import InstanceRow, SeriesFacts
from noctis_lab.errors import CannotStack, FileChanged
from noctis_lab.volumes.frames import describe_unplaced
from noctis_lab.volumes.placement import Placement
from noctis_lab.volumes.plan import Plan, ReadFrames, Refused, plan_rows
from noctis_lab.volumes.stack import Stack

__all__ = [
    "TILT_TOLERANCE_DEG",
    "describe_gaps",
    "describe_varying",
    "facts_of",
    "list_stacks",
    "summarise",
]

#: Below this the lean of a stack is the rounding of its positions.
TILT_TOLERANCE_DEG = 0.1
_MOST_LISTED = 8
_DIM_WORDS = {
    "time": "time points",
    "echo": "echoes",
    "b_value": "diffusion weightings",
    "phase": "phases",
    "asl_context": "ASL contexts",
}


def summarise(
    rows: Sequence[InstanceRow], read: ReadFrames, *, FrameOfReferenceUID: str | None = None
) -> SeriesFacts:
    """Return what holds of a series as a whole; `plan_rows` explains the arguments.

    Returns
    -------
    SeriesFacts
        `geometry_note` is one sentence for people: what is so, and what it means for loading.
        None stands for what cannot be said. A series that cannot be planned has a note that says
        why.
    """
    return facts_of(lambda: plan_rows(rows, read, FrameOfReferenceUID=FrameOfReferenceUID))


def facts_of(make_plan: Callable[[], Plan]) -> SeriesFacts:
    """Return a plan as facts of its series; where it cannot be made, with a note that says why."""
    try:
        return _to_facts(make_plan())
    except CannotStack as error:
        return SeriesFacts(is_volume=False, stack_count=0, geometry_note=_sentence(error.reason))
    except FileChanged as error:
        return SeriesFacts(is_volume=False, geometry_note=_sentence(str(error)))


def _to_facts(plan: Plan) -> SeriesFacts:
    stacks, refused = plan.stacks, plan.refused
    placements = [stack.placement for stack in stacks if stack.placement is not None]
    only = stacks[0] if len(stacks) == 1 and not refused else None
    spreads = [one.spread for one in refused if one.spread is not None]
    spacings = {
        round(mm, 6): mm
        for placement in placements
        if (mm := placement.slice_spacing_mm) is not None
    }
    spacings |= {round(s.typical_mm, 6): s.typical_mm for s in spreads if s.typical_mm > 0}
    tilts = [
        placement.tilt_deg for placement in placements if placement.slice_spacing_mm is not None
    ]
    is_known = bool(placements or spreads)
    return SeriesFacts(
        is_volume=only is not None and only.plane_count > 1,
        is_regular=(not refused and all(g.is_regular for g in placements))
        if is_known or refused
        else None,
        slice_spacing_mm=next(iter(spacings.values())) if len(spacings) == 1 else None,
        tilt_deg=max(tilts, default=None),
        gap_count=sum(gap.planes for g in placements for gap in g.gaps) if is_known else None,
        duplicate_count=(
            sum(len(place) - 1 for spread in spreads for place in spread.places)
            if is_known
            else None
        ),
        geometry_note=_note(stacks, refused),
        stack_count=len(stacks),
        extra_dim=None if only is None or only.extra is None else only.extra.dim,
        extra_size=None if only is None or only.extra is None else only.extra.size,
        residual_mm=max((placement.residual_mm for placement in placements), default=None),
        varies_along_z=", ".join(dict.fromkeys(name for one in stacks for name in one.varying))
        or None,
    )


def describe_gaps(placement: Placement) -> str | None:
    """Return what is uneven along z, None where nothing is."""
    if placement.is_regular:
        return None
    missing = sum(gap.planes for gap in placement.gaps)
    where = ", ".join(f"after {gap.after_mm:.2f} mm" for gap in placement.gaps[:_MOST_LISTED])
    more = " …" if len(placement.gaps) > _MOST_LISTED else ""
    planes = f", {missing} plane(s) missing ({where}{more})" if missing else ""
    return (
        f"slice spacing is not uniform: {placement.slice_spacing_mm:.4g} mm usual{planes}; "
        "planes keep their true positions"
    )


def describe_varying(stack: Stack) -> str | None:
    """Return what is not alike from plane to plane, None where all is."""
    if not stack.varying:
        return None
    return (
        f"from plane to plane changes {', '.join(stack.varying)}: the volume holds them all; "
        "SOPInstanceUID along z says which plane is which"
    )


def list_stacks(stacks: Sequence[Stack]) -> str:
    """Return a line that names stacks by number: shape, and what parts them."""
    listed = [
        f"{number}: {' × '.join(map(str, stack.shape))} ({', '.join(stack.parted_by)})"
        for number, stack in enumerate(stacks[:_MOST_LISTED])
    ]
    return "; ".join(listed) + ("; …" if len(stacks) > _MOST_LISTED else "")


def _note(stacks: Sequence[Stack], refused: Sequence[Refused]) -> str:
    if not stacks:
        return _sentence(refused[0].error.reason)
    if len(stacks) == 1 and not refused:
        varying = describe_varying(stacks[0])
        return _sentence("; ".join(filter(None, (_stack_words(stacks[0]), varying))))
    note = f"{len(stacks)} stacks; load one by its number: {list_stacks(stacks)}"
    if refused:
        note += f"; besides, {refused[0].error.reason}"
    for unplaced in (stack for stack in stacks if stack.placement is None):
        why = describe_unplaced(unplaced.frames)
        note += f"; {why}" if why is not None and why not in note else ""
    uneven = [(number, stack.varying) for number, stack in enumerate(stacks) if stack.varying]
    if uneven:
        number, names = uneven[0]
        note += f"; from plane to plane of stack {number} changes {', '.join(names)}"
    return _sentence(note)


def _stack_words(stack: Stack) -> str:
    placement, extra = stack.placement, stack.extra
    if placement is None:
        assert extra is not None
        why = describe_unplaced(stack.frames)
        words = f"{extra.size} frame(s) without a place in the patient"
        return words if why is None else f"{words}: {why}"
    planes = "one plane" if stack.plane_count == 1 else f"{stack.plane_count} planes"
    if extra is not None:
        planes = f"{extra.size} {_DIM_WORDS[extra.dim]} of {planes}"
    if placement.slice_spacing_mm is None or math.isnan(placement.slice_spacing_mm):
        return planes if extra is not None else "one plane: it has no slice spacing"
    uneven = describe_gaps(placement)
    if uneven is not None:
        return f"{planes}; {uneven}"
    if placement.tilt_deg > TILT_TOLERANCE_DEG:
        return (
            f"{planes} lean {placement.tilt_deg:.1f}° from their normal (gantry tilt or shear); "
            "the volume keeps it"
        )
    return f"{planes}, {placement.slice_spacing_mm:.4g} mm apart"


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:] + "."
