"""A dynamic MR of the liver: the same planes at several points in time, one frame per instance."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import MRImageStorage

from noctis_lab.synthetic.anatomy import torso
from noctis_lab.synthetic.modules import (
    PixelFormat,
    SeriesIdentity,
    add_pixels,
    add_plane,
    begin_instance,
    clock,
)
from noctis_lab.synthetic.solids import Grid, paint
from noctis_lab.synthetic.uids import seeded_uid

__all__ = ["SLICE_SPACING_MM", "dynamic_mr", "mr_signal"]

#: Tissue → (signal before the contrast medium, how much it rises, arrival s, rise s, washout s).
_CURVES: Final = {
    "fat": (260.0, 0.0, 0.0, 1.0, 1e9),
    "muscle": (330.0, 70.0, 25.0, 40.0, 900.0),
    "lung": (14.0, 8.0, 12.0, 8.0, 200.0),
    "vessel": (260.0, 700.0, 14.0, 4.0, 60.0),
    "heart": (330.0, 430.0, 14.0, 7.0, 150.0),
    "blood": (240.0, 1150.0, 14.0, 4.0, 75.0),
    "airway": (6.0, 0.0, 0.0, 1.0, 1e9),
    "bone": (60.0, 0.0, 0.0, 1.0, 1e9),
    "marrow": (360.0, 60.0, 25.0, 30.0, 700.0),
    "disc": (240.0, 0.0, 0.0, 1.0, 1e9),
    "cord": (300.0, 0.0, 0.0, 1.0, 1e9),
    "liver": (460.0, 380.0, 34.0, 22.0, 420.0),
    "lesion": (330.0, 780.0, 17.0, 6.0, 70.0),
    "spleen": (330.0, 620.0, 17.0, 8.0, 200.0),
    "stomach": (230.0, 0.0, 0.0, 1.0, 1e9),
    "gas": (6.0, 0.0, 0.0, 1.0, 1e9),
    "kidney": (380.0, 820.0, 17.0, 8.0, 300.0),
    "medulla": (290.0, 760.0, 40.0, 35.0, 900.0),
    "vein": (240.0, 850.0, 32.0, 9.0, 160.0),
    "bowel": (280.0, 180.0, 25.0, 20.0, 500.0),
    "nodule": (300.0, 300.0, 20.0, 15.0, 300.0),
}
SLICE_SPACING_MM: Final = 7.0
_BACKGROUND: Final = 6.0
_BEGIN_S: Final = 10 * 3600.0 + 12 * 60


def mr_signal(tissue: str, time_s: float) -> float:
    """Return a tissue's signal so many seconds after the injection, in stored values.

    ``before + rise * (1 - exp(-t / rise_s)) * exp(-t / washout_s)``, where ``t`` is the time
    since the contrast medium's arrival, if that is past.
    """
    before, rise, arrival_s, rise_s, washout_s = _CURVES[tissue]
    since = max(0.0, time_s - arrival_s)
    return before + rise * float((1 - np.exp(-since / rise_s)) * np.exp(-since / washout_s))


def dynamic_mr(
    *,
    planes: int = 10,
    phases: int = 10,
    rows: int = 192,
    columns: int = 256,
    phase_s: float = 12.0,
    noise: float = 14.0,
    seed: str = "dynamic-mr",
) -> list[Dataset]:
    """Return a T1-weighted dynamic series: 10 planes through the liver at 10 points in time.

    Parameters
    ----------
    planes
        How many; they are `SLICE_SPACING_MM` apart along z.
    phases, phase_s
        Points in time and how many seconds lie between two of them; the injection is at the
        first one's AcquisitionTime.
    rows, columns
        Of 285 x 380 mm.
    noise
        Standard deviation of the noise in each of the two channels (the magnitude of which is
        Rician), in stored values; 0 for none, and then no shading by the coil either.

    Returns
    -------
    list of pydicom.Dataset
        All planes of the first phase, then of the second …; within a phase towards the head.
        TemporalPositionIdentifier is 1, 2 … ``phases``; AcquisitionTime tells the
        time. Instance ``phase * planes + plane``.

    Notes
    -----
    Without noise a voxel deeper than 1 mm within a tissue is stored as
    ``round(mr_signal(tissue, phase * phase_s))``; MR has no rescale.

    References
    ----------
    :dcm:`PS3.3 C.8.3.1 MR Image Module <part03/sect_C.8.3.html>`
    """
    spacing = (285 / rows, 380 / columns)
    first_mm = np.array(
        (-(columns - 1) / 2 * spacing[1], -(rows - 1) / 2 * spacing[0],
         -70.0 - (planes - 1) / 2 * SLICE_SPACING_MM)
    )  # fmt: skip
    times = [phase * phase_s for phase in range(phases)]
    curves = {tissue: [mr_signal(tissue, time) for time in times] for tissue in _CURVES}
    solids = torso()
    made: dict[int, Dataset] = {}
    for plane in range(planes):
        position = first_mm + np.array((0, 0, plane * SLICE_SPACING_MM))
        grid = Grid(
            rows=rows,
            columns=columns,
            pixel_spacing_mm=spacing,
            origin_mm=position.tolist(),
            orientation=(1, 0, 0, 0, 1, 0),
        )
        signals = paint(grid, solids, curves, background=_BACKGROUND, blur_mm=1.0)
        if noise > 0:
            signals = _measured(signals, noise=noise, seed=plane)
        for phase, signal in enumerate(signals):
            index = phase * planes + plane
            dataset = begin_instance(_identity(seed), index)
            _add_image(dataset, phases=phases, phase=phase, time_s=times[phase], phase_s=phase_s)
            add_plane(
                dataset,
                position_mm=position.tolist(),
                orientation=grid.orientation,
                pixel_spacing_mm=spacing,
                thickness_mm=SLICE_SPACING_MM,
                FrameOfReferenceUID=seeded_uid(seed, "frame"),
            )
            stored = np.clip(np.rint(signal), 0, 4095).astype(np.uint16)
            add_pixels(dataset, stored, PixelFormat(bits_stored=12))
            made[index] = dataset
    return [made[index] for index in sorted(made)]


def _measured(signals: NDArray[np.float32], *, noise: float, seed: int) -> NDArray[np.float32]:
    """Return signals under a surface coil's shading, with Rician noise."""
    rows, columns = signals.shape[1:]
    y, x = np.linspace(-1, 1, rows)[:, None], np.linspace(-1, 1, columns)[None, :]
    shading = (0.86 + 0.26 * (x * x + 0.8 * y * y) + 0.05 * y).astype(np.float32)
    rng = np.random.default_rng((35, seed))
    real, imaginary = rng.standard_normal((2, *signals.shape), np.float32) * np.float32(noise)
    magnitude: NDArray[np.float32] = np.hypot(signals * shading + real, imaginary)
    return magnitude


def _identity(seed: str) -> SeriesIdentity:
    return SeriesIdentity(
        SOPClassUID=MRImageStorage,
        Modality="MR",
        PatientName="PHANTOM^LIVER",
        PatientID="NOCTIS-LIVER",
        PatientSex="F",
        StudyDate="20260204",
        StudyTime="100500",
        StudyDescription="MR liver dynamic",
        SeriesDescription="T1 dynamic, 10 phases",
        ManufacturerModelName="Synthetic MR",
        StationName="MR_1",
        seed=seed,
    )


def _add_image(dataset: Dataset, *, phases: int, phase: int, time_s: float, phase_s: float) -> None:
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
    dataset.BodyPartExamined = "ABDOMEN"
    dataset.ProtocolName = "T1 dynamic"
    dataset.AcquisitionNumber = phase + 1
    dataset.AcquisitionDate = dataset.StudyDate
    dataset.AcquisitionTime = clock(_BEGIN_S + time_s)
    dataset.ContentTime = clock(_BEGIN_S + time_s)
    dataset.ScanningSequence = "GR"
    dataset.SequenceVariant = ["SP", "SK"]
    dataset.ScanOptions = "FS"
    dataset.MRAcquisitionType = "3D"
    dataset.SequenceName = "vibe"
    dataset.RepetitionTime = 4.1
    dataset.EchoTime = 1.9
    dataset.EchoTrainLength = 1
    dataset.FlipAngle = 11
    dataset.MagneticFieldStrength = 1.5
    dataset.ImagedNucleus = "1H"
    dataset.ImagingFrequency = 63.87
    dataset.NumberOfAverages = 1
    dataset.ContrastBolusAgent = "Gadolinium"
    dataset.ContrastBolusStartTime = clock(_BEGIN_S)
    dataset.TemporalPositionIdentifier = phase + 1
    dataset.NumberOfTemporalPositions = phases
    dataset.TemporalResolution = phase_s * 1000
    dataset.WindowCenter = 480
    dataset.WindowWidth = 900
