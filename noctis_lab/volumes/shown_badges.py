"""What a viewer says of a series beside its images: badges, and the note behind them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from noctis_lab.catalog.hu_records import HuRecord
from noctis_lab.catalog.records import InstanceRow, SeriesRow
from noctis_lab.dicom.layout_doubts import layout_doubts
from noctis_lab.dicom.lossy import Lossy
from noctis_lab.dicom.modality_lut import ModalityLut
from noctis_lab.errors import FileChanged
from noctis_lab.volumes.badges import Badge, badges_of_series
from noctis_lab.volumes.frames import Frame, describe_unplaced
from noctis_lab.volumes.loadable import (
    DISORDER,
    FLAT,
    MORE_CODESTREAMS,
    find_doubts,
    has_surplus,
)

if TYPE_CHECKING:
    from noctis_lab.volumes.cache import Handle

__all__ = ["doubts_of_stack", "stack_badges", "stack_note"]

_STORED_VALUES = "Numbers are stored values: this series' Modality LUT is not applied."
_SURPLUS = (
    "The pixel data of some images are longer than their header says: if images look cut, Rows or "
    "NumberOfFrames may be wrong."
)

type Luts = dict[bytes, ModalityLut]  # by the instance's hash


def doubts_of_stack(
    handle: Handle, frames: tuple[Frame, ...], luts: Luts, heard: tuple[str, ...]
) -> tuple[Badge, ...]:
    """Return what is doubtful of a series' pixels: what loading them warns of, or refuses.

    Parameters
    ----------
    frames
        Those that are shown.
    luts
        Their Modality LUTs that are tables.
    heard
        What decoding warned of.
    """
    rows = list({frame.row.sha256: frame.row for frame in frames}.values())
    return tuple(
        Badge(kind="warn", icon="warn", text=text, sentence=_as_sentence(reason))
        for text, reason in _doubts(handle, frames, rows, luts, heard)
    )


def stack_badges(
    series: SeriesRow, doubts: tuple[Badge, ...], lossy: Lossy | None, check: HuRecord | None
) -> tuple[Badge, ...]:
    """Return the series' badges, and those of what is doubtful."""
    return (*badges_of_series(series, lossy, check), *doubts)


def stack_note(doubts: tuple[Badge, ...], geometry_note: str | None) -> str | None:
    """Return what a reader has to know of the series, in sentences; None where nothing is."""
    notes = (geometry_note, *(badge.sentence for badge in doubts))
    return " ".join(note for note in notes if note) or None


def _doubts(
    handle: Handle,
    frames: tuple[Frame, ...],
    rows: list[InstanceRow],
    luts: Luts,
    heard: tuple[str, ...],
) -> Iterator[tuple[str, str]]:
    """Yield badges' words and the sentences behind them."""
    if any(
        frame.facts.has_unread_modality_lut and frame.row.sha256 not in luts for frame in frames
    ):
        yield "Stored values", _STORED_VALUES
    if any(
        frame.facts.rescale is not None
        and frame.facts.rescale.slope == 0
        and not frame.is_color
        and frame.row.sha256 not in luts
        for frame in frames
    ):
        yield "Slope of 0", FLAT
    yield from layout_doubts(frame.layout for frame in frames)
    unplaced = describe_unplaced(frames)
    if unplaced is not None:
        yield "No place", unplaced
    if any(has_surplus(row) for row in rows):
        yield "Longer pixel data", _SURPLUS
    found = [_find_doubts(handle, row) for row in rows]
    unstated = [frame for frame, _ in found if frame is not None]
    if unstated:
        yield "More frames", MORE_CODESTREAMS.format(unstated[0] + 1)
    if any(is_disordered for _, is_disordered in found):
        yield "Frames' order", DISORDER
    if heard:
        yield "Pixels in doubt", "; ".join(heard)


def _find_doubts(handle: Handle, row: InstanceRow) -> tuple[int | None, bool]:
    try:
        return find_doubts(handle, row)
    except FileChanged:
        return None, False  # its pixels will say so


def _as_sentence(reason: str) -> str:
    return f"{reason[0].upper()}{reason[1:].rstrip('.')}."
