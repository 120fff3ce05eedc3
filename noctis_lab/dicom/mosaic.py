"""A Siemens mosaic: the slices of one volume side by side in one image, and where each lies."""

from __future__ import annotations

import math
from dataclasses import dataclass

from noctis_lab.dicom.attributes import Attributes
from noctis_lab.dicom.csa import CsaHeader
from noctis_lab.dicom.geometry import FARTHEST_MM, PlaneGeometry, is_orthonormal, plane_normal
from noctis_lab.dicom.private_elements import SIEMENS_MOSAIC_COUNT
from noctis_lab.errors import InvalidDicom

__all__ = ["MosaicSlice", "split_mosaic"]

type Vector = tuple[float, float, float]

#: A volume of 64 x 64 tiles would be one image of thousands of pixels a side.
_MOST_SLICES = 4096
_PARALLEL_TOLERANCE = 1e-3
_ADVICE = (
    "de-identification often removes it with the other private elements: keep those of SIEMENS CSA "
    "HEADER, or have the scanner export enhanced or single images"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MosaicSlice:
    """One slice of a mosaic."""

    plane: PlaneGeometry
    #: First row, first column, rows, columns.
    tile: tuple[int, int, int, int]


def split_mosaic(
    plane: PlaneGeometry, *, rows: int, columns: int, attributes: Attributes, csa: CsaHeader | None
) -> tuple[MosaicSlice, ...]:
    """Return the slices of a mosaic, ascending along their normal.

    Parameters
    ----------
    plane
        What the instance states of the whole image.
    rows, columns
        Of the whole image.
    attributes
        Of the instance.
    csa
        Its CSA header.

    Raises
    ------
    InvalidDicom
        What is needed is missing, or contradicts the image: the error names it.

    Notes
    -----
    The tiles fill the smallest square that holds them, row by row; where AcquisitionMatrix is that
    of other tiles, the mosaic is refused. They follow each other along the CSA header's
    SliceNormalVector. Image Position (Patient) is the corner of the mosaic, laid as if its centre
    were the slice's: the first slice's corner is half the difference of their sizes further along
    row and column.

    The order is taken from nothing else: position and orientation are alike for slices that ascend
    and slices that descend, and the times of slices tell interleaving, not direction.

    References
    ----------
    NiBabel's documentation, "Siemens mosaic format".
    """
    position_mm, orientation, spacing_mm = (
        plane.position_mm,
        plane.orientation,
        plane.pixel_spacing_mm,
    )
    if position_mm is None or orientation is None or spacing_mm is None:
        raise InvalidDicom("the mosaic states no position, orientation or pixel spacing")
    if not is_orthonormal(orientation):
        raise InvalidDicom("the mosaic's orientation is not orthonormal")
    count = _slice_count(attributes, csa)
    side = math.isqrt(count - 1) + 1
    if rows % side or columns % side:
        raise InvalidDicom(
            f"a mosaic of {count} slices has {side} x {side} tiles, into which {rows} x {columns} "
            "pixels do not divide"
        )
    tile_rows, tile_columns = rows // side, columns // side
    _check_matrix((rows, columns), count, side, attributes.numbers("AcquisitionMatrix"))
    down_mm, along_mm = (rows - tile_rows) / 2 * spacing_mm[0], (columns - tile_columns) / 2
    along_mm *= spacing_mm[1]
    first_mm = _moved(position_mm, (along_mm, orientation[:3]), (down_mm, orientation[3:]))
    normal = plane_normal(orientation)
    step_mm = _step_mm(attributes, csa, normal)
    slices = [
        MosaicSlice(
            plane=PlaneGeometry(
                position_mm=_moved(first_mm, (index * step_mm, normal)),
                orientation=orientation,
                pixel_spacing_mm=spacing_mm,
            ),
            tile=(index // side * tile_rows, index % side * tile_columns, tile_rows, tile_columns),
        )
        for index in range(count)
    ]
    return tuple(slices if step_mm > 0 else reversed(slices))


def _check_matrix(
    image: tuple[int, int], count: int, side: int, matrix: tuple[float, ...] | None
) -> None:
    """Refuse a mosaic of which AcquisitionMatrix says that its tiles lie otherwise.

    Interpolation makes tiles a whole multiple of the matrix, and fewer phase-encoding steps may
    have been taken than a tile has pixels; a matrix that no tiles agree with says nothing.

    References
    ----------
    :dcm:`PS3.3 C.8.3.1 <part03/sect_C.8.3.html>`: frequency rows, frequency columns, phase rows,
    phase columns, of which two are 0; which of them are rows, makers take either way.
    """
    taken = [int(number) for number in matrix or () if number > 0]
    if len(matrix or ()) != 4 or len(taken) != 2:
        return
    assert matrix is not None
    frequency, phase = int(max(matrix[:2])), int(max(matrix[2:]))
    if min(frequency, phase) < 1:
        return
    square = (image[0] // side, image[1] // side)
    if _agrees(square, frequency, phase):
        return
    is_read_wrong = square[0] % frequency != 0 and square[1] % frequency != 0
    for down in range(1, min(count, image[0]) + 1):
        across = -(-count // down)
        if image[0] % down or image[1] % across:
            continue
        tile = (image[0] // down, image[1] // across)
        # Few steps alone are no proof: a whole tile is asked for where the other way agrees.
        if _is_multiple(tile, frequency, phase, least=1 if not is_read_wrong else 0.5):
            raise InvalidDicom(
                f"a mosaic of {count} slices has {side} x {side} tiles, of {square[0]} x "
                f"{square[1]} pixels here, and AcquisitionMatrix is of {frequency} and {phase}, "
                "as of tiles that lie otherwise: how is not said"
            )


def _agrees(tile: tuple[int, int], frequency: int, phase: int) -> bool:
    return any(a % frequency == 0 and b >= phase for a, b in (tile, tile[::-1]))


def _is_multiple(tile: tuple[int, int], frequency: int, phase: int, *, least: float) -> bool:
    """Return whether a tile is the matrix's multiple, with at least this share of its steps."""
    return any(
        a % frequency == 0 and least * b <= a // frequency * phase <= b
        for a, b in (tile, tile[::-1])
    )


def _slice_count(attributes: Attributes, csa: CsaHeader | None) -> int:
    stated = csa.number("NumberOfImagesInMosaic") if csa is not None else None
    beside = attributes.private_number(SIEMENS_MOSAIC_COUNT)
    if stated is None:
        stated = beside
    elif beside not in (None, stated):
        raise InvalidDicom(
            f"the mosaic states {stated:g} images in the CSA header (0029,xx10) and {beside:g} as "
            "(0019,xx0A): which one holds is not said"
        )
    if stated is None:
        raise InvalidDicom(
            "the mosaic states no number of images: NumberOfImagesInMosaic is missing, in the CSA "
            f"header (0029,xx10) and as (0019,xx0A); {_ADVICE}"
        )
    if not (stated.is_integer() and 1 <= stated <= _MOST_SLICES):
        raise InvalidDicom(f"a mosaic of {stated:g} images, expected 1 to {_MOST_SLICES}")
    return int(stated)


def _step_mm(attributes: Attributes, csa: CsaHeader | None, normal: Vector) -> float:
    """Return how far the next slice lies along the normal; negative where they descend."""
    towards = csa.vector("SliceNormalVector") if csa is not None else None
    if towards is None:
        raise InvalidDicom(
            "the mosaic states no order of its slices: SliceNormalVector is missing in the CSA "
            f"header (0029,xx10); {_ADVICE}"
        )
    cosine = math.sumprod(towards, normal)
    if not abs(abs(cosine) - 1) <= _PARALLEL_TOLERANCE:
        raise InvalidDicom("the mosaic's SliceNormalVector is not normal to its planes")
    spacing_mm = attributes.number("SpacingBetweenSlices")
    if spacing_mm is None and csa is not None:
        spacing_mm = csa.number("SpacingBetweenSlices")
    if spacing_mm is None or not 0 < spacing_mm < FARTHEST_MM:
        raise InvalidDicom("the mosaic states no distance of its slices (SpacingBetweenSlices)")
    return math.copysign(spacing_mm, cosine)


def _moved(place_mm: Vector, *moves: tuple[float, tuple[float, ...]]) -> Vector:
    x, y, z = place_mm
    for by_mm, (dx, dy, dz) in moves:
        x, y, z = x + by_mm * dx, y + by_mm * dy, z + by_mm * dz
    return x, y, z
