"""What a view shows: the one state that client, Python, notebook and saved session share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any
from uuid import uuid4

import param
from param.parameterized import discard_events

from noctis_lab.dicom.voi import Window
from noctis_lab.dicom.voi_lut import MOST_TABLES
from noctis_lab.lab.hanging.protocol import LINKS
from noctis_lab.views.mpr_state import MprState
from noctis_lab.views.overlay_state import OverlayState
from noctis_lab.views.pane_state import (
    COLORMAPS,
    LARGEST_INDEX,
    LARGEST_ZOOM,
    LEAST_ZOOM,
    PaneState,
    read_flag,
    read_index,
    read_parts,
)
from noctis_lab.views.volume3d_state import VolumeState

__all__ = ["LAYOUTS", "LINKS", "PLOTS", "PaneState", "ViewerState"]

#: What may be plotted beside the images.
PLOTS = ("slice-histogram", "volume-histogram", "profile", "curve")

#: "rows x columns" of panes; "mpr" has three planes, and the images as they are stored; "mpr3d"
#: has in their place the volume seen from outside, which stands alone in "3d".
LAYOUTS = ("1x1", "1x2", "2x1", "1x3", "3x1", "2x2", "2x3", "3x2", "3x3", "mpr", "mpr3d", "3d")
_MOST_PANES = 9
_NOT_LINKED = dict.fromkeys(LINKS, False)
_PANE_NAMES = tuple(field.name for field in fields(PaneState))


class ViewerState(param.Parameterized):
    """The state of one view; no pixels, no names.

    A change in the browser arrives here at the end of its drag; a change here shows in the
    browser at once. Watch it as any `param` object: ``state.param.watch(callback, "window")``.

    The active pane's state stands here itself (``state.index``), that of every pane under
    ``state.panes``; where there is one pane alone that may be empty.
    """

    SeriesInstanceUID = param.String(default="", doc="The series in view.")
    StudyInstanceUID = param.String(
        default="", doc="The study of that series; empty where it is the view's own."
    )
    index = param.Integer(
        default=None, allow_None=True, bounds=(0, LARGEST_INDEX),
        doc="Frame in view, from 0 in the stack's order; None is the middle one.",
    )  # fmt: skip
    window = param.ClassSelector(
        class_=Window, default=None, allow_None=True,
        doc="VOI window in values; None is the first that the series states, or one from pixels.",
    )  # fmt: skip
    voi_lut = param.Integer(
        default=None, allow_None=True, bounds=(0, MOST_TABLES - 1),
        doc="Which of the series' VOI LUT tables stands for the window; None: none does.",
    )  # fmt: skip
    inverted = param.Boolean(default=False, doc="Whether white and black are exchanged.")
    colormap: Any = param.Selector(
        default=None, objects=[None, *COLORMAPS], allow_None=True,
        doc="The colours of one-channel images; None: those in which the modality is usually read.",
    )  # fmt: skip
    zoom = param.Number(
        default=1.0, bounds=(LEAST_ZOOM, LARGEST_ZOOM), doc="1 shows the whole frame."
    )
    pan = param.NumericTuple(
        default=(0.0, 0.0), length=2,
        doc="(row, column): how far the pane's centre is from the frame's, in voxels; on a plane "
        "of \"mpr\" from the volume's, in mm.",
    )  # fmt: skip
    rotation_deg: Any = param.Selector(
        default=0, objects=[0, 90, 180, 270], doc="Clockwise, applied first."
    )
    flipped = param.Boolean(default=False, doc="Mirrored left to right, after the rotation.")
    layout: Any = param.Selector(
        default="1x1",
        objects=list(LAYOUTS),
        doc='How the panes stand: "rows x columns", "mpr", "mpr3d" or "3d".',
    )
    panes = param.List(
        default=[], item_type=PaneState, bounds=(0, _MOST_PANES),
        doc="What the panes show, row by row, the active one too.",
    )  # fmt: skip
    active = param.Integer(
        default=0, bounds=(0, _MOST_PANES - 1),
        doc="Which pane keys and toolbar act on, from 0; its state is that of the view.",
    )  # fmt: skip
    link = param.Dict(
        default=_NOT_LINKED, doc="What panes of one frame of reference share: name → on."
    )
    mpr = param.ClassSelector(
        class_=MprState, default=None, allow_None=True,
        doc='Crosshair and planes of "mpr" and "mpr3d", and which of several volumes these and '
        '"3d" show; None puts them through the middle of the first.',
    )  # fmt: skip
    volume = param.ClassSelector(
        class_=VolumeState, default=None, allow_None=True,
        doc='How "3d" and "mpr3d" show the volume from outside, also said before the layout is '
        "one of them; None: whole, from the front.",
    )  # fmt: skip
    overlay = param.ClassSelector(
        class_=OverlayState, default=None, allow_None=True,
        doc="The segmentation or mask over the images; None: the first that there is.",
    )  # fmt: skip
    plot: Any = param.Selector(
        default="", objects=["", *PLOTS], doc="The plot below a page's images; empty: none."
    )

    def __init__(self, **values: Any) -> None:
        #: By this a page's script tells views and plots of this state from those of another.
        self.link_key = uuid4().hex
        self._activated = values.get("active", 0)
        super().__init__(**values)  # type: ignore[no-untyped-call]
        if self.active < len(self.panes) and not values.keys() & set(_PANE_NAMES):
            self._activate(self.panes[self.active])

    def to_dict(self) -> dict[str, Any]:
        """Return the state as what `json.dumps` takes, as the client knows it."""
        return self._own().to_dict() | {
            "layout": self.layout,
            "panes": [pane.to_dict() for pane in self.panes],
            "active": self.active,
            "link": {name: bool(self.link.get(name, False)) for name in LINKS},
            "mpr": None if self.mpr is None else self.mpr.to_dict(),
            "overlay": None if self.overlay is None else self.overlay.to_dict(),
            "plot": self.plot,
            "volume": None if self.volume is None else self.volume.to_dict(),
        }

    def update_from(self, said: Mapping[str, Any]) -> None:
        """Take over what a client says; all of it or, where any part is unsound, nothing.

        Parameters
        ----------
        said
            As `to_dict` gives it; keys may be missing, others are ignored.

        Raises
        ------
        TypeError, ValueError
            A part is of another type, or out of its range.
        """
        readers = {
            "layout": _read_layout,
            "panes": _read_panes,
            "active": _read_active,
            "link": _read_link,
            "mpr": MprState.from_dict,
            "overlay": OverlayState.from_dict,
            "plot": _read_plot,
            "volume": VolumeState.from_dict,
        }
        sound = read_parts(said)
        sound |= {key: read(said[key]) for key, read in readers.items() if key in said}
        # Said of a client, the active pane's part is at the top level already.
        self._activated = sound.get("active", self.active)
        self.param.update(**sound)

    def _activate(self, pane: PaneState) -> None:
        self.param.update(**{name: getattr(pane, name) for name in _PANE_NAMES})

    def _own(self) -> PaneState:
        return PaneState(**{name: getattr(self, name) for name in _PANE_NAMES})

    @param.depends(*_PANE_NAMES, "panes", "active", watch=True)
    def _keep_panes(self) -> None:
        """Keep the active pane's state and its entry under `panes` the same."""
        panes, active = list(self.panes), self.active
        if active != self._activated:
            self._activated = active
            if active < len(panes):
                self._activate(panes[active])
                return
        own = self._own()
        if active < len(panes) and panes[active] != own:
            panes[active] = own
            # No event of its own: whoever watches is about to hear of what caused it.
            with discard_events(self):
                self.panes = panes


def _read_layout(value: Any) -> str:
    if value not in LAYOUTS:
        raise ValueError(f"layout is none of {', '.join(LAYOUTS)}")
    return str(value)


def _read_plot(value: Any) -> str:
    if value != "" and value not in PLOTS:
        raise ValueError(f"plot is none of {', '.join(PLOTS)}, nor empty")
    return str(value)


def _read_panes(value: Any) -> list[PaneState]:
    if not isinstance(value, list) or len(value) > _MOST_PANES:
        raise ValueError(f"panes is no list of at most {_MOST_PANES}")
    return [PaneState.from_dict(pane) for pane in value]


def _read_active(value: Any) -> int:
    return read_index(value, largest=_MOST_PANES - 1)


def _read_link(value: Any) -> dict[str, bool]:
    if not isinstance(value, Mapping):
        raise TypeError("link is no mapping of position, window and zoom")
    return {name: read_flag(value.get(name, False)) for name in LINKS}
