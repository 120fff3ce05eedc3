"""An RTDOSE whose every dose is known by a formula, on planes that lie where they are asked to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import ExplicitVRLittleEndian, RTDoseStorage, RTPlanStorage, RTStructureSetStorage

from noctis_lab.synthetic.modules import (
    PixelFormat,
    SeriesIdentity,
    add_pixels,
    add_plane,
    begin_instance,
    decimal,
)
from noctis_lab.synthetic.options import Orientation, Vector
from noctis_lab.synthetic.uids import seeded_uid

__all__ = ["DoseOptions", "dose_stored", "rt_dose"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DoseOptions:
    """A synthetic dose grid: 5 axial planes of 8 × 10, 3 mm apart, unless asked otherwise."""

    rows: int = 8
    columns: int = 10
    #: Along the planes' normal, from `origin_mm` on, one per frame.
    offsets_mm: Sequence[float] = (0.0, 3.0, 6.0, 9.0, 12.0)
    #: State the offsets as z coordinates (axial planes only), not from the first plane on.
    absolute: bool = False
    #: Centre of the first voxel of the first frame, LPS.
    origin_mm: Vector = (-20.0, -15.0, 100.0)
    orientation: Orientation = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    #: (row, column), as in PixelSpacing.
    pixel_spacing_mm: tuple[float, float] = (2.5, 2.0)
    bits: Literal[16, 32] = 32
    dose_grid_scaling: float = 2.5e-9
    dose_units: str = "GY"
    #: UIDs that are not given are made from it.
    seed: str = "dose"
    StudyInstanceUID: str | None = None
    FrameOfReferenceUID: str | None = None
    ReferencedPlanUID: str | None = None
    ReferencedStructureSetUID: str | None = None
    transfer_syntax_uid: str = ExplicitVRLittleEndian


def dose_stored(options: DoseOptions) -> NDArray[np.uint32]:
    """Return the stored values that `rt_dose` writes.

    ``(1000·frame + 100·row + 10·column + 7) · k``, where ``k`` is 1 for 16 bits and 123457 for 32,
    so that float32 does not hold them all.

    Returns
    -------
    ndarray of uint32, shape (frames, rows, columns)
    """
    frame, row, column = np.ogrid[: len(options.offsets_mm), : options.rows, : options.columns]
    ramp = 1000 * frame + 100 * row + 10 * column + 7
    stored: NDArray[np.uint32] = (ramp * (1 if options.bits == 16 else 123_457)).astype(np.uint32)
    return stored


def rt_dose(options: DoseOptions | None = None) -> Dataset:
    """Return one RTDOSE instance as a complete data set.

    Parameters
    ----------
    options
        Where it lies and how it is written.

    Returns
    -------
    pydicom.Dataset
        Doses are ``dose_stored(options) * dose_grid_scaling``.

    References
    ----------
    :dcm:`PS3.3 C.8.8.3 <part03/sect_C.8.8.3.html>`
    """
    spec = DoseOptions() if options is None else options
    dataset = begin_instance(_identity(spec), 0)
    dataset.ReferringPhysicianName = ""
    dataset.OperatorsName = ""
    add_plane(
        dataset,
        position_mm=spec.origin_mm,
        orientation=spec.orientation,
        pixel_spacing_mm=spec.pixel_spacing_mm,
        thickness_mm=3.0,
        FrameOfReferenceUID=spec.FrameOfReferenceUID or seeded_uid(spec.seed, "frame"),
    )
    for keyword in ("PatientPosition", "SliceLocation"):
        delattr(dataset, keyword)
    dataset.DoseUnits = spec.dose_units
    dataset.DoseType = "PHYSICAL"
    dataset.DoseSummationType = "PLAN"
    dataset.DoseGridScaling = spec.dose_grid_scaling
    dataset.TissueHeterogeneityCorrection = ["IMAGE"]
    plan_uid = spec.ReferencedPlanUID or seeded_uid(spec.seed, "plan")
    dataset.ReferencedRTPlanSequence = Items([reference(RTPlanStorage, plan_uid)])
    if spec.ReferencedStructureSetUID is not None:
        dataset.ReferencedStructureSetSequence = Items(
            [reference(RTStructureSetStorage, spec.ReferencedStructureSetUID)]
        )
        dataset.DVHSequence = Items([_histogram(spec)])
    _add_frames(dataset, spec)
    return dataset


def reference(SOPClassUID: str, SOPInstanceUID: str) -> Dataset:
    """Return an item that refers to an instance (PS3.3 Table 10-11)."""
    item = Dataset()
    item.ReferencedSOPClassUID = SOPClassUID
    item.ReferencedSOPInstanceUID = SOPInstanceUID
    return item


def _histogram(spec: DoseOptions) -> Dataset:
    """Return the histogram that a reference to structures asks for: one bin, of ROI 1."""
    roi = Dataset()
    roi.ReferencedROINumber = 1
    roi.DVHROIContributionType = "INCLUDED"
    item = Dataset()
    item.DVHReferencedROISequence = Items([roi])
    item.DVHType = "CUMULATIVE"
    item.DoseUnits = spec.dose_units
    item.DoseType = "PHYSICAL"
    item.DVHDoseScaling = 1
    item.DVHVolumeUnits = "CM3"
    item.DVHNumberOfBins = 1
    item.DVHData = [1, 1]
    return item


def _add_frames(dataset: Dataset, spec: DoseOptions) -> None:
    stored = dose_stored(spec)
    if len(stored) > 1:
        offsets = np.array(spec.offsets_mm) - spec.offsets_mm[0]
        if spec.absolute:
            towards = np.cross(spec.orientation[:3], spec.orientation[3:])[2]
            offsets = spec.origin_mm[2] + towards * offsets
        dataset.NumberOfFrames = len(stored)
        dataset.FrameIncrementPointer = 0x3004000C
        dataset.GridFrameOffsetVector = [decimal(offset) for offset in offsets.tolist()]
    pixels: NDArray[Any] = stored[..., None] if len(stored) > 1 else stored[0]
    add_pixels(dataset, pixels, PixelFormat(bits_allocated=spec.bits, bits_stored=spec.bits))


def _identity(spec: DoseOptions) -> SeriesIdentity:
    return SeriesIdentity(
        SOPClassUID=RTDoseStorage,
        Modality="RTDOSE",
        PatientName="PHANTOM^FORMULA",
        PatientID="NOCTIS-FORMULA",
        StudyDate="20260102",
        StudyTime="030405",
        StudyDescription="Synthetic phantom",
        SeriesDescription="Dose by formula",
        ManufacturerModelName="Synthetic planning",
        seed=spec.seed,
        SeriesNumber=31,
        StudyInstanceUID=spec.StudyInstanceUID,
        transfer_syntax_uid=spec.transfer_syntax_uid,
    )
