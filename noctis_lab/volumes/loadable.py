"""What stands against reading images' pixels, known before a byte of them is read."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from noctis_lab.catalog.records import InstanceRow
from noctis_lab.dicom.codecs import can_decode
from noctis_lab.dicom.surplus import is_padding, stated_bytes, surplus_bytes
from noctis_lab.dicom.transfer_syntaxes import explain_refusal
from noctis_lab.errors import CompressedPixels, PixelWarning, UnsupportedSeries
from noctis_lab.volumes.planes import instance_file, open_plane
from noctis_lab.volumes.stack import Stack

if TYPE_CHECKING:
    from noctis_lab.volumes.cache import Handle

__all__ = [
    "has_surplus",
    "require_readable",
    "require_shown",
    "require_stated_length",
    "warn_of_surplus",
]

_KNOWN_BYTES = 256  # what a remembered answer takes in memory, generously


def require_readable(handle: Handle, stack: Stack) -> PixelWarning | None:
    """Refuse a stack whose pixels no decoder here can decode, or are not what is stated of them.

    Returns
    -------
    PixelWarning or None
        To be given where native pixels are followed by more than a byte that is none of them.

    Raises
    ------
    CompressedPixels
        The transfer syntax has no decoder here.
    UnsupportedSeries
        Native pixels fill twice as many bytes as they are stated to, or more, or are followed by
        other bytes than padding: there are more rows or frames, or larger samples, than the data
        set says.
    FileChanged
        As `planes.open_plane`, where bytes have to be looked at.
    """
    rows = list({frame.row.sha256: frame.row for frame in stack.frames}.values())
    for uid in sorted({row.transfer_syntax_uid for row in rows}):
        if not can_decode(uid):
            raise CompressedPixels(
                stack.SeriesInstanceUID,
                f"transfer syntax {uid} cannot be decoded: {explain_refusal(uid)}",
            )
    return require_stated_length(handle, rows)


def require_stated_length(handle: Handle, rows: list[InstanceRow]) -> PixelWarning | None:
    """Refuse images of one series whose native pixels are followed by others; see above."""
    surplus = [row for row in rows if has_surplus(row)]
    if not surplus:
        return None
    unstated = [row for row in surplus if not _is_padded(handle, row)]
    if unstated:
        raise _refusal(unstated)
    layout = surplus[0].pixels
    assert layout is not None
    return PixelWarning(
        f"the native pixel data of {len(surplus)} instance(s) are followed by padding, "
        f"{surplus_bytes(layout)} bytes in the first, where one byte is allowed at most: it is not "
        "read; if images look cut, Rows or NumberOfFrames may be wrong",
        surplus[0].SeriesInstanceUID,
    )


def require_shown(handle: Handle, row: InstanceRow) -> None:
    """Refuse an image of which frames are shown or measured, as `require_stated_length`, but once.

    Raises
    ------
    UnsupportedSeries, FileChanged
        As `require_readable`, of native pixels that others follow.
    """
    if has_surplus(row):
        key = ("is padding", row.sha256)
        if handle.frames.find(key) is None:  # a cine's frames would each look at the bytes
            require_stated_length(handle, [row])
            handle.frames.put(key, True, _KNOWN_BYTES)


def has_surplus(row: InstanceRow) -> bool:
    """Return whether its native pixels are followed by others, which no file is read for."""
    return row.pixels is not None and surplus_bytes(row.pixels) > 0


def warn_of_surplus(row: InstanceRow) -> None:
    """Warn of native pixel data that are longer than is stated, where one image of them is read."""
    layout = row.pixels
    if layout is not None and surplus_bytes(layout) > 0:
        warnings.warn(
            PixelWarning(
                f"the native pixel data hold {layout.length} bytes where Rows, Columns, "
                f"NumberOfFrames and the bits of a sample make {stated_bytes(layout)}: the rest is "
                "not read",
                row.SeriesInstanceUID,
            ),
            stacklevel=3,
        )


def _is_padded(handle: Handle, row: InstanceRow) -> bool:
    with open_plane(instance_file(handle.storage, row), row) as (descriptor, layout):
        # An image of a byte is padded to two.
        if layout.length >= max(2 * stated_bytes(layout), 3):
            return False
        return is_padding(descriptor, layout)


def _refusal(unstated: list[InstanceRow]) -> UnsupportedSeries:
    layout = unstated[0].pixels
    assert layout is not None
    return UnsupportedSeries(
        unstated[0].SeriesInstanceUID,
        f"the pixel data of {len(unstated)} instance(s) hold {layout.length} bytes where Rows, "
        f"Columns, NumberOfFrames and the bits of a sample make {stated_bytes(layout)}: what the "
        "rest is is not said, and it is no padding; correct the data set, or read single images by "
        "Instance.stored()",
        SOPInstanceUIDs=tuple(row.SOPInstanceUID for row in unstated),
    )
