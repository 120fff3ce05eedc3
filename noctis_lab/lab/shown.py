"""How a lab's objects show themselves: as text and as HTML, never with an exception, never long.

What is shown names the patient, as a DataFrame does: log UIDs, not objects.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from noctis_lab.errors import NoctisError

if TYPE_CHECKING:
    from noctis_lab.catalog.records import SeriesRow, StudyRow
    from noctis_lab.lab import Lab
    from noctis_lab.lab.cards.parts import ArchiveCard, SelectionCard

__all__ = [
    "LIMIT_S",
    "archive_html",
    "archive_text",
    "html_or_none",
    "selection_html",
    "selection_text",
    "series_html",
    "series_text",
    "study_html",
    "study_text",
    "text_or_reason",
]

#: How long a repr may take to gather what it shows, seconds.
LIMIT_S = 0.2


def text_or_reason(title: str, make: Callable[[], str]) -> str:
    """Return a text, or in its place why there is none: closed, deleted, unreadable."""
    try:
        return make()
    except (NoctisError, OSError) as error:
        # `strerror` leaves out the path, which an error of the system would quote.
        reason = (error.strerror or "unreadable") if isinstance(error, OSError) else str(error)
        return f"<noctis_lab.{title}: {reason}>"


def html_or_none(make: Callable[[], str]) -> str | None:
    """Return HTML, or None where there is none to show: the text then says why."""
    try:
        return make()
    except (NoctisError, OSError):
        return None


def series_text(lab: Lab, series: SeriesRow, *, limit_s: float = LIMIT_S) -> str:
    """Return a series' card as text."""
    from noctis_lab.lab.cards import plain
    from noctis_lab.lab.cards.series import series_card

    study = lab.catalog.find_study(series.StudyInstanceUID)
    return plain.series_text(series_card(lab, series, study, pictures=False, limit_s=limit_s))


def series_html(lab: Lab, series: SeriesRow, *, limit_s: float = LIMIT_S) -> str:
    """Return a series' card as HTML."""
    from noctis_lab.lab.cards.markup import to_html
    from noctis_lab.lab.cards.series import series_card

    study = lab.catalog.find_study(series.StudyInstanceUID)
    return to_html(series_card(lab, series, study, pictures=True, limit_s=limit_s))


def study_text(lab: Lab, study: StudyRow, *, limit_s: float = LIMIT_S) -> str:
    """Return a study's card as text."""
    from noctis_lab.lab.cards import plain
    from noctis_lab.lab.cards.study import study_card

    return plain.study_text(study_card(lab, study, pictures=False, limit_s=limit_s))


def study_html(lab: Lab, study: StudyRow, *, limit_s: float = LIMIT_S) -> str:
    """Return a study's card as HTML."""
    from noctis_lab.lab.cards.markup import to_html
    from noctis_lab.lab.cards.study import study_card

    return to_html(study_card(lab, study, pictures=True, limit_s=limit_s))


def selection_text(card: SelectionCard) -> str:
    """Return a selection's card as text."""
    from noctis_lab.lab.cards import plain

    return plain.selection_text(card)


def selection_html(card: SelectionCard) -> str:
    """Return a selection's card as HTML."""
    from noctis_lab.lab.cards.markup import to_html

    return to_html(card)


def archive_text(lab: Lab) -> str:
    """Return an archive's card as text."""
    from noctis_lab.lab.cards import plain

    return plain.archive_text(_archive_card(lab))


def archive_html(lab: Lab) -> str:
    """Return an archive's card as HTML."""
    from noctis_lab.lab.cards.markup import to_html

    return to_html(_archive_card(lab))


def _archive_card(lab: Lab) -> ArchiveCard:
    from noctis_lab.lab.cards.archive import archive_card

    return archive_card(lab, limit_s=LIMIT_S)
