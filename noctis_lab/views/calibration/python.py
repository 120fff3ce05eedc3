"""What pages show as code: the same in a notebook, and what no page does."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from noctis_lab.views.calibration.numbers import text_of
from noctis_lab.views.calibration.scale_plot import Insert

__all__ = ["certificate_python", "fleet_python", "scan_python"]

_COLUMNS = (
    "phantom,material,kvp_from,kvp_to,low_hu,high_hu,"
    "relative_electron_density,verified,source,serial"
)


def scan_python(SeriesInstanceUID: str, StudyInstanceUID: str, root: str | None) -> str:
    """Return how a scan's newest analysis and its inserts are read."""
    where = _where(SeriesInstanceUID, StudyInstanceUID)
    return (
        f"{_opened(root)}series = lab.series({where}).one()\n"
        f"row = lab.calibration.analyses({where}).iloc[-1]\n"
        'rois = lab.calibration.rois(analysis_id=row["analysis_id"])\n'
        'rois[["material", "value_hu", "nominal_hu", "verdict"]]\n'
    )


def fleet_python(root: str | None) -> str:
    """Return how charts and baselines are read, and phantoms and density curves."""
    return (
        f"{_opened(root)}lab.calibration.charts()\n"
        "lab.calibration.baselines()\n"
        "lab.calibration.curves()\n\n"
        "from noctis_lab.analysis.calibration.phantoms import load_phantoms\n\n"
        "[phantom.model for phantom in load_phantoms()]\n"
    )


def certificate_python(
    row: Mapping[str, Any], kvp: float, inserts: Sequence[Insert], root: str | None
) -> str:
    """Return how the certificate of a scan's own phantom is entered, to be filled in.

    Parameters
    ----------
    row, kvp, inserts
        The scan's, as `scan.scan_page` takes them. LOW and HIGH stand for what is certified.
    """
    where = _where(text_of(row["SeriesInstanceUID"]), text_of(row["StudyInstanceUID"]))
    model = text_of(row["phantom_model"])
    materials = dict.fromkeys(one.material for one in inserts)
    lines = "".join(
        f"{_cell(model)},{_cell(one)},{kvp:g},{kvp:g},LOW,HIGH,,yes,certificate,SERIAL\n"
        for one in materials
    )
    return (
        f"{_opened(root)}"
        "# In place of LOW and HIGH: the certificate's accepted range of each material, HU.\n"
        f'certificate = {json.dumps(_COLUMNS)} + """\n{lines}"""\n'
        f"scanner = {json.dumps(text_of(row['scanner']))}\n"
        "lab.calibration.add_certificates(certificate, scanner=scanner)\n"
        f"found = lab.series({where}).one().calibrate()\n"
        "found.status, found.rois\n"
    )


def _opened(root: str | None) -> str:
    named = "" if root is None else json.dumps(root)
    return f"import noctis_lab as nl\n\nlab = nl.open_lab({named})\n"


def _where(SeriesInstanceUID: str, StudyInstanceUID: str) -> str:
    series, study = json.dumps(SeriesInstanceUID), json.dumps(StudyInstanceUID)
    return f"SeriesInstanceUID={series}, StudyInstanceUID={study}"


def _cell(words: str) -> str:
    """Return words as a cell of CSV that stays within the code's string."""
    plain = " ".join(words.replace("\\", " ").replace('"', " ").split())
    return f'"{plain}"' if "," in plain else plain
