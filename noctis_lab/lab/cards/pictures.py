"""Small pictures for cards: PNG in data URIs, within bounds of bytes."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import TYPE_CHECKING

from noctis_lab.catalog.notes import LAST_CORRECTION
from noctis_lab.dicom.render import read_thumbnail, shrink_png
from noctis_lab.lab.cards.parts import Picture
from noctis_lab.lab.thumbnails import find_thumbnail
from noctis_lab.volumes.planes import instance_file

if TYPE_CHECKING:
    from noctis_lab.catalog.records import InstanceRow
    from noctis_lab.lab import Lab

__all__ = ["ROW_PX", "frame_picture", "series_picture", "within"]

#: The longer side of a picture in a table; and of a card's own, and of those in its strip.
ROW_PX = 48
_MAIN_PX, _STRIP_PX = 128, 64
#: Of all data URIs of one card: notebooks keep their cells' outputs.
_LIMIT_CHARACTERS = 60_000


def series_picture(lab: Lab, reference: str, size_px: int = _MAIN_PX) -> bytes:
    """Return the worker's picture of a series, or one made now; raises as `find_thumbnail`."""
    key = ("series picture", reference, size_px, lab.catalog.find_note(LAST_CORRECTION))
    known: bytes | None = lab.handle.frames.find(key) if size_px < _MAIN_PX else None
    if known is None:
        known = find_thumbnail(lab, reference)
        if size_px < _MAIN_PX:
            known = shrink_png(known, size_px)
            lab.handle.frames.put(key, known, len(known))
    return known


def frame_picture(lab: Lab, row: InstanceRow, frame: int) -> bytes:
    """Return one frame for the strip, remembered; raises as `read_thumbnail`."""
    key = ("strip", row.sha256, frame)
    known: bytes | None = lab.handle.frames.find(key)
    if known is None:
        path = instance_file(lab.storage, row)
        known = read_thumbnail(path, frame=frame, size_px=_STRIP_PX)
        lab.handle.frames.put(key, known, len(known))
    return known


def within(pictures: Iterable[tuple[str, bytes | None]]) -> list[Picture | None]:
    """Return labelled PNGs as data URIs as far as the bound allows, None for the others."""
    rest, found = _LIMIT_CHARACTERS, list[Picture | None]()
    for label, png in pictures:
        if png is None or len(png) > rest * 3 // 4 - 32:
            found.append(None)
            continue
        uri = f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"
        rest -= len(uri)
        found.append(Picture(uri=uri, label=label))
    return found
