"""`noctis_lab.view`: series and arrays in a notebook's cell, alone or side by side."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import xarray as xr

from noctis_lab.errors import CannotView
from noctis_lab.lab import Lab, Selection, Series, Study
from noctis_lab.views.notebook import load_notebook_once
from noctis_lab.views.pane_state import PaneState
from noctis_lab.views.sources import ArraySource
from noctis_lab.views.state import LINKS, ViewerState
from noctis_lab.views.viewer import CELL_HEIGHT_PX, SeriesView
from noctis_lab.volumes.array_stack import open_array

if TYPE_CHECKING:
    from noctis_lab.catalog.records import SeriesRow

__all__ = ["view"]

#: Number of things side by side → the least layout that has room for them.
_LAYOUTS = {
    1: "1x1",
    2: "1x2",
    3: "1x3",
    4: "2x2",
    5: "2x3",
    6: "2x3",
    7: "3x3",
    8: "3x3",
    9: "3x3",
}


def view(
    what: Series | xr.DataArray | Sequence[Series | xr.DataArray],
    *,
    link: bool | Collection[str] = False,
) -> SeriesView:
    """Return the interactive viewer of series and arrays: shows itself in a notebook's cell.

    Parameters
    ----------
    what
        A series (``lab.series(…).one()``), an `xarray.DataArray`, or up to nine of them, side by
        side. An array has dims ([extra,] [z,] y, x[, channel]) and real or boolean values, in
        memory or lazy; of a lazy one only the planes in view are computed. What came of a volume
        of ours has its place in the patient; another one is shown in pixels, and a badge says so.
    link
        What panes in one frame of reference share: True is all of ``{"position", "window",
        "zoom"}``, False nothing.

    Returns
    -------
    SeriesView
        Its `state` is what is on the screen, and the other way round; ``.at(…)`` moves it,
        ``.measurements()`` is what was measured, ``.to_png(…)`` and ``.to_html(…)`` write it.

    Raises
    ------
    CannotView
        What was given is none of these; says what came and what to do.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> array = xr.DataArray(np.zeros((3, 4, 5), np.float32), dims=("z", "y", "x"))
    >>> shown = view([array, array > 0], link=True).at(index=1)
    >>> shown.state.layout, shown.state.index
    ('1x2', 1)
    """
    items = _items(what)
    linked = _linked(link)
    rows: list[SeriesRow] = []
    labs: list[Lab] = []
    arrays: dict[str, ArraySource] = {}
    panes: list[PaneState] = []
    for item in items:
        if isinstance(item, Series):
            rows.append(item.row)
            labs.append(item.lab)
            own = rows[0].StudyInstanceUID  # the view's; panes of it need not say so
            study = "" if item.StudyInstanceUID == own else item.StudyInstanceUID
            panes.append(
                PaneState(SeriesInstanceUID=item.SeriesInstanceUID, StudyInstanceUID=study)
            )
            continue
        uid = f"2.25.{uuid4().int}"  # PS3.5 B.2
        arrays[uid] = ArraySource.of(open_array(item, uid=uid))
        panes.append(PaneState(SeriesInstanceUID=uid))
    if any(lab is not labs[0] for lab in labs):
        raise CannotView("expected series of one archive, came some of several: open a view each")
    load_notebook_once()
    state = ViewerState(layout=_LAYOUTS[len(panes)], link=linked)
    state.update_from(panes[0].to_dict())
    if len(panes) > 1:
        state.panes = panes
    shown = SeriesView(
        state,
        StudyInstanceUID=rows[0].StudyInstanceUID if rows else "",
        mode="cell",
        height=CELL_HEIGHT_PX,
        sizing_mode="stretch_width",
    )
    return shown.answer_from(labs[0] if labs else None, rows, arrays=arrays)


def _items(what: Any) -> list[Series | xr.DataArray]:
    if isinstance(what, Series | xr.DataArray):
        return [what]
    if isinstance(what, list | tuple):
        if not 1 <= len(what) <= max(_LAYOUTS):
            raise CannotView(f"expected 1 to {max(_LAYOUTS)} things to view, came {len(what)}")
        for item in what:
            _require_shown(item)
        return list(what)
    _require_shown(what)
    raise AssertionError("unreachable")


def _require_shown(item: Any) -> None:
    if isinstance(item, Series | xr.DataArray):
        return
    advice = "give lab.series(SeriesInstanceUID=…).one(), or a DataArray"
    if isinstance(item, xr.Dataset):
        names = ", ".join(map(str, list(item.data_vars)[:8]))
        advice = f"choose one of its variables: {names}" if names else "it has no variables"
    elif isinstance(item, Selection):
        advice = "take one of it by .one() or [i], or several as a list: view(list(selection[:2]))"
    elif isinstance(item, Study):
        advice = "take one of its series: study.series().one()"
    elif hasattr(item, "__array__"):
        advice = "name its axes: xarray.DataArray(array, dims=('z', 'y', 'x'))"
    raise CannotView(
        f"expected a series or an xarray.DataArray, came {type(item).__name__}; {advice}"
    )


def _linked(link: Any) -> dict[str, bool]:
    if isinstance(link, bool):
        return dict.fromkeys(LINKS, link)
    named = (
        [link] if isinstance(link, str) else list(link) if isinstance(link, Iterable) else [link]
    )
    unknown = [name for name in named if name not in LINKS]
    if unknown:
        raise CannotView(
            f"expected link as True, False or some of {', '.join(LINKS)}, came {unknown[0]!r}"
        )
    return {name: name in named for name in LINKS}
