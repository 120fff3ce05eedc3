"""What is not in the files and cannot be computed again: JSON lines, appended and synced."""

from __future__ import annotations

import fcntl
import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Final, Protocol
from uuid import uuid4

from noctis_lab.errors import StorageError
from noctis_lab.storage.durable import storage_errors, write_all

__all__ = ["Append", "Journal", "JournalPosition", "JournalRecord", "JsonValue"]

logger = logging.getLogger(__name__)

type JsonValue = str | int | float | bool | list[JsonValue] | dict[str, JsonValue] | None

_TAIL: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalRecord:
    """One act: what, when, and its facts as plain JSON values.

    `record_id` is unique, so that a record can be applied to the catalogue twice without harm.
    """

    kind: str
    fields: Mapping[str, JsonValue]
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    record_id: str = field(default_factory=lambda: uuid4().hex)

    def to_json(self) -> str:
        """Return the record as one line without its end."""
        document = {
            "id": self.record_id,
            "kind": self.kind,
            "at": self.at.astimezone(UTC).isoformat(timespec="microseconds"),
            "fields": dict(self.fields),
        }
        # A record that is not JSON has to fail before it is kept, not each time it is read.
        return json.dumps(document, separators=(",", ":"), ensure_ascii=True, allow_nan=False)

    @classmethod
    def from_json(cls, line: str | bytes) -> JournalRecord:
        """Return the record that `to_json` wrote.

        Raises
        ------
        ValueError
            The line is torn, or not one of ours.
        """
        document = json.loads(line)
        try:
            return cls(
                record_id=document["id"],
                kind=document["kind"],
                at=datetime.fromisoformat(document["at"]),
                fields=document["fields"],
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"a journal record lacks {error}") from error


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class JournalPosition:
    """The end of a record: file's name, then bytes from its start; ordered as it was written."""

    file: str = ""
    offset: int = 0


class Append(Protocol):
    """Appends records, synced together, and returns where they end."""

    def __call__(self, *records: JournalRecord) -> JournalPosition:
        """Append them in their order."""
        ...


class Journal:
    """The folder ``journal/``: one file of lines per month (UTC), written by all processes.

    Parameters
    ----------
    folder
        An existing folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = Lock()

    def append(self, record: JournalRecord) -> JournalPosition:
        """Write one record and make it durable.

        Returns
        -------
        JournalPosition
            The record's end.

        Raises
        ------
        NoSpace, StorageError
            It is not durable; then it is not there, or is torn and will be taken away.
        """
        with self.writing() as append:
            return append(record)

    @contextmanager
    def writing(self) -> Iterator[Append]:
        """Hold the journal against every other writer; gives the function that appends records.

        Whoever applies records to something else does it within the block: then all apply them
        in the order in which they were written.
        """
        with self._lock:
            folder_fd = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                fcntl.flock(folder_fd, fcntl.LOCK_EX)
                yield lambda *records: self._append(records, folder_fd)
            finally:
                os.close(folder_fd)

    def find_end(self) -> JournalPosition:
        """Return where the last whole record ends; meant for within `writing`.

        Raises
        ------
        StorageError
            The journal cannot be read.
        """
        with storage_errors("reading the journal"):
            for path in sorted(self.folder.glob("*.jsonl"), reverse=True):
                fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    end = _find_whole(fd)
                finally:
                    os.close(fd)
                if end:
                    return JournalPosition(file=path.name, offset=end)
        return JournalPosition()

    def _append(self, records: Sequence[JournalRecord], folder_fd: int) -> JournalPosition:
        lines = b"".join([record.to_json().encode() + b"\n" for record in records])
        with storage_errors("writing to the journal"):
            path = self._current()
            is_new = not path.exists()
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                end = _mend(fd, path)
                os.lseek(fd, end, os.SEEK_SET)
                try:
                    write_all(fd, lines)
                    os.fdatasync(fd)
                except OSError:
                    os.ftruncate(fd, end)
                    raise
            finally:
                os.close(fd)
            if is_new:
                os.fsync(folder_fd)
            return JournalPosition(file=path.name, offset=end + len(lines))

    def _current(self) -> Path:
        month = datetime.now(UTC).strftime("%Y-%m.jsonl")
        newest = max((path.name for path in self.folder.glob("*.jsonl")), default="")
        return self.folder / max(month, newest)  # a clock set back does not reorder records

    def iter_records(
        self, *, after: JournalPosition = JournalPosition()
    ) -> Iterator[tuple[JournalPosition, JournalRecord]]:
        """Yield each record that ends after `after`, in the order of writing, with its end.

        A last line that is torn was never acknowledged: it is left out.

        Raises
        ------
        StorageError
            A line that is not the last one of its file cannot be read: the journal is damaged.
        """
        for path in sorted(self.folder.glob("*.jsonl")):
            if path.name < after.file:
                continue
            offset = after.offset if path.name == after.file else 0
            with path.open("rb") as lines:
                lines.seek(offset)
                for line in lines:
                    offset += len(line)
                    if not line.endswith(b"\n"):
                        break
                    try:
                        record = JournalRecord.from_json(line)
                    except ValueError as error:
                        raise StorageError(
                            f"{path}: the line that ends at byte {offset} is no record ({error}); "
                            "restore the file from a backup, or remove that line"
                        ) from error
                    yield JournalPosition(file=path.name, offset=offset), record


def _find_whole(fd: int) -> int:
    """Return where the last whole line ends."""
    start = os.fstat(fd).st_size
    if start == 0 or os.pread(fd, 1, start - 1) == b"\n":
        return start
    while start > 0:
        step = min(_TAIL, start)
        newline = os.pread(fd, step, start - step).rfind(b"\n")
        if newline >= 0:
            return start - step + newline + 1
        start -= step
    return 0


def _mend(fd: int, path: Path) -> int:
    """Take a torn last line away and return where the next record begins."""
    size, start = os.fstat(fd).st_size, _find_whole(fd)
    if start == size:
        return size
    os.ftruncate(fd, start)
    logger.warning(
        "a torn record at the journal's end was taken away",
        extra={"journal_file": path.name, "torn_bytes": size - start},
    )
    return start
