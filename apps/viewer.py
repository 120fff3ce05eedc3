"""The viewer of one series, or of a study's first: `panel serve apps/viewer.py`.

Opened as ``/viewer?series=SeriesInstanceUID`` or ``/viewer?study=StudyInstanceUID``.
"""

from __future__ import annotations

import panel as pn

from noctis_lab.lab import open_lab
from noctis_lab.views.state import ViewerState
from noctis_lab.views.viewer import SeriesView

pn.extension(sizing_mode="stretch_both")


def asked(name: str) -> str | None:
    """Return a word of the page's address."""
    values = pn.state.session_args.get(name)
    return values[-1].decode("ascii", "replace") or None if values else None


lab = open_lab()
series, study = asked("series"), asked("study")
where = {"SeriesInstanceUID": series, "StudyInstanceUID": study}
found = lab.series(**{name: uid for name, uid in where.items() if uid})
if len(found):
    first = found[0]
    state = ViewerState(SeriesInstanceUID=first.SeriesInstanceUID)
    view = SeriesView(state, mode="cell", StudyInstanceUID=first.StudyInstanceUID)
    view.answer_from(lab).servable(title="Viewer · noctis_lab")
else:
    pn.panel("There is no such series in this archive.").servable(title="noctis_lab")
