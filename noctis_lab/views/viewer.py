"""The viewer as a Panel component: state and a series' UID, never pixels."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self
from uuid import uuid4

import param
from panel.custom import JSComponent
from panel.viewable import Child

from noctis_lab.dicom.voi import VoiFunction, Window
from noctis_lab.errors import CannotOverlay, SeriesNotFound, UserItemRefused
from noctis_lab.lab.measuring.keeping import own_principal
from noctis_lab.views.cell import CellView
from noctis_lab.views.channel import Channel
from noctis_lab.views.notebook import load_notebook_once
from noctis_lab.views.sessions import save_session
from noctis_lab.views.sources import PaneSource
from noctis_lab.views.state import ViewerState

if TYPE_CHECKING:
    from noctis_lab.catalog.records import SeriesRow
    from noctis_lab.lab import Lab
    from noctis_lab.lab.sessions import ViewerSession
    from noctis_lab.views.linked_plot import LinkedPlot

__all__ = ["CELL_HEIGHT_PX", "SeriesView", "view_series"]

logger = logging.getLogger(__name__)

#: Of a cell: toolbar, a stage of 576, status line.
CELL_HEIGHT_PX = 648


class SeriesView(CellView, JSComponent):
    """Series and arrays on the screen: window, scroll, zoom and pan happen in the browser.

    Parameters
    ----------
    state
        What it shows. Several views may share one.
    """

    view_state = param.Dict(
        default={}, doc="The state as the client knows it, and which change of ours it knows of."
    )
    mode: Any = param.Selector(
        default="cell", objects=["page", "cell"],
        doc="A page's viewer has the strip of series and the side panel, a cell's has not.",
    )  # fmt: skip
    StudyInstanceUID = param.String(default="", doc="The study whose series stand in the strip.")
    compare = param.String(
        default="",
        doc="A StudyInstanceUID: its series stand below in the strip, its images beside.",
    )
    api_base = param.String(
        default="", doc="Path of the pixel routes; empty asks the component's own channel."
    )

    root = param.String(
        default="", doc="The archive's folder, where copied code has to name it to mean this one."
    )

    still = param.String(
        default="", doc="The name of stills in the document that stand for it until it is shown."
    )
    hanging = param.Dict(
        default={}, doc="Of a page: the protocols that apply to its study, and which one hung it."
    )
    marks = param.List(
        default=[], item_type=dict,
        doc="Circles over the images, as `calibration.marks` gives them; not kept.",
    )  # fmt: skip
    link_key = param.String(default="", constant=True, doc="By which plots know this view.")
    plots = Child(default=None, allow_None=True, constant=True, doc="The plots of a page.")

    _bundle = Path(__file__).parent / "static" / "viewer.js"

    def __init__(self, state: ViewerState | None = None, **params: Any) -> None:
        self.state = ViewerState() if state is None else state
        self._channel: Channel | None = None
        self._lab: Lab | None = None
        self._sources = {}
        self._arrays: dict[str, PaneSource] = {}
        self._overlay: Any = None
        #: Counts our own changes: what a client says without knowing the last one is out of date.
        self._revision = 0
        #: The thread that takes over what a client says: another's change meanwhile is its own.
        self._hearing: int | None = None
        super().__init__(  # type: ignore[no-untyped-call]
            view_state=self._said(), still=uuid4().hex, link_key=self.state.link_key, **params
        )
        self.param.watch(self._on_client, "view_state")
        self.state.param.watch(self._on_state, _NAMES)

    def at(
        self,
        *,
        pane: int | None = None,
        index: int | None = None,
        window: tuple[float, float] | tuple[float, float, str] | None = None,
        inverted: bool | None = None,
        voi_lut: int | None = None,
        colormap: str | None = None,
    ) -> Self:
        """Move the view and return it.

        Parameters
        ----------
        pane
            Which pane the rest is for, from 0, row by row; it is the active one from then on. None
            is the one that is active.
        index
            Frame, from 0 in the stack's order.
        window
            (center, width) in the values' unit, and the VOILUTFunction where it is not LINEAR:
            ``(90, 150)`` shows some 15 to 165 HU of a CT.
        inverted
            Whether white and black are exchanged.
        voi_lut
            Which of the series' VOI LUT tables stands for the window, from 0; only with `window`,
            which is then where a change of the window begins.
        colormap
            Of one-channel images: one of `pane_state.COLORMAPS`.

        Raises
        ------
        FrameNotFound
            The series has no frame of that index; the view stays as it is.
        NoPixels
            It has none at all.
        ValueError
            A table without a window, no such colour map, or no such pane.
        """
        if pane is not None and not 0 <= pane < max(len(self.state.panes), 1):
            count = max(len(self.state.panes), 1)
            raise ValueError(f"expected a pane of 0 to {count - 1}, came {pane}")
        if voi_lut is not None and window is None:
            raise ValueError("voi_lut needs the window that spans the table; give window too")
        if index is not None and self._channel is not None:
            is_other = pane is not None and pane < len(self.state.panes)
            meant = self.state.panes[pane] if pane is not None and is_other else self.state
            self._channel.require_frame(meant.SeriesInstanceUID, index)
        if pane is not None:
            self.state.active = pane
        changes: dict[str, Any] = {"index": index, "inverted": inverted, "colormap": colormap}
        if window is not None:
            center, width, *function = window
            stated = VoiFunction(function[0]) if function else VoiFunction.LINEAR
            changes["window"] = Window(center=center, width=width, function=stated)
        changes = {name: value for name, value in changes.items() if value is not None}
        if "window" in changes:
            changes["voi_lut"] = voi_lut  # without one a table would stand before it
        self.state.param.update(**changes)
        return self

    def save_session(self, name: str) -> ViewerSession:
        """Save what is in view under a name, as this process' user; one of that name is replaced.

        Parameters
        ----------
        name
            1 to 100 printable characters.

        Returns
        -------
        ViewerSession
            ``lab.viewer_sessions()`` gives it again, and the dashboard to whom has the same name.

        Raises
        ------
        UserItemRefused
            The name is none, this process' user has too many, or the view is of no archive.
        """
        if self._lab is None:
            raise UserItemRefused("expected a view of an archive's series, got one of none")
        if self._arrays:
            raise UserItemRefused(
                "expected a view of an archive's series alone, got one with an array in memory, "
                "which no archive keeps; view the series without it"
            )
        return save_session(
            self._lab,
            own_principal(),
            name=name,
            StudyInstanceUID=self.StudyInstanceUID,
            state=self.state.to_dict(),
        )

    def histogram(self, of: Literal["slice", "volume"] = "slice") -> LinkedPlot:
        """Return the histogram of what is in view, with the window to be dragged.

        Parameters
        ----------
        of
            The image in view, or its whole volume (of several times, that of the one in view).

        Returns
        -------
        LinkedPlot
            Shows itself in a cell and follows this view; `figures` are its numbers, `element` is
            them in HoloViews.
        """
        return self._linked(f"{of}-histogram")

    def profile(self, MeasurementUID: str = "") -> LinkedPlot:
        """Return the values along a profile line.

        Parameters
        ----------
        MeasurementUID
            Of a measurement of kind ``profile``; by default the one that is selected in the view,
            or else the series' latest.

        Returns
        -------
        LinkedPlot
            As `histogram`; a click on a point shows where it is.
        """
        return self._linked("profile", MeasurementUID)

    def curve(self, MeasurementUID: str = "") -> LinkedPlot:
        """Return a region's mean at each time, echo or b-value of a series that has several.

        Parameters
        ----------
        MeasurementUID
            Of an area or a probe; by default as `profile`.

        Returns
        -------
        LinkedPlot
            As `histogram`; a click on a point shows the image of that time.
        """
        return self._linked("curve", MeasurementUID)

    def _linked(self, what: str, MeasurementUID: str = "") -> LinkedPlot:
        from noctis_lab.views.linked_plot import open_plot

        if self._lab is None:
            raise SeriesNotFound("expected a view of an archive's series, got one of none")
        return open_plot(
            self._lab, self.state, self.StudyInstanceUID, what, MeasurementUID=MeasurementUID
        )

    @property
    def overlay(self) -> Any:
        """What Python laid over the series in view: None where it laid nothing.

        Set it to a mask (bool or whole numbers, on the volume's coordinates), to a segmentation
        (`Series.segments`), or to the SOPInstanceUID of one of the study; None takes it away.
        ``view.state.overlay`` says how it is shown.

        Raises
        ------
        CannotOverlay
            It lies on another grid, or is of another type: what was expected and what came.
        InstanceNotFound
            No segmentation of the study has that UID.
        """
        return self._overlay

    @overlay.setter
    def overlay(self, overlay: Any) -> None:
        if self._channel is None:
            raise CannotOverlay("expected a view of an archive's series, this one shows none")
        self.state.overlay = self._channel.lay(self.state.SeriesInstanceUID, overlay)
        self._overlay = overlay

    def answer_from(
        self,
        lab: Lab | None,
        others: Sequence[SeriesRow] = (),
        *,
        arrays: Mapping[str, PaneSource] | None = None,
    ) -> Self:
        """Let the component's own channel answer for this view's series and arrays.

        Parameters
        ----------
        lab
            The archive of its series; None where it has arrays alone.
        others
            Series of further panes.
        arrays
            Arrays in memory, by what the state calls them.

        Raises
        ------
        NotUnique
            There is no such series, or several studies have one and `StudyInstanceUID` is not set.
        """
        uid = self.state.SeriesInstanceUID
        self._arrays = dict(arrays or {})
        series = next((row for row in others if row.SeriesInstanceUID == uid), None)
        if series is None and uid and uid not in self._arrays and lab is not None:
            where = {"SeriesInstanceUID": uid}
            if self.StudyInstanceUID:
                where["StudyInstanceUID"] = self.StudyInstanceUID
            series = lab.series(**where).one().row
        self._lab = lab
        handle = None if lab is None else lab.handle
        self._channel = Channel(
            handle, series, self._send_msg, lab=lab, others=others, arrays=self._arrays
        )
        self._sources = self._channel.sources
        return self

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        bundle = super()._repr_mimebundle_(include, exclude)  # type: ignore[no-untyped-call]
        return self._with_still(bundle, self.still)

    def _handle_msg(self, data: Any) -> None:
        if self._channel is not None:
            self._channel.hear(data)

    def _said(self) -> dict[str, Any]:
        return self.state.to_dict() | {"revision": self._revision}

    def _on_client(self, event: param.parameterized.Event) -> None:
        if self._hearing == threading.get_ident() or event.new == self._said():
            return
        self._hearing = threading.get_ident()
        try:
            # A change of ours that is still on its way to the client wins over what it says.
            if event.new.get("revision") == self._revision:
                self.state.update_from(event.new)
        except (ValueError, TypeError):
            # An outer door: what a browser says may be anything.
            logger.warning("a view's state was refused")
        finally:
            self.view_state = self._said()
            self._hearing = None

    def _on_state(self, *_: param.parameterized.Event) -> None:
        if self._hearing == threading.get_ident():
            return
        self._revision += 1
        self.view_state = self._said()


_NAMES = [name for name in ViewerState.param if name != "name"]


def view_series(
    lab: Lab,
    series: SeriesRow,
    *,
    state: Mapping[str, Any] | None = None,
    others: Sequence[SeriesRow] = (),
    overlay: Any = None,
) -> SeriesView:
    """Return the viewer of a series, for a notebook's cell.

    Parameters
    ----------
    lab
        The archive; it has to stay open as long as the view is used.
    series
        The series.
    state
        What it shows, as `ViewerState.to_dict` gives it; by default the series from its middle.
    others
        Series of further panes.
    overlay
        What lies over the series in colours, as `SeriesView.overlay` takes it.

    Raises
    ------
    CannotOverlay
        It cannot lie over the series, and why.
    """
    load_notebook_once()
    shown = ViewerState(SeriesInstanceUID=series.SeriesInstanceUID)
    shown.update_from(state or {})
    view = SeriesView(
        shown,
        StudyInstanceUID=series.StudyInstanceUID,
        mode="cell",
        height=CELL_HEIGHT_PX,
        sizing_mode="stretch_width",
    )
    view.answer_from(lab, (series, *others))
    if overlay is not None:
        view.overlay = overlay
    return view
