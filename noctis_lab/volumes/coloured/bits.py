"""The overlay planes of images (groups 60xx), as something that lies over them in colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from noctis_lab.catalog.records import InstanceRow
from noctis_lab.dicom.overlays import OVERLAY_GROUPS, find_overlay_groups
from noctis_lab.errors import FileChanged, InvalidDicom
from noctis_lab.volumes.coloured.description import ColouringDescription, ShownSegment, color_of
from noctis_lab.volumes.coloured.layers import Layer, Layers
from noctis_lab.volumes.frames import Frame
from noctis_lab.volumes.overlays import over_frame, read_instance_overlays
from noctis_lab.volumes.planes import instance_file

if TYPE_CHECKING:
    from noctis_lab.volumes.cache import Handle

__all__ = ["PLANES", "BitColouring", "find_groups"]

#: What the overlay planes of a series are called together.
PLANES = "planes"
#: Headers that are read to find out which groups there are.
_MOST_READ = 512
_SOME = (
    "Which overlay planes there are was read from {read} of its {all} instances, evenly chosen: a "
    "plane of another alone is not listed."
)


class BitColouring:
    """Overlay planes over the images that state them; a `description.Colouring`.

    Parameters
    ----------
    images, revision
        The series' frames as they are shown, and the text of their state.
    groups
        As `find_groups`; at least one.
    """

    def __init__(
        self, handle: Handle, images: Sequence[Frame], groups: Sequence[int], revision: str
    ) -> None:
        self.handle, self.images = handle, images
        count = len({image.row.sha256 for image in images})
        self.description = ColouringDescription(
            overlay=PLANES,
            kind="OVERLAY",
            name="Overlay planes",
            segments=tuple(
                ShownSegment(
                    number=group, label=f"Overlay {group:04X}", color=color_of(None, place)
                )
                for place, group in enumerate(groups)
            ),
            note=_SOME.format(read=_MOST_READ, all=count) if count > _MOST_READ else None,
            revision=f"planes-{revision}",
        )
        self._label_of = {group: place for place, group in enumerate(groups, 1)}

    def layers(self, index: int) -> Sequence[Layer]:
        """Return the labels over one image.

        Raises
        ------
        CannotInterpret, FileChanged, DecodeError, UnsupportedTransferSyntax
            As `overlays.read_instance_overlays`.
        """
        image = self.images[index]
        layers = Layers(image.layout.rows, image.layout.columns)
        for overlay in read_instance_overlays(self.handle, image.row):
            label = self._label_of.get(overlay.group)
            if label is not None:
                layers.put(label, over_frame(overlay, image).astype(np.uint8))
        return layers.layers


def find_groups(handle: Handle, images: Sequence[Frame], revision: str) -> tuple[int, ...]:
    """Return the groups of overlay planes that images state, ascending; through the cache.

    Notes
    -----
    Of more than 512 instances 512 are read, evenly chosen. A header that cannot be read states
    none: its image will say what is wrong.
    """
    key = ("overlay groups", revision)
    known: tuple[int, ...] | None = handle.frames.find(key)
    if known is None:
        rows = list({image.row.sha256: image.row for image in images}.values())
        if len(rows) > _MOST_READ:
            chosen = np.linspace(0, len(rows) - 1, _MOST_READ).round().astype(int).tolist()
            rows = [rows[index] for index in chosen]
        found = handle.executor.map(lambda row: _groups(handle, row), rows)
        stated = {group for groups in found for group in groups}
        known = tuple(group for group in OVERLAY_GROUPS if group in stated)
        handle.frames.put(key, known, 512)
    return known


def _groups(handle: Handle, row: InstanceRow) -> tuple[int, ...]:
    try:
        return find_overlay_groups(instance_file(handle.storage, row))
    except (InvalidDicom, FileChanged, OSError):
        return ()
