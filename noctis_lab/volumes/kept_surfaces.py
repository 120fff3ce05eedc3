"""Surfaces of a series that are kept: listed, found, read and forgotten."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from noctis_lab.errors import SurfaceNotFound
from noctis_lab.volumes.export.mesh import iter_stl

if TYPE_CHECKING:
    from noctis_lab.catalog.records import SeriesRow
    from noctis_lab.storage.files import Storage

__all__ = [
    "KEY",
    "SURFACES",
    "KeptSurface",
    "find_surface",
    "iter_surface_stl",
    "keep_surface",
    "list_surfaces",
    "read_progress",
    "remove_surface",
    "surface_mesh_path",
]

SURFACES: Final = "surfaces"  #: the kind of their derived files
KEY: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptSurface:
    """A surface that was made, or could not be.

    Attributes
    ----------
    key
        Its name.
    revision
        The state of the series that it is of.
    kind, level, units, label, extra_index
        What it is of; `label` is the segment's.
    volume_mm3
        What it encloses; None where it is open: what it encloses leaves the volume.
    area_mm2, vertices, faces
        Of the whole surface.
    shown_step
        The mesh for drawing is of every so-manieth voxel.
    error
        Why it could not be made.
    """

    key: str
    revision: str
    kind: str
    level: float
    units: str | None = None
    label: str = ""
    volume_mm3: float | None = None
    area_mm2: float | None = None
    vertices: int | None = None
    faces: int | None = None
    shown_step: int = 1
    error: str | None = None
    extra_index: int | None = None


_NAMES = {field.name for field in fields(KeptSurface)}


def keep_surface(storage: Storage, series: SeriesRow, kept: KeptSurface) -> None:
    """Write down what a surface is, whose mesh lies there already, or why there is none.

    Raises
    ------
    NoSpace, StorageError
        It cannot be written.
    """
    document = json.dumps(asdict(kept), sort_keys=True).encode()
    storage.write_derived(SURFACES, series.reference, f".{kept.key}.json", document)


def find_surface(storage: Storage, series: SeriesRow, key: str) -> KeptSurface | None:
    """Return a kept surface, or None where there is none of that key, or its mesh is gone."""
    if not KEY.fullmatch(key):
        return None
    path = storage.find_derived(SURFACES, series.reference, f".{key}.json")
    try:
        said = None if path is None else json.loads(path.read_bytes())
        kept = (
            None if not isinstance(said, dict) or not said.keys() <= _NAMES else KeptSurface(**said)
        )
    except (OSError, ValueError, TypeError):
        return None  # torn, or of a later version: it is made again
    if kept is None or kept.key != key:
        return None
    needed = () if kept.error else (".ply", ".mesh") if kept.shown_step > 1 else (".ply",)
    is_whole = all(storage.find_derived(SURFACES, series.reference, f".{key}{s}") for s in needed)
    return kept if is_whole else None


def list_surfaces(storage: Storage, series: SeriesRow, revision: str) -> list[KeptSurface]:
    """Return the kept surfaces of a series as it is now; those of earlier states are discarded."""
    found = []
    for suffix in storage.derived_suffixes(SURFACES, series.reference):
        key = suffix.removeprefix(".").removesuffix(".json")
        if not suffix.endswith(".json") or (kept := find_surface(storage, series, key)) is None:
            continue
        if kept.revision == revision:
            found.append(kept)
        else:
            remove_surface(storage, series, key)
    return found


def remove_surface(storage: Storage, series: SeriesRow, key: str) -> None:
    """Forget a surface; nothing happens where there is none of that key."""
    if KEY.fullmatch(key):
        for suffix in (".json", ".ply", ".mesh", ".progress"):
            storage.discard_derived(SURFACES, series.reference, f".{key}{suffix}")


def read_progress(storage: Storage, series: SeriesRow, key: str) -> float | None:
    """Return the part of a surface that is done, 0 to 1; None where nobody is at it."""
    path = storage.find_derived(SURFACES, series.reference, f".{key}.progress")
    try:
        done = None if path is None else float(path.read_text())
    except (OSError, ValueError):
        return None
    return None if done is None or not math.isfinite(done) else min(max(done, 0.0), 1.0)


def surface_mesh_path(storage: Storage, series: SeriesRow, key: str) -> Path:
    """Return the PLY file of a surface for drawing: the coarser mesh where there is one.

    Raises
    ------
    SurfaceNotFound
        None of that key was made.
    """
    kept = find_surface(storage, series, key)
    suffix = ".mesh" if kept is not None and kept.shown_step > 1 else ".ply"
    path = storage.find_derived(SURFACES, series.reference, f".{key}{suffix}") if kept else None
    if path is None:
        raise SurfaceNotFound("no such surface is kept of this series; make it again", key=key)
    return path


def iter_surface_stl(storage: Storage, series: SeriesRow, key: str) -> Iterator[bytes]:
    """Return the pieces of a surface's binary STL: mm, patient LPS.

    Raises
    ------
    SurfaceNotFound
        None of that key was made.
    """
    kept = find_surface(storage, series, key)
    path = storage.find_derived(SURFACES, series.reference, f".{key}.ply") if kept else None
    if path is None:
        raise SurfaceNotFound("no such surface is kept of this series; make it again", key=key)
    vertices, faces = _read_ply(path)
    return iter_stl(vertices, faces)


def _read_ply(path: Path) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Return what `write_ply` wrote."""
    data = np.memmap(path, np.uint8, "r")
    head = bytes(data[:1024])
    end = head.index(b"end_header\n") + len(b"end_header\n")
    counts = {
        name: int(count)
        for name, count in re.findall(rb"element (vertex|face) (\d+)\n", head[:end])
    }
    first = end + 12 * counts[b"vertex"]
    triangle = np.dtype([("count", "u1"), ("corners", "<i4", 3)])
    vertices = data[end:first].view("<f4").reshape(-1, 3)
    return vertices, data[first:].view(triangle)["corners"]
