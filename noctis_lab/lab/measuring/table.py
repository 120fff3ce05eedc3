"""Measurements as tables: for pandas, and as CSV for everything else."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from noctis_lab.catalog.measurements import figures_by_column
from noctis_lab.catalog.relations import MEASUREMENT_COLUMNS
from noctis_lab.catalog.rollup_rows import tabulate_measurements
from noctis_lab.lab.selection import Selection

if TYPE_CHECKING:
    import pandas as pd

    from noctis_lab.catalog.measurements import MeasurementRow
    from noctis_lab.lab import Lab
    from noctis_lab.lab.selection import Condition

__all__ = ["measurements_frame", "rows_frame", "to_csv"]

#: UIDs that a person does not read come last.
_LAST = ("FrameOfReferenceUID", "SeriesInstanceUID", "StudyInstanceUID", "MeasurementUID")
_POINTS = ("points_px", "points_mm")
_COLUMNS = (
    *(name for name in MEASUREMENT_COLUMNS if name not in (*_POINTS, *_LAST)),
    *_LAST,
)
#: What makes a spreadsheet take a cell for a formula.
_FORMULA = ("=", "+", "-", "@")


def measurements_frame(lab: Lab, **where: Condition) -> pd.DataFrame:
    """Return the measurements whose columns have these values, oldest first; one row each.

    Raises
    ------
    QueryError
        The view `measurements` has no such column.
    """
    selection = Selection(lab, "measurements", ("MeasurementUID",), where, _uid)
    return selection.df("all")


def rows_frame(rows: Sequence[MeasurementRow]) -> pd.DataFrame:
    """Return measurements, kept or not, as a table like that of `measurements_frame`."""
    found: pd.DataFrame = tabulate_measurements(rows).to_pandas()
    return found


def to_csv(rows: Sequence[MeasurementRow]) -> str:
    """Return measurements as CSV with a head, lines by CR LF; numbers in full, times in UTC.

    A label or author that a spreadsheet would take for a formula begins with an apostrophe.

    References
    ----------
    RFC 4180.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    for row in rows:
        figures = figures_by_column(row)
        writer.writerow([_cell(row, figures, name) for name in _COLUMNS])
    return text.getvalue()


def _cell(row: MeasurementRow, figures: Mapping[str, Any], name: str) -> Any:
    if name in ("label", "author"):
        text = str(getattr(row, name))
        return f"'{text}" if text.startswith(_FORMULA) else text
    if name.endswith("_at"):
        return getattr(row, name).isoformat()
    return getattr(row, name) if hasattr(row, name) else figures.get(name)


def _uid(_lab: Lab, MeasurementUID: str) -> str:
    return MeasurementUID
