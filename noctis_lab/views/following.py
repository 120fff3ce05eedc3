"""What panes show that leave it open, where they are linked: as the client brings them along.

Once a view is on a screen the client has done so and Python was told; a script that writes stills
has no client.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from noctis_lab.views.pane_state import PaneState
from noctis_lab.views.sources import PaneSource
from noctis_lab.views.state import ViewerState
from noctis_lab.volumes.pixels import StackDescription

__all__ = ["bring_along"]


def bring_along(
    panes: list[PaneState], state: ViewerState, sources: Mapping[str, PaneSource]
) -> list[PaneState]:
    """Return the panes with the place and the window of the active one where they have none.

    Parameters
    ----------
    panes
        All panes of the view, the active one too.
    state
        Which is active, and what is linked; zooms are left as they are.
    """
    leader = panes[state.active] if state.active < len(panes) else panes[0]
    source = sources.get(leader.SeriesInstanceUID)
    is_linked = state.link.get("position") or state.link.get("window")
    if source is None or not is_linked or len(panes) < 2:
        return panes
    leading = source.describe()
    return [
        pane if pane is leader else _brought(pane, leader, leading, state.link, sources)
        for pane in panes
    ]


def _brought(
    pane: PaneState,
    leader: PaneState,
    leading: StackDescription,
    link: Mapping[str, bool],
    sources: Mapping[str, PaneSource],
) -> PaneState:
    source = sources.get(pane.SeriesInstanceUID)
    if source is None:
        return pane
    stack = source.describe()
    if link.get("position") and pane.index is None:
        pane = replace(pane, index=_nearest(stack, leading, _index_of(leader, leading)))
    is_same = stack.modality is not None and stack.modality == leading.modality
    if link.get("window") and pane.window is None and is_same and stack.units == leading.units:
        pane = replace(pane, window=leader.window)
    return pane


def _index_of(pane: PaneState, stack: StackDescription) -> int:
    count = len(stack.frames)
    return count // 2 if pane.index is None else min(pane.index, count - 1)


def _nearest(stack: StackDescription, leading: StackDescription, index: int) -> int | None:
    """Return the frame that lies nearest to another stack's; None where they share no space."""
    shape, others = (
        [(each.rows, each.columns) for each in one.frames[:1]] for one in (stack, leading)
    )
    are_bare = not any(one.is_archived or one.orientation for one in (stack, leading))
    if are_bare and shape == others and len(stack.frames) == len(leading.frames):
        return index
    space = stack.FrameOfReferenceUID
    if space is None or space != leading.FrameOfReferenceUID:
        return None
    frame, spacing = leading.frames[index], leading.pixel_spacing_mm
    if None in (stack.orientation, leading.orientation, frame.position_mm, spacing):
        return None
    assert stack.orientation is not None
    assert leading.orientation is not None
    assert spacing is not None
    right, down = np.array(leading.orientation[:3]), np.array(leading.orientation[3:])
    middle = np.array(frame.position_mm) + (
        right * spacing[1] * (frame.columns - 1) / 2 + down * spacing[0] * (frame.rows - 1) / 2
    )
    normal = np.cross(stack.orientation[:3], stack.orientation[3:])
    far_mm = [
        np.inf if each.position_mm is None else abs(float((middle - each.position_mm) @ normal))
        for each in stack.frames
    ]
    return int(np.argmin(far_mm))
