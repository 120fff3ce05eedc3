"""Index folders: every DICOM file below them, copied into the archive or registered in place."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from noctis_lab.catalog.records import Receipt, ReceiptSource
from noctis_lab.errors import FileChanged
from noctis_lab.ingest.pipeline import Admission, Outcome, Pipeline

__all__ = ["IndexReport", "index_paths", "iter_files"]


@dataclass(slots=True, kw_only=True)
class IndexReport:
    """What became of the files."""

    stored: int = 0
    same: int = 0
    conflicts: dict[str, str] = field(default_factory=dict)  # path → how it differs
    rejected: dict[str, str] = field(default_factory=dict)  # path → why

    def to_json(self) -> str:
        """Return the report as a JSON object."""
        return json.dumps(
            {
                "stored": self.stored,
                "same": self.same,
                "conflicts": self.conflicts,
                "rejected": self.rejected,
            },
            indent=1,
        )


def iter_files(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the files among and below `paths`, in the order of their names; links are not followed.

    Parameters
    ----------
    paths
        Files and folders.
    """
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for folder, folders, names in os.walk(path):
            folders.sort()
            for name in sorted(names):
                file = Path(folder) / name
                if file.is_file() and not file.is_symlink():
                    yield file


def index_paths(
    pipeline: Pipeline,
    paths: Iterable[Path],
    *,
    facility: str,
    in_place: bool = False,
    progress: Callable[[Path, Admission], object] | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> IndexReport:
    """Take in every file among and below `paths`.

    Parameters
    ----------
    facility
        To which the instances belong.
    in_place
        Register the files where they are instead of copying them.
    progress
        Called with each file and what became of it.
    clock
        Gives the instant of each receipt, aware.

    Raises
    ------
    NoSpace, StorageError, CatalogError
        The archive cannot take more.

    Notes
    -----
    A file that is no DICOM, is damaged, or cannot be read is listed as rejected and left alone.
    """
    report = IndexReport()
    for path in iter_files(paths):
        receipt = Receipt(
            source=ReceiptSource.FOLDER,
            facility=facility,
            calling_aet="",
            called_aet="",
            received_at=clock(),
        )
        try:
            take = pipeline.register_file if in_place else pipeline.admit_file
            admission = take(path, receipt)
        except (FileNotFoundError, PermissionError, IsADirectoryError, FileChanged) as error:
            admission = Admission(outcome=Outcome.REJECTED, reason=str(error))
        _count(report, path, admission)
        if progress is not None:
            progress(path, admission)
    return report


def _count(report: IndexReport, path: Path, admission: Admission) -> None:
    match admission.outcome:
        case Outcome.STORED:
            report.stored += 1
        case Outcome.SAME:
            report.same += 1
        case Outcome.CONFLICT:
            report.conflicts[str(path)] = admission.reason or ""
        case Outcome.REJECTED:
            report.rejected[str(path)] = admission.reason or ""
