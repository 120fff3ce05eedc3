"""What recorded analyses say of a scan, figure by figure: what charts are drawn of."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from noctis_lab.analysis.calibration.charts.trends import ChartKey, Reading
from noctis_lab.catalog.hu_columns import FIGURES
from noctis_lab.catalog.hu_records import HuKind, HuRecord
from noctis_lab.errors import CannotCalibrate
from noctis_lab.jobs.calibration.words import YEARS, began_at

__all__ = [
    "CHARTED",
    "ROI",
    "Measured",
    "PhantomScan",
    "at_by_scanner",
    "number_or_none",
    "require_quantity",
    "scans_of",
    "to_clock",
    "unit_of",
    "word_or_none",
]

ROI: Final = "roi:"  #: before a material: that insert's value is the quantity
#: What a chart is drawn of unless others are asked for, beside every insert.
CHARTED: Final = ("water_hu", "slope", "intercept_hu", "periphery_minus_center_hu", "noise_hu")
_UNITS: Final = {"_per_mm": "1/mm", "_hu": "HU", "_mm": "mm", "_deg": "°"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A figure of a scan; `low` to `high` is where `source` says that it must lie, if it does."""

    value: float
    se: float  # NaN where it cannot be told
    low: float | None = None
    high: float | None = None
    source: str | None = None
    SOPInstanceUID: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PhantomScan:
    """A series by its newest analysis; `at` is the scanner's own clock, NaT where none is sound.

    Attributes
    ----------
    scan_id
        The series' reference.
    """

    record: HuRecord
    key: ChartKey
    at: np.datetime64
    materials: tuple[str, ...]

    @property
    def scan_id(self) -> str:
        """As charts name a scan."""
        return str(self.record.reference)

    @property
    def quantities(self) -> tuple[str, ...]:
        """What charts are drawn of by default, as far as it was measured."""
        told = self.record.document
        figures = (name for name in CHARTED if not math.isnan(_number(told.get(name))))
        return (*figures, *(f"{ROI}{material}" for material in self.materials))

    def measured(self, quantity: str) -> Measured | None:
        """Return a figure of the scan, None where it has none.

        An insert that the phantom has more than once (a CatPhan's two of air) counts as one: the
        mean, and its standard error as if their errors were independent.
        """
        told = self.record.document
        if quantity.startswith(ROI):
            return _of_regions(_regions(told), quantity.removeprefix(ROI))
        value = _number(told.get(quantity))
        if math.isnan(value):
            return None
        low, high, source = _limits(told, quantity)
        return Measured(
            value=value,
            se=_number(told.get(f"{quantity}_se")),
            low=low,
            high=high,
            source=source,
            SOPInstanceUID=next((uid for r in _regions(told) if (uid := _plane(r))), None),
        )

    def reading(self, quantity: str) -> Reading | None:
        """Return a figure as charts take it, None where the scan has none."""
        found = self.measured(quantity)
        if found is None:
            return None
        return Reading(
            key=self.key, figure=quantity, scan_id=self.scan_id, at=self.at, value=found.value
        )


def scans_of(records: Iterable[HuRecord]) -> list[PhantomScan]:
    """Return the scans that analyses are of, each by its newest, in the order in which those came.

    Parameters
    ----------
    records
        Of any kind, oldest first; those that are no analysis of a series are passed over.
    """
    newest: dict[str, HuRecord] = {}
    for record in records:
        if record.kind is HuKind.ANALYSIS and record.reference is not None:
            newest.pop(record.reference, None)
            newest[record.reference] = record
    return [_scan_of(record) for record in newest.values()]


def require_quantity(quantity: str) -> None:
    """Raise where there is no such figure.

    Raises
    ------
    CannotCalibrate
        ``no_such_quantity``.
    """
    if quantity not in FIGURES and not quantity.startswith(ROI):
        raise CannotCalibrate(
            "no_such_quantity",
            f"expected roi:MATERIAL or one of {', '.join(FIGURES)}, came {quantity[:64]!r}",
        )


def unit_of(quantity: str) -> str:
    """Return a quantity's unit, empty where it has none.

    Examples
    --------
    >>> unit_of("roi:Teflon"), unit_of("f50_per_mm"), unit_of("slope")
    ('HU', '1/mm', '')
    """
    if quantity.startswith(ROI):
        return "HU"
    return next((unit for end, unit in _UNITS.items() if quantity.endswith(end)), "")


def to_clock(at: datetime) -> str:
    """Return a scanner's wall clock as records hold it: SQL's TIMESTAMP, which bears no zone."""
    return at.replace(tzinfo=UTC).isoformat(timespec="microseconds")


def at_by_scanner(document: Mapping[str, Any], name: str) -> datetime | None:
    """Return when something was by the scanner's clock; `name` is the same as an instant.

    Records that lack ``scanner_time`` tell the instant only: their clock is taken as UTC's.
    """
    for told in (document.get("scanner_time"), document.get(name)):
        if isinstance(told, str):
            try:
                return datetime.fromisoformat(told).replace(tzinfo=None)
            except ValueError:
                continue
    return None


def word_or_none(value: object) -> str | None:
    """Return a text of a document, None where it is none, or empty."""
    return value if isinstance(value, str) and value else None


def number_or_none(value: object) -> float | None:
    """Return a number of a document, None where it is none, or NaN."""
    number = _number(value)
    return None if math.isnan(number) else number


def _scan_of(record: HuRecord) -> PhantomScan:
    told = record.document
    key = ChartKey(
        scanner=record.scanner or "unknown",
        phantom_model=word_or_none(told.get("phantom_model")) or "?",
        KVP=_as_named(told.get("KVP")),
        ConvolutionKernel=word_or_none(told.get("ConvolutionKernel")),
        SliceThickness=_as_named(told.get("SliceThickness")),
    )
    materials = dict.fromkeys(word_or_none(region.get("material")) for region in _regions(told))
    return PhantomScan(
        record=record,
        key=key,
        at=_acquired(told),
        materials=tuple(material for material in materials if material),
    )


def _as_named(value: object) -> float | None:
    """Return a number as a protocol names it: 0.6 and 0.59999999 mm are one chart's."""
    number = number_or_none(value)
    return None if number is None else float(f"{number:g}")


def _acquired(told: Mapping[str, Any]) -> np.datetime64:
    """Return when a scan was; records of before hold the first date and the first time only."""
    began = at_by_scanner(told, "scanner_time")
    if began is None:
        began = began_at(word_or_none(told.get("AcquisitionDate")), told.get("AcquisitionTime"))
    if began is None or began.year not in YEARS:
        return np.datetime64("NaT", "us")
    return np.datetime64(began, "us")


def _regions(told: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    rois = told.get("rois")
    return [r for r in rois if isinstance(r, Mapping)] if isinstance(rois, list) else []


def _of_regions(regions: Iterable[Mapping[str, Any]], material: str) -> Measured | None:
    mine = [
        region
        for region in regions
        if region.get("material") == material and not math.isnan(_number(region.get("value_hu")))
    ]
    if not mine:
        return None
    errors = [_number(region.get("se_hu")) for region in mine]
    return Measured(
        value=math.fsum(_number(region["value_hu"]) for region in mine) / len(mine),
        se=math.hypot(*errors) / len(mine),
        low=number_or_none(mine[0].get("nominal_low_hu")),
        high=number_or_none(mine[0].get("nominal_high_hu")),
        source=word_or_none(mine[0].get("nominal_source")),
        SOPInstanceUID=_plane(mine[0]),
    )


def _limits(
    told: Mapping[str, Any], quantity: str
) -> tuple[float | None, float | None, str | None]:
    """Return the limits that the analysis held a figure to, and whose they are."""
    text = told.get("checks")
    try:
        checks = json.loads(text) if isinstance(text, str) else []
        for check in checks:
            if check["figure"] == quantity:
                limits = number_or_none(check["low"]), number_or_none(check["high"])
                return *limits, word_or_none(told.get("tolerance_set"))
    except (KeyError, TypeError, ValueError):
        pass
    if quantity == "water_hu":  # of a phantom with water: its accepted range
        water = _of_regions(_regions(told), "water")
        if water is not None:
            return water.low, water.high, water.source
    return None, None, None


def _plane(region: Mapping[str, Any]) -> str | None:
    return word_or_none(region.get("SOPInstanceUID"))


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    return float(value)
