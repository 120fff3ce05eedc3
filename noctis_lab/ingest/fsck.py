"""Compare files, catalogue and quarantine with each other; adopt what is whole."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from noctis_lab.catalog.inventory import Location, iter_locations
from noctis_lab.catalog.records import CommitOutcome, InstanceEntry, InstanceRow
from noctis_lab.dicom.file_meta import read_file_meta
from noctis_lab.dicom.uids import uid_hash
from noctis_lab.errors import InvalidDicom
from noctis_lab.ingest.admission import hash_data_set, is_unchanged
from noctis_lab.ingest.archive import OpenArchive
from noctis_lab.ingest.rebuild import read_standing
from noctis_lab.ingest.recovery import iter_quarantine_rows
from noctis_lab.ingest.sidecar import parse_quarantine
from noctis_lab.storage.layout import INCOMING, INSTANCES, QUARANTINE

__all__ = ["FsckReport", "fsck"]

_DEPTH = 4  # two folders of the study, one of the series, the file


@dataclass(slots=True, kw_only=True)
class FsckReport:
    """What was compared and what was found; paths are below the archive's root."""

    files: int = 0
    instances: int = 0
    hashes: int = 0  # files whose bytes were read and compared with their name
    adopted: list[str] = field(default_factory=list)  # orphans that are catalogued now
    missing: list[str] = field(default_factory=list)  # SOPInstanceUIDs without their file
    changed: list[str] = field(default_factory=list)  # in place: gone, or other size or time
    damaged: list[str] = field(default_factory=list)  # bytes are not what the name says
    unreadable: dict[str, str] = field(default_factory=dict)  # path → why it cannot be adopted
    superfluous: list[str] = field(default_factory=list)  # second files of a known instance
    foreign: list[str] = field(default_factory=list)  # names and places that are not ours
    leftovers: list[str] = field(default_factory=list)  # in incoming/, held by no process
    quarantine: dict[str, str] = field(default_factory=dict)  # quarantine id → what is wrong
    derived: dict[str, str] = field(default_factory=dict)  # path that nothing uses → why
    swept: int = 0  # derived files that were removed

    @property
    def is_clean(self) -> bool:
        """Return whether nothing is left that a person should look at."""
        return not (
            self.missing
            or self.changed
            or self.damaged
            or self.unreadable
            or self.superfluous
            or self.foreign
            or self.quarantine
            or self.derived
        )

    def to_json(self) -> str:
        """Return the report as a JSON object."""
        return json.dumps({**asdict(self), "is_clean": self.is_clean}, indent=1)


def fsck(
    archive: OpenArchive,
    *,
    full: bool = False,
    sample: int = 100,
    progress: Callable[[int], object] | None = None,
) -> FsckReport:
    """Scan the whole archive.

    What is derived of the instances is not looked at here: `noctis_lab.jobs.derived` does.

    Files that are whole and not catalogued (the process that placed them died, and its name in
    ``incoming/`` is lost) are catalogued with the receipt in their file meta. Nothing is removed.

    Parameters
    ----------
    full
        Read every file and compare its hash; else every `sample`-th, chosen by its name.
    progress
        Called with how many files are done.

    Raises
    ------
    StorageError, CatalogError
        The scan could not be finished.
    """
    report = FsckReport()
    root = archive.storage.root
    for path in archive.storage.iter_instances():
        report.files += 1
        _check_file(archive, path, report, reads=full or int(uid_hash(path.stem), 16) % sample == 0)
        if progress is not None:
            progress(report.files)
    for location in iter_locations(archive.catalog):
        report.instances += 1
        _check_location(archive, location, report)
    for path in sorted((root / INSTANCES).rglob("*")):
        is_place = path.suffix == ".dcm" and len(path.relative_to(root / INSTANCES).parts) == _DEPTH
        if path.is_symlink() or (path.is_file() and not is_place):
            report.foreign.append(_below(root, path))
    report.leftovers = [
        f"{INCOMING}/{leftover.path.name}" for leftover in archive.storage.iter_leftovers()
    ]
    _check_quarantine(archive, report)
    return report


def _below(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()


def _check_file(archive: OpenArchive, path: Path, report: FsckReport, *, reads: bool) -> None:
    name = _below(archive.storage.root, path)
    if reads:
        report.hashes += 1
        if not _is_whole(path):
            report.damaged.append(name)
            return
    try:
        standing = read_standing(path, archive.storage)
    except (InvalidDicom, OSError) as error:
        report.unreadable[name] = str(error)
        return
    row = archive.catalog.find_instance(standing.entry.SOPInstanceUID, withheld=True)
    if row is None:
        row = _adopt(archive, path, standing.entry, report, reads=reads)
    if row is not None and (row.sha256 != standing.entry.sha256 or row.in_place is not None):
        report.superfluous.append(name)


def _adopt(
    archive: OpenArchive, path: Path, entry: InstanceEntry, report: FsckReport, *, reads: bool
) -> InstanceRow | None:
    """Catalogue an orphan; return the row where one stands by now."""
    name = _below(archive.storage.root, path)
    # A receiver links a file before it commits: until it has, the file is no orphan.
    with archive.storage.locked_series(path.parent):
        row = archive.catalog.find_instance(entry.SOPInstanceUID, withheld=True)
        if row is not None or not path.is_file():
            return row
        if not reads and not _is_whole(path):
            report.damaged.append(name)
            return None
        commit = archive.catalog.commit_instance(entry)
    if commit.outcome is CommitOutcome.STORED:
        report.adopted.append(name)
    return commit.known


def _is_whole(path: Path) -> bool:
    """Return whether a file's data set has the hash that its name says."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return hash_data_set(fd, read_file_meta(fd).data_set_offset).hex() == path.stem
    except (InvalidDicom, OSError):
        return False
    finally:
        os.close(fd)


def _check_location(archive: OpenArchive, location: Location, report: FsckReport) -> None:
    if location.in_place is None:
        path = archive.storage.instance_path(
            location.StudyInstanceUID, location.SeriesInstanceUID, location.sha256
        )
        if not path.is_file():
            report.missing.append(location.SOPInstanceUID)
        return
    if not is_unchanged(location.in_place):
        report.changed.append(location.SOPInstanceUID)


def _check_quarantine(archive: OpenArchive, report: FsckReport) -> None:
    folder = archive.storage.root / QUARANTINE
    rows = {row.quarantine_id: row for row in iter_quarantine_rows(archive.catalog)}
    files = {path.stem: path for path in sorted(folder.glob("*.dcm"))}
    kept = {each.quarantine_id: each for each in archive.storage.iter_quarantine()}
    for quarantine_id, path in files.items():
        try:
            row = parse_quarantine(kept[quarantine_id].facts)
        except (KeyError, ValueError):
            report.quarantine[quarantine_id] = "no readable reason lies beside it"
            continue
        if _hash_of(path, row.size_bytes) != row.sha256:
            report.quarantine[quarantine_id] = "its bytes are not what the reason says"
        elif quarantine_id not in rows and archive.ledger.adopt_quarantined(kept[quarantine_id]):
            report.adopted.append(_below(archive.storage.root, path))
    for quarantine_id in rows.keys() - files.keys():
        report.quarantine[quarantine_id] = "its file is missing"


def _hash_of(path: Path, size_bytes: int) -> bytes:
    """Return the hash of a file's last `size_bytes` bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - size_bytes, 0))
        while piece := file.read(1024 * 1024):
            digest.update(piece)
    return digest.digest()
