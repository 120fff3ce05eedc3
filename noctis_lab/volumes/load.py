"""A series' pixels into one array, at the speed of the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

import xarray as xr

from noctis_lab.catalog.records import SeriesRow
from noctis_lab.volumes import accessor as accessor  # registers `.dicom`
from noctis_lab.volumes.conversion import ValueOptions
from noctis_lab.volumes.kinds import open_voxels
from noctis_lab.volumes.plan import Duplicates
from noctis_lab.volumes.regularize import RegularizeOptions
from noctis_lab.volumes.regularize import regularize as regularized
from noctis_lab.volumes.series_plan import reference_of
from noctis_lab.volumes.tasks import Progress
from noctis_lab.volumes.voxels import load_voxels

if TYPE_CHECKING:
    from noctis_lab.volumes.cache import Handle

__all__ = ["load"]


def load(
    handle: Handle,
    series: str | SeriesRow,
    *,
    stack: int | None = None,
    duplicates: Duplicates | None = None,
    regularize: bool | RegularizeOptions = False,
    progress: Progress | None = None,
    **options: Unpack[ValueOptions],
) -> xr.DataArray:
    """Load a series as one array.

    Parameters
    ----------
    handle
        The open archive.
    series
        Its row, or its SeriesInstanceUID.
    stack
        Which of the stacks that its frames make, from 0; needed where there are several.
    duplicates
        Of frames at one position that nothing tells apart take the ``"first"`` or the ``"last"``,
        by InstanceNumber; by default they are refused.
    regularize
        Put an irregular stack on evenly spaced planes, as `regularize.regularize` does; its
        options (``{"gaps": "interpolate"}``, ``{"fill": -1024}`` …) instead of True. A regular one
        stays as it is.
    progress
        Called in this thread as ``progress(planes done, planes in all)``.
    **options
        `dtype` of the result: by default the smallest integer type that is exact where every slope
        is 1 and every intercept an integer, else float32, or float64 where float32 has not the
        range or the digits (32 bits stored, say). `stored`: stored values instead of
        modality values. `mask_padding`: NaN where a pixel holds PixelPaddingValue, or lies in its
        range. `real_world`: real world values, in the unit that their mapping states, instead of
        modality values: True where each image states one mapping; else the LUTLabel, or the unit,
        of the one that is meant. What lies outside of the range that is mapped is refused;
        ``{"name": "ADC", "outside": "nan"}`` gives NaN there.

    Returns
    -------
    DataArray, dims ([time|echo|b_value|phase|asl_context|segment], z, y, x[, channel])
        Values (HU for a CT), or RGB of 8 bits; coordinates in mm, and per plane SOPInstanceUID,
        InstanceNumber, slope and intercept. Geometry is asked by `.dicom`. Frames without a place
        in the patient: dims (frame, y, x[, channel]), or time where a cine states its times.
        A dose grid gives doses (`dose.open_dose`), a segmentation a mask of each segment
        (`segments.Segments.load`).

    Warns
    -----
    GeometryWarning
        Planes are missing, or lie at unequal distances: they keep their true z; not where
        `regularize` is asked.
    ContrastWarning
        Planes are not alike in something that is stated of them, and no contrast of its own.
    PixelWarning
        Pixels contradict what is stated of them; a slope is 0; `dtype` rounds integers.

    Raises
    ------
    SeriesNotFound, NotUnique
        No such series here; several studies hold one of that SeriesInstanceUID: pass a row.
    SeveralStacks
        The series makes several arrays and `stack` names none; the message lists them.
    CannotStack
        One of its classes says why the series makes no array.
    CompressedPixels, DecodeError
        The transfer syntax has no decoder here; a frame does not decode.
    FileChanged
        A file is missing, or is not what was catalogued.
    UnsupportedSeries
        Also where `dtype` does not hold every value, and, but with `stored`, where a plane's
        Modality LUT cannot be followed; and where `real_world` is asked and an image states no
        such mapping, or several, or holds values outside of it: the message lists what there is.
    CannotResample
        As `regularize.regularize`, where it is asked.

    Notes
    -----
    MONOCHROME1 is never inverted, nor are windows applied: they belong to the view. Uncompressed
    pixels are read into the result itself; rescale is applied plane by plane, while the plane is
    in the cache. Compressed planes are decoded in the handle's threads, side by side: the codecs
    release the interpreter's lock. Headers are read only of multi-frame instances and mosaics, and
    where frames share a place.

    References
    ----------
    :dcm:`PS3.3 C.11.1 <part03/sect_C.11.html>`, :dcm:`PS3.3 C.7.6.2 <part03/sect_C.7.6.2.html>`,
    :dcm:`PS3.3 C.7.6.16.2.11 <part03/sect_C.7.6.16.2.html>`
    """
    voxels = open_voxels(
        handle, reference_of(handle, series), stack=stack, duplicates=duplicates, **options
    )
    volume = load_voxels(voxels, progress, of_gaps=regularize is False)
    if regularize is False:
        return volume
    return regularized(volume, **({} if regularize is True else regularize))
