"""Siemens mosaics: the slices of a volume side by side in one image, with the header they need."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import MRImageStorage

from noctis_lab.synthetic.modules import (
    PixelFormat,
    SeriesIdentity,
    add_gradient_echo,
    add_pixels,
    add_plane,
    begin_instance,
    clock,
)
from noctis_lab.synthetic.plane_stack import PlaneStack
from noctis_lab.synthetic.uids import seeded_uid

__all__ = ["csa_header", "mosaic_series", "mosaic_stored"]

_BEGIN_S: Final = 11 * 3600.0
_STACK: Final = PlaneStack(planes=5)


def csa_header(entries: Mapping[str, Sequence[str]]) -> bytes:
    r"""Return a CSA header of the second form that holds text values by name.

    Examples
    --------
    >>> csa_header({"NumberOfImagesInMosaic": ["4"]})[:8]
    b'SV10\x04\x03\x02\x01'
    """
    parts = [b"SV10\4\3\2\1", struct.pack("<II", len(entries), 77)]
    for name, values in entries.items():
        parts.append(
            struct.pack("<64si4siii", name.encode(), len(values), b"LO", 0, len(values), 77)
        )
        for value in values:
            raw = value.encode() + b"\0"
            parts.append(struct.pack("<4i", len(raw), len(raw), 77, len(raw)))
            parts.append(raw + b"\0" * (-len(raw) % 4))
    return b"".join(parts)


def mosaic_stored(planes: int, shape: tuple[int, int], *, time: int = 0) -> NDArray[np.uint16]:
    """Return the slices that `mosaic_series` lays side by side at a point in time.

    Returns
    -------
    ndarray of uint16, shape (planes, rows, columns)
        In the order of the tiles.
    """
    rows, columns = shape
    plane, down, along = np.mgrid[:planes, :rows, :columns]
    stored: NDArray[np.uint16] = (4_000 * time + 200 * plane + columns * down + along + 1).astype(
        np.uint16
    )
    return stored


def mosaic_series(
    *,
    stack: PlaneStack = _STACK,
    times: int = 2,
    shape: tuple[int, int] = (6, 8),
    b_values: Sequence[float] | None = None,
    omit: Sequence[str] = (),
    seed: str = "mosaic",
) -> list[Dataset]:
    """Return a series of mosaics, one per point in time.

    Parameters
    ----------
    stack
        The slices; a mosaic is ``ceil(sqrt(planes))`` tiles wide and high.
    times
        Points in time, 2 s apart.
    shape
        Rows and columns of a slice; at most 200 pixels in all.
    b_values
        Of each point in time, in the CSA header; above 0 along (0, 0.6, 0.8).
    omit
        Entries of the CSA header that are left out; ``CSA`` leaves all of it out.
    seed
        UIDs depend on it.

    Notes
    -----
    Image Position (Patient) is what such systems write: that of a mosaic whose centre is the
    first slice's.
    """
    side = math.ceil(math.sqrt(stack.planes))
    (rows, columns), spacing_mm = shape, stack.pixel_spacing_mm
    u, v = np.array(stack.orientation[:3]), np.array(stack.orientation[3:])
    back_rows, back_columns = (side - 1) * rows / 2, (side - 1) * columns / 2
    corner_mm = (
        np.array(stack.origin_mm) - back_columns * spacing_mm[1] * u - back_rows * spacing_mm[0] * v
    )
    normal = np.cross(u, v) * math.copysign(1, stack.slice_spacing_mm)
    entries = {
        "NumberOfImagesInMosaic": [str(stack.planes)],
        "SliceNormalVector": [f"{cosine:.8f}" for cosine in normal],
    }
    made = []
    for time in range(times):
        dataset = begin_instance(_identity(seed), time)
        add_gradient_echo(dataset)
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]
        dataset.AcquisitionTime = clock(_BEGIN_S + 2 * time)
        dataset.AcquisitionNumber = time + 1
        add_plane(
            dataset,
            position_mm=corner_mm.tolist(),
            orientation=stack.orientation,
            pixel_spacing_mm=spacing_mm,
            thickness_mm=abs(stack.slice_spacing_mm),
            FrameOfReferenceUID=seeded_uid(seed, "frame"),
        )
        dataset.SpacingBetweenSlices = abs(stack.slice_spacing_mm)
        _add_csa(dataset, {**entries, **_diffusion(b_values, time)}, omit)
        stored = _laid_out(mosaic_stored(stack.planes, shape, time=time), side)
        add_pixels(dataset, stored, PixelFormat())
        made.append(dataset)
    return made


def _identity(seed: str) -> SeriesIdentity:
    return SeriesIdentity(
        SOPClassUID=MRImageStorage,
        Modality="MR",
        PatientName="PHANTOM^MOSAIC",
        PatientID="NOCTIS-MOSAIC",
        StudyDate="20260304",
        StudyTime="110000",
        StudyDescription="Synthetic phantom",
        SeriesDescription="Mosaic formula",
        ManufacturerModelName="Synthetic MR",
        seed=seed,
    )


def _diffusion(b_values: Sequence[float] | None, time: int) -> dict[str, list[str]]:
    if b_values is None:
        return {}
    directed = {"DiffusionGradientDirection": ["0.0", "0.6", "0.8"]} if b_values[time] > 0 else {}
    return {"B_value": [f"{b_values[time]:g}"], **directed}


def _add_csa(dataset: Dataset, entries: Mapping[str, Sequence[str]], omit: Sequence[str]) -> None:
    if "CSA" in omit:
        return
    kept = {name: values for name, values in entries.items() if name not in omit}
    block = dataset.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
    block.add_new(0x10, "OB", csa_header(kept))


def _laid_out(volume: NDArray[np.uint16], side: int) -> NDArray[np.uint16]:
    planes, rows, columns = volume.shape
    mosaic = np.zeros((side * rows, side * columns), np.uint16)
    for plane in range(planes):
        down, along = plane // side * rows, plane % side * columns
        mosaic[down : down + rows, along : along + columns] = volume[plane]
    return mosaic
