"""A series' place in the patient for its card: as `load()` would find it, or why it would not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from noctis_lab.catalog.notes import LAST_CORRECTION
from noctis_lab.catalog.records import InstanceRow, SeriesFacts, SeriesRow
from noctis_lab.errors import CannotStack, FileChanged
from noctis_lab.volumes.loadable import require_readable
from noctis_lab.volumes.lookups import find_luts, find_pet_units, find_units, require_one_unit
from noctis_lab.volumes.order import view_order
from noctis_lab.volumes.series_plan import find_facts, find_stack

if TYPE_CHECKING:
    from noctis_lab.volumes.cache import Handle

__all__ = ["MOST_INSTANCES", "Geometry", "find_geometry"]

#: Of series with more instances only the worker's facts are shown.
MOST_INSTANCES = 5_000
_SHOWN_FRAMES = 5
_ROW_BYTES = 2048  # what a remembered row takes in memory, generously


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """What the instances of a series say together.

    `refusal` is the name of the error that `load()` raises, with its reason.
    """

    facts: SeriesFacts
    shape: tuple[int, ...]  # as `load` gives it, else (frames, rows, columns[, samples])
    sides: tuple[int, ...]  # of the shape, those along which there is a spacing
    spacing_mm: tuple[float, ...]  # in the order of `sides`; empty: not stated
    units: str | None
    refusal: tuple[str, str] | None
    frames: tuple[tuple[InstanceRow, int], ...]  # where equal parts of the series meet, as viewed
    places: tuple[int, ...]  # of these, from 1, among all
    middle: InstanceRow | None


def find_geometry(handle: Handle, series: SeriesRow) -> Geometry:
    """Return a series' geometry, remembered until an instance comes or is corrected."""
    corrected = handle.catalog.find_note(LAST_CORRECTION)
    state = (series.instance_count, series.last_received_at, corrected)
    key = ("geometry", series.reference, *state)
    known: Geometry | None = handle.frames.find(key)
    if known is None:
        known = _to_geometry(handle, series, handle.catalog.instances_of(series.reference))
        handle.frames.put(key, known, _ROW_BYTES * (2 + len(known.frames)))
    return known


def _to_geometry(handle: Handle, series: SeriesRow, rows: list[InstanceRow]) -> Geometry:
    images = view_order(rows)
    shape, spacing_mm, refusal, units = _without_stack(images)
    sides = shape[1:3]
    try:
        _, stack = find_stack(handle, series.reference)
        shape = stack.shape
        sizes = dict(zip(stack.dims, stack.shape, strict=True))
        sides = (sizes["y"], sizes["x"])
        if stack.placement is not None:
            sides = (sizes["z"], *sides)
            spacing_mm = stack.placement.steps_mm
        require_readable(handle, stack)
        pet_units = find_pet_units(handle, (frame.row for frame in stack.frames))
        require_one_unit(stack, pet_units)
        found = find_units(series, stack.frames, find_luts(handle, rows), pet_units)
        units = None if found == "unspecified" else found
    except CannotStack as error:
        refusal = (type(error).__name__, error.reason)
    except FileChanged as error:
        refusal = (type(error).__name__, str(error))
    frames = [
        (row, number)
        for row in images
        for number in range(0 if row.pixels is None else row.pixels.frames)
    ]
    # Not near the ends where there are many: a scan often reaches beyond its object, into air.
    shown = min(_SHOWN_FRAMES, len(frames))
    chosen = [part * len(frames) // (shown + 1) for part in range(1, shown + 1)]
    return Geometry(
        facts=series.facts
        if series.facts.is_volume is not None
        else find_facts(handle, series.reference),
        shape=shape,
        sides=sides,
        spacing_mm=spacing_mm,
        units=units,
        refusal=refusal,
        frames=tuple(frames[index] for index in chosen),
        places=tuple(index + 1 for index in chosen),
        middle=images[len(images) // 2] if images else (rows[len(rows) // 2] if rows else None),
    )


def _without_stack(
    images: Sequence[InstanceRow],
) -> tuple[tuple[int, ...], tuple[float, ...], tuple[str, str] | None, str | None]:
    """Return the shape where all images share a matrix, and the spacing where all state one."""
    matrices = {
        (row.pixels.rows, row.pixels.columns, row.pixels.samples_per_pixel)
        for row in images
        if row.pixels is not None
    }
    if len(matrices) != 1:
        return (), (), None, None
    rows, columns, samples = matrices.pop()
    count = sum(row.pixels.frames for row in images if row.pixels is not None)
    spacings = {row.plane.pixel_spacing_mm for row in images}
    spacing_mm = spacings.pop() if len(spacings) == 1 else None
    shape = (count, rows, columns) if samples == 1 else (count, rows, columns, samples)
    return shape, spacing_mm or (), None, None
