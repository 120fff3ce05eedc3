"""Phantoms and series as DICOM, made from numbers: for the demo, the tests and the docs."""

from noctis_lab.synthetic.anatomy import (
    LESION_MM,
    LESION_RADIUS_MM,
    NODULE_MM,
    NODULE_RADIUS_MM,
    torso,
)
from noctis_lab.synthetic.catphan import CtPhantom, CtPhantomOptions, catphan504, ct_phantom
from noctis_lab.synthetic.constancy import (
    CONSTANCY_SCANS,
    ScannerState,
    constancy_scan,
    scanner_state,
)
from noctis_lab.synthetic.dose import DoseOptions, dose_stored, rt_dose
from noctis_lab.synthetic.dynamic_mr import dynamic_mr, mr_signal
from noctis_lab.synthetic.enhanced import EnhancedFrame, enhanced_frames, enhanced_image
from noctis_lab.synthetic.fleet import (
    FLEET_CHANGES,
    FLEET_SIGMA_HU,
    Fleet,
    FleetChange,
    FleetScan,
    simulated_fleet,
)
from noctis_lab.synthetic.mosaic import csa_header, mosaic_series, mosaic_stored
from noctis_lab.synthetic.options import CtOptions, CtSeriesOptions
from noctis_lab.synthetic.pet import TORSO_SUV, pet_series
from noctis_lab.synthetic.phantom_models import (
    CATPHAN504_INSERTS,
    PHANTOM_MODELS,
    Insert,
    PhantomModel,
)
from noctis_lab.synthetic.plane_stack import PlaneStack
from noctis_lab.synthetic.radiograph import hand_radiograph
from noctis_lab.synthetic.seg import SegOptions, segmentation
from noctis_lab.synthetic.series import ct_series, formula_stored, write_series
from noctis_lab.synthetic.structures import Outline, circle_mm, structure_set
from noctis_lab.synthetic.torso import TORSO_HU, torso_ct
from noctis_lab.synthetic.uids import seeded_uid
from noctis_lab.synthetic.ultrasound import ultrasound_cine, ultrasound_frames
from noctis_lab.synthetic.weighted_mr import CONVENTIONS, weighted_mr, weighted_stored

__all__ = [
    "CATPHAN504_INSERTS",
    "CONSTANCY_SCANS",
    "CONVENTIONS",
    "FLEET_CHANGES",
    "FLEET_SIGMA_HU",
    "LESION_MM",
    "LESION_RADIUS_MM",
    "NODULE_MM",
    "NODULE_RADIUS_MM",
    "PHANTOM_MODELS",
    "TORSO_HU",
    "TORSO_SUV",
    "CtOptions",
    "CtPhantom",
    "CtPhantomOptions",
    "CtSeriesOptions",
    "DoseOptions",
    "EnhancedFrame",
    "Fleet",
    "FleetChange",
    "FleetScan",
    "Insert",
    "Outline",
    "PhantomModel",
    "PlaneStack",
    "ScannerState",
    "SegOptions",
    "catphan504",
    "circle_mm",
    "constancy_scan",
    "csa_header",
    "ct_phantom",
    "ct_series",
    "dose_stored",
    "dynamic_mr",
    "enhanced_frames",
    "enhanced_image",
    "formula_stored",
    "hand_radiograph",
    "mosaic_series",
    "mosaic_stored",
    "mr_signal",
    "pet_series",
    "rt_dose",
    "scanner_state",
    "seeded_uid",
    "segmentation",
    "simulated_fleet",
    "structure_set",
    "torso",
    "torso_ct",
    "ultrasound_cine",
    "ultrasound_frames",
    "weighted_mr",
    "weighted_stored",
    "write_series",
]
