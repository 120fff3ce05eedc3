"""A plot that follows a view, and moves it, as a Panel component."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import panel as pn
import param
from panel.custom import JSComponent
from panel.viewable import Child

from noctis_lab.errors import NoctisError
from noctis_lab.views.plots.asked import Asked, Gauge, Plotted, Stopped, fits
from noctis_lab.views.plots.figure import plot_figure
from noctis_lab.views.state import PLOTS, ViewerState

if TYPE_CHECKING:
    from holoviews import Element

    from noctis_lab.lab import Lab

__all__ = ["LinkedPlot", "dock_plots", "open_plot"]

logger = logging.getLogger(__name__)

_CELL_HEIGHT_PX: Final = 320
_TOLD_EVERY_S: Final = 0.2
_BROKEN: Final = "This could not be computed; the log says why."
#: Where `state.index` moves, these are of another image.
_FOLLOWED: Final = ["SeriesInstanceUID", "StudyInstanceUID", "index", "plot"]


class LinkedPlot(JSComponent):
    """One plot of what a view shows; a drag in it sets the view's window, a click moves the view.

    Parameters
    ----------
    state
        The view's; several plots may follow one.
    archive
        Where the figures come from.
    what
        One of `state.PLOTS`; empty follows ``state.plot``, as the plots of a page do.
    MeasurementUID
        Plot this measurement whatever is selected in the view.

    Notes
    -----
    While something is dragged, plot and view speak to each other in the browser alone; Python
    hears of it at the end.
    """

    what: Any = param.Selector(default="", objects=["", *PLOTS], doc="What is plotted.")
    is_docked = param.Boolean(
        default=False, constant=True, doc="Whether it stands in a page's viewer, which names it."
    )
    link_key = param.String(default="", constant=True, doc="The state's own.")
    drawn = param.Dict(default={}, doc="The figures that the client draws, or why there are none.")
    progress = param.Dict(default={}, doc="How far the next ones are: done, total.")
    view_window = param.Dict(
        default=None, allow_None=True, doc="The view's window, for a page without the view."
    )
    figure = Child(constant=True, doc="What Bokeh draws.")

    _bundle = Path(__file__).parent / "static" / "plots.js"

    def __init__(
        self, state: ViewerState, archive: Plotted, *, MeasurementUID: str = "", **params: Any
    ) -> None:
        self.state = state
        self._archive = archive
        self._uid = MeasurementUID
        #: The measurement that the client would plot; None until it names one.
        self._said: Mapping[str, Any] | None = None
        self._is_said = False
        self._asked: Asked | None = None  # what `drawn` is of, or is about to be
        self._known: dict[str, tuple[Asked, dict[str, Any]]] = {}
        self._gauge: Gauge | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        figure = pn.pane.Bokeh(plot_figure(), sizing_mode="stretch_both", margin=0)  # type: ignore[no-untyped-call]
        super().__init__(  # type: ignore[no-untyped-call]
            link_key=state.link_key,
            view_window=state.to_dict()["window"],
            figure=figure,
            **params,
        )
        state.param.watch(self._on_window, "window")
        state.param.watch(self._follow, _FOLLOWED)
        self._follow()

    @property
    def shown(self) -> str:
        """What is plotted: one of `state.PLOTS`, or empty."""
        return str(self.what or self.state.plot)

    @property
    def figures(self) -> dict[str, Any]:
        """The numbers of the plot, as `lab.measuring.plotted` gives them, of the present view.

        Raises
        ------
        NoctisError
            There are none; says why.
        """
        if not self.shown:
            return {}
        asked = self._ask()
        known = self._known.get(asked.what)
        if known is None or known[0] != asked:
            self._keep(asked, self._archive.compute(asked, Gauge()))
        return dict(self._known[asked.what][1])

    @property
    def element(self) -> Element:
        """The numbers as a HoloViews element, to be laid over and beside others.

        Raises
        ------
        NoctisError
            As `figures`.
        """
        from noctis_lab.views.plots.elements import element_of

        return element_of(self.shown, self.figures)

    def stop(self) -> None:
        """End what is being computed; what is drawn stays."""
        if self._gauge is not None:
            self._gauge.stop()
        self._gauge = None

    # -- following the view --------------------------------------------------------------------

    def _on_window(self, *_: param.parameterized.Event) -> None:
        self.view_window = self.state.to_dict()["window"]

    def _follow(self, *_: param.parameterized.Event) -> None:
        if not self.shown:
            self.stop()
            self._asked = None
            return
        try:
            asked = self._ask()
        except NoctisError as error:
            self.stop()
            self._asked = None
            self._draw(note=str(error))
            return
        if asked == self._asked:
            return
        self.stop()
        self._asked = asked
        known = self._known.get(asked.what)
        if known is not None and known[0] == asked:
            self._draw(known[1])
        else:
            self._begin(asked)

    def _ask(self) -> Asked:
        said = (
            self._said
            if self._is_said and fits(self.shown, (self._said or {}).get("kind"))
            else None
        )
        return self._archive.ask(self.shown, self.state, said, self._uid)

    def _begin(self, asked: Asked) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            # A script: `figures` computes what somebody asks for. Or a server that hears in
            # threads of its own, which may wait.
            if self._models:
                asyncio.run(self._compute(asked))
            else:
                self._asked = None
            return
        task = loop.create_task(self._compute(asked))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _compute(self, asked: Asked) -> None:
        gauge = self._gauge = Gauge()
        work = asyncio.create_task(asyncio.to_thread(self._archive.compute, asked, gauge))
        while not (await asyncio.wait({work}, timeout=_TOLD_EVERY_S))[0]:
            if self._asked == asked:
                self.progress = {"done": gauge.done, "total": gauge.total}
        said = self._outcome(asked, work, gauge)
        if self._asked == asked:  # else something else came after it
            self._draw(**said)

    def _outcome(
        self, asked: Asked, work: asyncio.Task[dict[str, Any]], gauge: Gauge
    ) -> dict[str, Any]:
        try:
            figures = work.result()
        except Stopped:
            words = f"Stopped after {gauge.done} of {gauge.total} images."
            return {"note": words, "may_repeat": True}
        except NoctisError as error:
            return {"note": str(error)}
        except Exception:  # an outer door: a UI callback
            logger.exception("a plot could not be computed", extra={"what": asked.what})
            return {"note": _BROKEN, "may_repeat": True}
        self._keep(asked, figures)
        return {"figures": figures}

    def _keep(self, asked: Asked, figures: dict[str, Any]) -> None:
        self._known[asked.what] = (asked, figures)

    def _draw(
        self, figures: Mapping[str, Any] | None = None, *, note: str = "", may_repeat: bool = False
    ) -> None:
        self.progress = {}
        self.drawn = {
            "what": self.shown,
            "figures": None if figures is None else dict(figures),
            "note": note,
            "may_repeat": may_repeat,
        }

    # -- what the client says ------------------------------------------------------------------

    def _handle_msg(self, data: Any) -> None:
        if not isinstance(data, Mapping):
            return
        heard = _HEARD.get(str(data.get("kind")))
        try:
            if heard is not None:
                heard(self, data)
        except (ValueError, TypeError):
            # An outer door: what a browser says may be anything.
            logger.warning("a plot's message was refused")

    def _on_measured(self, data: Mapping[str, Any]) -> None:
        said = data.get("measurement")
        if said is not None and not isinstance(said, Mapping):
            raise TypeError("measurement is no mapping")
        if self._uid and (said is None or said.get("MeasurementUID") != self._uid):
            return
        self._said, self._is_said = said, True
        self._follow()

    def _on_ready(self, _: Mapping[str, Any]) -> None:
        # In a notebook what was said before the client was there is lost; said alike it is not
        # said again.
        self.drawn = self.drawn | {"said": self.drawn.get("said", 0) + 1}

    def _on_stop(self, _: Mapping[str, Any]) -> None:
        self.stop()

    def _on_repeat(self, _: Mapping[str, Any]) -> None:
        self._asked = None
        self._follow()

    def _on_what(self, data: Mapping[str, Any]) -> None:
        if not self.is_docked and data.get("what") in PLOTS:
            self.what = data["what"]
            self._follow()

    def _on_state(self, data: Mapping[str, Any]) -> None:
        """Take over what no view of this page took: a window, or the image."""
        said = {name: data[name] for name in ("window", "index") if name in data}
        self.state.update_from(said)


_HEARD: Final = {
    "measured": LinkedPlot._on_measured,
    "ready": LinkedPlot._on_ready,
    "stop": LinkedPlot._on_stop,
    "repeat": LinkedPlot._on_repeat,
    "what": LinkedPlot._on_what,
    "state": LinkedPlot._on_state,
}


def open_plot(
    lab: Lab, state: ViewerState, StudyInstanceUID: str, what: str, *, MeasurementUID: str = ""
) -> LinkedPlot:
    """Return a plot for a notebook's cell.

    Parameters
    ----------
    lab
        The archive; it has to stay open as long as the plot is used.
    state
        The view's.
    StudyInstanceUID
        The study of panes that name none.
    what, MeasurementUID
        As `LinkedPlot`.

    Raises
    ------
    ValueError
        `what` is no plot.
    """
    archive = Plotted(lab, StudyInstanceUID, lambda _: True)
    return LinkedPlot(
        state,
        archive,
        what=what,
        MeasurementUID=MeasurementUID,
        height=_CELL_HEIGHT_PX,
        sizing_mode="stretch_width",
    )


def dock_plots(
    lab: Lab, state: ViewerState, StudyInstanceUID: str, may_see: Callable[[str], bool]
) -> LinkedPlot:
    """Return the plots below the images of a page, which `state.plot` names.

    Parameters
    ----------
    lab, state, StudyInstanceUID
        As `open_plot`.
    may_see
        Whether who looks may see a study.
    """
    archive = Plotted(lab, StudyInstanceUID, may_see)
    plots = LinkedPlot(state, archive, is_docked=True, sizing_mode="stretch_both", margin=0)
    document = pn.state.curdoc
    if document is not None and document.session_context is not None:
        # Who leaves waits for nothing.
        document.on_session_destroyed(lambda _: plots.stop())
    return plots
