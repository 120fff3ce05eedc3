"""What a view gives to the cells around it: its measurements as a table, its stills, its file."""

from __future__ import annotations

import base64
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noctis_lab.errors import CannotView
from noctis_lab.lab.measuring.table import rows_frame
from noctis_lab.views.exporting import LIMIT_BYTES, page_of
from noctis_lab.views.picture import encode_png, panes_of, picture_of
from noctis_lab.views.sources import PaneSource
from noctis_lab.views.state import ViewerState

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CellView"]

logger = logging.getLogger(__name__)

_STILL_PX = 512  # the longer side of what stands in a notebook's file
_PANE_PX = (768, 768)
_STILL_WORDS = (
    "A still: running this cell shows the view itself. Where a still is all that comes, the page "
    "was loaded anew and has lost what the view needs: run <code>import panel; "
    "panel.extension(inline=True)</code> in a cell, then this one."
)


class CellView:
    """The part of a view that cells use; `SeriesView` is one."""

    state: ViewerState
    #: What the view may show, by what its state calls it.
    _sources: Mapping[str, PaneSource]

    def measurements(self) -> pd.DataFrame:
        """Return what is measured on what the view shows, one row each, oldest first.

        Returns
        -------
        DataFrame
            `pane`, from 0, row by row, and then the columns of `Lab.measurements`. Of series what
            the archive keeps; of arrays what was measured in this view, which no archive keeps.
        """
        found: list[tuple[int, Any]] = []
        seen: set[str] = set()
        shown = [pane.SeriesInstanceUID for pane in self.state.panes]
        for number, uid in enumerate(shown or [self.state.SeriesInstanceUID]):
            source = self._sources.get(uid)
            if source is None or uid in seen:
                continue
            seen.add(uid)
            found += [(number, row) for row in source.measured()]
        table = rows_frame([row for _, row in found])
        table.insert(0, "pane", [number for number, _ in found])
        return table

    def to_png(
        self,
        path: str | Path,
        *,
        pane: int | None = None,
        size_px: tuple[int, int] = _PANE_PX,
    ) -> Path:
        """Write what the view shows as a PNG: the images alone, with no text and no marks.

        Parameters
        ----------
        path
            The file; one that is there is replaced.
        pane
            Which pane, from 0, row by row; None is all of them, as they stand.
        size_px
            (height, width) of each pane.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        CannotView
            There is no such pane, nothing is in view, or the layout has planes.
        NoctisError, OSError
            A frame cannot be read; the file cannot be written.

        Notes
        -----
        Painted in Python as the browser does, within one grey level. It names nobody, unless names
        are burnt into the pixels themselves.
        """
        if not any(each.SeriesInstanceUID for each in panes_of(self.state, self._sources)):
            raise CannotView("expected a view of a series or an array, came one of nothing")
        picture = picture_of(self.state, self._sources, pane=pane, size_px=size_px)
        return _write(Path(path), encode_png(picture))

    def to_html(
        self,
        path: str | Path,
        *,
        frames: tuple[int, int] | None = None,
        limit_bytes: int = LIMIT_BYTES,
        identity: bool = False,
    ) -> Path:
        """Write what the view shows as one HTML file that scrolls and windows by itself.

        Parameters
        ----------
        path
            The file; one that is there is replaced.
        frames
            (first, last) of each series and array, from 0, both in it. None is as many around the
            one in view as `limit_bytes` allow; the file says where that is not all.
        limit_bytes
            Of all voxels, before they are compressed.
        identity
            Whether patient, institution and study are named, and UIDs kept. Without it none is in
            the file, unless names are burnt into the pixels themselves.

        Returns
        -------
        Path
            The file. It needs no server and asks none; measurements made in it last as long as it
            is open.

        Raises
        ------
        CannotView
            Nothing is in view, the layout has planes, there are no such frames, or they are too
            many for `limit_bytes`.
        NoctisError, OSError
            A frame cannot be read; the file cannot be written.
        """
        page = page_of(
            self.state,
            self._sources,
            frames=frames,
            limit_bytes=limit_bytes,
            identity=identity,
        )
        return _write(Path(path), page.encode())

    def _still(self) -> bytes | None:
        """Return a small PNG of what the view shows; None where there is nothing to show.

        It stands in a notebook's file for whoever opens that without a kernel.
        """
        if "x" not in self.state.layout:  # planes and volumes are painted by a browser alone
            return None
        try:
            panes = panes_of(self.state, self._sources)
            if not any(pane.SeriesInstanceUID in self._sources for pane in panes):
                return None
            rows, columns = (int(part) for part in self.state.layout.split("x"))
            side = _STILL_PX // max(rows, columns)
            return encode_png(
                picture_of(self.state, self._sources, pane=None, size_px=(side, side))
            )
        except Exception:  # an outer door: a cell shows its view, with a still or without
            logger.warning("a view has no still", exc_info=True)
            return None

    def _with_still(self, bundle: Any, name: str) -> Any:
        """Return what a cell displays with a still beside it."""
        is_shown = isinstance(bundle, tuple) and "<script" in bundle[0].get("text/html", "")
        still = self._still() if is_shown else None
        if still is None:
            return bundle
        data, metadata = bundle
        encoded = base64.b64encode(still).decode("ascii")
        image = (
            f'<figure class="noctis-still" data-view="{name}" style="margin: 0">'
            f'<img alt="Still of the view" src="data:image/png;base64,{encoded}">'
            f"<figcaption>{_STILL_WORDS}</figcaption></figure>"
        )
        html = data["text/html"].replace("<script", f"{image}\n<script", 1)
        return {**data, "text/html": html, "image/png": encoded}, metadata


def _write(path: Path, content: bytes) -> Path:
    """Write a file whole or not at all."""
    path = path.expanduser()
    beside = path.with_name(f".{path.name}.part")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return path
