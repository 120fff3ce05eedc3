"""A CT of a torso with a tilted gantry: a sheared stack, as scanners make it."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from noctis_lab.synthetic.anatomy import torso
from noctis_lab.synthetic.series import ct_series
from noctis_lab.synthetic.shapes import filtered_noise
from noctis_lab.synthetic.solids import Ellipsoid, Grid, Solid, paint

__all__ = ["TORSO_HU", "torso_ct"]

#: What each tissue measures, HU, with contrast medium in the portal venous phase.
TORSO_HU: Final = {
    "fat": -95.0, "muscle": 55.0, "lung": -860.0, "vessel": 70.0, "heart": 95.0, "blood": 165.0,
    "airway": -1000.0, "bone": 620.0, "marrow": 170.0, "disc": 85.0, "cord": 30.0, "liver": 112.0,
    "lesion": 55.0, "spleen": 125.0, "stomach": 35.0, "gas": -960.0, "kidney": 195.0,
    "medulla": 150.0, "vein": 165.0, "bowel": 40.0, "nodule": 45.0, "table": -350.0,
    "foam": -930.0,
}  # fmt: skip
_GRAINS: Final = 6
_AIR_HU: Final = -1000.0
_INTERCEPT_HU: Final = -1024


def torso_ct(
    *,
    planes: int = 40,
    rows: int = 512,
    columns: int = 512,
    slice_spacing_mm: float = 7.0,
    gantry_tilt_deg: float = -14.0,
    noise_hu: float = 11.0,
    seed: str = "torso-ct",
) -> list[Dataset]:
    """Return a CT series of the torso of `anatomy`, its planes tilted about the x axis.

    Parameters
    ----------
    planes, slice_spacing_mm
        How many, and how far apart along the table (z), not along their normal.
    rows, columns
        Of 400 mm in both directions.
    gantry_tilt_deg
        As in GantryDetectorTilt; the planes' row direction is x, their column direction
        ``(0, cos tilt, sin tilt)``.
    noise_hu
        Standard deviation, HU; 0 for none.

    Returns
    -------
    list of pydicom.Dataset
        In the order of the table, towards the head. Plane ``k`` begins at
        ``first + (0, 0, k * slice_spacing_mm)``, and the planes' middle point lies on the z axis.

    Notes
    -----
    Every voxel shows what is at its own place: the finding at `anatomy.NODULE_MM` (LPS) is there
    in the volume whatever the tilt, if the stack is taken as sheared. Without noise a voxel deeper
    than 1 mm within a tissue is ``TORSO_HU[tissue]``, stored as that + 1024.
    """
    spacing = (400 / rows, 400 / columns)
    tilt = math.radians(gantry_tilt_deg)
    half = (rows - 1) / 2 * spacing[0]
    first_z = 10.0 - (planes - 1) / 2 * slice_spacing_mm - half * math.sin(tilt)
    origin = (-(columns - 1) / 2 * spacing[1], -half * math.cos(tilt), first_z)
    solids = (*_table(), *torso())
    table = np.array((0.0, 0.0, slice_spacing_mm))
    rng = np.random.default_rng(48)
    grains = [filtered_noise(rng, (rows, columns), spacing) for _ in range(_GRAINS)]

    def stored(index: int) -> NDArray[np.int32]:
        grid = Grid(
            rows=rows,
            columns=columns,
            pixel_spacing_mm=spacing,
            origin_mm=(np.array(origin) + index * table).tolist(),
            orientation=(1, 0, 0, 0, math.cos(tilt), math.sin(tilt)),
        )
        plane = paint(grid, solids, TORSO_HU, background=_AIR_HU, blur_mm=0.9)[0]
        # The noise is periodic: moved along, it serves again, which is half of the time.
        grain = np.roll(grains[index % _GRAINS], (37 * index, 101 * index), (0, 1))
        plane += np.float32(noise_hu) * grain
        whole: NDArray[np.int32] = np.rint(plane - _INTERCEPT_HU).astype(np.int32)
        return np.clip(whole, 0, 4095)

    return ct_series(
        planes=planes,
        rows=rows,
        columns=columns,
        stored=stored,
        signed=False,
        bits_stored=12,
        rescale_intercept=float(_INTERCEPT_HU),
        pixel_spacing_mm=spacing,
        slice_spacing_mm=slice_spacing_mm,
        slice_thickness_mm=5.0,
        origin_mm=origin,
        gantry_tilt_deg=gantry_tilt_deg,
        windows=((50.0, 400.0), (-600.0, 1500.0)),
        seed=seed,
        PatientName="PHANTOM^TORSO",
        PatientID="NOCTIS-TORSO",
        StudyDate="20260203",
        StudyTime="091500",
        elements={
            "StudyDescription": "CT chest abdomen",
            "SeriesDescription": "Torso, gantry tilted",
            "ProtocolName": "Thorax Abdomen",
            "BodyPartExamined": "CHEST",
            "PatientSex": "M",
            "ContrastBolusAgent": "Iodinated",
            "ConvolutionKernel": "SOFT",
            "WindowCenterWidthExplanation": ["SOFT TISSUE", "LUNG"],
            "StationName": "CT_ER_1",
        },
    )


def _table() -> tuple[Solid, ...]:
    middle = (0.0, 148.0, 0.0)
    return (
        Ellipsoid(tissue="table", center_mm=middle, radii_mm=(185.0, 22.0, 9000.0), power=3.5),
        Ellipsoid(tissue="foam", center_mm=middle, radii_mm=(183.0, 20.0, 9000.0), power=3.5),
    )
