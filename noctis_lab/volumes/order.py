"""The order in which a viewer shows a series' instances and frames. Pure; no I/O."""

from __future__ import annotations

import math
from collections.abc import Sequence

from noctis_lab.catalog.records import InstanceRow
from noctis_lab.dicom.frame_facts import FrameFacts
from noctis_lab.dicom.geometry import PlaneGeometry, is_same_orientation, plane_normal
from noctis_lab.volumes.frames import (
    Frame,
    Orientation,
    frames_of_rows,
    is_position,
    number_key_of_row,
)
from noctis_lab.volumes.plan import Plan
from noctis_lab.volumes.spread import SAME_POSITION_MM

__all__ = ["view_frames", "view_order"]


def view_order(rows: Sequence[InstanceRow]) -> tuple[InstanceRow, ...]:
    """Return the image instances of a series in the order in which a viewer shows them.

    Parameters
    ----------
    rows
        Instances of one series, in any order.

    Returns
    -------
    tuple of InstanceRow
        By position along the normal where all planes share one orientation (so that the index of
        a stack's plane is its z), else by InstanceNumber; the SOPInstanceUID settles ties.
    """
    images = [row for row in rows if row.pixels is not None]
    orientation = images[0].plane.orientation if images else None
    shared = orientation is not None and all(
        is_position(row.plane.position_mm)
        and row.plane.orientation is not None
        and is_same_orientation(row.plane.orientation, orientation)
        for row in images
    )
    if shared:
        assert orientation is not None
        return _sorted_along(images, orientation)
    return tuple(sorted(images, key=number_key_of_row))


def _sorted_along(
    images: Sequence[InstanceRow], orientation: Orientation
) -> tuple[InstanceRow, ...]:
    normal = plane_normal(orientation)

    def key(row: InstanceRow) -> tuple[float, tuple[bool, int, str]]:
        assert row.plane.position_mm is not None
        along_mm = math.sumprod(row.plane.position_mm, normal)
        # Planes at one place may differ in the last bit: then InstanceNumber orders them.
        return round(along_mm / SAME_POSITION_MM), number_key_of_row(row)

    return tuple(sorted(images, key=key))


def view_frames(rows: Sequence[InstanceRow], plan: Plan | None) -> tuple[Frame, ...]:
    """Return the frames of a series in the order in which a viewer shows them.

    Parameters
    ----------
    rows
        Its instances in `view_order`.
    plan
        The series', where there is one.

    Returns
    -------
    tuple of Frame
        Stack after stack as planned, then frames of no stack, by their instances. Each is a frame
        as it is stored: a mosaic is one, without a place.
    """
    found: dict[tuple[bytes, int], Frame] = {}
    for stack in () if plan is None else plan.stacks:
        for frame in stack.frames:
            key = (frame.row.sha256, frame.index)
            if key not in found:
                found[key] = (
                    frame if frame.facts.tile is None else _unplaced(frame.row, frame.index)
                )
    for row in rows:
        for index in range(0 if row.pixels is None else row.pixels.frames):
            if (row.sha256, index) not in found:
                found[row.sha256, index] = _unplanned(row, index)
    return tuple(found.values())


def _unplanned(row: InstanceRow, index: int) -> Frame:
    # The frames of one instance have places of their own, in its functional groups.
    is_one = row.pixels is not None and row.pixels.frames == 1 and not row.is_mosaic
    return frames_of_rows([row])[0] if is_one else _unplaced(row, index)


def _unplaced(row: InstanceRow, index: int) -> Frame:
    spacing_mm = None if row.is_mosaic else row.plane.pixel_spacing_mm
    plane = PlaneGeometry(position_mm=None, orientation=None, pixel_spacing_mm=spacing_mm)
    facts = FrameFacts(
        plane=plane,
        rescale=row.rescale,
        has_unread_modality_lut=row.has_unread_modality_lut,
    )
    return Frame(row, index, facts)
