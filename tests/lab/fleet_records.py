"""A simulated fleet's scans as records of analyses: no images, what the worker would have kept."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Any

from noctis_lab.catalog.hu_records import HuKind, HuRecord, write_record, write_records
from noctis_lab.catalog.rows import series_reference
from noctis_lab.catalog.store import Catalog
from noctis_lab.synthetic import Fleet, FleetScan, simulated_fleet
from tests.catalog.catalog_entries import entry

__all__ = ["analysis_of", "grant", "note_known_changes", "record_fleet", "scanner_record", "uid_of"]

AT = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
_NUMBERS = iter(range(1, 10**9))
#: Accepted ranges, in HU.
NOMINALS = {"acrylic": (92.0, 137.0), "Teflon": (941.0, 1060.0), "air": (-1046.0, -986.0)}


def uid_of(scan: FleetScan) -> str:
    """The study's; the series' has ``.1`` after it."""
    _, number, week = scan.scan_id.split("-")
    return f"1.2.{int(number) + 1}.{int(week) + 1}"


def analysis_of(scan: FleetScan, *, facility: str = "", **changed: Any) -> HuRecord:
    """Return the record; of a withheld series of a facility, where one is given."""
    study = uid_of(scan)
    maker, model, number, serial = scan.scanner.split(" ")
    figures = {name: value for name, value in scan.figures.items() if not name.startswith("roi:")}
    rois = [
        {
            "material": name.removeprefix("roi:"),
            "value_hu": value,
            "se_hu": 0.1,
            "SOPInstanceUID": f"{study}.1.4",
            "nominal_low_hu": NOMINALS.get(name.removeprefix("roi:"), (None, None))[0],
            "nominal_high_hu": NOMINALS.get(name.removeprefix("roi:"), (None, None))[1],
            "nominal_source": "Catphan 503 manual p. 15",
        }
        for name, value in scan.figures.items()
        if name.startswith("roi:")
    ]
    document = {
        "instance_count": 1,
        "status": "pass",
        "phantom_model": scan.phantom_model,
        "engine_version": "3",
        "KVP": scan.KVP,
        "ConvolutionKernel": scan.ConvolutionKernel,
        "SliceThickness": scan.SliceThickness,
        "protocol": "CatPhan 504, 120 kVp, Br40, 2 mm",
        "Manufacturer": maker,
        "ManufacturerModelName": f"{model} {number}",
        "DeviceSerialNumber": serial,
        "AcquisitionDate": scan.at.date().isoformat(),
        "AcquisitionTime": scan.at.strftime("%H%M%S.%f"),
        "is_manual": False,
        **figures,
        **{f"{name}_se": 0.01 for name in figures},
        "rois": rois,
        **changed,
    }
    reference = series_reference(f"{study}.1", study, facility) if facility else f"{study}.1"
    return HuRecord(
        record_id=f"{next(_NUMBERS):032x}",
        kind=HuKind.ANALYSIS,
        author="worker",
        recorded_at=AT,
        document=document,
        reference=reference,
        StudyInstanceUID=study,
        SeriesInstanceUID=f"{study}.1",
        scanner=scan.scanner,
    )


def record_fleet(catalog: Catalog, fleet: Fleet | None = None) -> Fleet:
    """Record every scan of a fleet, as one transaction."""
    fleet = simulated_fleet() if fleet is None else fleet
    write_records(catalog, [analysis_of(scan) for scan in fleet.scans])
    return fleet


def scanner_record(scanner: str, kind: HuKind, **document: Any) -> HuRecord:
    """Return what somebody said of a scanner."""
    return HuRecord(
        record_id=f"{next(_NUMBERS):032x}",
        kind=kind,
        author="ann",
        recorded_at=AT,
        document=document,
        scanner=scanner,
    )


def note_known_changes(catalog: Catalog, fleet: Fleet) -> None:
    """Record the fleet's services and changes of tube as events of its scanners."""
    for change in fleet.changes:
        if change.is_known:
            at = change.at.replace(tzinfo=datetime.UTC).isoformat()
            told = {"event_kind": change.kind, "happened_at": at, "scanner_time": at}
            write_record(catalog, scanner_record(change.scanner, HuKind.SCANNER_EVENT, **told))


def grant(catalog: Catalog, scans: Iterable[FleetScan], facility: str) -> None:
    """Let a facility see scans' studies: one image of each comes in from there."""
    catalog.commit_instances([entry(1, study=uid_of(scan), facility=facility) for scan in scans])
