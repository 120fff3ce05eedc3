"""The order in which a viewer shows a series' instances. Pure; no I/O."""

from __future__ import annotations

import math
from collections.abc import Sequence

from noctis_lab.catalog.records import InstanceRow
from noctis_lab.dicom.geometry import is_same_orientation, plane_normal
from noctis_lab.volumes.frames import Orientation, is_position, number_key_of_row
from noctis_lab.volumes.spread import SAME_POSITION_MM

__all__ = ["view_order"]


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
