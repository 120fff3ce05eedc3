"""What a viewer says of a series beside its images: badges, and the note behind them."""

from __future__ import annotations

from noctis_lab.catalog.hu_records import HuRecord
from noctis_lab.catalog.records import SeriesRow
from noctis_lab.dicom.lossy import Lossy
from noctis_lab.dicom.modality_lut import ModalityLut
from noctis_lab.volumes.badges import Badge, badges_of_series
from noctis_lab.volumes.frames import Frame

__all__ = ["stack_badges", "stack_note"]

_STORED_VALUES = "Numbers are stored values: this series' Modality LUT is not applied."

type Luts = dict[bytes, ModalityLut]  # by the instance's hash


def stack_badges(
    series: SeriesRow,
    frames: tuple[Frame, ...],
    luts: Luts,
    lossy: Lossy | None,
    check: HuRecord | None,
) -> tuple[Badge, ...]:
    """Return the series' badges, and whether its numbers are stored values."""
    stored = Badge(kind="warn", icon="warn", text="Stored values", sentence=_STORED_VALUES)
    return (
        *badges_of_series(series, lossy, check),
        *([stored] if _is_stored(frames, luts) else []),
    )


def stack_note(frames: tuple[Frame, ...], luts: Luts, geometry_note: str | None) -> str | None:
    """Return what a reader has to know of the series, in sentences; None where nothing is."""
    notes = (geometry_note, _STORED_VALUES if _is_stored(frames, luts) else None)
    return " ".join(note for note in notes if note) or None


def _is_stored(frames: tuple[Frame, ...], luts: Luts) -> bool:
    return any(
        frame.facts.has_unread_modality_lut and frame.row.sha256 not in luts for frame in frames
    )
