"""Cards as HTML: by the templates beside this file, every value escaped."""

from __future__ import annotations

from noctis_lab.lab.cards.parts import ArchiveCard, SelectionCard, SeriesCard, StudyCard
from noctis_lab.lab.templates import templates_of

__all__ = ["to_html"]

_TEMPLATES: dict[type, str] = {
    ArchiveCard: "archive.html.jinja",
    SelectionCard: "selection.html.jinja",
    SeriesCard: "series.html.jinja",
    StudyCard: "study.html.jinja",
}


def to_html(card: ArchiveCard | SelectionCard | SeriesCard | StudyCard) -> str:
    """Return a card as HTML that stands alone: its style is in it, nothing is asked of any host."""
    return (
        templates_of("noctis_lab.lab.cards").get_template(_TEMPLATES[type(card)]).render(card=card)
    )
