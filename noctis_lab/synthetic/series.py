"""Series of CT Image Storage whose every pixel is known by a formula."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage

from noctis_lab.synthetic.modules import (
    PixelFormat,
    SeriesIdentity,
    add_pixels,
    add_plane,
    begin_instance,
)
from noctis_lab.synthetic.options import CtOptions, CtSeriesOptions, Vector
from noctis_lab.synthetic.uids import seeded_uid

__all__ = ["ct_series", "formula_stored", "write_series"]


def formula_stored(
    planes: int, rows: int, columns: int, *, bits_stored: int = 16, signed: bool = True
) -> NDArray[np.int32]:
    """Return the stored values that `ct_series` writes where it is given none.

    ``low + (100·plane + 10·row + column) mod 2**bits_stored``, where ``low`` is the least value
    of the type (0 unsigned, ``-2**(bits_stored-1)`` signed), shifted so that the first voxel of
    a signed series is -1024.

    Returns
    -------
    ndarray of int32, shape (planes, rows, columns)
        Stored values; every voxel within its plane's neighbourhood differs from the next.

    Examples
    --------
    >>> formula_stored(2, 1, 3)[:, 0].tolist()
    [[-1024, -1023, -1022], [-924, -923, -922]]
    """
    shape = (rows, columns)
    return np.stack(
        [
            _formula_plane(plane, shape, bits_stored=bits_stored, signed=signed)
            for plane in range(planes)
        ]
    )


def _formula_plane(
    plane: int, shape: tuple[int, int], *, bits_stored: int, signed: bool
) -> NDArray[np.int32]:
    r, c = np.ogrid[: shape[0], : shape[1]]
    count = 1 << bits_stored
    low = -(count >> 1) if signed else 0
    first = max(low, -1024) if signed else 0
    ramp = first - low + 100 * plane + 10 * r + c
    stored: NDArray[np.int32] = (low + ramp % count).astype(np.int32)
    return stored


def ct_series(**options: Unpack[CtOptions]) -> list[Dataset]:
    """Return the planes of one CT series as complete CT Image Storage data sets.

    Parameters
    ----------
    **options
        See `CtSeriesOptions`, whose fields they are.

    Returns
    -------
    list of pydicom.Dataset
        In the order of the stack, file meta included; equal calls give equal data sets.

    References
    ----------
    :dcm:`PS3.3 A.3 CT Image IOD <part03/sect_A.3.html>`

    Examples
    --------
    >>> plane = ct_series(planes=3, rows=4, columns=5, seed="doc")[2]
    >>> plane.ImagePositionPatient, int(plane.pixel_array[1, 2])
    ([-16.0, -16.0, 104.0], -812)
    """
    spec = CtSeriesOptions(**options)
    positions, orientation = _plan_geometry(spec)
    return [
        _build_plane(spec, index, positions[index], orientation) for index in range(spec.planes)
    ]


def write_series(datasets: Iterable[Dataset], folder: Path) -> list[Path]:
    """Write data sets as Part 10 files, named ``00000.dcm``, ``00001.dcm`` … in their order.

    Parameters
    ----------
    datasets
        With file meta; the transfer syntax is the file meta's.
    folder
        Made where it is missing.

    Returns
    -------
    list of Path
        One per data set, in order.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for index, dataset in enumerate(datasets):
        path = folder / f"{index:05d}.dcm"
        dataset.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def _plan_geometry(spec: CtSeriesOptions) -> tuple[list[Vector], list[float]]:
    along_row = np.array(spec.orientation[:3])
    along_column = np.array(spec.orientation[3:])
    table = np.cross(along_row, along_column)  # where the planes advance
    tilt = math.radians(spec.gantry_tilt_deg)
    tilted = math.cos(tilt) * along_column + math.sin(tilt) * table
    if spec.positions_mm is not None:
        positions = list(spec.positions_mm)
    else:
        steps = np.arange(spec.planes)[:, None] * (spec.slice_spacing_mm * table)
        positions = [(x, y, z) for x, y, z in (np.array(spec.origin_mm) + steps).tolist()]
    return positions, [*along_row.tolist(), *tilted.tolist()]


def _build_plane(
    spec: CtSeriesOptions, index: int, position_mm: Vector, orientation: list[float]
) -> Dataset:
    uids = spec.SOPInstanceUIDs
    dataset = begin_instance(
        _identity(spec), index, SOPInstanceUID=None if uids is None else uids[index]
    )
    _add_image(dataset, spec, index)
    thickness = spec.slice_thickness_mm
    add_plane(
        dataset,
        position_mm=position_mm,
        orientation=orientation,
        pixel_spacing_mm=spec.pixel_spacing_mm,
        thickness_mm=spec.slice_spacing_mm if thickness is None else thickness,
        FrameOfReferenceUID=spec.FrameOfReferenceUID or seeded_uid(spec.seed, "frame"),
    )
    form = PixelFormat(
        bits_allocated=spec.bits_allocated,
        bits_stored=spec.bits_stored,
        signed=spec.signed,
        photometric_interpretation=spec.photometric_interpretation,
    )
    add_pixels(dataset, _stored_plane(spec, index), form)
    for keyword, value in spec.elements.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    return dataset


def _identity(spec: CtSeriesOptions) -> SeriesIdentity:
    return SeriesIdentity(
        SOPClassUID=CTImageStorage,
        Modality="CT",
        PatientName=spec.PatientName,
        PatientID=spec.PatientID,
        StudyDate=spec.StudyDate,
        StudyTime=spec.StudyTime,
        StudyDescription="Synthetic phantom",
        SeriesDescription="Formula",
        ManufacturerModelName="Synthetic CT",
        seed=spec.seed,
        SeriesNumber=spec.SeriesNumber,
        StudyInstanceUID=spec.StudyInstanceUID,
        SeriesInstanceUID=spec.SeriesInstanceUID,
        transfer_syntax_uid=spec.transfer_syntax_uid,
    )


def _add_image(dataset: Dataset, spec: CtSeriesOptions, index: int) -> None:
    numbers = spec.instance_numbers
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.AcquisitionNumber = 1
    dataset.AcquisitionDate = spec.StudyDate
    dataset.AcquisitionTime = spec.StudyTime
    if numbers is not None:
        dataset.InstanceNumber = numbers[index]
    # A phantom has no body part; checkers ask for the side of any that they do not know.
    dataset.BodyPartExamined = "HEAD"
    dataset.KVP = 120
    dataset.XRayTubeCurrent = 200
    dataset.ExposureTime = 1000
    dataset.Exposure = 200
    dataset.ConvolutionKernel = "FORMULA"
    dataset.GantryDetectorTilt = spec.gantry_tilt_deg
    dataset.RescaleSlope = _of_plane(spec.rescale_slope, index)
    dataset.RescaleIntercept = _of_plane(spec.rescale_intercept, index)
    if spec.rescale_type is not None:
        dataset.RescaleType = spec.rescale_type
    if spec.windows:
        dataset.WindowCenter = [center for center, _ in spec.windows]
        dataset.WindowWidth = [width for _, width in spec.windows]


def _of_plane(number: float | Sequence[float], index: int) -> float:
    return number[index] if isinstance(number, Sequence) else number


def _stored_plane(spec: CtSeriesOptions, index: int) -> NDArray[np.integer[Any]]:
    if spec.stored is None:
        plane: NDArray[np.integer[Any]] = _formula_plane(
            index, (spec.rows, spec.columns), bits_stored=spec.bits_stored, signed=spec.signed
        )
    elif callable(spec.stored):
        plane = spec.stored(index)
    else:
        plane = spec.stored[index]
    if plane.shape != (spec.rows, spec.columns):
        raise ValueError(
            f"plane {index} is {plane.shape}, expected {(spec.rows, spec.columns)} (rows, columns)"
        )
    low = -(1 << (spec.bits_stored - 1)) if spec.signed else 0
    high = low + (1 << spec.bits_stored) - 1
    if int(plane.min()) < low or int(plane.max()) > high:
        raise ValueError(
            f"plane {index} leaves {low}..{high}, the range of its {spec.bits_stored} bits"
        )
    return plane
