"""Fill a lab's archive for a test."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pydicom.dataset import Dataset

from noctis_lab.ingest.pipeline import Outcome, Pipeline
from noctis_lab.lab import Lab
from noctis_lab.synthetic import write_series
from tests.receipts import RECEIPT


def fill(lab: Lab, data_sets: Iterable[Dataset], folder: Path) -> None:
    """Admit data sets by the one way in."""
    pipeline = Pipeline(storage=lab.storage, catalog=lab.catalog, ledger=lab.ledger)
    for path in write_series(data_sets, folder):
        admission = pipeline.admit_file(path, RECEIPT)
        assert admission.outcome is Outcome.STORED, admission.reason
