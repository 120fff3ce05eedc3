"""Questions of a view's own channel about measurements: as the API's routes answer them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from noctis_lab.errors import CannotMeasure
from noctis_lab.lab.measuring.draft import parse_draft
from noctis_lab.lab.measuring.keeping import (
    delete_measurement,
    list_measurements,
    own_principal,
    save_measurement,
)

if TYPE_CHECKING:
    from noctis_lab.catalog.records import SeriesRow
    from noctis_lab.lab import Lab

__all__ = ["MEASURING", "answer_measuring"]

MEASURING: Final = frozenset({"measurements", "save-measurement", "delete-measurement"})


def answer_measuring(lab: Lab, series: SeriesRow, question: Mapping[str, Any]) -> Any:
    """Answer a question about a series' measurements; it is asked by this process' user.

    Parameters
    ----------
    question
        `what`: ``measurements`` (all), ``save-measurement`` (with `measurement`, as the API takes
        it) or ``delete-measurement`` (with `MeasurementUID`).

    Returns
    -------
    list of dict, or dict
        As the API's routes give them.

    Raises
    ------
    CannotMeasure, MeasurementNotFound, AccessDenied
        As `keeping.save_measurement` and `keeping.delete_measurement`.
    """
    what = question["what"]
    if what == "measurements":
        return [row.to_json() for row in list_measurements(lab, series)]
    principal = own_principal()
    if what == "delete-measurement":
        uid = str(question.get("MeasurementUID"))
        return delete_measurement(lab, series, uid, principal=principal).to_json()
    document = question.get("measurement")
    if not isinstance(document, Mapping):
        raise CannotMeasure("save-measurement comes with a measurement")
    return save_measurement(lab, series, parse_draft(document), principal=principal).to_json()
