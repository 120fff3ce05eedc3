"""Opens a calibration page for somebody, and does what its forms ask for under their name."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from noctis_lab.access import Action, Principal, may
from noctis_lab.catalog.people import find_principal
from noctis_lab.errors import AccessDenied, NoctisError
from noctis_lab.views.calibration.address import CALIBRATION_PATH, Asked, viewer_address
from noctis_lab.views.calibration.again import analyse_again
from noctis_lab.views.calibration.comparison import comparison_page
from noctis_lab.views.calibration.fleet import fleet_page
from noctis_lab.views.calibration.forms import acts_of, analyse_as_said
from noctis_lab.views.calibration.marks import Module, modules_of, region_marks, uniformity_marks
from noctis_lab.views.calibration.numbers import number_of, rows_of, text_of
from noctis_lab.views.calibration.registers import register_page
from noctis_lab.views.calibration.scan import (
    SLOTS,
    SPECTRA,
    UNIFORMITY,
    Visitor,
    late_panels,
    newest_analysis,
    no_analysis_page,
    scan_page,
    trended,
)
from noctis_lab.views.calibration.scanner import scanner_page
from noctis_lab.views.calibration.told import action
from noctis_lab.views.calibration_page import CalibrationPage
from noctis_lab.views.state import ViewerState
from noctis_lab.views.viewer import SeriesView
from noctis_lab.volumes.pixels import describe_stack

if TYPE_CHECKING:
    from noctis_lab.catalog.records import SeriesRow
    from noctis_lab.lab import Lab
    from noctis_lab.lab.calibrating.records import CalibrationRecords
    from noctis_lab.volumes.pixels import StackDescription

__all__ = ["open_page"]

logger = logging.getLogger(__name__)

_AXIAL: Final = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
_FILLED: Final = 1.14  # radii of the phantom that the pane is half of
_MOST_ZOOM: Final = 4.0
_BROKEN: Final = "This could not be measured; the log says why."


def open_page(
    lab: Lab, principal: Principal, asked: Asked, *, api_base: str, root: str | None
) -> CalibrationPage:
    """Return the page that an address asks for, with what a principal may see.

    Parameters
    ----------
    api_base
        Path of the pixel routes; empty where the viewer's own channel answers.
    root
        The archive's folder, where copied code has to name it.
    """
    records = lab.calibration.seen_by(principal)
    if asked.series:
        return _open_scan(lab, principal, records, asked, api_base=api_base, root=root)
    can_calibrate = may(principal, Action.CALIBRATE)
    now = lab.catalog.clock().astimezone().replace(tzinfo=None)
    if asked.compare:
        told, figures = comparison_page(records, asked)
    elif asked.scanner:
        told, figures = scanner_page(records, asked, now=now, can_calibrate=can_calibrate)
    elif asked.view:
        told, figures = register_page(records, asked)
    else:
        told, figures = fleet_page(
            records, asked, now=now, can_calibrate=can_calibrate, api_base=api_base, root=root
        )
    acts = acts_of(lab, _asking(lab, principal, is_served=bool(api_base)))
    return _page(told, figures, acts=acts, api_base=api_base)


def _page(told: Mapping[str, Any], figures: list[Any], **more: Any) -> CalibrationPage:
    return CalibrationPage(told, figures, sizing_mode="stretch_both", margin=0, **more)


def _asking(lab: Lab, principal: Principal, *, is_served: bool) -> Callable[[], Principal]:
    """Return how to ask who somebody is by now: a page may stay open while rights are taken.

    Where no archive is served, who opened the page reads its files anyway.
    """

    def asking() -> Principal:
        found = find_principal(lab.catalog, principal.name) if is_served else principal
        if found is None:
            raise AccessDenied(
                f"'{principal.name}' is no principal of this archive any more; sign in again",
                principal=principal.name,
                action=str(Action.CALIBRATE),
            )
        return found

    return asking


def _find_series(lab: Lab, principal: Principal, asked: Asked) -> SeriesRow | None:
    """Return the series that is asked for, if somebody may see it; of several the first."""
    for row in lab.catalog.series_named(asked.series):
        facilities = lab.catalog.facilities_of(row.StudyInstanceUID)
        is_asked = asked.study in ("", row.StudyInstanceUID)
        if is_asked and may(principal, Action.SEE, facilities=frozenset(facilities)):
            return row
    return None


def _open_scan(
    lab: Lab,
    principal: Principal,
    records: CalibrationRecords,
    asked: Asked,
    *,
    api_base: str,
    root: str | None,
) -> CalibrationPage:
    series = _find_series(lab, principal, asked)
    if series is None:
        return _page(no_analysis_page(_NOT_SEEN, _TO_FLEET), [])
    row = newest_analysis(records, series.SeriesInstanceUID, series.StudyInstanceUID)
    can_calibrate = may(principal, Action.CALIBRATE)
    asking = _asking(lab, principal, is_served=bool(api_base))
    acts = acts_of(lab, asking)
    if row is None:
        told = _unanalysed(records, series, can_calibrate=can_calibrate)
        acts["analyse"] = partial(_analyse, lab, asking, asked)
        return _page(told, [], acts=acts, api_base=api_base)
    rois = rows_of(records.rois(analysis_id=row["analysis_id"]))
    stack = _stack_of(lab, series)
    frames = () if stack is None else stack.frames
    heights = [0.0 if one.position_mm is None else float(one.position_mm[2]) for one in frames]
    planes = {one.SOPInstanceUID: place for place, one in enumerate(frames)}
    modules = [
        (module, _nearest(heights, module.z_mm))
        for module in modules_of(text_of(row["phantom_model"]), row)
        if _is_reached(heights, module.z_mm)
    ]
    chart = trended(records, row)
    visitor = Visitor(can_calibrate=can_calibrate, root=root, api_base=api_base)
    told, figures = scan_page(row, rois, chart, modules, planes, visitor=visitor)
    viewer = _viewer_of(lab, series, api_base)
    spacing_mm = series.facts.slice_spacing_mm or 1.0
    viewer.marks = region_marks(
        series.SeriesInstanceUID, rois, spacing_mm, is_movable=can_calibrate
    )
    viewer.state.index = _first_plane(rois, planes, modules)
    _frame(viewer.state, row, stack)

    def show_plane(index: int) -> None:
        if 0 <= index < len(heights):
            viewer.state.index = index

    def z_in_view_mm() -> float | None:
        index = viewer.state.index
        return heights[index] if index is not None and 0 <= index < len(heights) else None

    this = replace(asked, study=series.StudyInstanceUID)
    acts["analyse"] = partial(_analyse, lab, asking, this, rois=rois, z_in_view_mm=z_in_view_mm)
    page = _page(
        told,
        figures,
        slots=SLOTS,
        viewer=viewer,
        api_base=api_base,
        acts=acts,
        show_plane=show_plane,
    )
    page.begin(partial(_measure_late, lab, series, row, page, viewer, modules))
    return page


_TO_FLEET: Final = [action("Open the fleet", "left", href=CALIBRATION_PATH)]
_NOT_SEEN: Final = "It is not in this archive, or not yours to see."


def _unanalysed(
    records: CalibrationRecords, series: SeriesRow, *, can_calibrate: bool
) -> dict[str, Any]:
    refusals = records.refusals(
        SeriesInstanceUID=series.SeriesInstanceUID, StudyInstanceUID=series.StudyInstanceUID
    )
    reason = "It was not analysed: no phantom was looked for in it yet."
    if not refusals.empty:
        reason = f"It was looked at and is none: {refusals.iloc[-1]['reason']}"
    actions = [
        action(
            "Open in the viewer",
            "open",
            href=viewer_address(series.StudyInstanceUID, series.SeriesInstanceUID),
        )
    ]
    if can_calibrate:
        actions.insert(
            0, action("Analyse\N{HORIZONTAL ELLIPSIS}", "refresh", form="analyse", isPrimary=True)
        )
    return no_analysis_page(reason, actions)


def _analyse(
    lab: Lab,
    asking: Callable[[], Principal],
    asked: Asked,
    said: Mapping[str, Any],
    *,
    rois: list[dict[str, Any]] | None = None,
    z_in_view_mm: Callable[[], float | None] = lambda: None,
) -> None:
    principal = asking()
    series = _find_series(lab, principal, asked)
    if series is None:
        raise ValueError(_NOT_SEEN)
    analyse_as_said(
        lab,
        series,
        said,
        principal=principal,
        z_in_view_mm=z_in_view_mm(),
        rois=rois or (),
    )


def _viewer_of(lab: Lab, series: SeriesRow, api_base: str) -> SeriesView:
    state = ViewerState(SeriesInstanceUID=series.SeriesInstanceUID)
    viewer = SeriesView(
        state,
        StudyInstanceUID=series.StudyInstanceUID,
        mode="cell",
        api_base=api_base,
        sizing_mode="stretch_both",
        margin=0,
    )
    return viewer if api_base else viewer.answer_from(lab)


def _stack_of(lab: Lab, series: SeriesRow) -> StackDescription | None:
    """Return how a series is shown, None where its images are not to be had (any more)."""
    try:
        return describe_stack(lab.handle, series.reference)
    except NoctisError:
        return None


def _frame(state: ViewerState, row: Mapping[str, Any], stack: StackDescription | None) -> None:
    """Let the phantom fill the pane: zoom by its radius, about its axis; of axial images."""
    radius, x, y = (number_of(row[name]) for name in ("radius_mm", "x_mm", "y_mm"))
    if stack is None or stack.pixel_spacing_mm is None or stack.orientation != _AXIAL:
        return
    first, (dy, dx) = stack.frames[0], stack.pixel_spacing_mm
    if first.position_mm is None or radius is None or x is None or y is None:
        return
    half = (first.rows - 1) / 2, (first.columns - 1) / 2
    state.zoom = min(max(first.rows * dy / (2 * _FILLED * radius), 1.0), _MOST_ZOOM)
    state.pan = (
        (y - first.position_mm[1]) / dy - half[0],
        (x - first.position_mm[0]) / dx - half[1],
    )


def _nearest(heights: list[float], z_mm: float) -> int:
    return min(range(len(heights)), key=lambda place: abs(heights[place] - z_mm), default=0)


def _is_reached(heights: list[float], z_mm: float) -> bool:
    return bool(heights) and min(heights) <= z_mm <= max(heights)


def _first_plane(
    rois: list[dict[str, Any]], planes: Mapping[str, int], modules: list[tuple[Module, int]]
) -> int | None:
    of_rois = [planes[uid] for roi in rois if (uid := text_of(roi["SOPInstanceUID"])) in planes]
    return of_rois[0] if of_rois else modules[0][1] if modules else None


async def _measure_late(
    lab: Lab,
    series: SeriesRow,
    row: Mapping[str, Any],
    page: CalibrationPage,
    viewer: SeriesView,
    modules: list[tuple[Module, int]],
) -> None:
    """Measure what no record keeps, and show it; where it cannot be measured, say why."""
    try:
        analysis = await analyse_again(lab, series, row)
        slots, late = late_panels(analysis)
    except NoctisError as error:
        page.fill([[], []], _late_refusal(str(error)))
        return
    except Exception:  # an outer door: a page's own task
        logger.exception("a scan's modules could not be measured")
        page.fill([[], []], _late_refusal(_BROKEN))
        return
    page.fill(slots, late)
    place = next((module.z_mm for module, _ in modules if "uniformity" in module.words), None)
    if place is not None:
        uid = series.SeriesInstanceUID
        viewer.marks = [*viewer.marks, *uniformity_marks(uid, analysis, row, place)]


def _late_refusal(reason: str) -> dict[str, Any]:
    return {place: {"subtitle": "", "none": reason} for place in (UNIFORMITY, SPECTRA)}
