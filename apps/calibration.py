"""The calibration pages of one's own archive: `panel serve apps/calibration.py`.

Opened as ``/calibration``, ``/calibration?scanner=…`` or ``/calibration?series=SeriesInstanceUID``.
"""

from __future__ import annotations

import panel as pn

from noctis_lab.access import ADMIN, Principal, Role
from noctis_lab.lab import open_lab
from noctis_lab.views.calibration.address import read_asked
from noctis_lab.views.calibration.opening import open_page

pn.extension(sizing_mode="stretch_both")

lab = open_lab()
# Who runs this reads the archive's files anyway: policy is the served pages'.
everything = Principal(name=ADMIN, role=Role.ADMIN, facilities=None)
page = open_page(lab, everything, read_asked(pn.state.session_args), api_base="", root=None)
page.servable(title="Calibration · noctis_lab")
