"""Exports for tests: the series that are written, and what lies there then."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset

from noctis_lab.synthetic import ct_series
from noctis_lab.volumes.cache import Handle
from noctis_lab.volumes.export.options import ExportOptions
from noctis_lab.volumes.export.report import ExportReport
from noctis_lab.volumes.export.run import export_series
from noctis_lab.volumes.export_format import ExportFormat

SERIES = "1.2.826.0.1.3680043.10.1.5"
VOLUMES = [ExportFormat.NIFTI, ExportFormat.ZARR, ExportFormat.NETCDF, ExportFormat.PNG]
NAME = "Nachtigall^Philomela"


def series(uid: str = SERIES, **options: Any) -> list[Dataset]:
    return ct_series(
        planes=4, rows=6, columns=5, SeriesInstanceUID=uid, seed=uid, PatientName=NAME,
        PatientID="NG-775577", SeriesNumber=7, windows=[(40, 400)],
        elements={"SeriesDescription": "Nachtigall thorax", "ReferringPhysicianName": "Lobelia"},
        **options,
    )  # fmt: skip


def export(
    handle: Handle, to: ExportFormat, out: Path, uids: Sequence[str] = (SERIES,), **options: Any
) -> ExportReport:
    return export_series(handle, uids, ExportOptions(to=to, out=out, **options))


def only_path(report: ExportReport) -> Path:
    (outcome,) = report.outcomes
    assert outcome.error is None
    assert outcome.path is not None
    assert outcome.path.exists()
    return outcome.path


def content_of(folder: Path) -> dict[str, bytes]:
    files = (each for each in sorted(folder.rglob("*")) if each.is_file())
    return {str(each.relative_to(folder)): each.read_bytes() for each in files}
