"""The card of an archive: what it holds, what came last, who listens, and what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noctis_lab.catalog.worklist import find_studies
from noctis_lab.config import Settings, command, is_usual_root
from noctis_lab.lab.cards.deadline import Deadline
from noctis_lab.lab.cards.parts import ArchiveCard, Field
from noctis_lab.lab.cards.tables import studies_table
from noctis_lab.lab.cards.words import bytes_words, count_words
from noctis_lab.lab.receiver import FoundReceiver, find_receiver

if TYPE_CHECKING:
    from noctis_lab.lab import Lab

__all__ = ["archive_card"]

_RECENT = 5
_PROBE_S = 0.05

_NEXT = (
    ("lab.studies()", "all studies; conditions are DICOM keywords"),
    ('lab.series(Modality="CT")[0]', "the first of some series"),
    ('lab.sql("SELECT …").df()', "SQL over every tag"),
)
_FILL = (
    ("demo", "a synthetic archive, served and opened"),
    ("index FOLDER", "take in DICOM files from a folder"),
    ("serve", "receive from modalities, show the pages"),
)


def archive_card(lab: Lab, *, limit_s: float) -> ArchiveCard:
    """Gather an archive's card; as `series_card`."""
    deadline = Deadline(limit_s)
    counts, settings = lab.catalog.counts(), lab.settings
    holds = (
        count_words(counts.studies, "study"),
        count_words(counts.series, "series"),
        count_words(counts.instances, "instance"),
        bytes_words(counts.stored_bytes),
    )
    receiver = find_receiver(settings, lab.catalog, timeout_s=_PROBE_S)
    page = find_studies(lab.catalog, limit=_RECENT)
    recent = studies_table(
        lab, page.rows, deadline, arrived=True, more=max(0, page.total - _RECENT)
    )
    return ArchiveCard(
        root=str(settings.root),
        is_empty=counts.instances == 0,
        fields=(
            Field(label="Holds", text=" · ".join(holds)),
            Field(
                label="Receiver",
                text=_receiver_words(receiver),
            ),
        ),
        recent=recent,
        hints=_NEXT if counts.instances else _fill(settings),
    )


def _fill(settings: Settings) -> tuple[tuple[str, str], ...]:
    """Return what fills this archive, and no other."""
    if is_usual_root(settings):
        return tuple((f"noctis {words}", what) for words, what in _FILL)
    return tuple((command(words, settings.root), what) for words, what in _FILL)


def _receiver_words(receiver: FoundReceiver) -> str:
    address = f"{receiver.host}:{receiver.port}"
    if receiver.is_ours:
        return f"{receiver.aet} at {address}, listening"
    if receiver.is_listening:
        return f"not running; another archive or program listens at {address}"
    return f"{receiver.aet} at {address}, not running (noctis serve)"
