"""A process that dies at each step of an admission, and what the next start makes of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydicom import Dataset

from noctis_lab.config import Settings
from noctis_lab.ingest.archive import open_archive
from noctis_lab.ingest.pipeline import Outcome
from noctis_lab.synthetic import write_series
from tests.receipts import RECEIPT

# Dies in the named function of the named class, before or after it did its work.
PROGRAM = """
import importlib, os, sys
from datetime import UTC, datetime
from pathlib import Path
from noctis_lab.catalog.records import Receipt, ReceiptSource
from noctis_lab.config import Settings
from noctis_lab.ingest.archive import open_archive
root, path, module, name, function, when = sys.argv[1:]
receipt = Receipt(source=ReceiptSource.SCP, facility="f", calling_aet="", called_aet="",
                  received_at=datetime(2026, 1, 1, tzinfo=UTC))
with open_archive(Settings(root=Path(root), min_free_bytes=0)) as archive:
    owner = getattr(importlib.import_module(module), name)
    work = getattr(owner, function)
    def dying(*args, **kwargs):
        if when == "before":
            os._exit(9)
        work(*args, **kwargs)
        os._exit(9)
    setattr(owner, function, dying)
    archive.pipeline.admit_file(Path(path), receipt)
"""
STORE = ("noctis_lab.catalog.store", "Catalog", "commit_instance")
INCOMING = ("noctis_lab.storage.incoming", "IncomingFile")


def die(root: Path, path: Path, step: tuple[str, str, str], when: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(root), str(path), *step, when], check=False, timeout=60
    )
    assert done.returncode == 9


@pytest.mark.parametrize(
    ("step", "when", "stands"),
    [
        ((*INCOMING, "write"), "after", False),
        ((*INCOMING, "seal"), "after", False),
        (STORE, "before", False),
        (STORE, "after", True),
        ((*INCOMING, "close"), "before", True),
        ((*INCOMING, "close"), "after", True),
    ],
)
def test_an_admission_is_whole_or_nothing(
    tmp_path: Path, plane: Dataset, step: tuple[str, str, str], when: str, stands: bool
) -> None:
    (path,) = write_series([plane], tmp_path / "one")
    root = tmp_path / "root"
    die(root, path, step, when)
    with open_archive(Settings(root=root, min_free_bytes=0)) as archive:
        files = [each for each in (root / "instances").rglob("*") if each.is_file()]
        assert len(files) == archive.catalog.counts().instances == int(stands)
        assert list((root / "incoming").iterdir()) == []
        again = archive.pipeline.admit_file(path, RECEIPT)
        assert again.outcome is (Outcome.SAME if stands else Outcome.STORED)
    assert len([each for each in (root / "instances").rglob("*") if each.is_file()]) == 1


@pytest.mark.parametrize(
    ("step", "when", "kept"),
    [
        ((*INCOMING, "move"), "before", 0),
        ((*INCOMING, "move"), "after", 1),
        (("noctis_lab.catalog.store", "Catalog", "record_quarantine"), "before", 1),
    ],
)
def test_what_was_being_kept_aside_is_so_with_its_row_or_not_at_all(
    tmp_path: Path, step: tuple[str, str, str], when: str, kept: int
) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"no DICOM at all" * 100)
    root = tmp_path / "root"
    die(root, broken, step, when)
    with open_archive(Settings(root=root, min_free_bytes=0)) as archive:
        total, rows = archive.catalog.list_quarantine()
        assert total == kept
        names = {f"{row.quarantine_id}{suffix}" for row in rows for suffix in (".dcm", ".json")}
    assert {each.name for each in (root / "quarantine").iterdir()} == names
    assert list((root / "incoming").iterdir()) == []
