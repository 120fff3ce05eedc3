"""A view as one file of its own: the same client and a range of images, with no server behind it.

Nothing in the file names the patient unless that is asked for, and its Content-Security-Policy
lets it ask nobody.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from noctis_lab.errors import CannotView
from noctis_lab.views.pane_state import PaneState
from noctis_lab.views.picture import panes_of
from noctis_lab.views.sources import PaneSource
from noctis_lab.views.state import ViewerState
from noctis_lab.volumes.badges import Badge
from noctis_lab.volumes.corner import Corner
from noctis_lab.volumes.pixels import FrameDescription, StackDescription

__all__ = ["LIMIT_BYTES", "page_of"]

#: Voxels of all panes, before they are compressed.
LIMIT_BYTES = 64 * 1024**2
_CLIENT = Path(__file__).parent / "static" / "viewer.js"
_UID = re.compile(r"\b[0-9]+(?:\.[0-9]+){4,}\b")  # PS3.5 9.1
_BATCH = 8  # frames read at one time
_LEVEL = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class _Range:
    """Frames `first` to before `stop` of a stack of so many."""

    first: int
    stop: int
    total: int

    def place_of(self, index: int | None) -> int:
        """Return where in the range a frame of the stack lies; None is the middle one."""
        at = self.total // 2 if index is None else index
        return min(max(at, self.first), self.stop - 1) - self.first


def page_of(
    state: ViewerState,
    sources: Mapping[str, PaneSource],
    *,
    frames: tuple[int, int] | None,
    limit_bytes: int,
    identity: bool,
) -> str:
    """Return a page that shows what a view shows, and scrolls and windows by itself.

    Parameters
    ----------
    frames
        (first, last) of each series, from 0, both in it; None is as many around the one in view
        as `limit_bytes` allow.
    limit_bytes
        Of all voxels, before they are compressed.
    identity
        Whether texts on patient, place and time, and UIDs, come along.

    Raises
    ------
    CannotView
        Nothing is in view, the layout has planes, or the frames that were asked for are none or
        take more than `limit_bytes`.
    NoctisError
        A frame cannot be read.
    """
    panes = panes_of(state, sources)
    uids = list(dict.fromkeys(pane.SeriesInstanceUID for pane in panes if pane.SeriesInstanceUID))
    shown = {uid: sources[uid] for uid in uids if uid in sources}
    if not shown:
        raise CannotView("expected a view of a series or an array, came one of nothing")
    names = {uid: uid if identity else f"0.{number}" for number, uid in enumerate(shown, 1)}
    stacks: dict[str, Any] = {}
    ranges: dict[str, _Range] = {}
    pixels: dict[str, list[str]] = {}
    spaces: dict[str, str] = {}
    for uid, source in shown.items():
        stack = source.describe()
        at = next(pane.index for pane in panes if pane.SeriesInstanceUID == uid)
        at = len(stack.frames) // 2 if at is None else min(at, len(stack.frames) - 1)
        kept = _range(stack, at, frames, limit_bytes // len(shown))
        pixels[names[uid]] = _encode(source, stack, kept)
        part = _part(stack, kept)
        stacks[names[uid]] = (part if identity else _unnamed(part, names[uid], spaces)).to_dict()
        ranges[uid] = kept
    document = {
        "state": _said(state, panes, names, ranges),
        "stacks": stacks,
        "pixels": pixels,
    }
    return _render(document)


def _range(
    stack: StackDescription, at: int, asked: tuple[int, int] | None, limit_bytes: int
) -> _Range:
    total = len(stack.frames)
    if asked is not None:
        first, last = asked
        if not 0 <= first <= last < total:
            raise CannotView(f"expected frames within 0 to {total - 1}, came {asked}")
        size = sum(map(_bytes_of, stack.frames[first : last + 1]))
        if size > limit_bytes:
            raise CannotView(
                f"expected at most {limit_bytes} bytes of voxels in each pane, came {size}: ask "
                "for fewer frames, or give a larger limit_bytes"
            )
        return _Range(first=first, stop=last + 1, total=total)
    low, high = 0, total
    if stack.extra is not None and sum(map(_bytes_of, stack.frames)) > limit_bytes:
        # Of several volumes that do not all fit, that which is in view.
        planes = stack.extra.planes
        low = at // planes * planes
        high = min(low + planes, total)
    first, stop, left = at, at, limit_bytes
    while first > low or stop < high:
        grows_up = stop < high and (first == low or stop - at <= at - first)
        size = _bytes_of(stack.frames[stop if grows_up else first - 1])
        if size > left and stop > first:
            break
        first, stop, left = (
            (first, stop + 1, left - size) if grows_up else (first - 1, stop, left - size)
        )
    return _Range(first=first, stop=stop, total=total)


def _bytes_of(frame: FrameDescription) -> int:
    voxel = {"rgb8": 3, "float32": 4, "float64": 8}.get(frame.dtype)
    if voxel is None:
        voxel = int("".join(digit for digit in frame.dtype if digit.isdigit())) // 8
    return frame.rows * frame.columns * voxel


def _encode(source: PaneSource, stack: StackDescription, kept: _Range) -> list[str]:
    """Return each frame's bytes, deflated, in Base64."""
    encoded = []
    for start in range(kept.first, kept.stop, _BATCH):
        frames = stack.frames[start : min(start + _BATCH, kept.stop)]
        together = source.encode(start, len(frames), revision=stack.revision)
        at = 0
        for frame in frames:
            size = _bytes_of(frame)
            deflated = zlib.compress(together[at : at + size], _LEVEL)
            encoded.append(base64.b64encode(deflated).decode("ascii"))
            at += size
    return encoded


def _part(stack: StackDescription, kept: _Range) -> StackDescription:
    total = len(stack.frames)
    if (kept.first, kept.stop) == (0, total):
        return stack
    badge = Badge(
        kind="info",
        icon="layers",
        text=f"holds {kept.stop - kept.first} of {total}",
        sentence=f"This file holds images {kept.first + 1} to {kept.stop} of {total}, "
        "and counts them, and z, from the first that it holds.",
    )
    return replace(
        stack,
        frames=stack.frames[kept.first : kept.stop],
        badges=(*(one for one in stack.badges if one.kind != "pass"), badge),
        kind="slices" if stack.extra is not None else stack.kind,
        extra=None,
    )


def _unnamed(stack: StackDescription, name: str, spaces: dict[str, str]) -> StackDescription:
    """Return a description without what says whose images they are, where and when.

    `spaces` holds the file's names of frames of reference: equal ones stay equal, so that panes
    stay linked.
    """
    instances: dict[str, str] = {}
    frames = tuple(
        replace(
            frame,
            SOPInstanceUID=instances.setdefault(
                frame.SOPInstanceUID, f"{name}.{len(instances) + 1}"
            ),
        )
        for frame in stack.frames
    )
    space = stack.FrameOfReferenceUID
    badges = tuple(
        replace(
            one, sentence=_without_uids(one.sentence), StudyInstanceUID="", SeriesInstanceUID=""
        )
        for one in stack.badges
    )
    return replace(
        stack,
        SeriesInstanceUID=name,
        revision=hashlib.sha256(stack.revision.encode()).hexdigest()[:16],
        FrameOfReferenceUID=(
            None if space is None else spaces.setdefault(space, f"0.0.{len(spaces) + 1}")
        ),
        frames=frames,
        badges=badges,
        note=None if stack.note is None else _without_uids(stack.note),
        corner=Corner(top_left=(), top_right=(), bottom_right=stack.corner.bottom_right),
    )


def _without_uids(text: str) -> str:
    return _UID.sub("(UID)", text)


def _said(
    state: ViewerState,
    panes: Sequence[PaneState],
    names: Mapping[str, str],
    ranges: Mapping[str, _Range],
) -> dict[str, Any]:
    """Return the state in the file's own names and places."""
    # A segmentation or surface is called by its UID, and the file has neither these nor plots.
    said = state.to_dict() | {"overlay": None, "volume": None, "mpr": None, "plot": ""}
    said["panes"] = [pane.to_dict() for pane in panes] if len(panes) > 1 else []
    for pane in (said, *said["panes"]):
        uid = pane["SeriesInstanceUID"]
        pane["StudyInstanceUID"] = ""
        pane["SeriesInstanceUID"] = names.get(uid, "")
        kept = ranges.get(uid)
        if kept is not None:
            pane["index"] = kept.place_of(pane["index"])
    return said


def _render(document: Mapping[str, Any]) -> str:
    environment = Environment(
        loader=PackageLoader("noctis_lab.views", "shell"), autoescape=True, trim_blocks=True
    )
    # `</script` and `<!--` would end or bend the element that holds the script; inside strings,
    # where alone they stand, the backslash is nothing.
    client = _CLIENT.read_text(encoding="utf-8")
    client = client.replace("</script", "<\\/script").replace("<!--", "<\\!--")
    data = json.dumps(document, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    digest = base64.b64encode(hashlib.sha256(client.encode()).digest()).decode("ascii")
    return environment.get_template("exported.html").render(
        client=Markup(client),  # noqa: S704 - our own script, escaped above
        data=Markup(data),  # noqa: S704 - JSON without "<"
        script_source=f"sha256-{digest}",
    )
