"""The worklist of one's own archive: `panel serve apps/worklist.py apps/viewer.py`."""

from __future__ import annotations

import panel as pn

from noctis_lab.access import ADMIN, Principal, Role
from noctis_lab.lab import open_lab
from noctis_lab.views.worklist import Worklist

pn.extension(sizing_mode="stretch_both")

lab = open_lab()
# Who runs this reads the archive's files anyway: policy is the served pages'.
everything = Principal(name=ADMIN, role=Role.ADMIN, facilities=None)
worklist = Worklist(viewer_address="viewer?series={series}&study={study}", min_height=720)
worklist.answer_from(lab, everything).servable(title="Worklist · noctis_lab")
