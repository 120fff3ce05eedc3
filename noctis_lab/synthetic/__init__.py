"""Phantoms and series as DICOM, for the demo, the tests and the documentation."""

from noctis_lab.synthetic.options import CtOptions, CtSeriesOptions
from noctis_lab.synthetic.series import ct_series, formula_stored, write_series
from noctis_lab.synthetic.uids import seeded_uid

__all__ = [
    "CtOptions",
    "CtSeriesOptions",
    "ct_series",
    "formula_stored",
    "seeded_uid",
    "write_series",
]
