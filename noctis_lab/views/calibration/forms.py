"""What the pages' forms say, and doing it under somebody's name: events, baselines, analyses."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Any, Final

from noctis_lab.analysis.calibration.regions import PlacedRegion
from noctis_lab.lab.calibrating.calibration import calibrate_series
from noctis_lab.views.calibration.numbers import number_of, text_of

if TYPE_CHECKING:
    from noctis_lab.access import Principal
    from noctis_lab.catalog.records import SeriesRow
    from noctis_lab.lab import Lab
    from noctis_lab.lab.calibrating.calibration import CalibrateOptions

__all__ = ["acts_of", "analyse_as_said", "placed_of", "regions_said"]

_MOST_TEXT: Final = 500
_MOST_REGIONS_TEXT: Final = 20_000
_MOST_REGIONS: Final = 64
_PLACE: Final = ("x_mm", "y_mm", "z_mm", "radius_mm")

type Said = Mapping[str, Any]


def acts_of(lab: Lab, asking: Callable[[], Principal]) -> dict[str, Callable[[Said], None]]:
    """Return what the forms of every page do, by their names.

    Parameters
    ----------
    asking
        Who somebody is at the time that a form is sent.
    """

    def note_event(said: Said) -> None:
        lab.calibration.note_event(
            _word(said, "scanner"), _word(said, "event_kind"),
            happened_at=_day(said, "happened_on"), note=_word(said, "note"), principal=asking(),
        )  # fmt: skip

    def set_baseline(said: Said) -> None:
        trend = _word(said, "scanner"), _word(said, "protocol"), _word(said, "quantity")
        lab.calibration.set_baseline(
            trend, reason=_word(said, "reason"), valid_from=_day(said, "valid_on"),
            center=_number(said, "center"), sigma=_number(said, "sigma"), principal=asking(),
        )  # fmt: skip

    def acknowledge(said: Said) -> None:
        alarm_id, note = _word(said, "alarm_id"), _word(said, "note")
        lab.calibration.acknowledge(alarm_id, note=note, principal=asking())

    return {"event": note_event, "baseline": set_baseline, "acknowledge": acknowledge}


def analyse_as_said(
    lab: Lab,
    series: SeriesRow,
    said: Said,
    *,
    principal: Principal,
    z_in_view_mm: float | None = None,
    rois: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Analyse a series as a form says; what is left empty is as the images say.

    Parameters
    ----------
    z_in_view_mm
        Of the image that the page shows, patient LPS; the form may say that the module is there.
    rois
        Of the analysis that the page shows: a region that was moved is measured on as many planes.

    Raises
    ------
    ValueError
        The form says something else than it may: what was expected.
    NoctisError
        As `calibrate_series`.
    """
    options: CalibrateOptions = {}
    if model := _word(said, "model"):
        options["model"] = model
    if serial := _word(said, "serial"):
        options["serial"] = serial
    if tolerances := _word(said, "tolerances"):
        options["tolerances"] = tolerances
    if note := _word(said, "note"):
        options["note"] = note
    z_mm = _number(said, "z_mm")
    if z_mm is None and _word(said, "middle") == "view":
        z_mm = z_in_view_mm
    if z_mm is not None:
        options["z_mm"] = z_mm
    if regions := regions_said(said, rois):
        options["regions"] = regions
    calibrate_series(lab, series, principal=principal, **options)


def regions_said(said: Said, rois: Sequence[Mapping[str, Any]] = ()) -> dict[str, PlacedRegion]:
    """Return where a form says that regions are, by their materials.

    Parameters
    ----------
    rois
        Rows of `hu_roi`: a region is measured on as many planes as it was there.

    Raises
    ------
    ValueError
        It says something else.
    """
    text = said.get("regions", "")
    if not isinstance(text, str) or len(text) > _MOST_REGIONS_TEXT:
        raise ValueError(f"expected regions as JSON of at most {_MOST_REGIONS_TEXT} characters")
    counts = {text_of(roi["material"]): number_of(roi["plane_count"]) for roi in rois}
    try:
        told = json.loads(text or "{}")
        if len(told) > _MOST_REGIONS:
            raise ValueError
        return {str(name): _region(place, counts.get(name)) for name, place in told.items()}
    except (AttributeError, KeyError, OverflowError, RecursionError, TypeError, ValueError):
        raise ValueError(
            f"expected at most {_MOST_REGIONS} regions as material: {', '.join(_PLACE)}"
        ) from None


def _region(place: Mapping[str, Any], plane_count: float | None) -> PlacedRegion:
    x_mm, y_mm, z_mm, radius_mm = (float(place[axis]) for axis in _PLACE)
    region = PlacedRegion(x_mm=x_mm, y_mm=y_mm, z_mm=z_mm, radius_mm=radius_mm)
    return replace(region, plane_count=int(plane_count)) if plane_count else region


def placed_of(row: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Return the regions that an analysis, a row of `hu_analysis`, has by hand: mm, patient LPS."""
    try:
        regions = json.loads(text_of(row["overrides"]) or "{}").get("regions") or {}
        return {
            str(name): {axis: float(place[axis]) for axis in _PLACE}
            for name, place in regions.items()
        }
    except (AttributeError, KeyError, TypeError, ValueError):
        return {}


def _word(said: Said, name: str) -> str:
    value = said.get(name, "")
    if not isinstance(value, str) or len(value) > _MOST_TEXT:
        raise ValueError(f"expected {name} as a text of at most {_MOST_TEXT} characters")
    return value


def _number(said: Said, name: str) -> float | None:
    text = _word(said, name)
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"expected {name.removesuffix('_mm')} as a number") from None


def _day(said: Said, name: str) -> datetime:
    """Return the beginning of a day: a scanner's clock bears no zone, and is taken as it is."""
    try:
        day = datetime.fromisoformat(_word(said, name)).date()
    except ValueError:
        raise ValueError("expected a day as YYYY-MM-DD") from None
    return datetime.combine(day, time(), tzinfo=UTC)
