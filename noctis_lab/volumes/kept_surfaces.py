"""Surfaces of a series that are kept: made once from a threshold or a segment, read again."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import re
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from noctis_lab.errors import (
    CannotResample,
    NoctisError,
    OtherFrameOfReference,
    SurfaceNotFound,
)
from noctis_lab.volumes.axes import AXES, CHANNEL
from noctis_lab.volumes.export.mesh import iter_stl, write_ply
from noctis_lab.volumes.grid import grid_of
from noctis_lab.volumes.kinds import open_segmentation, open_voxels
from noctis_lab.volumes.surface_parts import (
    area_mm2,
    is_closed_at,
    padded,
    surface_in_parts,
    volume_mm3,
)
from noctis_lab.volumes.voxels import Voxels, load_voxels

if TYPE_CHECKING:
    from noctis_lab.catalog.records import SeriesRow
    from noctis_lab.storage.files import Storage
    from noctis_lab.volumes.cache import Handle

__all__ = [
    "KEY",
    "SURFACES",
    "KeptSurface",
    "Stopped",
    "SurfaceSpec",
    "find_surface",
    "iter_surface_stl",
    "list_surfaces",
    "make_surface",
    "read_progress",
    "remove_surface",
    "surface_mesh_path",
]

logger = logging.getLogger(__name__)

SURFACES: Final = "surfaces"  #: the kind of their derived files
KEY: Final = re.compile(r"[0-9a-f]{32}")
_MOST_VERTICES = 4_000_000  # of a kept surface: some 150 MB as PLY, 400 MB as STL
_MOST_DRAWN_FACES = 600_000  # beyond it a browser gets a coarser mesh
_COARSEST = 8
_TELL_EVERY_S = 0.3
_LARGEST_VALUE = 1e12
_LONGEST_UID = 64  # PS3.5 9.1
_MOST_STEPS = 10_000_000
_LARGEST_SEGMENT = 0xFFFF  # Segment Number is US
_UNTIL_LOADED, _UNTIL_MADE = 0.3, 0.85  # of the progress


class Stopped(Exception):
    """The surface is not wanted any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceSpec:
    """What a surface is of.

    Attributes
    ----------
    kind
        "threshold": all that is higher than `level`; "segment": a segment of a segmentation.
    level
        In the series' unit; finite. Of a segment nothing is said.
    SegmentationUID, segment
        The SEG's SOPInstanceUID and the number of its segment.
    extra_index
        Of a threshold in a series over time, echoes or b-values: which one, from 0.

    Raises
    ------
    ValueError
        A part is missing, of another type, or out of its range.
    """

    kind: Literal["threshold", "segment"]
    level: float | None = None
    SegmentationUID: str | None = None
    segment: int | None = None
    extra_index: int | None = None

    def __post_init__(self) -> None:
        number, uid = self.segment, self.SegmentationUID
        is_number = _is_whole(number)
        # What a client says may be anything, whatever is annotated here.
        is_sound = {
            "threshold": _is_number(self.level)
            and uid is None
            and number is None
            and (self.extra_index is None or _is_step(self.extra_index)),
            "segment": self.level is None
            and self.extra_index is None
            and isinstance(uid, str)
            and len(uid) <= _LONGEST_UID
            and is_number
            and 0 < (number or 0) <= _LARGEST_SEGMENT,
        }.get(str(self.kind), False)
        if not is_sound:
            raise CannotResample(
                "a surface is of a threshold with its level, or of a segment with the "
                "segmentation's SOPInstanceUID and a number from 1 on; ask for one of these"
            )

    def key(self, revision: str) -> str:
        """Return the surface's name: hexadecimal digits of what it is of, and of which frames."""
        level = None if self.level is None else float(self.level)
        said = [revision, self.kind, level, self.SegmentationUID, self.segment]
        if self.extra_index is not None:  # of other series the names stay what they were
            said.append(self.extra_index)
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:32]

    def to_dict(self) -> dict[str, Any]:
        """Return it as what `json.dumps` takes."""
        return asdict(self)

    @classmethod
    def from_dict(cls, said: dict[str, Any]) -> Self:
        """Return what `to_dict` gave."""
        return cls(**said)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_step(value: int) -> bool:
    return _is_whole(value) and 0 <= value <= _MOST_STEPS


def _is_number(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    # NaN is not within it either, and a whole number may be too large for a float.
    return is_number and abs(value) <= _LARGEST_VALUE  # type: ignore[arg-type]


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


def make_surface(
    handle: Handle,
    series: SeriesRow,
    spec: SurfaceSpec,
    revision: str,
    *,
    is_wanted: Callable[[], bool] = lambda: True,
) -> KeptSurface:
    """Make a surface and keep it; one that is kept already is made anew.

    Parameters
    ----------
    handle
        The open archive.
    series
        The images'; a segment is put beside it, on its own grid.
    revision
        The state of the series, part of the surface's key.
    is_wanted
        Asked now and then; where it is not any more, nothing is kept.

    Returns
    -------
    KeptSurface
        With `error` where the series or the level gives none: trying again would not help.

    Raises
    ------
    Stopped
        It is not wanted any more.
    NoSpace, StorageError
        It cannot be written.
    """
    key = spec.key(revision)
    teller = _Teller(handle.storage, series.reference, key, is_wanted)
    try:
        kept = _make(
            handle,
            series,
            spec,
            KeptSurface(
                key=key,
                revision=revision,
                kind=spec.kind,
                level=0.5 if spec.level is None else spec.level,
                extra_index=spec.extra_index,
            ),
            teller,
        )
    except Stopped:
        remove_surface(handle.storage, series, key)  # what of it was written already
        raise
    except NoctisError as error:
        if isinstance(error, OSError):
            raise  # a full disk is nothing of the surface's
        logger.info("no surface", extra={"key": key, "error": type(error).__name__})
        kept = KeptSurface(
            key=key,
            revision=revision,
            kind=spec.kind,
            level=0.5 if spec.level is None else spec.level,
            extra_index=spec.extra_index,
            error=getattr(error, "reason", None) or str(error),
        )
    finally:
        handle.storage.discard_derived(SURFACES, series.reference, f".{key}.progress")
    document = json.dumps(asdict(kept), sort_keys=True).encode()
    handle.storage.write_derived(SURFACES, series.reference, f".{key}.json", document)
    return kept


class _Teller:
    """Writes how far it is beside the surface, so that another process can read it."""

    def __init__(
        self, storage: Storage, reference: str, key: str, is_wanted: Callable[[], bool]
    ) -> None:
        self._storage, self._reference, self._key = storage, reference, key
        self._is_wanted = is_wanted
        self._told = -math.inf

    def tell(self, done: float) -> None:
        now = time.monotonic()
        if now - self._told < _TELL_EVERY_S:
            return
        self._told = now
        if not self._is_wanted():
            raise Stopped
        self._storage.write_derived(
            SURFACES, self._reference, f".{self._key}.progress", f"{done:.3f}".encode()
        )

    def part(self, low: float, high: float) -> Callable[[float], None]:
        """Return what tells a part of the whole."""
        return lambda done: self.tell(low + done * (high - low))


def _make(
    handle: Handle, series: SeriesRow, spec: SurfaceSpec, kept: KeptSurface, teller: _Teller
) -> KeptSurface:
    teller.tell(0.0)
    volume, label = _values(handle, series, spec, teller)
    progress = teller.part(_UNTIL_LOADED, _UNTIL_MADE)
    found = surface_in_parts(
        volume, level=kept.level, most_vertices=_MOST_VERTICES, progress=progress
    )
    path = handle.storage.derived_path(SURFACES, series.reference, f".{kept.key}.ply")
    write_ply(found.vertices_mm, found.faces, path)
    teller.tell(_UNTIL_MADE)
    made = replace(
        kept,
        units=_units(volume) if spec.kind == "threshold" else None,
        label=label,
        volume_mm3=volume_mm3(found) if is_closed_at(volume, kept.level) else None,
        area_mm2=area_mm2(found),
        vertices=len(found.vertices_mm),
        faces=len(found.faces),
    )
    step = 1
    drawn = found
    while len(drawn.faces) > _MOST_DRAWN_FACES and step < _COARSEST:
        step *= 2
        drawn = surface_in_parts(
            volume, level=kept.level, step=step, progress=lambda _: teller.tell(_UNTIL_MADE)
        )
    if step > 1:
        write_ply(drawn.vertices_mm, drawn.faces, path.with_suffix(".mesh"))
    return replace(made, shown_step=step)


def _units(volume: xr.DataArray) -> str | None:
    """Return the values' unit where there is one to show."""
    units = volume.attrs.get("units")
    return None if units in (None, "unspecified") else str(units)


def _values(
    handle: Handle, series: SeriesRow, spec: SurfaceSpec, teller: _Teller
) -> tuple[xr.DataArray, str]:
    """Return the volume that the surface is through, and the segment's name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is uneven is refused below, in words
        if spec.kind == "threshold":
            share = teller.part(0, _UNTIL_LOADED)
            voxels = open_voxels(handle, series.reference)
            extra = _find_extra(voxels, spec.extra_index)
            if extra is None:
                return load_voxels(voxels, lambda done, total: share(done / total)), ""
            assert spec.extra_index is not None
            return _read_step(voxels, extra, spec.extra_index), ""
        assert spec.SegmentationUID is not None
        assert spec.segment is not None
        row = handle.catalog.find_instance(spec.SegmentationUID)
        if row is None or row.StudyInstanceUID != series.StudyInstanceUID:
            raise CannotResample(
                "the segmentation is not in this study (any more); choose another",
                SeriesInstanceUID=series.SeriesInstanceUID,
            )
        segments = open_segmentation(
            handle, row.SeriesInstanceUID, SOPInstanceUID=spec.SegmentationUID
        )
        mask = segments.load([spec.segment]).isel(segment=0)
        label = next(each.label for each in segments.segments if each.number == spec.segment)
        _require_one_space(series, mask)
        return padded(mask), label


def _require_one_space(series: SeriesRow, mask: xr.DataArray) -> None:
    """Refuse a segment of another patient space: it would be drawn at a wrong place."""
    ours, theirs = series.FrameOfReferenceUID, grid_of(mask).FrameOfReferenceUID
    if ours is None or ours != theirs:
        raise OtherFrameOfReference(
            f"the segmentation's FrameOfReferenceUID is {theirs or 'not stated'}, the series' is "
            f"{ours or 'not stated'}: its place among the images is not known; choose another",
            SeriesInstanceUID=series.SeriesInstanceUID,
        )


def _find_extra(voxels: Voxels, extra_index: int | None) -> str | None:
    """Return the dim of which one step is meant, before any pixel is read; None without such."""
    uid, dims = voxels.series.SeriesInstanceUID, voxels.dims
    if CHANNEL in dims or AXES[0] not in dims:
        what = "colours" if CHANNEL in dims else "images without a place along z"
        raise CannotResample(
            f"a surface is of a volume of numbers, and this series holds {what}: choose another",
            SeriesInstanceUID=uid,
        )
    extra = [dim for dim in dims if dim not in AXES]
    if not extra and not extra_index:
        return None
    size = voxels.shape[dims.index(extra[0])] if extra else 1
    if extra_index is None or extra_index >= size or len(extra) != 1:
        raise CannotResample(
            f"a surface in this series is of one of {size}: extra_index from 0 to {size - 1}",
            SeriesInstanceUID=uid,
        )
    return extra[0]


def _read_step(voxels: Voxels, extra: str, index: int) -> xr.DataArray:
    """Read the volume of one time, echo or b-value; the others may be gigabytes."""
    kept = [
        np.array([index]) if dim == extra else np.arange(size)
        for dim, size in zip(voxels.dims, voxels.shape, strict=True)
    ]
    coordinates = xr.Dataset(coords=dict(voxels.coordinates)).isel(
        {extra: index}, missing_dims="ignore"
    )
    return xr.DataArray(
        voxels.read(kept).squeeze(voxels.dims.index(extra)),
        dims=[dim for dim in voxels.dims if dim != extra],
        coords=coordinates.coords,
        name=voxels.series.Modality,
        attrs=dict(voxels.attributes),
    )


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
