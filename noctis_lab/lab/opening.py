"""The one door from the objects up to the views."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from noctis_lab.catalog.records import SeriesRow
    from noctis_lab.lab import Lab

__all__ = ["open_plots", "open_viewer"]


def open_viewer(
    lab: Lab,
    series: SeriesRow,
    *,
    state: Mapping[str, Any] | None = None,
    others: Sequence[SeriesRow] = (),
    overlay: Any = None,
) -> Any:
    """Open the viewer of a series; see `noctis_lab.views.viewer.view_series`."""
    viewer = _views("viewer")
    return viewer.view_series(lab, series, state=state, others=others, overlay=overlay)


def open_plots(what: Literal["analysis", "charts"], of: Any) -> Any:
    """Open figures of calibration; see `noctis_lab.views.calibration.plotting`."""
    plotting = _views("calibration.plotting")
    return plotting.plot_analysis(of) if what == "analysis" else plotting.plot_charts(of)


def _views(name: str) -> Any:
    # The only import by name: views stand above this floor, and a script needs none of them.
    return importlib.import_module(f"noctis_lab.views.{name}")
