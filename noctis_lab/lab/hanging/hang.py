"""Whether a protocol applies to a study, and which series its panes show then."""

from __future__ import annotations

from typing import Any

from noctis_lab.errors import CannotStack, FileChanged, SeriesNotFound
from noctis_lab.lab.hanging.conditions import all_hold
from noctis_lab.lab.hanging.outside import VolumeRule
from noctis_lab.lab.hanging.protocol import (
    FROM_OUTSIDE,
    LINKS,
    OF_ONE_VOLUME,
    PaneRule,
    Protocol,
    Selector,
    SeriesRule,
    panes_of,
)
from noctis_lab.lab.hanging.study import HungSeries, HungStudy
from noctis_lab.lab.hanging.windows import CT_PRESETS

__all__ = ["hang"]

#: A series and the frame that a selector names, from 0; None where it names none.
type _Found = tuple[HungSeries, int | None]


def hang(protocol: Protocol, study: HungStudy) -> dict[str, Any] | None:
    """Return a view's state as a protocol says it, None where the protocol does not apply.

    Parameters
    ----------
    study
        Whose series are hung; its facts of geometry may not be known yet, and then no condition
        of them holds.

    Returns
    -------
    dict
        As `noctis_lab.views.state.ViewerState.to_dict` gives it: layout, links and, for every
        pane, series, image, window. Panes name no study: it is the view's own.
    """
    if not all_hold(protocol.study, study.values):
        return None
    if not all(_counts(rule, study) for rule in protocol.series):
        return None
    panes = _panes(protocol, study)
    if panes is None or not any(pane["SeriesInstanceUID"] for pane in panes):
        return None
    active = next(i for i, pane in enumerate(panes) if pane["SeriesInstanceUID"])
    link = {name: name in protocol.link for name in LINKS}
    shown = panes if len(panes) > 1 else []
    own = {**panes[active], "active": active}
    outside = protocol.volume or VolumeRule()
    return {
        **own,
        "layout": protocol.layout,
        "panes": shown,
        "link": link,
        "mpr": None,
        "volume": outside.to_state() if protocol.layout in FROM_OUTSIDE else None,
    }


def _counts(rule: SeriesRule, study: HungStudy) -> bool:
    count = sum(_frame_of(rule.selector, each) is not None for each in study.series)
    return count >= rule.at_least and (rule.at_most is None or count <= rule.at_most)


def _frame_of(selector: Selector, series: HungSeries) -> int | None:
    """Return the frame that a selector names, -1 for any of them; None where it does not fit."""
    if not series.holds(selector.conditions):
        return None
    return series.find_image(selector.image) if selector.image else -1


def _panes(protocol: Protocol, study: HungStudy) -> list[dict[str, Any]] | None:
    count = panes_of(protocol.layout)
    if protocol.layout in OF_ONE_VOLUME:
        return _planes(protocol.panes[0] if protocol.panes else PaneRule(), study, count)
    shown: list[HungSeries] = []
    panes: list[dict[str, Any]] = []
    for rule in (*protocol.panes, *[PaneRule()] * (count - len(protocol.panes))):
        found = _find(rule, study, shown)
        if found is None and rule.is_required:
            return None
        if found is not None:
            shown.append(found[0])
        panes.append(_pane(rule, found))
    return panes


def _planes(rule: PaneRule, study: HungStudy, count: int) -> list[dict[str, Any]] | None:
    """Return panes of one volume: planes, and last its images or the view from outside."""
    found = _find(rule, study, [])
    if found is None:
        return None
    images = _pane(rule, found)
    return [images | {"index": None} for _ in range(count - 1)] + [images]


def _find(rule: PaneRule, study: HungStudy, shown: list[HungSeries]) -> _Found | None:
    if rule.is_empty:
        return None
    with_images = [each for each in study.series if each.row.image_count > 0]
    if not rule.series:
        rest = [each for each in _ordered(with_images, rule.order) if each not in shown]
        return (rest[rule.nth - 1], None) if len(rest) >= rule.nth else None
    among = [each for each in with_images if not (rule.is_unseen and each in shown)]
    for selector in rule.series:
        fitting = [
            (each, frame)
            for each in _ordered(among, rule.order)
            if (frame := _frame_of(selector, each)) is not None
        ]
        if len(fitting) >= rule.nth:
            series, frame = fitting[rule.nth - 1]
            return series, None if frame == -1 else frame
    return None


def _ordered(series: list[HungSeries], order: str) -> list[HungSeries]:
    """Sort by a column, those without a value last; equal ones by number and UID."""
    name, is_falling = order.removeprefix("-"), order.startswith("-")
    # Last first: each later sorting keeps the order of equals.
    found = sorted(series, key=lambda each: each.uid)
    found.sort(key=lambda each: _sortable(each.value("SeriesNumber")))
    stated = [each for each in found if each.value(name) is not None]
    missing = [each for each in found if each.value(name) is None]
    stated.sort(key=lambda each: _sortable(each.value(name)), reverse=is_falling)
    return stated + missing


def _sortable(value: Any) -> tuple[bool, float, str]:
    is_number = isinstance(value, int | float)
    return value is None, float(value) if is_number else 0.0, "" if is_number else str(value)


def _pane(rule: PaneRule, found: _Found | None) -> dict[str, Any]:
    pane: dict[str, Any] = {
        "SeriesInstanceUID": "" if found is None else found[0].uid,
        "StudyInstanceUID": "",
        "index": None,
        "window": None,
        "voi_lut": None,
        "inverted": rule.inverted,
        "colormap": rule.colormap,
        "zoom": 1.0,
        "pan": [0.0, 0.0],
        "rotation_deg": rule.rotation_deg,
        "flipped": rule.flipped,
    }
    if found is None:
        return pane
    series, frame = found
    return pane | {"index": _index(rule, series, frame), "window": _window(rule, series)}


def _window(rule: PaneRule, series: HungSeries) -> dict[str, Any] | None:
    window = rule.window
    if window is None:
        return None
    if window.preset is None:
        return {"center": window.center, "width": window.width, "function": window.function}
    if series.row.Modality != "CT":  # the presets are Hounsfield units
        return None
    center, width = CT_PRESETS[window.preset]
    return {"center": float(center), "width": float(width), "function": "LINEAR"}


def _index(rule: PaneRule, series: HungSeries, frame: int | None) -> int | None:
    """Return the frame to begin with, from 0; None: the middle one."""
    if frame is not None or (rule.at is None and rule.extra is None):
        return frame
    try:
        frames, extra = series.shown()
    except (CannotStack, FileChanged, SeriesNotFound):
        return None  # the pane itself says why nothing can be shown
    count = len(frames)
    if extra is None or rule.extra is None:
        return _at(rule.at, count)
    places, planes = len(extra.values), extra.planes
    return min(_at(rule.extra, places) * planes + _at(rule.at, planes), max(count - 1, 0))


def _at(place: int | None, count: int) -> int:
    """Return a place from 0: 0 is the first, -1 the last, others count from 1; None: middle."""
    if place is None:
        return count // 2
    if place <= 0:
        return 0 if place == 0 else max(count - 1, 0)
    return min(place, max(count, 1)) - 1
