"""A surface of a series made from a threshold or a segment, in parts, and kept."""

from __future__ import annotations

import logging
import math
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from noctis_lab.errors import CannotResample, NoctisError, OtherFrameOfReference
from noctis_lab.volumes.axes import AXES, CHANNEL
from noctis_lab.volumes.export.mesh import write_ply
from noctis_lab.volumes.grid import grid_of
from noctis_lab.volumes.kept_surfaces import SURFACES, KeptSurface, keep_surface, remove_surface
from noctis_lab.volumes.kinds import open_segmentation, open_voxels
from noctis_lab.volumes.surface_parts import (
    area_mm2,
    is_closed_at,
    padded,
    surface_in_parts,
    volume_mm3,
)
from noctis_lab.volumes.surface_spec import SurfaceSpec
from noctis_lab.volumes.voxels import Voxels, load_voxels

if TYPE_CHECKING:
    from noctis_lab.catalog.records import SeriesRow
    from noctis_lab.storage.files import Storage
    from noctis_lab.volumes.cache import Handle

__all__ = ["Stopped", "make_surface"]

logger = logging.getLogger(__name__)

_MOST_VERTICES = 4_000_000  # of a kept surface: some 150 MB as PLY, 400 MB as STL
_MOST_DRAWN_FACES = 600_000  # beyond it a browser gets a coarser mesh
_COARSEST = 8
_TELL_EVERY_S = 0.3
_UNTIL_LOADED, _UNTIL_MADE = 0.3, 0.85  # of the progress


class Stopped(Exception):
    """The surface is not wanted any more."""


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
    keep_surface(handle.storage, series, kept)
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
