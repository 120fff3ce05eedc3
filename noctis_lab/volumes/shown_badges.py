"""What a viewer says of a series beside its images: badges, and the note behind them."""

from __future__ import annotations

from noctis_lab.catalog.hu_records import HuRecord
from noctis_lab.catalog.records import SeriesRow
from noctis_lab.dicom.lossy import Lossy
from noctis_lab.dicom.modality_lut import ModalityLut
from noctis_lab.volumes.badges import Badge, badges_of_series
from noctis_lab.volumes.frames import Frame
from noctis_lab.volumes.loadable import has_surplus

__all__ = ["stack_badges", "stack_note"]

_STORED_VALUES = "Numbers are stored values: this series' Modality LUT is not applied."
_SURPLUS = (
    "The pixel data of some images are longer than their header says: if images look cut, Rows or "
    "NumberOfFrames may be wrong."
)

type Luts = dict[bytes, ModalityLut]  # by the instance's hash


def stack_badges(
    series: SeriesRow,
    frames: tuple[Frame, ...],
    luts: Luts,
    lossy: Lossy | None,
    check: HuRecord | None,
) -> tuple[Badge, ...]:
    """Return the series' badges, whether its numbers are stored values, or bytes are left over."""
    surplus = Badge(kind="warn", icon="warn", text="Longer pixel data", sentence=_SURPLUS)
    stored = Badge(kind="warn", icon="warn", text="Stored values", sentence=_STORED_VALUES)
    return (
        *badges_of_series(series, lossy, check),
        *([stored] if _is_stored(frames, luts) else []),
        *([surplus] if _is_longer(frames) else []),
    )


def stack_note(frames: tuple[Frame, ...], luts: Luts, geometry_note: str | None) -> str | None:
    """Return what a reader has to know of the series, in sentences; None where nothing is."""
    notes = (
        geometry_note,
        _STORED_VALUES if _is_stored(frames, luts) else None,
        _SURPLUS if _is_longer(frames) else None,
    )
    return " ".join(note for note in notes if note) or None


def _is_stored(frames: tuple[Frame, ...], luts: Luts) -> bool:
    return any(
        frame.facts.has_unread_modality_lut and frame.row.sha256 not in luts for frame in frames
    )


def _is_longer(frames: tuple[Frame, ...]) -> bool:
    return any(
        has_surplus(row) for row in {frame.row.sha256: frame.row for frame in frames}.values()
    )
