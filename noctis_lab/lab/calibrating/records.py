"""The records of calibration: read as tables; baselines, curves and scanners' events made."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from numbers import Real
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from noctis_lab.access import Action, Principal, require
from noctis_lab.analysis.calibration.curves import DensityCurve
from noctis_lab.catalog.hu_columns import FIGURES, HU_VIEWS
from noctis_lab.catalog.hu_records import HuKind, HuRecord
from noctis_lab.dicom.timing import parse_time_s
from noctis_lab.errors import AccessDenied, CannotCalibrate, QueryError
from noctis_lab.lab.measuring.keeping import own_principal

if TYPE_CHECKING:
    import pandas as pd

    from noctis_lab.lab import Lab
    from noctis_lab.lab.selection import Condition

__all__ = ["EVENT_KINDS", "CalibrationRecords"]

#: What may happen to a scanner.
EVENT_KINDS: Final = (
    *("service", "tube change", "detector change", "calibration", "software", "move", "other"),
)
_LEAST_SCANS: Final = 2
_MOST_TEXT: Final = 500
_MOST_KVP: Final = 1000
_ROI: Final = "roi:"
_STUDIES: Final = (
    "SELECT StudyInstanceUID FROM study_access WHERE list_contains($facilities, facility)"
)
#: Column of a view → which of its rows are of some facilities.
_IN_SIGHT: Final = {
    "StudyInstanceUID": f"StudyInstanceUID IN ({_STUDIES})",
    "scanner": (
        "scanner IN (SELECT scanner FROM hu_analysis "  # noqa: S608 - constants
        f"WHERE StudyInstanceUID IN ({_STUDIES}))"
    ),
}


class CalibrationRecords:
    """What a lab has recorded of calibration: `lab.calibration`.

    Records are only ever added; what people set or note is audited under their name.

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

    def seen_by(self, principal: Principal) -> CalibrationRecords:
        """Return these records as a principal may read them."""
        require(principal, Action.SEE)
        return CalibrationRecords(self._lab, principal.facilities)

    def __repr__(self) -> str:
        analyses = self.analyses()
        return (
            f"<noctis_lab.CalibrationRecords: {len(analyses)} analyses of "
            f"{analyses['scanner'].nunique()} scanners, {len(self.baselines())} baselines>"
        )

    # ------------------------------------------------------------ reading

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
            material (``roi:Teflon``), HU.

        Returns
        -------
        DataFrame
            analysis_id, SeriesInstanceUID, AcquisitionDate, AcquisitionTime, value, se; of a series
            that was analysed again its newest analysis.

        Raises
        ------
        CannotCalibrate
            ``no_such_quantity``.
        """
        seen = "" if self._facilities is None else f"AND {_IN_SIGHT['StudyInstanceUID']} "
        latest = (
            f"SELECT * FROM hu_analysis WHERE scanner = $scanner AND protocol = $protocol {seen}"  # noqa: S608
            "QUALIFY row_number() OVER (PARTITION BY StudyInstanceUID, SeriesInstanceUID "
            "ORDER BY recorded_at DESC) = 1"
        )
        named: dict[str, Any] = {"scanner": scanner, "protocol": protocol}
        if self._facilities is not None:
            named["facilities"] = self._facilities
        joined = ""
        if quantity in FIGURES:
            value = f"a.{quantity} AS value, a.{quantity}_se AS se"
        elif quantity.startswith(_ROI):
            value = "r.value_hu AS value, r.se_hu AS se"
            joined = "JOIN hu_roi r ON r.analysis_id = a.analysis_id AND r.material = $material"
            named["material"] = quantity.removeprefix(_ROI)
        else:
            raise CannotCalibrate(
                "no_such_quantity",
                f"expected roi:MATERIAL or one of {', '.join(FIGURES)}, came {quantity[:64]!r}",
            )
        found: pd.DataFrame = self._lab.sql(
            f"SELECT a.analysis_id, a.SeriesInstanceUID, a.AcquisitionDate, "  # noqa: S608
            f"a.AcquisitionTime, {value} FROM ({latest}) a {joined} WHERE value IS NOT NULL "
            "ORDER BY a.AcquisitionDate, a.AcquisitionTime, a.recorded_at",
            named,
        ).df()
        return found

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

    # ------------------------------------------------------------ making

    def set_baseline(
        self,
        trend: tuple[str, str, str],
        *,
        reason: str,
        valid_from: datetime | None = None,
        center: float | None = None,
        sigma: float | None = None,
        principal: Principal | None = None,
    ) -> str:
        """Set what a figure is held against from a time on; an earlier baseline stays recorded.

        Parameters
        ----------
        trend
            (scanner, protocol, quantity), as `trend` takes them.
        reason
            Why: the first one, a service, a tube change.
        valid_from
            Aware; the present by default. Scans before it are another state of the scanner, and
            do not count: their wall clock is held against that of `valid_from` in its own zone.
            Where none is given, all scans up to now count.
        center, sigma
            Mean and standard deviation, in the quantity's unit; by default those of the scans that
            count.

        Returns
        -------
        str
            The baseline's id.

        Raises
        ------
        CannotCalibrate
            ``no_reason``, ``no_such_quantity``, ``bad_time``; ``too_few_scans``: fewer than two
            analyses to take it from; ``bad_baseline``: only one of `center` and `sigma`, or `sigma`
            is not above 0.
        AccessDenied
            The principal may not calibrate this scanner.
        """
        scanner, protocol, quantity = trend
        who = self._require(principal, scanner)
        begins = self._instant(valid_from)
        found = self.seen_by(who).trend(scanner, protocol, quantity)
        if valid_from is not None:
            since = valid_from.replace(tzinfo=None)
            found = found[[_is_since(since, *row) for row in zip(*_when(found), strict=True)]]
        if (center is None) != (sigma is None):
            raise CannotCalibrate("bad_baseline", "expected both center and sigma, or neither")
        if center is None or sigma is None:
            if len(found) < _LEAST_SCANS:
                raise CannotCalibrate(
                    "too_few_scans",
                    f"expected at least {_LEAST_SCANS} analyses of {quantity} from {begins} on, "
                    f"came {len(found)}",
                )
            center, sigma = float(found["value"].mean()), float(found["value"].std(ddof=1))
        if not 0 < sigma < float("inf") or not abs(center) < float("inf"):
            raise CannotCalibrate("bad_baseline", "expected a sigma above 0, came none")
        document = {
            "protocol": protocol,
            "quantity": quantity,
            "valid_from": begins,
            "scan_count": len(found),
            "center": center,
            "sigma": sigma,
            "reason": _words(reason, "reason"),
        }
        return self._record(HuKind.BASELINE, document, who, scanner)

    def note_event(
        self,
        scanner: str,
        event_kind: str,
        *,
        happened_at: datetime | None = None,
        note: str = "",
        principal: Principal | None = None,
    ) -> str:
        """Note that something happened to a scanner: one of `EVENT_KINDS`; returns the event's id.

        Raises
        ------
        CannotCalibrate
            ``no_such_event``: there is no such kind.
        AccessDenied
            The principal may not calibrate this scanner.
        """
        who = self._require(principal, scanner)
        if event_kind not in EVENT_KINDS:
            raise CannotCalibrate(
                "no_such_event",
                f"expected one of {', '.join(EVENT_KINDS)}, came {event_kind[:64]!r}",
            )
        document = {
            "event_kind": event_kind,
            "happened_at": self._instant(happened_at),
            "note": _words(note, "note") if note else None,
        }
        return self._record(HuKind.SCANNER_EVENT, document, who, scanner)

    def add_curve(
        self,
        curve: DensityCurve,
        scanner: str,
        *,
        kvp: float | None = None,
        analysis_id: str | None = None,
        valid_from: datetime | None = None,
        principal: Principal | None = None,
    ) -> DensityCurve:
        """Record a density curve of a scanner; returns it with its id.

        Raises
        ------
        CannotCalibrate
            ``bad_kvp``: it is no number of kV. ``no_analysis_id``: it is none.
        AccessDenied
            The principal may not calibrate this scanner.
        """
        who = self._require(principal, scanner)
        if analysis_id is not None:
            analysis_id = _words(analysis_id, "analysis_id")
        document: dict[str, Any] = {
            "KVP": None if kvp is None else _kilovolts(kvp),
            "quantity": curve.quantity,
            "hu": [float(one) for one in curve.hu],
            "density": [float(one) for one in curve.density],
            "valid_from": self._instant(valid_from),
            "sha256": curve.sha256,
            "analysis_id": analysis_id,
        }
        return replace(curve, curve_id=self._record(HuKind.CURVE, document, who, scanner))

    # ------------------------------------------------------------ within

    def _table(self, view: str, where: Mapping[str, Condition]) -> pd.DataFrame:
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
            key = "StudyInstanceUID" if "StudyInstanceUID" in HU_VIEWS[view] else "scanner"
            terms.append(_IN_SIGHT[key])
            values["facilities"] = self._facilities
        filtered = f" WHERE {' AND '.join(terms)}" if terms else ""
        order = "analysis_id, roi_number" if view == "hu_roi" else "recorded_at"
        found: pd.DataFrame = self._lab.sql(
            f"SELECT * FROM {view}{filtered} ORDER BY {order}",  # noqa: S608 - names checked above
            values,
        ).df()
        return found

    def _require(self, principal: Principal | None, scanner: str) -> Principal:
        """Return who acts; a principal of some facilities acts on scanners with studies there."""
        who = own_principal() if principal is None else principal
        require(who, Action.CALIBRATE)
        _words(scanner, "scanner")
        if who.facilities is not None and self.seen_by(who).analyses(scanner=scanner).empty:
            raise AccessDenied(
                f"'{who.name}' sees no analysis of that scanner; ask an administrator of this "
                "archive for the facility",
                principal=who.name,
                action=str(Action.CALIBRATE),
            )
        return who

    def _instant(self, at: datetime | None) -> str:
        given = self._lab.catalog.clock() if at is None else at
        if given.tzinfo is None:
            raise CannotCalibrate("bad_time", "expected an aware time: datetime(…, tzinfo=UTC)")
        return given.astimezone(UTC).isoformat(timespec="microseconds")

    def _record(
        self, kind: HuKind, document: Mapping[str, Any], who: Principal, scanner: str
    ) -> str:
        record = HuRecord(
            record_id=uuid4().hex,
            kind=kind,
            author=who.name,
            recorded_at=self._lab.catalog.clock(),
            document=document,
            scanner=scanner,
        )
        self._lab.ledger.record_hu(record)
        return record.record_id


def _when(trend: pd.DataFrame) -> tuple[list[Any], list[Any]]:
    return trend["AcquisitionDate"].tolist(), trend["AcquisitionTime"].tolist()


def _is_since(since: datetime, day: Any, clock: Any) -> bool:
    """Say whether a scan was at a wall clock time or later; one without a date was not."""
    try:
        began = datetime.combine(date(day.year, day.month, day.day), time())
    except (AttributeError, TypeError, ValueError):  # no date, or pandas' NaT
        return False
    seconds = parse_time_s(clock) if isinstance(clock, str) else None
    return began + timedelta(seconds=seconds or 0.0) >= since


def _kilovolts(kvp: object) -> float:
    """Return a person's kVp, a number of any kind, as the column has it."""
    if not isinstance(kvp, Real) or not 0 < float(kvp) <= _MOST_KVP:
        came = repr(kvp)[:64]
        raise CannotCalibrate(
            "bad_kvp", f"expected a kVp above 0 and up to {_MOST_KVP}, came {came}"
        )
    return float(kvp)


def _words(text: object, name: str) -> str:
    """Return a person's words, bounded and printable."""
    if not isinstance(text, str):
        raise CannotCalibrate(
            f"no_{name}", f"expected a text as {name}, came {type(text).__name__}"
        )
    words = " ".join(text.split())
    if not 1 <= len(words) <= _MOST_TEXT or not words.isprintable():
        raise CannotCalibrate(
            f"no_{name}", f"expected a {name} of 1 to {_MOST_TEXT} printable characters"
        )
    return words
