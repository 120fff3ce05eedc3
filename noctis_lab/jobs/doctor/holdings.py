"""The catalogue, its Parquet files, and the files at rest: whole, and of one mind."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Final

from noctis_lab.catalog import checkup
from noctis_lab.config import Settings, command, is_loopback
from noctis_lab.ingest.admission import hash_file
from noctis_lab.jobs.derived import find_strays
from noctis_lab.jobs.doctor.findings import Finding, State, count_text, size_text, some_of
from noctis_lab.storage.layout import INCOMING, INSTANCES, instance_path, series_folder

__all__ = [
    "Progress",
    "check_database",
    "check_database_file",
    "check_derived",
    "check_hashes",
    "check_incoming",
    "check_orphans",
    "check_parquet",
    "check_people",
    "check_quarantine",
    "check_schema",
    "check_senders",
]

_LARGE_LOG_BYTES: Final = 256 * 1024**2
_MOST_COMPARED: Final = 100_000  # instances; more take longer than a look
_FOLDERS: Final = 10_000  # series' folders remembered
_YOUNG_S: Final = 60.0  # a file this new may be on its way into the catalogue
_AS_OWNER: Final = "run it as the user whose archive it is"

type Progress = Callable[[int, int], object]
"""(instances done, of how many)"""


def check_schema(connection: checkup.ReadOnly, settings: Settings) -> Finding | None:
    """Return the line for a schema that is not this program's, None where it is."""
    problem, root = checkup.schema_problem(connection), settings.root
    if problem is None:
        return None
    if "newer" in problem:
        remedy = "upgrade noctis_lab"
    elif "older" in problem:
        remedy = command("migrate", root)
    else:
        remedy = command("rebuild", root)
    return Finding(name="database", state=State.FAIL, text=problem, remedy=remedy)


def check_database(
    connection: checkup.ReadOnly, settings: Settings, *, timeout_s: float | None
) -> Iterator[Finding]:
    """Check the commit tier's structure and its write-ahead log."""
    root = settings.root
    path = checkup.database_path(root)
    wrong = checkup.check_database(connection, timeout_s=timeout_s)
    log = path.with_name(f"{path.name}-wal")
    log_bytes = log.stat().st_size if log.exists() else 0
    size = size_text(path.stat().st_size + log_bytes)  # a new one lies in its log alone
    if wrong is None:
        yield Finding(
            name="database",
            state=State.UNKNOWN,
            text=f"{size}: not wholly checked in {timeout_s:g} s",
            remedy=command("doctor --all", root),
        )
    elif wrong:
        yield broken_database(settings, f"it is damaged ({wrong[0][:80]})")
    else:
        yield Finding(name="database", state=State.PASS, text=f"whole, {size}")
    if log_bytes > _LARGE_LOG_BYTES:
        yield Finding(
            name="database log",
            state=State.WARN,
            text=f"{size_text(log_bytes)} are not yet in the database: some reader has held it",
            remedy="end long-running notebooks and scripts that use this archive",
        )


def check_database_file(settings: Settings) -> Finding | None:
    """Return the line for a catalogue that is not there, or not for this user; None: it is."""
    path = checkup.database_path(settings.root)
    try:
        is_there = stat.S_ISREG(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        is_there = False
    except OSError:
        return _CLOSED_DATABASE
    if not is_there:
        return broken_database(settings, "there is none")
    return None if os.access(path, os.R_OK) else _CLOSED_DATABASE


# No rebuild: nothing says that it is damaged.
_CLOSED_DATABASE: Final = Finding(
    name="database", state=State.FAIL, text="this user may not read it", remedy=_AS_OWNER
)


def broken_database(settings: Settings, text: str) -> Finding:
    """Return the line for a catalogue that cannot be used."""
    return Finding(
        name="database",
        state=State.FAIL,
        text=text,
        remedy="stop noctis, then: " + command("rebuild", settings.root),
    )


def check_parquet(
    connection: checkup.ReadOnly, settings: Settings, *, reads_all: bool
) -> Iterator[Finding]:
    """Check that every registered Parquet file is there and can be read: its footer, or all."""
    found = checkup.check_parquet(connection, settings.root, reads_all=reads_all)
    wrong = [*found.missing, *found.unreadable]
    if wrong:
        yield Finding(
            name="Parquet",
            state=State.FAIL,
            text=f"{len(found.missing)} files missing, {len(found.unreadable)} unreadable: "
            + some_of(wrong),
            remedy="stop noctis, then: " + command("rebuild", settings.root),
        )
    else:
        how = "read to their end" if reads_all else "all readable"
        yield Finding(
            name="Parquet",
            state=State.PASS,
            text=f"{count_text(found.registered, 'file set')}, {how}",
        )
    if found.unregistered:
        yield Finding(
            name="Parquet leftovers",
            state=State.PASS,
            text=f"{len(found.unregistered)} files of nobody: the worker sweeps them",
        )


def check_senders(settings: Settings, census: checkup.Census) -> Finding:
    """Tell who may send, and who waits for approval."""
    facilities = count_text(census.facilities, "facility", "facilities")
    text = f"{census.senders} accepted, {facilities}"
    if census.unknown_senders:
        return Finding(
            name="senders",
            state=State.WARN,
            text=f"{text}; {census.unknown_senders} refused and waiting for approval",
            remedy=command("sender list", settings.root),
        )
    is_reachable = not is_loopback(settings.dicom_host)
    if is_reachable and not census.senders:
        return Finding(
            name="senders",
            state=State.WARN,
            text=f"{text}: the receiver is open to the network, and refuses everyone",
            remedy=command("sender add AE --facility NAME", settings.root),
        )
    return Finding(name="senders", state=State.PASS, text=text)


def check_people(settings: Settings, census: checkup.Census) -> Finding:
    """Tell who may sign in, and by what."""
    text = f"{count_text(census.principals, 'principal')}, {census.with_password} with a password"
    is_reachable = not is_loopback(settings.host) or settings.public_origin
    if not census.with_password and is_reachable:
        return Finding(
            name="principals",
            state=State.WARN,
            text=f"{text}: the pages are open to the network, and one token opens everything",
            remedy="give each person an account with a password; keep the token's output private",
        )
    if not census.with_password:
        text += "; the printed token signs in, on this machine only"
    return Finding(name="principals", state=State.PASS, text=text)


def check_quarantine(settings: Settings, census: checkup.Census, now: datetime) -> Finding:
    """Tell what waits in quarantine."""
    if not census.quarantined or census.oldest_quarantined_at is None:
        return Finding(name="quarantine", state=State.PASS, text="empty")
    days = (now - census.oldest_quarantined_at).days
    return Finding(
        name="quarantine",
        state=State.WARN,
        text=f"{count_text(census.quarantined, 'file')} kept aside, the oldest "
        + ("today" if days < 1 else f"{count_text(days, 'day')} ago"),
        remedy=command("quarantine list", settings.root),
    )


def check_incoming(settings: Settings) -> Finding:
    """Look for files that a process left half received."""
    folder = settings.root / INCOMING
    if not folder.is_dir():  # the line of the folders says so, and what to do
        return Finding(name="incoming", state=State.UNKNOWN, text="there is no such folder")
    left = 0
    for path in folder.iterdir():
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
            left += 1
        except BlockingIOError:
            pass  # somebody is receiving it
        finally:
            os.close(fd)
    text = f"{left} half received, swept at the next start" if left else "nothing is left over"
    return Finding(name="incoming", state=State.PASS, text=text)


def check_orphans(
    connection: checkup.ReadOnly, settings: Settings, *, is_thorough: bool
) -> Finding:
    """Compare the files at rest with the catalogue by their names; nothing is adopted."""
    census = checkup.take_census(connection)
    if census.instances > _MOST_COMPARED and not is_thorough:
        return Finding(
            name="orphans",
            state=State.UNKNOWN,
            text=f"{census.instances} instances are too many for a look",
            remedy=command("fsck", settings.root),
        )
    began = time.time()
    folder_of = lru_cache(maxsize=_FOLDERS)(partial(series_folder, settings.root))
    known: dict[str, str] = {}
    for each in checkup.iter_hashes(connection):
        folder = folder_of(each.StudyInstanceUID, each.SeriesInstanceUID)
        known[f"{folder}/{each.sha256.hex()}.dcm"] = each.SOPInstanceUID
    # The rows first: a file stands before its row does. One walk, for a look at each file costs
    # more than all the rest.
    standing = set(_iter_standing(settings.root / INSTANCES))
    missing = [uid for path, uid in known.items() if path not in standing]
    orphans = [path for path in standing - known.keys() if _age_s(path, began) > _YOUNG_S]
    if missing:
        return Finding(
            name="orphans",
            state=State.FAIL,
            text=f"files lost of {len(missing)} of {len(known)} instances: {some_of(missing)}",
            remedy="restore them from a backup, or send them again; "
            + command("fsck --json", settings.root)
            + " lists all",
        )
    if orphans:
        return Finding(
            name="orphans",
            state=State.WARN,
            text=f"{len(orphans)} files are not catalogued",
            remedy=command("fsck", settings.root) + " adopts what is whole",
        )
    return Finding(
        name="orphans", state=State.PASS, text=f"{len(known)} files, all catalogued and there"
    )


def check_derived(connection: checkup.ReadOnly, settings: Settings) -> Finding:
    """Look for pictures and surfaces of series that are gone, and for surfaces without a mesh."""
    strays = find_strays(connection, settings.root)
    if not strays:
        return Finding(name="derived files", state=State.PASS, text="all belong to a series")
    whys = Counter(strays.values()).most_common()
    told = "; ".join(f"{count_text(count, 'file')}: {why}" for why, count in whys)
    return Finding(
        name="derived files",
        state=State.WARN,
        text=told,
        remedy=command("fsck --sweep", settings.root) + " removes them; they can be made again",
    )


def check_hashes(
    connection: checkup.ReadOnly,
    settings: Settings,
    *,
    sample: int | None,
    seed: int | None,
    progress: Progress | None,
    timeout_s: float | None,
) -> Finding:
    """Read some instances, chosen by chance, and compare their bytes with their hash.

    Parameters
    ----------
    sample
        How many; None: all.
    timeout_s
        No further one is begun after this long; None: all are read.
    """
    chosen = (
        list(checkup.iter_hashes(connection))
        if sample is None
        else checkup.sample_instances(connection, sample, seed=seed)
    )
    end = None if timeout_s is None else time.monotonic() + timeout_s
    damaged: list[str] = []
    read = 0
    for known in chosen:
        if end is not None and time.monotonic() > end:
            break
        path = _path_of(settings.root, known)
        if not os.access(path, os.R_OK) and path.is_file():
            return Finding(
                name="hashes",
                state=State.FAIL,
                text=f"this user may not read {known.SOPInstanceUID}",
                remedy=_AS_OWNER,
            )
        if path.is_file() and hash_file(path) != known.sha256:  # a missing one is an orphan's line
            damaged.append(known.SOPInstanceUID)
        read += 1
        if progress is not None:
            progress(read, len(chosen))
    if damaged:
        return Finding(
            name="hashes",
            state=State.FAIL,
            text=f"{len(damaged)} of {read} files read are damaged: {some_of(damaged)}",
            remedy="restore them from a backup; check the disk (smartctl -a), then "
            + command("fsck --full", settings.root),
        )
    which = "all" if sample is None else "by chance"
    return Finding(name="hashes", state=State.PASS, text=f"{read} files read ({which}), all whole")


def _path_of(root: Path, known: checkup.SampledFile) -> Path:
    return instance_path(root, known.StudyInstanceUID, known.SeriesInstanceUID, known.sha256)


def _iter_standing(folder: Path) -> Iterator[str]:
    for below, _, names in os.walk(folder):
        yield from (f"{below}/{name}" for name in names if name.endswith(".dcm"))


def _age_s(path: str, now: float) -> float:
    try:
        return now - os.stat(path).st_mtime
    except OSError:
        return 0.0
