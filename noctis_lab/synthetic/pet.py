"""A whole-body PET of the torso: every plane with a rescale slope of its own."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import PositronEmissionTomographyImageStorage

from noctis_lab.synthetic.anatomy import torso
from noctis_lab.synthetic.modules import (
    PixelFormat,
    SeriesIdentity,
    add_pixels,
    add_plane,
    begin_instance,
    decimal,
)
from noctis_lab.synthetic.solids import Grid, paint
from noctis_lab.synthetic.uids import seeded_uid

__all__ = ["DOSE_BQ", "HALF_LIFE_S", "TORSO_SUV", "UPTAKE_S", "WEIGHT_KG", "pet_series"]

#: Injected at 10:00:00; the first plane's acquisition begins an hour later.
DOSE_BQ: Final = 350e6
WEIGHT_KG: Final = 70.0
HALF_LIFE_S: Final = 6586.2  # of 18F
UPTAKE_S: Final = 3600.0
#: Standardised uptake value (body weight) of each tissue, g/ml.
TORSO_SUV: Final = {
    "fat": 0.35, "muscle": 0.7, "lung": 0.45, "heart": 5.5, "blood": 1.6,
    "airway": 0.1, "bone": 0.9, "marrow": 1.5, "disc": 0.8, "cord": 1.2, "liver": 2.3,
    "lesion": 7.0, "spleen": 1.9, "stomach": 1.6, "gas": 0.2, "kidney": 3.2, "medulla": 9.0,
    "vein": 1.6, "bowel": 1.9, "nodule": 6.0,
}  # fmt: skip


def pet_series(
    *,
    planes: int = 50,
    rows: int = 144,
    columns: int = 144,
    slice_spacing_mm: float = 6.0,
    resolution_mm: float = 5.5,
    noise: float = 0.12,
    seed: str = "pet",
) -> list[Dataset]:
    """Return an attenuation and decay corrected PET series of the torso of `anatomy`.

    Parameters
    ----------
    planes, slice_spacing_mm
        How many, and how far apart along z.
    rows, columns
        Of 504 mm in both directions.
    resolution_mm
        Full width at half maximum, in the plane; 0 for none.
    noise
        Standard deviation at an SUV of 1, which grows with the root of the SUV; 0 for none.

    Returns
    -------
    list of pydicom.Dataset
        Towards the head. Values are Bq/ml, decay corrected to the start of the series
        (Units BQML, DecayCorrection START): ``stored * RescaleSlope``, where each plane's slope
        is its greatest value / 32767 (rounded up to 8 digits), so that no two need to be the same.

    Notes
    -----
    SUVbw = value * `WEIGHT_KG` * 1000 / (`DOSE_BQ` * 2 ** (-`UPTAKE_S` / `HALF_LIFE_S`)), which
    is ``TORSO_SUV[tissue]`` deep within a tissue where there is neither noise nor blur.

    References
    ----------
    :dcm:`PS3.3 C.8.9 PET modules <part03/sect_C.8.9.html>`
    """
    spacing = (504 / rows, 504 / columns)
    origin = (
        -(columns - 1) / 2 * spacing[1],
        -(rows - 1) / 2 * spacing[0],
        -(planes - 1) / 2 * slice_spacing_mm,
    )
    solids = torso()
    bq_per_ml = DOSE_BQ * 2 ** (-UPTAKE_S / HALF_LIFE_S) / (WEIGHT_KG * 1000)
    made = []
    for index in range(planes):
        position = (*origin[:2], origin[2] + index * slice_spacing_mm)
        grid = Grid(
            rows=rows,
            columns=columns,
            pixel_spacing_mm=spacing,
            origin_mm=position,
            orientation=(1, 0, 0, 0, 1, 0),
        )
        suv = paint(grid, solids, TORSO_SUV, blur_mm=1.5)[0]
        suv = _measured(suv, resolution_mm / spacing[0], noise=noise, seed=index)
        stored, slope = _scaled(suv * bq_per_ml)
        dataset = begin_instance(_identity(seed), index)
        _add_series(dataset, planes)
        _add_image(dataset, index, slope=slope)
        add_plane(
            dataset,
            position_mm=position,
            orientation=grid.orientation,
            pixel_spacing_mm=spacing,
            thickness_mm=slice_spacing_mm,
            FrameOfReferenceUID=seeded_uid(seed, "frame"),
        )
        del dataset.PatientPosition  # PET tells it by codes, and may then not tell it by this
        add_pixels(dataset, stored, PixelFormat(signed=True))
        made.append(dataset)
    return made


def _measured(
    suv: NDArray[np.float32], width_pixels: float, *, noise: float, seed: int
) -> NDArray[np.float32]:
    sigma = width_pixels / math.sqrt(8 * math.log(2))
    if noise > 0:
        rng = np.random.default_rng((90, seed))
        grain = scipy.ndimage.gaussian_filter(rng.standard_normal(suv.shape, np.float32), sigma)
        grain *= np.float32(noise) / grain.std()
    if width_pixels > 0:
        suv = scipy.ndimage.gaussian_filter(suv, sigma)
    if noise > 0:
        suv = np.maximum(suv + grain * np.sqrt(suv + np.float32(0.02)), 0)
    return suv


def _scaled(values: NDArray[np.float32]) -> tuple[NDArray[np.int16], float]:
    greatest = max(float(values.max()), 1e-3)
    slope = float(f"{greatest / 32767 * (1 + 1e-7):.8g}")  # a decimal string of 16 characters
    return np.rint(values / slope).astype(np.int16), slope


def _identity(seed: str) -> SeriesIdentity:
    return SeriesIdentity(
        SOPClassUID=PositronEmissionTomographyImageStorage,
        Modality="PT",
        PatientName="PHANTOM^TRACER",
        PatientID="NOCTIS-TRACER",
        PatientSex="M",
        StudyDate="20260205",
        StudyTime="100000",
        StudyDescription="PET FDG torso",
        SeriesDescription="FDG, attenuation corrected",
        ManufacturerModelName="Synthetic PET",
        StationName="PET_1",
        seed=seed,
    )


def _add_series(dataset: Dataset, planes: int) -> None:
    dataset.SeriesTime = "110000"
    dataset.PatientWeight = WEIGHT_KG
    dataset.PatientSize = 1.78
    dataset.BodyPartExamined = "CHEST"
    dataset.ProtocolName = "FDG torso"
    dataset.Units = "BQML"
    dataset.CountsSource = "EMISSION"
    dataset.SeriesType = ["STATIC", "IMAGE"]
    dataset.NumberOfSlices = planes
    dataset.CorrectedImage = ["DECY", "ATTN", "SCAT", "DTIM", "RAN", "NORM"]
    dataset.DecayCorrection = "START"
    dataset.RandomsCorrectionMethod = "DLYD"
    dataset.AttenuationCorrectionMethod = "measured"
    dataset.ScatterCorrectionMethod = "model"
    dataset.ReconstructionMethod = "OSEM 3i21s"
    dataset.CollimatorType = "NONE"
    tracer = Dataset()
    tracer.Radiopharmaceutical = "FDG"
    tracer.RadiopharmaceuticalStartTime = "100000.000"
    tracer.RadiopharmaceuticalStartDateTime = "20260205100000.000"
    tracer.RadionuclideTotalDose = DOSE_BQ
    tracer.RadionuclideHalfLife = HALF_LIFE_S
    tracer.RadionuclidePositronFraction = 0.967
    tracer.RadiopharmaceuticalVolume = 5.0
    tracer.RadionuclideCodeSequence = Sequence([_code("77004003", "^18^Fluorine")])
    tracer.RadiopharmaceuticalCodeSequence = Sequence(
        [_code("35321007", "Fluorodeoxyglucose F^18^")]
    )
    dataset.RadiopharmaceuticalInformationSequence = Sequence([tracer])
    dataset.PatientOrientationCodeSequence = Sequence([_code("102538003", "recumbent")])
    dataset.PatientOrientationCodeSequence[0].PatientOrientationModifierCodeSequence = Sequence(
        [_code("40199007", "supine")]
    )
    dataset.PatientGantryRelationshipCodeSequence = Sequence([_code("102540008", "headfirst")])


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue = value
    item.CodingSchemeDesignator = "SCT"
    item.CodeMeaning = meaning
    return item


def _add_image(dataset: Dataset, index: int, *, slope: float) -> None:
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.AcquisitionNumber = 1
    dataset.AcquisitionDate = dataset.StudyDate
    dataset.AcquisitionTime = "110000"
    dataset.ContentTime = "110000"
    dataset.FrameReferenceTime = 0
    dataset.ActualFrameDuration = 180_000
    dataset.DecayFactor = 1.0
    dataset.ScatterFractionFactor = 0.31
    dataset.DeadTimeFactor = 1.02
    dataset.ImageIndex = index + 1
    dataset.RescaleIntercept = 0
    dataset.RescaleSlope = slope
    # The window of SUV 0 to 7, in the values' own unit.
    top = 7 * DOSE_BQ * 2 ** (-UPTAKE_S / HALF_LIFE_S) / (WEIGHT_KG * 1000)
    dataset.WindowCenter = decimal(top / 2)
    dataset.WindowWidth = decimal(top)
