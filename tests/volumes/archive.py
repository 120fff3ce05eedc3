"""An archive made for a test: real files, a real catalogue, a real handle."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset

from noctis_lab.catalog.records import InPlace
from noctis_lab.dicom.header import read_header
from noctis_lab.ingest.admission import build_entry
from noctis_lab.volumes.cache import Handle
from tests.receipts import RECEIPT


def admit_file(handle: Handle, path: Path, *, in_place: bool = False) -> Path:
    """Catalogue one file, as it lies or as a file of ours; return where it lies."""
    header = read_header(path)
    content = path.read_bytes()
    digest = hashlib.sha256(content[header.data_set_offset :]).digest()
    source = None
    if in_place:
        found = path.stat()
        source = InPlace(path=path, size_bytes=found.st_size, mtime_ns=found.st_mtime_ns)
    else:
        path = handle.storage.instance_path(
            header.StudyInstanceUID, header.SeriesInstanceUID, digest
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    handle.catalog.commit_instance(
        build_entry(header, sha256=digest, receipt=RECEIPT, in_place=source)
    )
    return path


def admit(
    handle: Handle, data_sets: Iterable[Dataset], folder: Path, *, in_place: bool = False
) -> list[Path]:
    """Write data sets with pydicom and catalogue them."""
    folder.mkdir(exist_ok=True)
    paths = []
    for number, data_set in enumerate(data_sets):
        stream = io.BytesIO()
        pydicom.dcmwrite(stream, data_set, enforce_file_format=True)
        path = folder / f"{number}.dcm"
        path.write_bytes(stream.getvalue())
        paths.append(admit_file(handle, path, in_place=in_place))
    return paths
