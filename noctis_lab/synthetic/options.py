"""What can be asked of a synthetic CT series, and what it is where nothing is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import ExplicitVRLittleEndian

__all__ = ["CtOptions", "CtSeriesOptions", "Orientation", "StoredPlanes", "Vector"]

type Vector = tuple[float, float, float]
type Orientation = tuple[float, float, float, float, float, float]
#: (planes, rows, columns), or a function of the plane's index that gives (rows, columns).
type StoredPlanes = NDArray[np.integer[Any]] | Callable[[int], NDArray[np.integer[Any]]]


class CtOptions(TypedDict, total=False):
    """The keyword arguments of `ct_series`; `CtSeriesOptions` says what each one means."""

    planes: int
    rows: int
    columns: int
    stored: StoredPlanes | None
    signed: bool
    bits_allocated: int
    bits_stored: int
    rescale_slope: float | Sequence[float]
    rescale_intercept: float | Sequence[float]
    rescale_type: str | None
    photometric_interpretation: str
    pixel_spacing_mm: tuple[float, float]
    slice_spacing_mm: float
    slice_thickness_mm: float | None
    orientation: Orientation
    origin_mm: Vector
    gantry_tilt_deg: float
    positions_mm: Sequence[Vector] | None
    instance_numbers: Sequence[int] | None
    windows: Sequence[tuple[float, float]]
    seed: str
    StudyInstanceUID: str | None
    SeriesInstanceUID: str | None
    FrameOfReferenceUID: str | None
    SOPInstanceUIDs: Sequence[str] | None
    PatientName: str
    PatientID: str
    StudyDate: str
    StudyTime: str
    SeriesNumber: int
    transfer_syntax_uid: str
    elements: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class CtSeriesOptions:
    """A synthetic CT series: 12 axial planes of 64² signed 16-bit values unless asked otherwise.

    `elements` are keyword → value for every plane, applied last; a value of None deletes the
    element, a list as long as there are planes is *not* spread (change the data sets instead).
    """

    planes: int = 12
    rows: int = 64
    columns: int = 64
    #: Stored values; None is `formula_stored`.
    stored: StoredPlanes | None = None
    signed: bool = True
    bits_allocated: int = 16
    bits_stored: int = 16
    #: One for all planes, or one per plane.
    rescale_slope: float | Sequence[float] = 1.0
    rescale_intercept: float | Sequence[float] = 0.0
    rescale_type: str | None = "HU"
    photometric_interpretation: str = "MONOCHROME2"
    #: (row, column), as in PixelSpacing.
    pixel_spacing_mm: tuple[float, float] = (0.5, 0.5)
    #: Between neighbours, along the table where the gantry is tilted.
    slice_spacing_mm: float = 2.0
    #: None is the slice spacing.
    slice_thickness_mm: float | None = None
    #: Direction of increasing column, then of increasing row, before any tilt.
    orientation: Orientation = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    #: Centre of the first voxel of the first plane, LPS.
    origin_mm: Vector = (-16.0, -16.0, 100.0)
    #: Turns every plane about its row direction; the planes still advance along the table, so
    #: that the stack is sheared, as a scanner's is.
    gantry_tilt_deg: float = 0.0
    #: Positions as they are to be stated: gaps, duplicates, jitter. None is the regular stack.
    positions_mm: Sequence[Vector] | None = None
    #: None is 1, 2, 3 …
    instance_numbers: Sequence[int] | None = None
    #: (centre, width) of each window, in modality values.
    windows: Sequence[tuple[float, float]] = ((40.0, 400.0),)
    #: UIDs that are not given are made from it.
    seed: str = "ct"
    StudyInstanceUID: str | None = None
    SeriesInstanceUID: str | None = None
    FrameOfReferenceUID: str | None = None
    SOPInstanceUIDs: Sequence[str] | None = None
    PatientName: str = "PHANTOM^FORMULA"
    PatientID: str = "NOCTIS-FORMULA"
    StudyDate: str = "20260102"
    StudyTime: str = "030405"
    SeriesNumber: int = 1
    transfer_syntax_uid: str = ExplicitVRLittleEndian
    elements: Mapping[str, Any] = field(default_factory=dict)
