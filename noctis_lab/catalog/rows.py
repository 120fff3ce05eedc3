r"""Between the value objects of `records.py` and the columns of `schema.py`; no statement here.

A series' *reference* names its row. It is the SeriesInstanceUID; but where that is already taken
in another study, ``StudyInstanceUID\SeriesInstanceUID``; and for the instances of a collision,
which are kept apart from the study's own, ``StudyInstanceUID\SeriesInstanceUID\facility``. No
UID holds a backslash. The row's key is `uid_key` of the reference.
"""

from __future__ import annotations

import hashlib
import math
import os
import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from noctis_lab.catalog.instants import from_instant, to_instant
from noctis_lab.catalog.records import (
    InPlace,
    InstanceEntry,
    InstanceRow,
    Receipt,
    ReceiptSource,
    SeriesFacts,
    SeriesRow,
    StudyRow,
)
from noctis_lab.dicom.frames import PixelLayout
from noctis_lab.dicom.geometry import PlaneGeometry
from noctis_lab.dicom.rescale import Rescale

__all__ = [
    "clean_text",
    "format_values",
    "instance_values",
    "is_withheld_reference",
    "origin_values",
    "pack_frame_table",
    "series_reference",
    "to_instance_row",
    "to_series_row",
    "to_study_row",
    "unpack_frame_table",
]

type FrameTable = tuple[tuple[tuple[int, int], ...], ...]

_LONGEST_TEXT = 1024
_STUDY_AND_SERIES = 2
_ORIENTATION = struct.Struct("<6d")
_SPACING = struct.Struct("<2d")


def series_reference(
    SeriesInstanceUID: str, StudyInstanceUID: str = "", withheld_facility: str = ""
) -> str:
    """Return the reference of a series' row; with the SeriesInstanceUID only, that is it."""
    if withheld_facility:
        return f"{StudyInstanceUID}\\{SeriesInstanceUID}\\{withheld_facility}"
    return f"{StudyInstanceUID}\\{SeriesInstanceUID}" if StudyInstanceUID else SeriesInstanceUID


def is_withheld_reference(reference: str) -> bool:
    """Return whether `series_reference` made it of a series that is withheld."""
    # A facility's name may hold a backslash too; a UID that is one has none.
    return len(reference.split("\\", 2)) > _STUDY_AND_SERIES


def clean_text(value: str) -> str:
    """Return text that every database stores: no NUL, no lone surrogate, at most 1,024 characters.

    Hostile headers hold them all; the data set itself stays as it came.
    """
    if value.isascii() and "\x00" not in value and len(value) <= _LONGEST_TEXT:
        return value
    cleaned = value[:_LONGEST_TEXT].replace("\x00", "")
    return cleaned.encode("utf-8", "replace").decode("utf-8")


def content_key(*parts: object) -> int:
    """Return 64 bits of a hash of the parts: a deterministic key of a row known by its content."""
    digest = hashlib.sha256(repr(parts).encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


# ---------------------------------------------------------------- into the tables


def origin_values(receipt: Receipt) -> dict[str, Any]:
    """Return the row of `origin` for a receipt."""
    values = {
        "source": str(receipt.source),
        "facility": clean_text(receipt.facility),
        "calling_aet": clean_text(receipt.calling_aet),
        "called_aet": clean_text(receipt.called_aet),
    }
    return {"origin_key": content_key(*values.values()), **values}


def format_values(entry: InstanceEntry) -> dict[str, Any]:
    """Return the row of `instance_format` for an entry."""
    plane, pixels = entry.plane, entry.pixels
    values: dict[str, Any] = {
        "SOPClassUID": clean_text(entry.SOPClassUID),
        "transfer_syntax_uid": clean_text(entry.transfer_syntax_uid),
        "pixel_keyword": None,
        "Rows": None,
        "Columns": None,
        "NumberOfFrames": None,
        "SamplesPerPixel": None,
        "PhotometricInterpretation": None,
        "BitsAllocated": None,
        "BitsStored": None,
        "HighBit": None,
        "PixelRepresentation": None,
        "PlanarConfiguration": None,
        "is_big_endian": None,
        "is_encapsulated": None,
        "is_deflated": None,
        "is_word_swapped": None,
        "is_mosaic": entry.is_mosaic,
        "has_unread_modality_lut": entry.has_unread_modality_lut,
        "RescaleType": None,
        "orientation": None if plane.orientation is None else _ORIENTATION.pack(*plane.orientation),
        "pixel_spacing_mm": None
        if plane.pixel_spacing_mm is None
        else _SPACING.pack(*plane.pixel_spacing_mm),
        "FrameOfReferenceUID": None,
        "contrast_digest": entry.contrast_digest,
    }
    if entry.FrameOfReferenceUID is not None:
        values["FrameOfReferenceUID"] = clean_text(entry.FrameOfReferenceUID)
    if entry.rescale is not None and entry.rescale.units is not None:
        values["RescaleType"] = clean_text(entry.rescale.units)
    if pixels is not None:
        values |= {
            "pixel_keyword": pixels.keyword,
            "Rows": pixels.rows,
            "Columns": pixels.columns,
            "NumberOfFrames": pixels.frames,
            "SamplesPerPixel": pixels.samples_per_pixel,
            "PhotometricInterpretation": clean_text(pixels.photometric_interpretation),
            "BitsAllocated": pixels.bits_allocated,
            "BitsStored": pixels.bits_stored if pixels.is_depth_stated else None,
            "HighBit": pixels.high_bit,
            "PixelRepresentation": pixels.pixel_representation,
            "PlanarConfiguration": pixels.planar_configuration,
            "is_big_endian": pixels.big_endian,
            "is_encapsulated": pixels.encapsulated,
            "is_deflated": pixels.deflated,
            "is_word_swapped": pixels.word_swapped,
        }
    return {"format_key": content_key(*values.values()), **values}


def instance_values(entry: InstanceEntry, InstanceNumber: int | None) -> dict[str, Any]:
    """Return the columns of `instance` that follow from the entry alone."""
    pixels, rescale = entry.pixels, entry.rescale
    x, y, z = _finite(entry.plane.position_mm) or (None, None, None)
    slope, intercept = (None, None) if rescale is None else (rescale.slope, rescale.intercept)
    if (
        slope is None
        or intercept is None
        or not (math.isfinite(slope) and math.isfinite(intercept))
    ):
        slope = intercept = None
    table = None if pixels is None else pixels.frame_table
    return {
        "SOPInstanceUID": clean_text(entry.SOPInstanceUID),
        "received_at": to_instant(entry.receipt.received_at),
        "sha256": entry.sha256,
        "InstanceNumber": InstanceNumber,
        "data_set_offset": entry.data_set_offset,
        "data_set_length": entry.data_set_length,
        "pixel_offset": None if pixels is None else pixels.offset,
        "pixel_length": None if pixels is None else pixels.length,
        "position_x_mm": x,
        "position_y_mm": y,
        "position_z_mm": z,
        "RescaleSlope": slope,
        "RescaleIntercept": intercept,
        "frame_table": None if table is None else pack_frame_table(table),
    }


def _finite(vector: tuple[float, float, float] | None) -> tuple[float, float, float] | None:
    # SQLite keeps a NaN as NULL; a position that is no number is no position.
    return vector if vector is not None and all(map(math.isfinite, vector)) else None


def pack_frame_table(table: FrameTable) -> bytes:
    """Return a frame table as compressed differences.

    Fragments follow each other with an 8-byte item header in between, so that nearly every
    difference is 8 and what remains are the lengths.
    """
    numbers: list[int] = [len(table)]
    end = 0
    for fragments in table:
        numbers.append(len(fragments))
        for offset, length in fragments:
            numbers += (offset - end, length)
            end = offset + length
    packed = bytearray()
    for number in numbers:
        zigzag = number << 1 if number >= 0 else (-number << 1) - 1
        while zigzag > 0x7F:
            packed.append(zigzag & 0x7F | 0x80)
            zigzag >>= 7
        packed.append(zigzag)
    if len(packed) < 64:
        return b"\x00" + packed
    return b"\x01" + zlib.compress(packed, 1)


def unpack_frame_table(blob: bytes) -> FrameTable:
    """Return what `pack_frame_table` was given."""
    packed = zlib.decompress(blob[1:]) if blob[0] else blob[1:]
    numbers: list[int] = []
    value = shift = 0
    for byte in packed:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            numbers.append(value >> 1 if not value & 1 else -(value + 1 >> 1))
            value = shift = 0
    following = iter(numbers)
    frames: list[tuple[tuple[int, int], ...]] = []
    end = 0
    for _ in range(next(following)):
        fragments = []
        for _ in range(next(following)):
            offset = end + next(following)
            length = next(following)
            fragments.append((offset, length))
            end = offset + length
        frames.append(tuple(fragments))
    return tuple(frames)


# ---------------------------------------------------------------- out of the tables


def to_receipt(row: Mapping[str, Any]) -> Receipt:
    """Return the receipt of a row that has `received_at` and the columns of `origin`."""
    return Receipt(
        source=ReceiptSource(row["source"]),
        facility=row["facility"],
        calling_aet=row["calling_aet"],
        called_aet=row["called_aet"],
        received_at=from_instant(row["received_at"]),
    )


def to_instance_row(row: Mapping[str, Any]) -> InstanceRow:
    """Return the record of a row of `instance` joined with its format, series, study and source."""
    return InstanceRow(
        SOPInstanceUID=row["SOPInstanceUID"],
        SOPClassUID=row["SOPClassUID"],
        SeriesInstanceUID=row["SeriesInstanceUID"],
        StudyInstanceUID=row["StudyInstanceUID"],
        transfer_syntax_uid=row["transfer_syntax_uid"],
        sha256=bytes(row["sha256"]),
        data_set_offset=row["data_set_offset"],
        data_set_length=row["data_set_length"],
        InstanceNumber=row["InstanceNumber"],
        pixels=_to_pixels(row),
        plane=_to_plane(row),
        rescale=None
        if row["RescaleSlope"] is None
        else Rescale(
            slope=row["RescaleSlope"], intercept=row["RescaleIntercept"], units=row["RescaleType"]
        ),
        in_place=None
        if row["path"] is None
        else InPlace(
            path=Path(os.fsdecode(row["path"])),
            size_bytes=row["size_bytes"],
            mtime_ns=row["mtime_ns"],
        ),
        received_at=from_instant(row["received_at"]),
        has_unread_modality_lut=bool(row["has_unread_modality_lut"]),
        is_mosaic=bool(row["is_mosaic"]),
        FrameOfReferenceUID=row["FrameOfReferenceUID"],
        contrast_digest=None if (digest := row["contrast_digest"]) is None else bytes(digest),
    )


def _to_pixels(row: Mapping[str, Any]) -> PixelLayout | None:
    if row["pixel_keyword"] is None:
        return None
    table = row["frame_table"]
    return PixelLayout(
        keyword=row["pixel_keyword"],
        rows=row["Rows"],
        columns=row["Columns"],
        frames=row["NumberOfFrames"],
        samples_per_pixel=row["SamplesPerPixel"],
        photometric_interpretation=row["PhotometricInterpretation"],
        bits_allocated=row["BitsAllocated"],
        # What was not stated follows from HighBit, as it did when the header was read.
        bits_stored=row["HighBit"] + 1 if row["BitsStored"] is None else row["BitsStored"],
        high_bit=row["HighBit"],
        pixel_representation=row["PixelRepresentation"],
        planar_configuration=row["PlanarConfiguration"],
        big_endian=bool(row["is_big_endian"]),
        encapsulated=bool(row["is_encapsulated"]),
        deflated=bool(row["is_deflated"]),
        offset=row["pixel_offset"],
        length=row["pixel_length"],
        frame_table=None if table is None else unpack_frame_table(table),
        word_swapped=bool(row["is_word_swapped"]),
        is_depth_stated=row["BitsStored"] is not None,
    )


def _to_plane(row: Mapping[str, Any]) -> PlaneGeometry:
    x, y, z = row["position_x_mm"], row["position_y_mm"], row["position_z_mm"]
    orientation, spacing = row["orientation"], row["pixel_spacing_mm"]
    return PlaneGeometry(
        position_mm=None if x is None else (x, y, z),
        orientation=None if orientation is None else _ORIENTATION.unpack(orientation),
        pixel_spacing_mm=None if spacing is None else _SPACING.unpack(spacing),
    )


def to_series_row(row: Mapping[str, Any]) -> SeriesRow:
    """Return the record of a row of `series` joined with its study's UID."""
    return SeriesRow(
        reference=row["reference"],
        SeriesInstanceUID=row["SeriesInstanceUID"],
        StudyInstanceUID=row["StudyInstanceUID"],
        Modality=row["Modality"],
        SeriesNumber=row["SeriesNumber"],
        SeriesDescription=row["SeriesDescription"],
        SeriesDate=row["SeriesDate"],
        BodyPartExamined=row["BodyPartExamined"],
        Manufacturer=row["Manufacturer"],
        ManufacturerModelName=row["ManufacturerModelName"],
        StationName=row["StationName"],
        ProtocolName=row["ProtocolName"],
        FrameOfReferenceUID=row["FrameOfReferenceUID"],
        instance_count=row["instance_count"],
        frame_count=row["frame_count"],
        image_count=row["image_count"],
        stored_bytes=row["stored_bytes"],
        first_received_at=from_instant(row["first_received_at"]),
        last_received_at=from_instant(row["last_received_at"]),
        is_dirty=row["is_dirty"],
        facts=SeriesFacts(
            is_volume=row["is_volume"],
            is_regular=row["is_regular"],
            slice_spacing_mm=row["slice_spacing_mm"],
            tilt_deg=row["tilt_deg"],
            gap_count=row["gap_count"],
            duplicate_count=row["duplicate_count"],
            geometry_note=row["geometry_note"],
            stack_count=row["stack_count"],
            extra_dim=row["extra_dim"],
            extra_size=row["extra_size"],
            residual_mm=row["residual_mm"],
            varies_along_z=row["varies_along_z"],
        ),
    )


def to_study_row(row: Mapping[str, Any], facilities: Sequence[str]) -> StudyRow:
    """Return the record of a row of `study` and of those facilities that may see it."""
    return StudyRow(
        StudyInstanceUID=row["StudyInstanceUID"],
        PatientID=row["PatientID"],
        IssuerOfPatientID=row["IssuerOfPatientID"],
        PatientName=row["PatientName"],
        PatientBirthDate=row["PatientBirthDate"],
        PatientSex=row["PatientSex"],
        StudyDate=row["StudyDate"],
        StudyTime=row["StudyTime"],
        StudyDescription=row["StudyDescription"],
        StudyID=row["StudyID"],
        AccessionNumber=row["AccessionNumber"],
        ReferringPhysicianName=row["ReferringPhysicianName"],
        modalities=tuple(part for part in row["modalities"].split("\\") if part),
        facilities=tuple(sorted(facilities)),
        series_count=row["series_count"],
        instance_count=row["instance_count"],
        stored_bytes=row["stored_bytes"],
        first_received_at=from_instant(row["first_received_at"]),
        last_received_at=from_instant(row["last_received_at"]),
    )
