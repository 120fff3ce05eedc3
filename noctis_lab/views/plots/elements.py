"""A plot's figures as HoloViews elements, for notebooks that lay them over others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from holoviews import Element

__all__ = ["element_of"]


def element_of(what: str, figures: Mapping[str, Any]) -> Element:
    """Return the element of a plot.

    Parameters
    ----------
    what
        One of `state.PLOTS`.
    figures
        As `lab.measuring.plotted` gives them.

    Returns
    -------
    holoviews.Histogram or holoviews.Curve
        A histogram's bins by their edges; a profile by the way from its first point; a curve by
        the steps' own values, or by their number from 1 on where those are words. Dimensions
        carry the units.
    """
    import holoviews as hv

    value = hv.Dimension("value", unit=figures["units"])
    if what.endswith("histogram"):
        edges = np.linspace(figures["low"], figures["high"], len(figures["counts"]) + 1)
        return hv.Histogram((edges, list(figures["counts"])), kdims=[value], vdims=["count"])
    if what == "profile":
        distance = hv.Dimension("distance", unit=figures["unit"])
        return hv.Curve((figures["distances"], _numbers(figures["samples"])), distance, value)
    along = figures["along"]
    if any(isinstance(place, str) for place in along):
        along = range(1, len(along) + 1)
    step = hv.Dimension(figures["dim"], unit=figures["along_units"])
    mean = hv.Dimension("mean", unit=figures["units"])
    sd = hv.Dimension("sd", unit=figures["units"])
    columns = (list(along), _numbers(figures["means"]), _numbers(figures["sds"]))
    return hv.Curve(columns, step, [mean, sd])


def _numbers(values: Any) -> list[float]:
    return [np.nan if value is None else value for value in values]
