"""Series of other objects than images, each by its own way: the one place that tells which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import xarray as xr
from numpy.typing import DTypeLike

from noctis_lab.catalog.records import InstanceRow, SeriesRow
from noctis_lab.dicom.object_kinds import DOSE, SEGMENTATIONS, find_object_kind
from noctis_lab.errors import NoPixels, UnsupportedSeries
from noctis_lab.volumes.dose import load_dose

if TYPE_CHECKING:
    from noctis_lab.volumes.cache import Handle

__all__ = ["load_object"]

_NAMED = 5


def load_object(
    handle: Handle,
    series: SeriesRow,
    rows: Sequence[InstanceRow],
    *,
    dtype: DTypeLike | None = None,
    stored: bool = False,
) -> xr.DataArray | None:
    """Load a dose grid or a segmentation; refuse what holds no voxels by its name.

    Parameters
    ----------
    handle
        The open archive.
    series, rows
        The series and its instances: all, or the one that is wanted.
    dtype, stored
        As `dose.load_dose` and `segments.load_segments`.

    Returns
    -------
    DataArray or None
        None where there is an image among the instances: a stack of planes, or a part of one.

    Raises
    ------
    NoPixels, UnsupportedSeries
        It is an object without voxels, named, with what to do instead; or there are several.
    CannotStack, DecodeError, FileChanged
        As the readers say.
    """
    classes = {row.SOPClassUID for row in rows}
    refused = {uid: find_object_kind(uid) for uid in classes}
    others = classes - {DOSE} - SEGMENTATIONS
    if not classes or any(refused[uid] is None for uid in others):
        return None
    voxels = [row for row in rows if row.SOPClassUID not in others]
    if not voxels:
        named = [kind for kind in refused.values() if kind is not None]
        error = UnsupportedSeries if any(row.pixels is not None for row in rows) else NoPixels
        raise error(
            series.SeriesInstanceUID,
            "; ".join(f"it is {kind.what}: {kind.advice}" for kind in dict.fromkeys(named)),
        )
    if len(voxels) > 1:
        uids = tuple(row.SOPInstanceUID for row in voxels)
        listed = ", ".join(uids[:_NAMED]) + (" …" if len(uids) > _NAMED else "")
        raise UnsupportedSeries(
            series.SeriesInstanceUID,
            f"it holds {len(uids)} dose grids or segmentations, each an array of its own ({listed})"
            "; load one with lab.instances(SOPInstanceUID=…).one().load()",
            SOPInstanceUIDs=uids,
        )
    return load_dose(handle, series, voxels[0], dtype=dtype, stored=stored)
