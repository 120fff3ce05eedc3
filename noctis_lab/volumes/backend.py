"""Series as xarray data sets whose pixels are read when they are asked for, and only those."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import xarray as xr
from numpy.typing import DTypeLike, NDArray
from xarray.backends import BackendArray, BackendEntrypoint
from xarray.core import indexing

from noctis_lab.catalog.records import SeriesRow
from noctis_lab.catalog.store import require_catalog
from noctis_lab.config import Settings, open_settings
from noctis_lab.errors import FileChanged, SeriesChanged, SeriesNotFound
from noctis_lab.volumes import accessor as accessor  # registers `.dicom`
from noctis_lab.volumes.cache import open_handle
from noctis_lab.volumes.kinds import open_voxels
from noctis_lab.volumes.plan import Duplicates
from noctis_lab.volumes.real_world import RealWorld
from noctis_lab.volumes.series_plan import reference_of

__all__ = ["LazyPixels", "NoctisBackend", "Source", "open_lazily"]

_UNNAMED = "image"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Which array of which archive, in a few hundred bytes: what goes to another process."""

    settings: Settings
    reference: str
    stack: int | None = None
    duplicates: Duplicates | None = None
    dtype: DTypeLike | None = None
    stored: bool = False
    mask_padding: bool = False
    real_world: RealWorld = False


class _Connection:
    """An opened source: held by arrays of this process, closed with the last of them."""

    def __init__(self, source: Source) -> None:
        self.handle = open_handle(source.settings)
        self._close = weakref.finalize(self, self.handle.release)
        self._close.atexit = False
        self.voxels = open_voxels(
            self.handle,
            source.reference,
            stack=source.stack,
            duplicates=source.duplicates,
            dtype=source.dtype,
            stored=source.stored,
            mask_padding=source.mask_padding,
            real_world=source.real_world,
        )

    @property
    def is_usable(self) -> bool:
        """Whether it is this process' own, and open."""
        return self._close.alive and not self.handle.is_closed

    def close(self) -> None:
        """Close this opening of the archive."""
        self._close()


class LazyPixels(BackendArray):
    """The values of one array, read on demand; pickles as its `Source` alone.

    Parameters
    ----------
    source
        Which array.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._connection: _Connection | None = None
        connection = self.connect()
        self.shape = connection.voxels.shape
        self.dtype = connection.voxels.dtype
        self._digest = connection.voxels.digest

    def __getstate__(self) -> dict[str, Any]:
        return {
            "_source": self._source,
            "_digest": self._digest,
            "shape": self.shape,
            "dtype": self.dtype,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()
        self._connection = None

    def connect(self) -> _Connection:
        """Return the opened archive, opening it in a process that has not yet.

        Raises
        ------
        SeriesChanged
            The series has other frames than when the array was opened: open it again.
        """
        with self._lock:
            if self._connection is None or not self._connection.is_usable:
                connection = _Connection(self._source)
                if hasattr(self, "_digest") and connection.voxels.digest != self._digest:
                    uid = self._source.reference
                    raise SeriesChanged(
                        f"series {uid} has other frames than when it was opened; open it again",
                        SeriesInstanceUID=uid,
                    )
                self._connection = connection
            return self._connection

    def close(self) -> None:
        """Let go of the archive; reading again opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        if isinstance(key, indexing.BasicIndexer | indexing.OuterIndexer):
            # Not by the adapter, which fails on empty slices with a negative step.
            return self._read(key.tuple)
        return indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.OUTER, self._read
        )

    def _read(self, key: tuple[Any, ...]) -> NDArray[Any]:
        """Read what an outer index picks: of each dim an int, a slice or an array of ints."""
        try:
            return self._read_through(self.connect(), key)
        except SeriesChanged:
            raise
        except FileChanged:  # a source in place that lies elsewhere by now, as the catalogue knows
            self.close()
            return self._read_through(self.connect(), key)

    def _read_through(self, connection: _Connection, key: tuple[Any, ...]) -> NDArray[Any]:
        picked = [np.arange(size)[one] for one, size in zip(key, self.shape, strict=True)]
        result = connection.voxels.read([np.atleast_1d(indices) for indices in picked])
        # An int takes its dim away.
        return result[tuple(0 if indices.ndim == 0 else slice(None) for indices in picked)]


class NoctisBackend(BackendEntrypoint):
    """``xarray.open_dataset(SeriesInstanceUID, engine="noctis")``: an archived series, lazily."""

    description = "Series of a noctis_lab archive, by SeriesInstanceUID"
    open_dataset_parameters: ClassVar[tuple[str, ...]] = (
        "filename_or_obj",
        "drop_variables",
        "root",
        "StudyInstanceUID",
        "stack",
        "duplicates",
        "dtype",
        "stored",
        "mask_padding",
        "real_world",
    )

    def open_dataset(  # type: ignore[override]
        self,
        filename_or_obj: str,
        *,
        drop_variables: str | Iterable[str] | None = None,
        root: str | os.PathLike[str] | None = None,
        StudyInstanceUID: str | None = None,
        settings: Settings | None = None,
        **options: Any,
    ) -> xr.Dataset:
        """Open a series as a data set of one variable, named as the series' Modality.

        Parameters
        ----------
        filename_or_obj
            Its SeriesInstanceUID, or `SeriesRow.reference`.
        drop_variables
            Coordinates that are not wanted.
        root
            The archive's folder; None takes NOCTIS_ROOT, or ``~/noctis``.
        StudyInstanceUID
            The study that holds it: needed where several hold one of that UID.
        settings
            Instead of `root`, the settings of a process that has built its own.
        **options
            stack, duplicates, dtype, stored, mask_padding, real_world: as
            `noctis_lab.volumes.load.load`.

        Raises
        ------
        ArchiveNotFound
            No archive is in the folder.
        SeriesNotFound, NotUnique, CannotStack, FileChanged
            As `noctis_lab.volumes.load.load`.
        """
        if settings is None:
            settings = open_settings({"root": root})
        require_catalog(settings.root)
        uid = str(filename_or_obj)
        try:
            with open_handle(settings) as handle:
                reference = reference_of(handle, uid, StudyInstanceUID=StudyInstanceUID)
                source = Source(settings=settings, reference=reference, **options)
                pixels = LazyPixels(source)
        except SeriesNotFound as error:
            raise SeriesNotFound(
                f"{error}, {settings.root}: another one is named by root=",
                SeriesInstanceUID=error.SeriesInstanceUID,
            ) from None
        dataset = _to_dataset(pixels)
        dataset.set_close(pixels.close)
        dropped = [drop_variables] if isinstance(drop_variables, str) else drop_variables
        return dataset.drop_vars(dropped or [], errors="ignore")

    def guess_can_open(self, filename_or_obj: Any) -> bool:  # noqa: ARG002
        """Return False: a UID is no file, and a DICOM file is no series."""
        return False


def open_lazily(
    settings: Settings,
    series: str | SeriesRow,
    *,
    chunks: Mapping[str, int] | Literal["auto"] | None = None,
    **options: Any,
) -> xr.DataArray:
    """Open a series lazily as one array; see `NoctisBackend.open_dataset`.

    Parameters
    ----------
    series
        Its row, or its SeriesInstanceUID.
    chunks
        As `xarray.open_dataset`: None reads without dask.
    """
    reference = series if isinstance(series, str) else series.reference
    if not isinstance(series, str) and reference == series.SeriesInstanceUID:
        options["StudyInstanceUID"] = series.StudyInstanceUID  # as exact as the row is
    dataset = xr.open_dataset(
        reference, engine=NoctisBackend, chunks=chunks, settings=settings, **options
    )
    (name,) = dataset.data_vars
    array: xr.DataArray = dataset[name]
    return array if name != _UNNAMED else array.rename(None)


def _to_dataset(pixels: LazyPixels) -> xr.Dataset:
    voxels = pixels.connect().voxels
    voxels.warn(stacklevel=3)
    attributes = dict(voxels.attributes)
    variable = xr.Variable(voxels.dims, indexing.LazilyIndexedArray(pixels), attributes)
    name = voxels.series.Modality or _UNNAMED
    dataset = xr.Dataset({name: variable}, dict(voxels.coordinates), attributes)
    dataset.encoding["source"] = voxels.series.reference
    return dataset
