"""The one door from the objects up to the viewer."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from noctis_lab.catalog.records import SeriesRow
    from noctis_lab.lab import Lab

__all__ = ["open_viewer"]


def open_viewer(
    lab: Lab,
    series: SeriesRow,
    *,
    state: Mapping[str, Any] | None = None,
    others: Sequence[SeriesRow] = (),
    overlay: Any = None,
) -> Any:
    """Open the viewer of a series; see `noctis_lab.views.viewer.view_series`."""
    # The only import by name: views stand above this floor, and a script needs none of them.
    viewer = importlib.import_module("noctis_lab.views.viewer")
    return viewer.view_series(lab, series, state=state, others=others, overlay=overlay)
