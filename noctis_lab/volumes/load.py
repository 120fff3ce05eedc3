"""A series' pixels into one array, at the speed of the disk."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, as_completed, wait
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import DTypeLike, NDArray

from noctis_lab.catalog.records import InstanceRow, SeriesRow
from noctis_lab.dicom.codecs import native_dtype, read_frame
from noctis_lab.dicom.header import Header, read_header
from noctis_lab.dicom.modality_lut import ModalityLut
from noctis_lab.dicom.rescale import IDENTITY, Rescale, apply_rescale, value_dtype
from noctis_lab.errors import SeriesNotFound, UnsupportedSeries
from noctis_lab.volumes import accessor as accessor  # registers `.dicom`
from noctis_lab.volumes.axes import AXES, stack_coordinates
from noctis_lab.volumes.loadable import require_loadable
from noctis_lab.volumes.lookups import find_luts, find_units
from noctis_lab.volumes.planes import instance_file, is_plain, open_plane, read_plane_into
from noctis_lab.volumes.stack import Stack, plan_stack

if TYPE_CHECKING:
    from noctis_lab.volumes.cache import Handle

__all__ = ["load"]

#: Planes per task: a task's overhead is paid once for some 10 MB of a CT. A plane that is decoded
#: takes a hundred times the overhead, and short series too must keep all threads busy.
_PLANES_PER_TASK, _DECODED_PLANES_PER_TASK = 16, 1

#: What stands as slope and intercept of a plane whose Modality LUT is another.
_NO_RESCALE = Rescale(slope=math.nan, intercept=math.nan, units=None)

#: What turns a plane's stored values into modality values.
type Values = Rescale | ModalityLut
type Progress = Callable[[int, int], None]


def load(
    handle: Handle,
    reference: str,
    *,
    dtype: DTypeLike | None = None,
    stored: bool = False,
    progress: Progress | None = None,
) -> xr.DataArray:
    """Load a series as one volume.

    Parameters
    ----------
    handle
        The open archive.
    reference
        Of a classic single-frame series: its SeriesInstanceUID, or `SeriesRow.reference`.
    dtype
        Of the result; by default the smallest integer type that is exact where every slope is 1
        and every intercept an integer, else float32.
    stored
        Give stored values instead of modality values.
    progress
        Called in this thread as ``progress(planes done, planes in all)``.

    Returns
    -------
    DataArray, dims (z, y, x)
        Values (HU for a CT); coordinates in mm, and per plane SOPInstanceUID, InstanceNumber,
        slope and intercept. Geometry is asked by `.dicom`.

    Raises
    ------
    SeriesNotFound
        No such series here.
    CannotStack
        One of its classes says why the series is not one stack.
    CompressedPixels, DecodeError
        The transfer syntax has no decoder here; a frame does not decode.
    FileChanged
        A file is missing, or is not what was catalogued.
    UnsupportedSeries
        Also where `dtype` does not hold every value, and, but with `stored`, where a plane states
        a Modality LUT that is neither slope and intercept nor a table that can be followed.

    Notes
    -----
    MONOCHROME1 is never inverted, nor are windows or padding applied: they belong to the view.
    Uncompressed pixels are read into the result itself; rescale is applied plane by plane, while
    the plane is in the cache. Compressed planes are decoded in the handle's threads, side by side:
    the codecs release the interpreter's lock.

    References
    ----------
    :dcm:`PS3.3 C.11.1 <part03/sect_C.11.html>`, :dcm:`PS3.3 C.7.6.2 <part03/sect_C.7.6.2.html>`
    """
    series = handle.catalog.find_series(reference)
    if series is None:
        raise SeriesNotFound(
            f"series {reference} is not in this archive", SeriesInstanceUID=reference
        )
    stack = plan_stack(handle.catalog.instances_of(reference))
    luts = {} if stored else find_luts(handle, stack.rows)
    require_loadable(stack, luts=luts, stored=stored)
    rescales = [IDENTITY if stored else row.rescale or IDENTITY for row in stack.rows]
    values = [
        luts.get(row.sha256) or rescale for row, rescale in zip(stack.rows, rescales, strict=True)
    ]
    result = np.empty(stack.shape, _result_dtype(stack, values, dtype))
    _fill(handle, stack, values, result, progress)
    units = (
        "stored"
        if stored
        else find_units(series, stack.rows, luts, _pet_header(handle, series, stack))
    )
    return _to_dataarray(series, stack, result, units=units)


def _pet_header(handle: Handle, series: SeriesRow, stack: Stack) -> Header | None:
    """Return a PET's header, whose Units no row has."""
    if series.Modality != "PT":
        return None
    return read_header(instance_file(handle.storage, stack.rows[0]))


def _result_dtype(stack: Stack, values: Sequence[Values], dtype: DTypeLike | None) -> np.dtype[Any]:
    rescales = [each for each in values if isinstance(each, Rescale)]
    tables = {each.dtype for each in values if not isinstance(each, Rescale)}
    layouts = [row.pixels for row in stack.rows if row.pixels is not None]
    natives = {native_dtype(layout) for layout in layouts}
    if tables and not rescales:
        exact = np.result_type(*tables)
    elif any(native.kind == "f" for native in natives):
        exact = np.result_type(*natives, np.float32)
    elif all(rescale.is_identity for rescale in rescales):
        exact = np.result_type(*natives)
    else:
        exact = value_dtype(
            rescales,
            bits_stored=max(layout.bits_stored for layout in layouts),
            is_signed=any(layout.pixel_representation == 1 for layout in layouts),
        )
    exact = np.result_type(exact, *tables)
    if dtype is None:
        return exact
    # Planes are read by byte count into the result: its numbers must be this machine's.
    wanted = np.dtype(dtype).newbyteorder("=")
    is_held = wanted.itemsize >= 4 if wanted.kind == "f" else np.can_cast(exact, wanted)
    if wanted.kind not in "iuf" or not is_held:
        raise UnsupportedSeries(
            stack.SeriesInstanceUID,
            f"dtype {wanted} does not hold every value that {exact} does; ask for {exact}, float32 "
            "or float64",
        )
    return wanted


def _fill(
    handle: Handle,
    stack: Stack,
    values: Sequence[Values],
    result: NDArray[Any],
    progress: Progress | None,
) -> None:
    """Read all planes into `result` by the handle's threads."""
    count = len(stack.rows)
    is_decoded = any(row.pixels is not None and row.pixels.encapsulated for row in stack.rows)
    at_once = _DECODED_PLANES_PER_TASK if is_decoded else _PLANES_PER_TASK

    def read(first: int) -> int:
        last = min(first + at_once, count)
        scratch: dict[np.dtype[Any], NDArray[Any]] = {}
        for index in range(first, last):
            _read_plane(handle, stack.rows[index], values[index], result[index], scratch)
        return last - first

    tasks = [handle.executor.submit(read, first) for first in range(0, count, at_once)]
    try:
        _await(tasks, count, progress)
    except BaseException:
        for task in tasks:
            task.cancel()
        wait(tasks)  # none may write into an array that is given up
        raise


def _await(tasks: Sequence[Future[int]], count: int, progress: Progress | None) -> None:
    if progress is None:
        wait(tasks, return_when=FIRST_EXCEPTION)
        for task in tasks:
            if task.done():
                task.result()
        return
    done = 0
    for task in as_completed(tasks):
        done += task.result()
        progress(done, count)


def _read_plane(
    handle: Handle,
    row: InstanceRow,
    values: Values,
    out: NDArray[Any],
    scratch: dict[np.dtype[Any], NDArray[Any]],
) -> None:
    """Read one plane's values into its place in the result."""
    path = instance_file(handle.storage, row)
    with open_plane(path, row) as (descriptor, layout):
        native = native_dtype(layout)
        # Where the size is the same the bytes are read into their place and computed there: the
        # values fit, so that a sign is only another view of the same bits.
        in_place = is_plain(layout) and (
            native == out.dtype
            or (native.itemsize == out.itemsize and "f" not in (native.kind, out.dtype.kind))
        )
        if in_place:
            stored = out.view(native)
        elif is_plain(layout):
            if native not in scratch:
                scratch[native] = np.empty(out.shape, native)
            stored = scratch[native]
        else:
            stored = read_frame(path, layout, row.transfer_syntax_uid, 0)
        if is_plain(layout):
            read_plane_into(descriptor, layout, stored)
    if not isinstance(values, Rescale):
        out[...] = values.apply(stored)
    elif not values.is_identity:
        apply_rescale(stored, values, out)
    elif not in_place:
        out[...] = stored


def _to_dataarray(
    series: SeriesRow, stack: Stack, result: NDArray[Any], *, units: str
) -> xr.DataArray:
    rows = stack.rows
    coordinates: dict[Hashable, Any] = dict(
        stack_coordinates(stack, FrameOfReferenceUID=series.FrameOfReferenceUID)
    )
    coordinates["SOPInstanceUID"] = ("z", np.array([row.SOPInstanceUID for row in rows]))
    numbers = [row.InstanceNumber for row in rows]
    if None in numbers:  # an integer array has no room for "not stated"
        numbers_of_planes = np.array(numbers, dtype=np.float64)
    else:
        numbers_of_planes = np.array(numbers, dtype=np.int64)
    coordinates["InstanceNumber"] = ("z", numbers_of_planes)
    rescales = [
        _NO_RESCALE if row.has_unread_modality_lut else row.rescale or IDENTITY for row in rows
    ]
    coordinates["slope"] = ("z", np.array([rescale.slope for rescale in rescales]))
    coordinates["intercept"] = ("z", np.array([rescale.intercept for rescale in rescales]))
    first = rows[0].pixels
    attributes: dict[str, str | int | None] = {
        "units": units,
        "Modality": series.Modality,
        "SeriesDescription": series.SeriesDescription,
        "SeriesNumber": series.SeriesNumber,
        "SeriesInstanceUID": series.SeriesInstanceUID,
        "StudyInstanceUID": series.StudyInstanceUID,
        "PhotometricInterpretation": None if first is None else first.photometric_interpretation,
    }
    stated = {keyword: text for keyword, text in attributes.items() if text is not None}
    return xr.DataArray(result, dims=AXES, coords=coordinates, name=series.Modality, attrs=stated)
