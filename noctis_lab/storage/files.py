"""The archive's files: what comes in, what stands, what is kept aside, what can be made again."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from noctis_lab.errors import NoSpace
from noctis_lab.storage import layout
from noctis_lab.storage.durable import make_folder, storage_errors, sync_folder, write_file
from noctis_lab.storage.incoming import GroupPlacement, IncomingFile, Placement

__all__ = ["THUMBNAILS", "Leftover", "Quarantined", "Storage"]

#: Kind of the derived files that hold a series' picture.
THUMBNAILS = "thumbnails"

_FOLDERS = (
    layout.INSTANCES,
    layout.INCOMING,
    layout.QUARANTINE,
    layout.DERIVED,
    layout.JOURNAL,
)
_KNOWN_FOLDERS = 4096  # series folders remembered as durable, per process


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """A file in ``incoming/`` that no living process holds; locked while it is looked at."""

    path: Path
    fd: int
    names: int  # hard links: 1 = only in incoming/, 2 = its final name was given


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """Bytes kept aside; `facts` is the JSON beside them, empty where it is not readable as ours."""

    quarantine_id: str
    path: Path
    facts: Mapping[str, object]


class Storage:
    """The files below one root. Safe to use from several threads and processes.

    Parameters
    ----------
    root
        The archive's folder; made, with its folders, where it is missing.
    min_free_bytes
        The watermark: nothing new comes in below this much free space, in bytes.

    Raises
    ------
    StorageError
        The folders cannot be made.
    """

    def __init__(self, root: Path, *, min_free_bytes: int = 0) -> None:
        self.root = root
        self._min_free_bytes = min_free_bytes
        self._durable: OrderedDict[Path, None] = OrderedDict()
        self._lock = Lock()
        with storage_errors(f"making the archive's folders in {root}"):
            root.mkdir(parents=True, exist_ok=True)
            for name in _FOLDERS:
                make_folder(root / name, below=root)

    # What comes in

    @property
    def free_bytes(self) -> int:
        """Return the bytes that an ordinary user may still write on the root's file system."""
        stat = os.statvfs(self.root)
        return stat.f_bavail * stat.f_frsize

    def require_space(self, needed_bytes: int = 0) -> None:
        """Raise where the watermark would be passed.

        Raises
        ------
        NoSpace
            Free space, less `needed_bytes`, is below the watermark. Nothing old is ever removed
            to make room.
        """
        free = self.free_bytes
        if free - needed_bytes < self._min_free_bytes:
            raise NoSpace(
                f"{free} bytes are free, {needed_bytes} needed above the watermark of "
                f"{self._min_free_bytes}: free space, or lower min_free_bytes",
                free_bytes=free,
                needed_bytes=needed_bytes,
            )

    def open_incoming(self, file_meta: bytes) -> IncomingFile:
        """Begin a file in ``incoming/``.

        Raises
        ------
        NoSpace
            Free space is below the watermark, or the disk is full.
        """
        self.require_space()
        path = self.root / layout.INCOMING / secrets.token_hex(16)
        return IncomingFile(path, file_meta)

    def place(
        self, incoming: IncomingFile, *, StudyInstanceUID: str, SeriesInstanceUID: str
    ) -> Placement:
        """Return the context in which a sealed file takes its final name.

        Raises
        ------
        NoSpace, StorageError
            The series' folder cannot be made.
        """
        path = self.instance_path(StudyInstanceUID, SeriesInstanceUID, incoming.sha256)
        self._make_durable(path.parent)
        return Placement(incoming, path)

    def place_together(self, files: Sequence[tuple[IncomingFile, str, str]]) -> GroupPlacement:
        """Return the context in which sealed files take their final names.

        Parameters
        ----------
        files
            Each with its StudyInstanceUID and SeriesInstanceUID.

        Raises
        ------
        NoSpace, StorageError
            A series' folder cannot be made.
        """
        placed = [
            (incoming, self.instance_path(study, series, incoming.sha256))
            for incoming, study, series in files
        ]
        for _, path in placed:
            self._make_durable(path.parent)
        return GroupPlacement(placed)

    def _make_durable(self, folder: Path) -> None:
        # The first use by this process syncs the parents even where another process has just
        # made them: it may not have come to that yet.
        with self._lock:
            if folder in self._durable:
                self._durable.move_to_end(folder)
                return
        with storage_errors("making a series' folder"):
            make_folder(folder, below=self.root)
        with self._lock:
            self._durable[folder] = None
            while len(self._durable) > _KNOWN_FOLDERS:
                self._durable.popitem(last=False)

    def iter_leftovers(self) -> Iterator[Leftover]:
        """Yield each file in ``incoming/`` that no living process holds.

        The caller decides about its other names and removes `Leftover.path`; the lock lasts
        until the next one is asked for.
        """
        for path in sorted((self.root / layout.INCOMING).iterdir()):
            try:
                fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            except FileNotFoundError:
                continue
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                yield Leftover(path=path, fd=fd, names=os.fstat(fd).st_nlink)
            except BlockingIOError:
                continue
            finally:
                os.close(fd)

    # What stands

    def instance_path(self, StudyInstanceUID: str, SeriesInstanceUID: str, sha256: bytes) -> Path:
        """Return where an instance lies; `sha256` is its data set's, 32 bytes."""
        return layout.instance_path(self.root, StudyInstanceUID, SeriesInstanceUID, sha256)

    def series_folder(self, StudyInstanceUID: str, SeriesInstanceUID: str) -> Path:
        """Return the folder that a series' instances lie in, by `layout.instance_name`."""
        return layout.series_folder(self.root, StudyInstanceUID, SeriesInstanceUID)

    def iter_instances(self) -> Iterator[Path]:
        """Yield every instance's file, in the order of the paths; temporary files are not."""
        yield from _walk(self.root / layout.INSTANCES, depth=3)

    @contextmanager
    def locked_series(self, folder: Path) -> Iterator[None]:
        """Hold a series' folder alone: no placement is under way in it."""
        with _locked(folder, fcntl.LOCK_EX):
            yield

    def remove_instance(self, path: Path) -> None:
        """Take a file that is no instance of the catalogue's (any more) out of ``instances/``."""
        with storage_errors("removing an orphan"):
            path.unlink(missing_ok=True)
            sync_folder(path.parent)

    # What is kept aside

    def quarantine(self, incoming: IncomingFile, facts: Mapping[str, object]) -> Quarantined:
        """Keep a file aside with the reason beside it.

        Parameters
        ----------
        facts
            Goes into ``<id>.json``: plain JSON values, no patient data.

        Raises
        ------
        NoSpace, StorageError
            It could not be kept; then nothing of it is left.
        """
        quarantine_id = incoming.path.name
        folder = self.root / layout.QUARANTINE
        beside = folder / f"{quarantine_id}.json"
        path = folder / f"{quarantine_id}.dcm"
        document = {"quarantine_id": quarantine_id, **facts}
        with storage_errors("writing to quarantine/"), _locked(folder, fcntl.LOCK_SH):
            # The reason first: a file without one cannot be, a reason without a file is swept.
            write_file(beside, json.dumps(document, indent=1, sort_keys=True).encode() + b"\n")
            try:
                incoming.seal()
                incoming.move(path)
            except BaseException:
                beside.unlink(missing_ok=True)
                raise
            sync_folder(folder)
        return Quarantined(quarantine_id=quarantine_id, path=path, facts=document)

    def iter_quarantine(self, *, known: Collection[str] = ()) -> Iterator[Quarantined]:
        """Yield what is kept aside, file and reason both there, in the order of their ids.

        Parameters
        ----------
        known
            Ids that are left out.
        """
        for beside in sorted((self.root / layout.QUARANTINE).glob("*.json")):
            path = beside.with_suffix(".dcm")
            if beside.stem not in known and path.is_file():
                yield Quarantined(quarantine_id=beside.stem, path=path, facts=_read_facts(beside))

    def find_quarantined(self, quarantine_id: str) -> Quarantined | None:
        """Return one that is kept aside, None where its file or its reason is not there."""
        path = self._quarantined_path(quarantine_id)
        beside = path.with_suffix(".json")
        if not (path.is_file() and beside.is_file()):
            return None
        return Quarantined(quarantine_id=beside.stem, path=path, facts=_read_facts(beside))

    def keep_aside(self, path: Path, quarantine_id: str, facts: Mapping[str, object]) -> None:
        """Give an instance's file a name in quarantine too; nothing happens where it has it.

        Raises
        ------
        NoSpace, StorageError
            It could not be kept.
        """
        aside = self._quarantined_path(quarantine_id)
        document = {"quarantine_id": quarantine_id, **facts}
        with storage_errors("writing to quarantine/"), _locked(aside.parent, fcntl.LOCK_SH):
            if aside.exists():
                return
            beside = json.dumps(document, indent=1, sort_keys=True).encode() + b"\n"
            write_file(aside.with_suffix(".json"), beside)
            os.link(path, aside)
            sync_folder(aside.parent)

    def put_back(self, quarantine_id: str, path: Path) -> None:
        """Give a file in quarantine its name in ``instances/`` too; the caller holds the series.

        Raises
        ------
        NoSpace, StorageError
            It could not be done.
        """
        aside = self._quarantined_path(quarantine_id)
        with storage_errors("placing a file of the quarantine"):
            if path.exists() and not path.samefile(aside):
                path.unlink()  # an orphan of the same bytes; its meta may tell of another receipt
            if not path.exists():
                os.link(aside, path)
            sync_folder(path.parent)

    def _quarantined_path(self, quarantine_id: str) -> Path:
        return self.root / layout.QUARANTINE / f"{Path(quarantine_id).name}.dcm"

    def discard_quarantined(self, quarantine_id: str) -> None:
        """Remove a file from quarantine, its reason after it; nothing happens where it is gone."""
        path = self._quarantined_path(quarantine_id)
        with storage_errors("removing from quarantine/"):
            for each in (path, path.with_suffix(".json")):
                each.unlink(missing_ok=True)
            sync_folder(path.parent)

    def sweep_quarantine(self) -> int:
        """Remove reasons whose file is missing, and temporary files; return how many."""
        swept = 0
        folder = self.root / layout.QUARANTINE
        with storage_errors("sweeping quarantine/"), _locked(folder, fcntl.LOCK_EX):
            for path in folder.iterdir():
                torn = path.suffix == ".json" and not path.with_suffix(".dcm").exists()
                if torn or path.suffix == ".tmp":
                    path.unlink(missing_ok=True)
                    swept += 1
        return swept

    # What can be made again

    def write_derived(self, kind: str, UID: str, suffix: str, data: bytes) -> Path:
        """Write a derived file, replacing an earlier one.

        Raises
        ------
        NoSpace, StorageError
            It could not be written.
        """
        path = layout.derived_path(self.root, kind, UID, suffix)
        with storage_errors("writing a derived file"):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_file(path, data)
        return path

    def find_derived(self, kind: str, UID: str, suffix: str) -> Path | None:
        """Return a derived file, or None where it has not been made."""
        path = layout.derived_path(self.root, kind, UID, suffix)
        return path if path.is_file() else None

    def derived_path(self, kind: str, UID: str, suffix: str) -> Path:
        """Return where a derived file lies or will, in a folder that is made.

        Raises
        ------
        NoSpace, StorageError
            The folder cannot be made, or free space is below the watermark.
        """
        self.require_space()
        path = layout.derived_path(self.root, kind, UID, suffix)
        with storage_errors("making a folder of derived files"):
            path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def derived_suffixes(self, kind: str, UID: str) -> list[str]:
        """Return the suffixes of the derived files of a kind that there are, sorted."""
        path = layout.derived_path(self.root, kind, UID, "")
        with storage_errors("listing derived files"):
            names = [each.name for each in path.parent.glob(f"{path.name}.*")]
        return sorted(name.removeprefix(path.name) for name in names)

    def discard_derived(self, kind: str, UID: str, suffix: str) -> None:
        """Remove a derived file that no longer holds; nothing happens where there is none."""
        with storage_errors("removing a derived file"):
            layout.derived_path(self.root, kind, UID, suffix).unlink(missing_ok=True)

    def secret_key(self) -> bytes:
        """Return the archive's key, 32 random bytes; made (mode 0600) by the first who asks.

        Raises
        ------
        StorageError
            It cannot be read or made.
        """
        path = self.root / layout.SECRET_KEY
        with storage_errors("reading the secret key"):
            if not path.exists():
                made = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
                write_file(made, secrets.token_bytes(32), mode=0o600)
                try:
                    os.link(made, path)  # the first one stays
                except FileExistsError:
                    pass
                finally:
                    made.unlink()
                sync_folder(self.root)
            return path.read_bytes()


def _read_facts(beside: Path) -> Mapping[str, object]:
    try:
        facts = json.loads(beside.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    is_ours = isinstance(facts, dict) and facts.get("quarantine_id") == beside.stem
    return facts if is_ours else {}


@contextmanager
def _locked(folder: Path, kind: int) -> Iterator[None]:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, kind)
        yield
    finally:
        os.close(fd)


def _walk(folder: Path, *, depth: int) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        if depth and entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path), depth=depth - 1)
        elif not depth and entry.name.endswith(".dcm") and entry.is_file(follow_symlinks=False):
            yield Path(entry.path)
