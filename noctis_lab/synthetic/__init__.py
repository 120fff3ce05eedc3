"""Phantoms and series as DICOM, made from numbers: for the demo, the tests and the docs."""

from noctis_lab.synthetic.anatomy import (
    LESION_MM,
    LESION_RADIUS_MM,
    NODULE_MM,
    NODULE_RADIUS_MM,
    torso,
)
from noctis_lab.synthetic.catphan import (
    CATPHAN504_INSERTS,
    Catphan504,
    CatphanOptions,
    Insert,
    catphan504,
)
from noctis_lab.synthetic.constancy import (
    CONSTANCY_SCANS,
    ScannerState,
    constancy_scan,
    scanner_state,
)
from noctis_lab.synthetic.dynamic_mr import dynamic_mr, mr_signal
from noctis_lab.synthetic.options import CtOptions, CtSeriesOptions
from noctis_lab.synthetic.pet import TORSO_SUV, pet_series
from noctis_lab.synthetic.radiograph import hand_radiograph
from noctis_lab.synthetic.series import ct_series, formula_stored, write_series
from noctis_lab.synthetic.torso import TORSO_HU, torso_ct
from noctis_lab.synthetic.uids import seeded_uid
from noctis_lab.synthetic.ultrasound import ultrasound_cine, ultrasound_frames

__all__ = [
    "CATPHAN504_INSERTS",
    "CONSTANCY_SCANS",
    "LESION_MM",
    "LESION_RADIUS_MM",
    "NODULE_MM",
    "NODULE_RADIUS_MM",
    "TORSO_HU",
    "TORSO_SUV",
    "Catphan504",
    "CatphanOptions",
    "CtOptions",
    "CtSeriesOptions",
    "Insert",
    "ScannerState",
    "catphan504",
    "constancy_scan",
    "ct_series",
    "dynamic_mr",
    "formula_stored",
    "hand_radiograph",
    "mr_signal",
    "pet_series",
    "scanner_state",
    "seeded_uid",
    "torso",
    "torso_ct",
    "ultrasound_cine",
    "ultrasound_frames",
    "write_series",
]
