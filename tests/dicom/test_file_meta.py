"""The file meta group that we write is read by others, and theirs by us."""

from __future__ import annotations

import io
import os
import struct
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from noctis_lab.dicom.file_meta import (
    IMPLEMENTATION_CLASS_UID,
    FileMeta,
    build_file_meta,
    read_file_meta,
)
from noctis_lab.errors import InvalidDicom

RECEIVED = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)


def build(**changes: Any) -> bytes:
    fields: dict[str, Any] = {
        "sop_class_uid": "1.2.840.10008.5.1.4.1.1.2",
        "sop_instance_uid": "1.2.3.4",
        "transfer_syntax_uid": "1.2.840.10008.1.2.1",
        "facility": "Nord",
        "source": "scp",
        "calling_aet": "CT_ONE",
        "called_aet": "NOCTIS_SCP",
        "received_at": RECEIVED,
    }
    return build_file_meta(**(fields | changes))


@pytest.fixture
def read(tmp_path: Path) -> Callable[[bytes], FileMeta]:
    def call(content: bytes) -> FileMeta:
        path = tmp_path / "meta.dcm"
        path.write_bytes(content)
        fd = os.open(path, os.O_RDONLY)
        try:
            return read_file_meta(fd)
        finally:
            os.close(fd)

    return call


def test_pydicom_reads_what_we_write() -> None:
    content = build()
    meta = pydicom.dcmread(io.BytesIO(content)).file_meta

    assert content[:132] == b"\0" * 128 + b"DICM"
    assert meta.FileMetaInformationGroupLength == len(content) - 132 - 12
    assert meta.FileMetaInformationVersion == b"\0\1"
    assert meta.MediaStorageSOPInstanceUID == "1.2.3.4"
    assert meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    assert meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
    assert meta.ImplementationVersionName == "NOCTIS_010"
    assert meta.SendingApplicationEntityTitle == "CT_ONE"
    assert meta.ReceivingApplicationEntityTitle == "NOCTIS_SCP"
    assert b'"facility": "Nord"' in meta.PrivateInformation
    assert b"2026-03-01T12:30:15.123456+00:00" in meta.PrivateInformation


def test_dcmtk_reads_what_we_write(tmp_path: Path, require_program: Callable[[str], str]) -> None:
    path = tmp_path / "meta.dcm"
    path.write_bytes(build())

    done = subprocess.run(
        [require_program("dcmdump"), "-q", str(path)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "(0002,0017) AE [CT_ONE]" in done.stdout
    assert "(0002,0018) AE [NOCTIS_SCP]" in done.stdout


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    facility=st.text(max_size=40),
    title=st.text("ABC_-019", max_size=16),
    received_at=st.datetimes(timezones=st.just(timezone(timedelta(hours=5)))),
)
def test_the_receipt_is_read_back(
    facility: str, title: str, received_at: datetime, read: Callable[[bytes], FileMeta]
) -> None:
    content = build(facility=facility, calling_aet=title, called_aet=title, received_at=received_at)

    meta = read(content + b"\x08\0\x16\0UI\x04\x001.2\0")

    assert meta == FileMeta(
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        sop_instance_uid="1.2.3.4",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        calling_aet=title,
        called_aet=title,
        facility=facility,
        source="scp",
        received_at=received_at,
        data_set_offset=len(content),
    )


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        build(received_at=datetime(2026, 3, 1))  # noqa: DTZ001


def test_foreign_private_information_is_not_taken_for_a_receipt(
    read: Callable[[bytes], FileMeta],
) -> None:
    content = build().replace(b"2.25.2342939", b"2.25.9342939") + b"\x08\0\x16\0UI\x04\x001.2\0"

    meta = read(content)

    assert (meta.facility, meta.source, meta.received_at) == (None, None, None)
    assert meta.calling_aet == "CT_ONE"


@pytest.mark.parametrize("value", [b"[1, 2]", b'{"facility": 3}', b"\xff\xfe", b"[" * 5000, b""])
def test_broken_receipts_are_no_receipts(value: bytes, read: Callable[[bytes], FileMeta]) -> None:
    content = build()
    start = content.index(b"\2\0\2\1OB")
    value += b" " * (len(value) % 2)
    broken = content[:start] + struct.pack("<HH2sHL", 2, 0x102, b"OB", 0, len(value)) + value

    assert read(broken + b"\x08\0\x16\0UI\x04\x001.2\0").facility is None


def test_group_lengths_are_not_trusted(read: Callable[[bytes], FileMeta]) -> None:
    content = bytearray(build())
    content[140:144] = b"\xff\xff\xff\x7f"

    meta = read(bytes(content) + b"\x08\0\x16\0UI\x04\x001.2\0")

    assert meta.data_set_offset == len(content)


@pytest.mark.parametrize("length", [2**20 + 1, 2**31, 2**32 - 1])
def test_endless_file_meta_is_refused(length: int, read: Callable[[bytes], FileMeta]) -> None:
    content = build() + struct.pack("<HH2sHL", 2, 0x102, b"OB", 0, length)

    with pytest.raises(InvalidDicom):
        read(content + bytes(100))


def test_every_cut_is_refused_or_read(read: Callable[[bytes], FileMeta]) -> None:
    content = build()
    for length in range(len(content)):
        try:
            meta = read(content[:length])
        except InvalidDicom:
            continue
        assert length - meta.data_set_offset < 2  # cut between two elements, or a byte after
