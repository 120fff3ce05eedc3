"""The records of calibration as tables, within what somebody may see."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Self

import numpy as np

from noctis_lab.access import Action, Principal, require
from noctis_lab.analysis.calibration.curves import DensityCurve
from noctis_lab.catalog.hu_columns import HU_VIEWS
from noctis_lab.catalog.hu_records import HuRecord
from noctis_lab.catalog.hu_sight import find_in_sight
from noctis_lab.catalog.result import Result, write_result
from noctis_lab.errors import CannotCalibrate, QueryError
from noctis_lab.jobs.calibration.charts import (
    CHART_KINDS,
    ScannerChart,
    charts_of,
    find_scans,
)
from noctis_lab.jobs.calibration.comparing import (
    WITHIN_DAYS,
    ScannerComparison,
    compare_scanners,
)
from noctis_lab.jobs.calibration.scans import require_quantity
from noctis_lab.jobs.calibration.trend_table import trend_table
from noctis_lab.lab.opening import open_plots

if TYPE_CHECKING:
    import pandas as pd

    from noctis_lab.lab import Lab
    from noctis_lab.lab.selection import Condition

__all__ = ["CalibrationTables", "ExportedTable"]

type ExportedTable = Literal["trends", "analyses", "rois"]
_EXPORTED: Final = {"analyses": "hu_analysis", "rois": "hu_roi"}

_STUDIES: Final = (
    "SELECT StudyInstanceUID FROM study_access WHERE list_contains($facilities, facility)"
)
#: Column of a view → which of its rows are of some facilities. As `catalog.hu_sight` has it: what
#: is of a series by its study, but of a withheld one nothing; what was said of a scanner where they
#: have an analysis of that name, and only if who said it saw studies of theirs.
_OF_STUDY: Final = f"NOT is_withheld AND StudyInstanceUID IN ({_STUDIES})"
_IN_SIGHT: Final = {
    "StudyInstanceUID": _OF_STUDY,
    "scanner": (
        "(facilities IS NULL OR list_has_any(facilities, $facilities)) AND "  # noqa: S608
        f"scanner IN (SELECT scanner FROM hu_analysis WHERE {_OF_STUDY})"
    ),
    "phantom_serial": "(facilities IS NULL OR list_has_any(facilities, $facilities))",
}
#: What drawn charts take in memory, generously.
_CHART_BYTES, _POINT_BYTES = 8_000, 2_000
_WHEN: Final = ["AcquisitionDate", "AcquisitionTime"]

#: Alarms, with who has acknowledged each last: who sees the alarm sees that, being of its study.
_ALARMS: Final = (
    "(SELECT a.*, k.acknowledged_by, k.acknowledged_at, k.acknowledgement_note FROM hu_alarm a "
    "LEFT JOIN (SELECT alarm_id, author AS acknowledged_by, recorded_at AS acknowledged_at, "
    "note AS acknowledgement_note FROM hu_acknowledgement QUALIFY row_number() OVER "
    "(PARTITION BY alarm_id ORDER BY recorded_at DESC, acknowledgement_id DESC) = 1) k "
    "USING (alarm_id))"
)


class CalibrationTables:
    """What is recorded of calibration, read: the half of `CalibrationRecords` that asks.

    Parameters
    ----------
    lab
        The open archive.
    facilities
        Only what is of their studies, and of scanners with an analysis there, is read; None: all.
    """

    def __init__(self, lab: Lab, facilities: Collection[str] | None = None) -> None:
        self._lab = lab
        self._facilities = None if facilities is None else sorted(facilities)

    def seen_by(self, principal: Principal) -> Self:
        """Return these records as a principal may read them."""
        require(principal, Action.SEE)
        return type(self)(self._lab, principal.facilities)

    def analyses(self, **where: Condition) -> pd.DataFrame:
        """Return the analyses whose columns have these values: `hu_analysis`, oldest record first.

        Parameters
        ----------
        **where
            A value, or several of which one must hold, for a column of the view.

        Raises
        ------
        QueryError
            The view has no such column.
        """
        return self._table("hu_analysis", where)

    def rois(self, **where: Condition) -> pd.DataFrame:
        """Return regions of analyses: `hu_roi`; ``rois(analysis_id=…)``."""
        return self._table("hu_roi", where)

    def refusals(self, **where: Condition) -> pd.DataFrame:
        """Return which series were no phantom to be analysed, and why: `hu_refusal`."""
        return self._table("hu_refusal", where)

    def checks(self, **where: Condition) -> pd.DataFrame:
        """Return the checks of CT series' scales: `hu_series_check`."""
        return self._table("hu_series_check", where)

    def baselines(self, **where: Condition) -> pd.DataFrame:
        """Return the baselines, every version: `hu_baseline`; the newest `valid_from` holds."""
        return self._table("hu_baseline", where)

    def events(self, **where: Condition) -> pd.DataFrame:
        """Return what happened to scanners: `hu_scanner_event`."""
        return self._table("hu_scanner_event", where)

    def alarms(self, **where: Condition) -> pd.DataFrame:
        """Return what was outside of a control limit or a tolerance: `hu_alarm`, oldest first.

        Three columns more say who has acknowledged it last: acknowledged_by, acknowledged_at and
        acknowledgement_note, empty where nobody has.
        """
        return self._table("hu_alarm", where)

    def certificates(self, **where: Condition) -> pd.DataFrame:
        """Return phantoms' own nominal values: `hu_certificate`; of one the newest holds."""
        return self._table("hu_certificate", where)

    def curves(self, **where: Condition) -> pd.DataFrame:
        """Return the density curves: `hu_curve`."""
        return self._table("hu_curve", where)

    def trend(self, scanner: str, protocol: str, quantity: str) -> pd.DataFrame:
        """Return a figure of each series of one scanner and protocol, oldest acquisition first.

        Parameters
        ----------
        scanner, protocol
            As `analyses` names them.
        quantity
            A figure's column of `hu_analysis` (``water_hu``, ``slope`` …), or ``roi:`` and a
            material (``roi:Teflon``), HU. A material that the phantom has more than once, as a
            CatPhan's air, is one figure of a scan: the mean of its inserts, and that mean's
            standard error as if theirs were independent. How the two differ is in `rois`.

        Returns
        -------
        DataFrame
            analysis_id, SeriesInstanceUID, AcquisitionDate, AcquisitionTime, scanner_time, value,
            se; of a series that was analysed again its newest analysis. `scanner_time` is that of
            the series or study where no acquisition is dated, and empty where none is.

        Raises
        ------
        CannotCalibrate
            ``no_such_quantity``.
        """
        require_quantity(quantity)
        scans = find_scans(self._lab.catalog, self._facilities, scanner=scanner, protocol=protocol)
        found = {
            scan.record.record_id: (scan.at, one.value, one.se)
            for scan in scans
            if (one := scan.measured(quantity)) is not None
        }
        told = self.analyses(scanner=scanner, protocol=protocol)
        told = told.loc[
            told["analysis_id"].isin(list(found)), ["analysis_id", "SeriesInstanceUID", *_WHEN]
        ]
        rows = [found[analysis_id] for analysis_id in told["analysis_id"]]
        for number, name in enumerate(("scanner_time", "value", "se")):
            told = told.assign(**{name: [row[number] for row in rows]})
        return told.sort_values("scanner_time", kind="stable", ignore_index=True)

    def charts(
        self,
        scanner: str | None = None,
        protocol: str | None = None,
        quantity: str | None = None,
    ) -> tuple[ScannerChart, ...]:
        """Return the control charts of scanners: Shewhart and EWMA, with limits, events, alarms.

        Parameters
        ----------
        scanner, protocol
            As `analyses` names them; None: every one.
        quantity
            As `trend` takes it; None: water, slope, intercept, uniformity, noise and each insert.

        Raises
        ------
        CannotCalibrate
            ``no_such_quantity``.
        """
        if quantity is not None:
            require_quantity(quantity)
        handle = self._lab.handle
        records = find_in_sight(handle.catalog, CHART_KINDS, self._facilities, scanner=scanner)
        key = ("hu charts", _digest_of(records), protocol, quantity)
        found: tuple[ScannerChart, ...] | None = handle.frames.find(key)
        if found is None:  # records never change: the same ones make the same charts
            found = charts_of(records, protocol=protocol, quantity=quantity)
            _lock_arrays(found)
            points = sum(len(chart.points) for chart in found)
            handle.frames.put(key, found, _CHART_BYTES * (len(found) + 1) + _POINT_BYTES * points)
        return found

    def plot(
        self,
        scanner: str | None = None,
        protocol: str | None = None,
        quantity: str | None = None,
    ) -> Any:
        """Return control charts for a notebook's cell; parameters as `charts`, 24 at most.

        Raises
        ------
        CannotCalibrate
            ``no_scans``, ``too_many_charts``; ``no_such_quantity``.
        """
        return open_plots("charts", self.charts(scanner, protocol, quantity))

    def compare(
        self,
        first: str,
        second: str,
        *,
        quantity: str,
        protocol: str | None = None,
        within_days: float = WITHIN_DAYS,
    ) -> ScannerComparison:
        """Compare two scanners, as `analyses` names them, by Bland and Altman.

        Parameters
        ----------
        quantity
            As `trend` takes it.
        protocol
            Of both; None: the one that they have in common.
        within_days
            Scans of one phantom that are no further apart are a pair, each once, nearest first.

        Returns
        -------
        ScannerComparison
            `agreement` has means, differences, bias and limits, each with its interval.

        Raises
        ------
        CannotCalibrate
            They cannot be paired: ``same_scanner``, ``no_scans``, ``several_protocols``,
            ``no_common_protocol``, ``bad_pairing``, ``too_few_pairs``; ``no_such_quantity``.
        """
        return compare_scanners(
            self._lab.catalog,
            self._facilities,
            first,
            second,
            quantity=quantity,
            protocol=protocol,
            within_days=within_days,
        )

    def export(self, path: str | Path, *, table: ExportedTable = "trends") -> int:
        """Write records as a table, ``.csv``, ``.parquet`` or ``.json`` by the suffix.

        In CSV, which spreadsheets open, a text that they would take for a formula begins with an
        apostrophe: headers of images may say anything.

        Parameters
        ----------
        table
            "trends": a row for each scan of each chart, with its limits; "analyses", "rois".

        Returns
        -------
        int
            The rows written.

        Raises
        ------
        ValueError
            Another suffix, or no such table.
        """
        found, path = self.exported(table), Path(path)
        is_csv = path.suffix.lower() == ".csv"
        return write_result(found.without_formulas() if is_csv else found, path)

    def report(
        self,
        SeriesInstanceUID: str,
        path: str | Path | None = None,
        *,
        StudyInstanceUID: str | None = None,
    ) -> str:
        """Return a series' newest analysis as an HTML page that stands alone: no patient's name.

        Parameters
        ----------
        path
            Where it is written too; None: nowhere.
        StudyInstanceUID
            Of which study, where several hold a series of that UID.

        Raises
        ------
        CalibrationNotFound
            No analysis of the series is recorded, or none that is in sight.
        """
        from noctis_lab.lab.calibrating.report import report_of

        page = report_of(
            self._lab.handle,
            self._facilities,
            SeriesInstanceUID,
            StudyInstanceUID=StudyInstanceUID,
        )
        if path is not None:
            Path(path).write_text(page, encoding="utf-8")
        return page

    def exported(self, table: ExportedTable) -> Result:
        """Return what `export` writes.

        Raises
        ------
        ValueError
            No such table.
        """
        if table == "trends":
            return trend_table(self.charts())
        if table not in _EXPORTED:
            raise ValueError(f"expected trends, {', '.join(_EXPORTED)}, came {table[:64]!r}")
        return self._ask(_EXPORTED[table], {})

    def page(
        self,
        view: str,
        where: Mapping[str, Condition],
        *,
        offset: int = 0,
        limit: int = 100,
        is_acknowledged: bool | None = None,
    ) -> tuple[int, list[dict[str, Any]]]:
        """Return how many rows of a view `hu_…` have these values, and a window, newest first.

        Parameters
        ----------
        is_acknowledged
            Of alarms: those that somebody has acknowledged, or those that nobody has; None: all.

        Raises
        ------
        QueryError
            There is no such view, or it has no such column.
        """
        if view not in HU_VIEWS:
            raise QueryError(f"expected one of {', '.join(HU_VIEWS)}, came {view[:64]!r}")
        if is_acknowledged is not None and view != "hu_alarm":
            raise QueryError(f"expected hu_alarm with is_acknowledged, came {view}")
        # Sums of a window go with the rows: both are of one snapshot.
        found = self._ask(
            view,
            where,
            is_acknowledged=is_acknowledged,
            columns="*, count(*) OVER () AS total",
            end=f"ORDER BY {_order(view, 'DESC')} LIMIT {int(limit)} OFFSET {int(offset)}",
        ).to_arrow_table()
        rows = found.to_pylist()
        if rows or not offset:
            total = rows[0]["total"] if rows else 0
        else:  # beyond the last row: there is none to say how many there are
            counted = self._ask(
                view, where, is_acknowledged=is_acknowledged, columns="count(*)", end=""
            )
            (total,) = counted.fetchone() or (0,)
        return int(total), [{k: v for k, v in row.items() if k != "total"} for row in rows]

    def curve(self, curve_id: str) -> DensityCurve:
        """Return a recorded density curve, for `apply_curve`.

        Raises
        ------
        CannotCalibrate
            ``no_such_curve``.
        """
        found = self.curves(curve_id=curve_id)
        if found.empty:
            raise CannotCalibrate("no_such_curve", f"no curve {curve_id[:64]!r} is recorded")
        row = found.iloc[0]
        return DensityCurve(
            hu=tuple(map(float, row["hu"])),
            density=tuple(map(float, row["density"])),
            quantity=str(row["quantity"]),
            curve_id=curve_id,
        )

    def _table(self, view: str, where: Mapping[str, Condition]) -> pd.DataFrame:
        found: pd.DataFrame = self._ask(view, where).df()
        return found

    def _ask(
        self,
        view: str,
        where: Mapping[str, Condition],
        *,
        columns: str = "*",
        end: str | None = None,
        is_acknowledged: bool | None = None,
    ) -> Result:
        terms: list[str] = []
        values: dict[str, Any] = {}
        for name, condition in where.items():
            if name not in HU_VIEWS[view]:
                raise QueryError(
                    f"the view {view} has no column {name[:64]!r}: it has "
                    f"{', '.join(HU_VIEWS[view])}"
                )
            several = condition if isinstance(condition, list | tuple | set | frozenset) else None
            values[name] = [condition] if several is None else list(several)
            terms.append(f'list_contains(${name}, "{name}")')
        if self._facilities is not None:
            keys = ("StudyInstanceUID", "phantom_serial", "scanner")
            key = next(name for name in keys if name in HU_VIEWS[view])
            terms.append(_IN_SIGHT[key])
            values["facilities"] = self._facilities
        if is_acknowledged is not None:
            terms.append(f"acknowledged_by IS {'NOT ' if is_acknowledged else ''}NULL")
        source = _ALARMS if view == "hu_alarm" else view
        filtered = f" WHERE {' AND '.join(terms)}" if terms else ""
        end = f"ORDER BY {_order(view)}" if end is None else end
        # Names are checked above, the rest is ours.
        return self._lab.sql(f"SELECT {columns} FROM {source}{filtered} {end}", values)  # noqa: S608


def _lock_arrays(charts: Iterable[ScannerChart]) -> None:
    """Let nobody write into arrays that others will be given too."""
    for chart in charts:
        parts: tuple[Any, ...] = (chart.chart, chart.chart.trend, *chart.chart.tracks)
        for part in parts:
            for each in fields(part):
                values = getattr(part, each.name)
                if isinstance(values, np.ndarray):
                    values.setflags(write=False)


def _digest_of(records: Iterable[HuRecord]) -> str:
    digest = hashlib.sha256()
    for record in records:  # a series' reference is another once it is withheld, or corrected
        digest.update(f"{record.record_id} {record.reference} {record.StudyInstanceUID}\n".encode())
    return digest.hexdigest()


def _order(view: str, direction: str = "ASC") -> str:
    """Return in which order rows come; of one instant by their id, so that windows fit together."""
    if view == "hu_roi":
        return "analysis_id, roi_number"
    return f"recorded_at {direction}, {next(iter(HU_VIEWS[view]))} {direction}"
