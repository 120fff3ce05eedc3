"""Two scanners held against one another by what is recorded of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from noctis_lab.analysis.calibration.charts.agreement import Agreement, bland_altman, pair_by_time
from noctis_lab.analysis.calibration.charts.trends import ChartKey, Reading, Trend, trends_of
from noctis_lab.catalog.store import Catalog
from noctis_lab.errors import CannotCalibrate
from noctis_lab.jobs.calibration.charts import find_scans
from noctis_lab.jobs.calibration.scans import require_quantity, unit_of

__all__ = ["WITHIN_DAYS", "ScannerComparison", "compare_scanners", "compare_trends"]

#: Scans further apart are no pair: scanners that are scanned weekly find one another.
WITHIN_DAYS: Final = 7.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannerComparison:
    """How far a second scanner reads from a first one, by Bland and Altman.

    Attributes
    ----------
    first, second
        What was compared: scanner, phantom and protocol.
    first_trend, second_trend
        All of their scans; those without a partner are counted in ``agreement.pairs.unpaired``.
    unit
        The quantity's.
    """

    first: ChartKey
    second: ChartKey
    quantity: str
    unit: str
    first_trend: Trend
    second_trend: Trend
    agreement: Agreement


def compare_scanners(
    catalog: Catalog,
    facilities: Collection[str] | None,
    first: str,
    second: str,
    *,
    quantity: str,
    protocol: str | None = None,
    within_days: float = WITHIN_DAYS,
) -> ScannerComparison:
    """Compare two scanners by scans of one phantom that were made close to one another.

    Parameters
    ----------
    facilities
        Whose records count; None for every one.
    first, second
        Scanners, as the records name them.
    protocol
        Of both; None: the one that both have, or, where none is, the only one that each has.
    within_days
        Scans further apart are no pair.

    Raises
    ------
    CannotCalibrate
        ``no_such_quantity``; ``same_scanner``; ``no_scans``: one has no scan with that quantity;
        ``several_protocols``, ``no_common_protocol``: it is not told which are to be compared;
        ``bad_pairing``; ``too_few_pairs``: fewer than three.
    """
    require_quantity(quantity)
    if first == second:
        raise CannotCalibrate("same_scanner", "expected two scanners, came one twice")
    mine, theirs = (
        _trends(catalog, facilities, each, quantity, protocol) for each in (first, second)
    )
    return compare_trends(*_pair(mine, theirs), within_days=within_days)


def compare_trends(
    one: Trend, other: Trend, *, within_days: float = WITHIN_DAYS
) -> ScannerComparison:
    """Compare two scanners by trends of one figure; as `compare_scanners`, which finds them.

    Raises
    ------
    CannotCalibrate
        As `pair_by_time` and `bland_altman`.
    """
    return ScannerComparison(
        first=one.key,
        second=other.key,
        quantity=one.figure,
        unit=unit_of(one.figure),
        first_trend=one,
        second_trend=other,
        agreement=bland_altman(pair_by_time(one, other, within_days=within_days)),
    )


def _trends(
    catalog: Catalog,
    facilities: Collection[str] | None,
    scanner: str,
    quantity: str,
    protocol: str | None,
) -> tuple[Trend, ...]:
    readings: list[Reading] = [
        reading
        for scan in find_scans(catalog, facilities, scanner=scanner, protocol=protocol)
        if (reading := scan.reading(quantity)) is not None
    ]
    found = tuple(trend for trend in trends_of(readings) if len(trend))
    if not found:
        raise CannotCalibrate(
            "no_scans", f"no scan of {scanner[:64]!r} has {quantity[:64]!r} in that protocol"
        )
    return found


def _pair(mine: tuple[Trend, ...], theirs: tuple[Trend, ...]) -> tuple[Trend, Trend]:
    by_protocol = {trend.key.protocol: trend for trend in theirs}
    common = [trend for trend in mine if trend.key.protocol in by_protocol]
    if len(common) > 1:
        names = "; ".join(trend.key.protocol for trend in common)
        raise CannotCalibrate("several_protocols", f"say which of these protocols: {names}")
    if common:
        return common[0], by_protocol[common[0].key.protocol]
    if len(mine) > 1 or len(theirs) > 1:
        raise CannotCalibrate("no_common_protocol", "the scanners have no protocol in common")
    return mine[0], theirs[0]
