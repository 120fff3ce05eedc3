"""Derived files that belong to nothing any more: pictures and surfaces of series that are gone.

All of them can be made again from the series, so that sweeping them loses nothing.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from noctis_lab.catalog import checkup
from noctis_lab.dicom.uids import uid_hash
from noctis_lab.jobs.surfaces import MAKE_SURFACE
from noctis_lab.storage.files import THUMBNAILS
from noctis_lab.storage.layout import DERIVED
from noctis_lab.volumes.kept_surfaces import KEY, SURFACES

__all__ = ["find_strays", "sweep_strays"]

_GONE: Final = "its series is not in the catalogue"
_HALF: Final = "it was never finished, and nobody is at it"
_NO_MESH: Final = "its mesh is missing"
_TORN: Final = "it cannot be read"
_YOUNG_S: Final = 60.0  # what is being written, or being discarded by another process


def find_strays(connection: checkup.ReadOnly, root: Path) -> dict[str, str]:
    """Return the derived files that nothing uses, below the archive's root → why.

    Parameters
    ----------
    connection
        The catalogue as `checkup.opened_read_only` gives it.

    Raises
    ------
    OSError
        A folder cannot be read.
    """
    # The files first: a series stands before anything is derived of it, and a job before its work.
    standing = {kind: list(_iter_files(root / DERIVED / kind)) for kind in (THUMBNAILS, SURFACES)}
    if not any(standing.values()):
        return {}
    known = {uid_hash(reference) for reference in checkup.iter_references(connection)}
    underway = {
        (uid_hash(reference), key)
        for job in checkup.iter_job_keys(connection, MAKE_SURFACE)
        for reference, _, key in [job.rpartition(" ")]  # a facility's name may hold spaces
    }
    strays: dict[Path, str] = {}
    surfaces: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for kind, paths in standing.items():
        for path in paths:
            name, _, rest = path.name.partition(".")
            if name not in known:
                strays[path] = _GONE
            elif kind == SURFACES:
                surfaces[name, rest.partition(".")[0]].append(path)
    for place, paths in surfaces.items():
        if place not in underway and (why := _wrong_of_surface(place[1], paths)):
            strays |= dict.fromkeys(paths, why)
    now = time.time()
    return {
        path.relative_to(root).as_posix(): why
        for path, why in sorted(strays.items())
        if _age_s(path, now) > _YOUNG_S
    }


def sweep_strays(root: Path, strays: Iterable[str]) -> int:
    """Remove what `find_strays` found; returns how many files there were.

    Raises
    ------
    OSError
        One cannot be removed.
    """
    count = 0
    for name in strays:
        path = root / name
        if path.is_file() or path.is_symlink():
            path.unlink(missing_ok=True)
            count += 1
    return count


def _wrong_of_surface(key: str, paths: list[Path]) -> str:
    """Return what is wrong with the files of one surface that nobody makes; empty: nothing."""
    suffixes = {path.suffix: path for path in paths}
    if not KEY.fullmatch(key):
        return _HALF
    if ".json" not in suffixes:
        # A job may have ended between the look at the files and that at the jobs.
        return "" if paths[0].with_suffix(".json").exists() else _HALF
    try:
        said = json.loads(suffixes[".json"].read_bytes())
        error, step = said["error"], said["shown_step"]
    except FileNotFoundError:
        return ""  # discarded meanwhile
    except (OSError, ValueError, TypeError, KeyError):
        return _TORN
    needed = set() if error is not None else {".ply"} | ({".mesh"} if step > 1 else set())
    return _NO_MESH if needed - suffixes.keys() else ""


def _iter_files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() or path.is_symlink():
            yield path


def _age_s(path: Path, now: float) -> float:
    try:
        return now - path.lstat().st_mtime
    except OSError:
        return 0.0
