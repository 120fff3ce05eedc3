"""Folders, permissions, space, clock: what the operating system has to give."""

from __future__ import annotations

import os
import shlex
import stat
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from noctis_lab.catalog.locks import require_local_disk
from noctis_lab.config import Settings
from noctis_lab.errors import UnsupportedFilesystem
from noctis_lab.jobs.doctor.findings import Finding, State, size_text
from noctis_lab.storage.layout import (
    CATALOG,
    DERIVED,
    INCOMING,
    INSTANCES,
    JOURNAL,
    QUARANTINE,
    SECRET_KEY,
)

__all__ = ["check_clock", "check_folders", "check_memory", "check_secrets", "check_space"]

_FOLDERS: Final = (INSTANCES, INCOMING, QUARANTINE, DERIVED, JOURNAL, CATALOG)
_EARLIEST: Final = datetime(2026, 1, 1, tzinfo=UTC)  # no program of ours is older
_AHEAD: Final = timedelta(minutes=5)
_FEW_WATERMARKS: Final = 2


def check_folders(settings: Settings) -> Iterator[Finding]:
    """Check that the archive's folders are there, writable, and on a local disk."""
    root = settings.root
    if not root.is_dir():
        yield Finding(
            name="folders",
            state=State.FAIL,
            text=f"no archive at {root}",
            remedy="name its folder with --root or NOCTIS_ROOT; `noctis serve` begins a new one",
        )
        return
    missing = [name for name in _FOLDERS if not (root / name).is_dir()]
    closed = [
        name
        for name in (".", *_FOLDERS)
        if name not in missing and not os.access(root / name, os.R_OK | os.W_OK | os.X_OK)
    ]
    if closed:
        yield Finding(
            name="folders",
            state=State.FAIL,
            text=f"not writable for this user: {', '.join(closed)}",
            remedy=f"sudo chown -R {_user_name()} {shlex.quote(str(root))}",
        )
    elif missing:
        yield Finding(
            name="folders",
            state=State.FAIL if CATALOG in missing and INSTANCES not in missing else State.WARN,
            text=f"missing in {root}: {', '.join(missing)}",
            remedy="the next start makes them; where one held something, restore it first",
        )
    else:
        yield Finding(name="folders", state=State.PASS, text=f"all six in {root}, writable")
    try:
        require_local_disk(root)
    except UnsupportedFilesystem as error:
        yield Finding(
            name="file system",
            state=State.FAIL,
            text=str(error).partition(":")[0],
            remedy="move the archive to a local disk, then name it with --root or NOCTIS_ROOT",
        )


def _user_name() -> str:
    return f"$(id -un {os.geteuid()})"


def check_secrets(settings: Settings) -> Iterator[Finding]:
    """Check who else may read the archive's key, its catalogue and what is in it."""
    root = settings.root
    open_to_others: list[str] = []
    for name, allowed in ((SECRET_KEY, 0o600), (CATALOG, 0o750), (JOURNAL, 0o775), (".", 0o775)):
        try:
            mode = stat.S_IMODE((root / name).stat().st_mode)
        except OSError:
            continue
        if mode & ~allowed & 0o777:
            remedy = f"chmod {allowed:o} {shlex.quote(str(root / name))}"
            open_to_others.append(name)
            yield Finding(
                name="permissions",
                state=State.FAIL if name == SECRET_KEY else State.WARN,
                text=f"{name} has mode {mode:04o}: others may "
                + ("read the key of all sessions" if name == SECRET_KEY else "write or read there"),
                remedy=remedy,
            )
    if not open_to_others:
        has_key = (root / SECRET_KEY).exists()
        text = "secret_key is its owner's only" if has_key else "no secret_key yet (made on use)"
        yield Finding(name="permissions", state=State.PASS, text=text)


def check_space(settings: Settings) -> Iterator[Finding]:
    """Check the free space against the watermark below which nothing is received."""
    disk = os.statvfs(settings.root)
    free, least = disk.f_bavail * disk.f_frsize, settings.min_free_bytes
    text = f"{size_text(free)} free, receiving stops below {size_text(least)}"
    remedy = "free space on that disk, or lower min_free_bytes in noctis.toml"
    if free < least:
        state = State.FAIL
    elif free < _FEW_WATERMARKS * least:
        state = State.WARN
    else:
        state, remedy = State.PASS, ""
    yield Finding(name="free space", state=state, text=text, remedy=remedy)
    if disk.f_files and disk.f_favail < disk.f_files // 100:
        yield Finding(
            name="free inodes",
            state=State.WARN,
            text=f"{disk.f_favail} files more can be made on this disk",
            remedy="remove small files on that disk, or move the archive to one with more inodes",
        )


def check_clock(now: datetime, newest: datetime | None) -> Finding:
    """Check the clock against the program's age and the newest receipt."""
    zone = time.strftime("%Z %z", time.localtime(now.timestamp()))
    remedy = "timedatectl set-ntp true"
    if now < _EARLIEST:
        return Finding(
            name="clock",
            state=State.FAIL,
            text=f"it says {now:%Y-%m-%d %H:%M} UTC, which is before this program was made",
            remedy=remedy,
        )
    if newest is not None and newest > now + _AHEAD:
        return Finding(
            name="clock",
            state=State.WARN,
            text=f"it says {now:%Y-%m-%d %H:%M} UTC, but something was received at "
            f"{newest:%Y-%m-%d %H:%M} UTC: it was set back, or was ahead then",
            remedy=remedy,
        )
    return Finding(name="clock", state=State.PASS, text=f"{now:%Y-%m-%d %H:%M} UTC; zone {zone}")


def check_memory(settings: Settings, *, meminfo: Path = Path("/proc/meminfo")) -> Finding:
    """Check what a process may take against what the machine has."""
    cores = len(os.sched_getaffinity(0))
    asked = settings.cache_bytes + settings.query_memory_bytes
    total = _total_memory(meminfo)
    text = f"{settings.threads} threads on {cores} cores; up to {size_text(asked)} a process"
    if total is None:
        return Finding(name="memory", state=State.UNKNOWN, text=text)
    text += f" of {size_text(total)}"
    if asked > total:
        return Finding(
            name="memory",
            state=State.WARN,
            text=text,
            remedy="lower cache_bytes and query_memory_bytes in noctis.toml",
        )
    return Finding(name="memory", state=State.PASS, text=text)


def _total_memory(meminfo: Path) -> int | None:
    try:
        for line in meminfo.read_text("ascii").splitlines():
            if line.startswith("MemTotal:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return None
