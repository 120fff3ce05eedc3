"""What `looks.py` shows beside the demo: a segmented CT with an earlier one, a file kept aside."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from noctis_lab.catalog.records import Receipt, ReceiptSource
from noctis_lab.config import open_settings
from noctis_lab.ingest.archive import open_archive
from noctis_lab.synthetic import write_series
from noctis_lab.synthetic.seg import segmentation
from noctis_lab.synthetic.torso import torso_ct

#: As the worklist shows it.
PATIENT = "PHANTOM, FOLLOW UP"
_DATES = ("20250114", "20260203")  # the later one has the segmentation

#: Label, and colour as L*, a*, b*.
_SEGMENTS = (
    ("Lungs", (75.0, -15.0, -30.0)),
    ("Soft tissue", (70.0, -50.0, 45.0)),
    ("Bone", (78.0, 15.0, 70.0)),
)


def admit_more(root: Path, scratch: Path) -> None:
    """Add them to an archive that is being served."""
    settings = open_settings({"root": root, "port": 0, "dicom_port": 1, "min_free_bytes": 0})
    with open_archive(settings) as archive:
        for number, data_set in enumerate(_more()):
            [path] = write_series([data_set], scratch / str(number))
            receipt = Receipt(
                source=ReceiptSource.SCP,
                facility="local",
                calling_aet="CT_ER_1",
                called_aet="NOCTIS_SCP",
                received_at=datetime.now(UTC),
            )
            archive.pipeline.admit_file(path, receipt)


def _more() -> list[Dataset]:
    prior, later = (
        [_of_patient(each, date) for each in torso_ct(
            rows=256, columns=256, gantry_tilt_deg=0.0, seed=f"looks-{date}"
        )]
        for date in _DATES
    )  # fmt: skip
    values = np.stack([each.pixel_array + float(each.RescaleIntercept) for each in later])
    segments = segmentation(_masks(values), later)
    for item, (label, colour) in zip(segments.SegmentSequence, _SEGMENTS, strict=True):
        item.SegmentLabel = label
        item.RecommendedDisplayCIELabValue = [
            round((part + shift) / span * 65535)
            for part, shift, span in zip(colour, (0, 128, 128), (100, 255, 255), strict=True)
        ]
    changed = deepcopy(prior[0])
    changed.StudyDescription = "corrected"
    return [*prior, *later, segments, changed]


def _of_patient(data_set: Dataset, date: str) -> Dataset:
    data_set.PatientName, data_set.PatientID, data_set.StudyDate = "PHANTOM^FOLLOW UP", "F-1", date
    return data_set


def _masks(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return lungs, soft tissue of a block, and bone: (segments, planes, rows, columns)."""
    rows, columns = np.indices(values.shape[1:]) / np.array(values.shape[1:])[:, None, None]
    inside = ((rows - 0.5) / 0.3) ** 2 + ((columns - 0.5) / 0.4) ** 2 < 1
    lungs = (values < -500) & inside
    block = (values > 20) & (values < 90) & (abs(rows - 0.45) < 0.1) & (columns < 0.5) & inside
    return np.stack([lungs, block, (values > 180) & inside]).astype(np.uint8)
