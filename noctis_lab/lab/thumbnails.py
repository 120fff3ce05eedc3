"""A series' picture for lists: the worker's where there is one, else made now and remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noctis_lab.dicom.render import read_thumbnail
from noctis_lab.errors import NoPixels, SeriesNotFound
from noctis_lab.storage.files import THUMBNAILS
from noctis_lab.volumes.order import view_order
from noctis_lab.volumes.planes import file_lost, instance_file

if TYPE_CHECKING:
    from noctis_lab.lab import Lab

__all__ = ["find_thumbnail"]


def find_thumbnail(lab: Lab, reference: str) -> bytes:
    """Return a PNG of a series' middle image.

    Parameters
    ----------
    lab
        The open archive.
    reference
        Of the series: its SeriesInstanceUID, or `SeriesRow.reference`.

    Raises
    ------
    SeriesNotFound
        No such series here.
    NoPixels
        None of its instances holds pixels.
    FileChanged
        The file is missing, or cannot be opened.
    DecodeError, UnsupportedTransferSyntax, InvalidDicom
        The image cannot be read.
    """
    made = lab.storage.find_derived(THUMBNAILS, reference, ".png")
    if made is not None:
        return made.read_bytes()
    series = lab.catalog.find_series(reference)
    if series is None:
        raise SeriesNotFound(
            f"series {reference} is not in this archive", SeriesInstanceUID=reference
        )
    rows = view_order(lab.catalog.instances_of(reference))
    if not rows:
        raise NoPixels(reference, "none of its instances holds pixel data")
    middle = rows[len(rows) // 2]
    key = ("thumbnail", middle.sha256)
    known: bytes | None = lab.handle.frames.find(key)
    if known is not None:
        return known
    path = instance_file(lab.storage, middle)
    try:
        picture = read_thumbnail(path)
    except OSError as error:
        raise file_lost(path, middle, error) from error
    lab.handle.frames.put(key, picture, len(picture))
    return picture
