"""Phantoms and series as DICOM, made from numbers: for the demo, the tests and the docs."""

from noctis_lab.synthetic.catphan import (
    CATPHAN504_INSERTS,
    Catphan504,
    CatphanOptions,
    Insert,
    catphan504,
)
from noctis_lab.synthetic.options import CtOptions, CtSeriesOptions
from noctis_lab.synthetic.series import ct_series, formula_stored, write_series
from noctis_lab.synthetic.uids import seeded_uid

__all__ = [
    "CATPHAN504_INSERTS",
    "Catphan504",
    "CatphanOptions",
    "CtOptions",
    "CtSeriesOptions",
    "Insert",
    "catphan504",
    "ct_series",
    "formula_stored",
    "seeded_uid",
    "write_series",
]
