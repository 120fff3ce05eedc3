"""The records of calibration: read as tables; baselines, curves and scanners' events made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from numbers import Real
from typing import Any, Final
from uuid import uuid4

import numpy as np

from noctis_lab.access import Action, Principal, require
from noctis_lab.analysis.calibration.charts.baselines import Baseline, estimate_baseline
from noctis_lab.analysis.calibration.curves import DensityCurve
from noctis_lab.catalog.hu_records import HuKind, HuRecord
from noctis_lab.catalog.hu_sight import find_in_sight
from noctis_lab.errors import AccessDenied, CalibrationNotFound, CannotCalibrate
from noctis_lab.jobs.calibration.certificates import parse_certificates
from noctis_lab.jobs.calibration.charts import find_trend
from noctis_lab.jobs.calibration.said import Said
from noctis_lab.jobs.calibration.scans import to_clock
from noctis_lab.lab.calibrating.tables import CalibrationTables
from noctis_lab.lab.measuring.keeping import own_principal

__all__ = ["EVENT_KINDS", "CalibrationRecords"]

#: What may happen to a scanner.
EVENT_KINDS: Final = (
    *("service", "tube change", "detector change", "calibration", "software", "move", "other"),
)
_LEAST_SCANS: Final = 2
_MOST_TEXT: Final = 500
_MOST_KVP: Final = 1000


class CalibrationRecords(CalibrationTables):
    """What a lab has recorded of calibration: `lab.calibration`.

    Records are only ever added; what people set or note is audited under their name.

    Parameters
    ----------
    lab
        The open archive.
    facilities
        Only what is of their studies, and of scanners with an analysis there, is read; None: all.
    """

    def __repr__(self) -> str:
        analyses = self.analyses()
        return (
            f"<noctis_lab.CalibrationRecords: {len(analyses)} analyses of "
            f"{analyses['scanner'].nunique()} scanners, {len(self.baselines())} baselines>"
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
            Where none is given, the scans up to now count, but none before the last event that may
            have made the scanner another (any but "other").
        center, sigma
            Mean and standard deviation, in the quantity's unit; by default those of the scans that
            count, the deviation by their moving range as a chart's own (`estimate_baseline`).

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
        begins, began = self._moment(valid_from)
        since = self._last_change(who, scanner) if valid_from is None else began
        found = self._baseline(who, trend, since)
        if (center is None) != (sigma is None):
            raise CannotCalibrate("bad_baseline", "expected both center and sigma, or neither")
        is_stated = center is not None and sigma is not None
        if center is None or sigma is None:
            if found is None or found.scan_count < _LEAST_SCANS:
                raise CannotCalibrate(
                    "too_few_scans",
                    f"expected at least {_LEAST_SCANS} analyses of {quantity} "
                    f"{'' if since is None else f'from {since} on '}by the scanner's clock, "
                    f"came {0 if found is None else found.scan_count}",
                )
            center, sigma = found.center, found.sigma
        if not 0 < sigma < float("inf") or not abs(center) < float("inf"):
            raise CannotCalibrate(
                "bad_baseline",
                "expected a finite center and a sigma above 0, came "
                f"{center:g} and {sigma:g}: give both, or wait for scans that differ",
            )
        until = None if is_stated or found is None else found.estimated_until
        document = {
            "protocol": protocol,
            "quantity": quantity,
            "valid_from": begins,
            "scanner_time": to_clock(began),
            "scan_count": 0 if found is None else found.scan_count,
            "center": float(center),
            "sigma": float(sigma),
            "estimator": "stated" if is_stated or found is None else found.estimator,
            "estimated_until": None if until is None else to_clock(until.tolist()),
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
        happened, clock = self._moment(happened_at)
        document = {
            "event_kind": event_kind,
            "happened_at": happened,
            "scanner_time": to_clock(clock),
            "note": _words(note, "note") if note else None,
        }
        return self._record(HuKind.SCANNER_EVENT, document, who, scanner)

    def acknowledge(self, alarm_id: str, *, note: str, principal: Principal | None = None) -> str:
        """Say that an alarm was looked at, and what of it; returns the acknowledgement's id.

        The alarm stays recorded, and so does who acknowledged it before.

        Raises
        ------
        CalibrationNotFound
            ``no_such_alarm``: there is none of that id that the principal sees.
        CannotCalibrate
            ``no_note``.
        AccessDenied
            The principal may not calibrate.
        """
        who = own_principal() if principal is None else principal
        require(who, Action.CALIBRATE)
        seen = self.seen_by(who).alarms(alarm_id=_words(alarm_id, "alarm_id"))
        if seen.empty:
            raise CalibrationNotFound("no_such_alarm", f"no alarm {alarm_id[:64]!r} is recorded")
        alarm = seen.iloc[0]
        document = {"alarm_id": alarm_id, "note": _words(note, "note")}
        uids = str(alarm["StudyInstanceUID"]), str(alarm["SeriesInstanceUID"])
        return self._record(
            HuKind.ACKNOWLEDGEMENT, document, who, str(alarm["scanner"]), of_series=uids
        )

    def add_certificates(
        self,
        csv: str,
        *,
        scanner: str | None = None,
        note: str = "",
        principal: Principal | None = None,
    ) -> list[str]:
        """Record phantoms' own nominal values; each later analysis of the phantom is held to them.

        What is analysed already stays as it is: analyse it again.

        Parameters
        ----------
        csv
            Lines as of the nominal values that ship here, each with a `serial`.
        scanner
            Which is scanned with these phantoms from now on, as `analyses` names it; None where an
            analysis has to name the serial number.

        Returns
        -------
        list of str
            The certificates' ids, one a phantom.

        Raises
        ------
        CannotCalibrate
            ``bad_certificate``.
        AccessDenied
            The principal may not calibrate, or not this scanner.
        """
        if scanner is None:
            who = own_principal() if principal is None else principal
            require(who, Action.CALIBRATE)
        else:
            who = self._require(principal, scanner)
        words = {"note": _words(note, "note") if note else None}
        return [
            self._record(HuKind.CERTIFICATE, told | words, who, scanner)
            for told in parse_certificates(csv)
        ]

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
            "valid_from": self._moment(valid_from)[0],
            "sha256": curve.sha256,
            "analysis_id": analysis_id,
        }
        return replace(curve, curve_id=self._record(HuKind.CURVE, document, who, scanner))

    # ------------------------------------------------------------ within

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

    def _moment(self, at: datetime | None) -> tuple[str, datetime]:
        """Return an instant as records hold it, and what a scanner's clock showed then.

        That of a time which somebody gives is as they wrote it, whatever its zone; the present is
        by this machine's zone.
        """
        given = self._lab.catalog.clock().astimezone() if at is None else at
        if given.tzinfo is None:
            raise CannotCalibrate("bad_time", "expected an aware time: datetime(…, tzinfo=UTC)")
        try:
            text = given.astimezone(UTC).isoformat(timespec="microseconds")
        except OverflowError as error:  # before the year 1, or after 9999, in UTC
            came = given.isoformat()
            raise CannotCalibrate(
                "bad_time", f"expected a time of a calendar, came {came}"
            ) from error
        return text, given.replace(tzinfo=None)

    def _last_change(self, who: Principal, scanner: str) -> datetime | None:
        """Return when a scanner may last have become another, by its own clock; None if never."""
        records = find_in_sight(
            self._lab.catalog, (HuKind.SCANNER_EVENT,), who.facilities, scanner=scanner
        )
        events = Said.of(records).events.get(scanner, ())
        return max((event.at for event in events if event.begins_baseline), default=None)

    def _baseline(
        self, who: Principal, trend: tuple[str, str, str], since: datetime | None
    ) -> Baseline | None:
        """Estimate a baseline of all scans that somebody sees from a time on; None without any."""
        scanner, protocol, quantity = trend
        scans = find_trend(
            self._lab.catalog, who.facilities, scanner=scanner, protocol=protocol, quantity=quantity
        )
        if scans is None or not len(scans):
            return None
        begins = None if since is None else np.datetime64(since, "us")
        return estimate_baseline(scans, valid_from=begins, most_scans=len(scans) + _LEAST_SCANS)

    def _record(
        self,
        kind: HuKind,
        document: Mapping[str, Any],
        who: Principal,
        scanner: str | None,
        *,
        of_series: tuple[str | None, str | None] = (None, None),
    ) -> str:
        reach = None if who.facilities is None else sorted(who.facilities)
        record = HuRecord(
            record_id=uuid4().hex,
            kind=kind,
            author=who.name,
            recorded_at=self._lab.catalog.clock(),
            document={**document, "facilities": reach},
            StudyInstanceUID=of_series[0],
            SeriesInstanceUID=of_series[1],
            scanner=scanner,
        )
        self._lab.ledger.record_hu(record)
        return record.record_id


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
