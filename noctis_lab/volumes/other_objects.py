"""Which instances of a series are images, and what stands against planning the others."""

from __future__ import annotations

from collections.abc import Sequence

from noctis_lab.catalog.records import InstanceRow
from noctis_lab.dicom.object_kinds import DOSE, SEGMENTATIONS, find_object_kind
from noctis_lab.errors import NoPixels, OtherObject, UnsupportedSeries

__all__ = ["VOXEL_OBJECTS", "require_images"]

#: Objects of voxels that are no image's: their values and places come from what else they state.
VOXEL_OBJECTS = {DOSE} | SEGMENTATIONS


def require_images(rows: Sequence[InstanceRow]) -> list[InstanceRow]:
    """Return the instances of a series that are images.

    Parameters
    ----------
    rows
        All instances of one series.

    Returns
    -------
    list of InstanceRow
        Those with pixels; what lies beside them in the series is left out.

    Raises
    ------
    NoPixels, UnsupportedSeries
        None is: what they are, and what to do.
    OtherObject
        None is, and one is a dose grid or a segmentation.
    """
    uid = rows[0].SeriesInstanceUID if rows else "(none)"
    kinds = {row.SOPClassUID: find_object_kind(row.SOPClassUID) for row in rows}
    voxels = [row for row in rows if row.SOPClassUID in VOXEL_OBJECTS]
    images = [
        row
        for row in rows
        if row.pixels is not None
        and row.SOPClassUID not in VOXEL_OBJECTS
        and kinds[row.SOPClassUID] is None
    ]
    if images:
        return images
    if voxels:
        what = "a dose grid" if voxels[0].SOPClassUID == DOSE else "a segmentation"
        raise OtherObject(
            uid,
            f"it is {what}, no stack of images: load() gives its voxels",
            SOPInstanceUIDs=tuple(row.SOPInstanceUID for row in voxels),
        )
    named = dict.fromkeys(kind for kind in kinds.values() if kind is not None)
    if not named:
        raise NoPixels(uid, "none of its instances holds pixel data; there is nothing to stack")
    error = UnsupportedSeries if any(row.pixels is not None for row in rows) else NoPixels
    raise error(uid, "; ".join(f"it is {kind.what}: {kind.advice}" for kind in named))
