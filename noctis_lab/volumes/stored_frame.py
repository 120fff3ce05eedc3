"""One frame of an instance as it is stored, without its series."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from noctis_lab.catalog.records import InstanceRow
from noctis_lab.dicom.color import to_rgb
from noctis_lab.volumes.instance_frames import find_inflated, is_one_stream
from noctis_lab.volumes.loadable import warn_of_surplus
from noctis_lab.volumes.lookups import find_palette
from noctis_lab.volumes.planes import instance_file, read_plane

if TYPE_CHECKING:
    from noctis_lab.volumes.cache import Handle

__all__ = ["read_quietly", "read_stored"]


def read_stored(handle: Handle, row: InstanceRow, frame: int = 0) -> NDArray[Any]:
    """Read one frame without loading its series; a `PixelWarning` says what contradicts it.

    Returns
    -------
    ndarray of `native_dtype`, shape (rows, columns), or of uint8, shape (rows, columns, 3)
        Stored values, in the byte order of the machine and with their sign; colours as RGB.

    Raises
    ------
    FileChanged, NoPixels, UnsupportedTransferSyntax, DecodeError
        As `planes.read_plane`; also where the pixels' palette cannot be followed.
    """
    stored = read_quietly(handle, row, frame)
    warn_of_surplus(handle, row)
    return stored


def read_quietly(handle: Handle, row: InstanceRow, frame: int) -> NDArray[Any]:
    """Read one frame as `read_stored`, without a warning of what follows it."""
    layout = row.pixels
    if layout is not None and is_one_stream(layout):
        stored = find_inflated(handle, row, frame).copy()  # the cache's own is not to be changed
    else:
        stored = read_plane(instance_file(handle.storage, row), row, frame)
    assert layout is not None
    if layout.photometric_interpretation == "PALETTE COLOR":
        return find_palette(handle, row).apply_8bit(stored)
    if layout.samples_per_pixel == 1:
        return stored
    return to_rgb(
        stored[..., :3], layout.photometric_interpretation, bits_stored=layout.bits_stored
    )
