"""Cards as HTML: by the templates beside this file, every value escaped."""

from __future__ import annotations

from functools import cache

import jinja2

from noctis_lab.lab.cards.parts import ArchiveCard, SelectionCard, SeriesCard, StudyCard

__all__ = ["to_html"]

_TEMPLATES: dict[type, str] = {
    ArchiveCard: "archive.html.jinja",
    SelectionCard: "selection.html.jinja",
    SeriesCard: "series.html.jinja",
    StudyCard: "study.html.jinja",
}


def to_html(card: ArchiveCard | SelectionCard | SeriesCard | StudyCard) -> str:
    """Return a card as HTML that stands alone: its style is in it, nothing is asked of any host."""
    return _environment().get_template(_TEMPLATES[type(card)]).render(card=card)


@cache
def _environment() -> jinja2.Environment:
    # Four templates of our own, compiled once in a process; no value is ever kept in it.
    return jinja2.Environment(
        loader=jinja2.PackageLoader("noctis_lab.lab.cards"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
