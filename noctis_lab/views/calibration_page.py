"""A calibration page as a Panel component: words for the client, Bokeh's figures, the viewer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import panel as pn
import param
from panel.custom import JSComponent
from panel.viewable import Child, Children

from noctis_lab.errors import NoctisError

__all__ = ["CalibrationPage", "plots_cell"]

logger = logging.getLogger(__name__)

_BROKEN: Final = "This could not be done; the log says why."
_BUSY: Final = "This page still does what it was asked before; wait for it."
_CELL_HEIGHT_PX: Final = 300

type Act = Callable[[Mapping[str, Any]], None]


class CalibrationPage(JSComponent):
    """One page; or, in a notebook's cell, figures alone.

    Parameters
    ----------
    figures
        Bokeh's figures, in the order in which `told` names them.
    slots
        How many places there are for figures that come later, after the others.
    acts
        Name of a form → what it does with what was filled in. Each is run in a thread.
    show_plane
        Shows an image of the scan, by its index as a browser says it; without I/O.
    """

    told = param.Dict(default={}, constant=True, doc="Words for the client, see `told`.")
    api_base = param.String(
        default="", constant=True, doc="Path of the API; empty lets `acts` do what forms ask for."
    )
    answer = param.Dict(default={}, doc="What became of the form of a number.")
    figures = Children(default=[], constant=True, doc="Bokeh's figures.")
    late = param.Dict(default={}, doc="What panels say once their slots are filled, by place.")
    viewer = Child(default=None, allow_None=True, constant=True, doc="The viewer of a scan.")

    _bundle = Path(__file__).parent / "static" / "calibration.js"

    def __init__(
        self,
        told: Mapping[str, Any],
        figures: Sequence[Any],
        *,
        slots: int = 0,
        acts: Mapping[str, Act] | None = None,
        show_plane: Callable[[int], None] | None = None,
        **params: Any,
    ) -> None:
        self._acts = dict(acts or {})
        self._show_plane = show_plane
        self._tasks: set[asyncio.Task[None]] = set()
        #: Rows of their own: a child that comes or goes would take all others from the page.
        self._slots = [
            pn.Row(pn.Spacer(), sizing_mode="stretch_both", margin=0)  # type: ignore[no-untyped-call]
            for _ in range(slots)
        ]
        children = [*_panes(figures), *self._slots]
        super().__init__(told=dict(told), figures=children, **params)  # type: ignore[no-untyped-call]

    def begin(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do something beside what the page shows at once: as soon as it is shown, where served."""
        document = pn.state.curdoc
        if document is not None and document.session_context is not None:
            pn.state.onload(work)

    def fill(self, slots: Sequence[Sequence[Any]], late: Mapping[str, Any]) -> None:
        """Put figures into the slots, and tell what their panels say now."""
        for slot, figures in zip(self._slots, slots, strict=True):
            slot.objects = _panes(figures) or [pn.Spacer()]  # type: ignore[no-untyped-call]
        self.late = dict(late)

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _handle_msg(self, data: Any) -> None:
        if not isinstance(data, Mapping):
            return
        kind, number, said = data.get("kind"), data.get("number"), data.get("said")
        index = data.get("index")
        if kind == "plane" and self._show_plane is not None and isinstance(index, int):
            self._show_plane(index)
            return
        act = self._acts.get(str(kind))
        # Somebody waits for a form's answer: what has no number is no form of ours.
        if act is None or not isinstance(said, Mapping) or not isinstance(number, int):
            return
        if self._tasks:  # each may take a volume's memory
            self.answer = {"number": number, "problem": _BUSY}
            return
        work = self._run(act, dict(said), number)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            # `panel serve` hears messages in a thread of its own, which may wait.
            asyncio.run(work)
            return
        self._keep(loop.create_task(work))

    async def _run(self, act: Act, said: Mapping[str, Any], number: int) -> None:
        problem = ""
        try:
            await asyncio.to_thread(act, said)
        except (NoctisError, ValueError) as error:
            problem = str(error)
        except Exception:  # an outer door: a UI callback
            logger.exception("a calibration form could not be done")
            problem = _BROKEN
        self.answer = {"number": number, "problem": problem}


def _panes(figures: Sequence[Any]) -> list[Any]:
    return [
        pn.pane.Bokeh(one, sizing_mode="stretch_both", margin=0)  # type: ignore[no-untyped-call]
        for one in figures
    ]


def plots_cell(figures: Sequence[Any], titles: Sequence[str] = ()) -> CalibrationPage:
    """Return figures for a notebook's cell, below one another."""
    from noctis_lab.views.notebook import load_notebook_once

    load_notebook_once()
    height = len(figures) * (_CELL_HEIGHT_PX + 12)
    return CalibrationPage(
        {"page": "plots", "titles": list(titles)},
        figures,
        height=height,
        sizing_mode="stretch_width",
    )
