"""The documentation's site: `uv run sphinx-build -W docs docs/_build`."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "noctis_lab"
copyright = "the noctis_lab authors"  # noqa: A001  Sphinx's name
release = metadata.version("noctis-lab")
language = "en"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.extlinks",
    "numpydoc",
    "noctis_reference",
]
exclude_patterns = ["_build"]
suppress_warnings = ["myst.xref_missing"]  # links into the repository, from decisions

myst_enable_extensions = ["colon_fence", "deflist", "attrs_block"]
myst_heading_anchors = 3

# The standard's sections, as docstrings cite them: :dcm:`PS3.8 9.3 <part08/sect_9.3.html>`
extlinks = {"dcm": ("https://dicom.nema.org/medical/dicom/current/output/chtml/%s", "%s")}

autodoc_typehints = "none"  # numpydoc's sections say more
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

html_theme = "furo"
html_title = "noctis_lab"
html_static_path = ["_static"]
html_css_files = ["noctis.css"]
html_show_sphinx = False
