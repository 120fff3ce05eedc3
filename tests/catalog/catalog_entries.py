"""Entries for the catalogue, made by hand: what one admission would write."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from noctis_lab.catalog.records import InPlace, InstanceEntry, Receipt, ReceiptSource
from noctis_lab.dicom.frames import PixelLayout
from noctis_lab.dicom.geometry import PlaneGeometry
from noctis_lab.dicom.header import Element
from noctis_lab.dicom.rescale import Rescale

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
CT_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT_LE = "1.2.840.10008.1.2.1"

TEXTS = {
    "PatientName": "MÜLLER^Eva",
    "PatientID": "P1",
    "StudyDate": "20260301",
    "StudyTime": "115900",
    "StudyDescription": "Thorax nativ",
    "Modality": "CT",
    "SeriesDescription": "axial",
    "ProtocolName": "Thorax",
}


def receipt(facility: str = "north", *, seconds: float = 0, calling_aet: str = "CT1") -> Receipt:
    return Receipt(
        source=ReceiptSource.SCP,
        facility=facility,
        calling_aet=calling_aet,
        called_aet="NOCTIS_SCP",
        received_at=START + timedelta(seconds=seconds),
    )


def pixel_layout(**changes: object) -> PixelLayout:
    values: dict[str, object] = {
        "keyword": "PixelData",
        "rows": 512,
        "columns": 512,
        "frames": 1,
        "samples_per_pixel": 1,
        "photometric_interpretation": "MONOCHROME2",
        "bits_allocated": 16,
        "bits_stored": 12,
        "high_bit": 11,
        "pixel_representation": 0,
        "planar_configuration": 0,
        "big_endian": False,
        "encapsulated": False,
        "deflated": False,
        "offset": 1502,
        "length": 524_288,
        "frame_table": None,
    }
    return PixelLayout(**(values | changes))  # type: ignore[arg-type]


def elements(texts: Mapping[str, str | None], number: int) -> tuple[Element, ...]:
    found = [
        Element(keyword, 0x0010_0010, "LO", None, value, None, len(value or ""))
        for keyword, value in texts.items()
    ]
    found.append(Element("InstanceNumber", 0x0020_0013, "IS", None, str(number), number, 2))
    return tuple(found)


def entry(
    number: int = 1,
    *,
    study: str = "1.2.3",
    series: str | None = None,
    uid: str | None = None,
    facility: str = "north",
    seconds: float | None = None,
    texts: Mapping[str, str | None] | None = None,
    pixels: PixelLayout | bool | None = True,
    in_place: InPlace | None = None,
    data_set_length: int = 526_000,
) -> InstanceEntry:
    """Return the entry of one CT plane; `number` makes its UID, its place and its time."""
    series = series or f"{study}.1"
    uid = uid or f"{series}.{number}"
    return InstanceEntry(
        SOPInstanceUID=uid,
        SOPClassUID=CT_STORAGE,
        SeriesInstanceUID=series,
        StudyInstanceUID=study,
        transfer_syntax_uid=EXPLICIT_LE,
        sha256=hashlib.sha256(uid.encode()).digest(),
        data_set_offset=340,
        data_set_length=data_set_length,
        pixels=pixel_layout() if pixels is True else (pixels or None),
        plane=PlaneGeometry(
            position_mm=(-179.6484375, -302.1484375, 1.25 * number - 0.1),
            orientation=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
            pixel_spacing_mm=(0.703125, 0.703125),
        ),
        rescale=Rescale(slope=1.0, intercept=-1024.0, units="HU"),
        elements=elements({**TEXTS, **(texts or {})}, number),
        in_place=in_place,
        contrast_digest=bytes(range(8)),
        receipt=receipt(facility, seconds=number if seconds is None else seconds),
    )
