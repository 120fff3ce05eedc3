"""The overlays of a stack's images, as boolean arrays on the stack's own coordinates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from noctis_lab.catalog.records import InstanceRow, SeriesRow
from noctis_lab.dicom.overlays import Overlay, read_overlays
from noctis_lab.errors import FileChanged, InvalidDicom
from noctis_lab.volumes import accessor as accessor  # registers `.dicom`
from noctis_lab.volumes.assemble import coordinates_of, series_attributes
from noctis_lab.volumes.frames import Frame
from noctis_lab.volumes.planes import instance_file, open_plane
from noctis_lab.volumes.series_plan import find_stack, reference_of
from noctis_lab.volumes.stack import Stack

if TYPE_CHECKING:
    from noctis_lab.volumes.cache import Handle

__all__ = ["load_overlays", "over_frame", "read_instance_overlays"]


def load_overlays(
    handle: Handle, series: str | SeriesRow, *, stack: int | None = None
) -> xr.Dataset:
    """Load what lies over a series' images: planes of one bit, stored apart or in unused bits.

    Parameters
    ----------
    handle
        The open archive.
    series
        Its row, or its SeriesInstanceUID.
    stack
        Which of several stacks, from 0.

    Returns
    -------
    Dataset
        A variable of bool for each repeating group, such as ``overlay_6000``, with the dims and
        coordinates of what `load` returns, without a channel; False where nothing lies over a
        pixel. Attributes `OverlayType` and `OverlayLabel` where all planes agree. Without
        variables where no image states an overlay.

    Raises
    ------
    SeriesNotFound, NotUnique, CannotStack
        As `load.load`.
    CannotInterpret
        An overlay cannot be followed.
    FileChanged, DecodeError, UnsupportedTransferSyntax
        A file is not what was catalogued; the pixels that hold an overlay do not decode.

    References
    ----------
    :dcm:`PS3.3 C.9.2 <part03/sect_C.9.2.html>`
    """
    row_of, chosen = find_stack(handle, reference_of(handle, series), stack)
    rows = list({frame.row.sha256: frame.row for frame in chosen.frames}.values())
    found = dict(
        zip(
            (row.sha256 for row in rows),
            handle.executor.map(lambda row: read_instance_overlays(handle, row), rows),
            strict=True,
        )
    )
    groups = sorted({overlay.group for overlays in found.values() for overlay in overlays})
    planar = [dim for dim in chosen.dims if dim != "channel"]
    coordinates = {
        name: value for name, value in coordinates_of(chosen).items() if name != "channel"
    }
    attributes = {
        name: text for name, text in series_attributes(row_of).items() if text is not None
    }
    variables = {
        f"overlay_{group:04x}": (planar, *_variable(chosen, group, found)) for group in groups
    }
    return xr.Dataset(variables, coords=coordinates, attrs=attributes)


def read_instance_overlays(handle: Handle, row: InstanceRow) -> tuple[Overlay, ...]:
    """Read the overlays of one instance.

    Raises
    ------
    CannotInterpret
        An overlay cannot be followed.
    FileChanged, DecodeError, UnsupportedTransferSyntax
        As `load_overlays`.
    """
    path = instance_file(handle.storage, row)
    with open_plane(path, row):  # it is what was catalogued
        try:
            return read_overlays(path)
        except (InvalidDicom, OSError) as error:
            raise FileChanged(
                f"the header of instance {row.SOPInstanceUID} cannot be read",
                SOPInstanceUID=row.SOPInstanceUID,
            ) from error


def _variable(
    stack: Stack, group: int, found: dict[bytes, tuple[Overlay, ...]]
) -> tuple[NDArray[np.bool_], dict[str, Any]]:
    shape = stack.shape[:-1] if stack.is_color else stack.shape
    result = np.zeros(shape, dtype=np.bool_)
    planes = result.reshape(len(stack.frames), *shape[-2:])
    told: set[tuple[str, str]] = set()
    for number, frame in enumerate(stack.frames):
        for overlay in found[frame.row.sha256]:
            if overlay.group == group:
                planes[number] = over_frame(overlay, frame)
                told.add((overlay.kind, overlay.label))
    (kind, label) = told.pop() if len(told) == 1 else ("", "")
    stated = {"OverlayType": kind, "OverlayLabel": label}
    return result, {name: text for name, text in stated.items() if text}


def over_frame(overlay: Overlay, frame: Frame) -> NDArray[np.bool_]:
    """Return what of an overlay lies over a frame: bool, shape (rows, columns)."""
    layout, tile = frame.layout, frame.facts.tile
    over = overlay.over(frame.index, rows=layout.rows, columns=layout.columns)
    if tile is None:
        return over
    row, column, rows, columns = tile
    return over[row : row + rows, column : column + columns]
