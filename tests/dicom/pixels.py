"""Layouts of pixels as tests state them, and the constants that name transfer syntaxes."""

from __future__ import annotations

from typing import Any

from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames

from noctis_lab.dicom.frames import PixelLayout

IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
DEFLATED, BIG_ENDIAN = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"
BASELINE, EXTENDED = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"
LOSSLESS_JPEG, JPEG_LS = "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.80"
JPEG_2000, HTJ2K = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.201"
RLE, DEFLATED_FRAMES = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.8.1"
ENCAPSULATED_UNCOMPRESSED = "1.2.840.10008.1.2.1.98"
JPEG_XL_LOSSLESS, JPEG_XL_OF_JPEG = "1.2.840.10008.1.2.4.110", "1.2.840.10008.1.2.4.111"
JPEG_XL = "1.2.840.10008.1.2.4.112"
LOSSLESS = [LOSSLESS_JPEG, JPEG_LS, JPEG_2000, HTJ2K, RLE]
#: The inverse DCT may differ by a grey level or two between libraries.
INEXACT = {BASELINE, EXTENDED}


def make_layout(**changes: Any) -> PixelLayout:
    fields: dict[str, Any] = {
        "keyword": "PixelData",
        "rows": 2,
        "columns": 4,
        "frames": 1,
        "samples_per_pixel": 1,
        "photometric_interpretation": "MONOCHROME2",
        "bits_allocated": 16,
        "bits_stored": 16,
        "high_bit": 15,
        "pixel_representation": 0,
        "planar_configuration": 0,
        "big_endian": False,
        "encapsulated": False,
        "deflated": False,
        "offset": 0,
        "length": 0,
        "frame_table": None,
    }
    return PixelLayout(**(fields | changes))


def layout_of(dataset: Dataset) -> PixelLayout:
    """Independent of our own header reader."""
    syntax = str(dataset.file_meta.TransferSyntaxUID)
    keywords = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
    allocated = int(dataset.BitsAllocated)
    stored = int(dataset.get("BitsStored", allocated))
    return make_layout(
        keyword=next(keyword for keyword in keywords if keyword in dataset),
        rows=int(dataset.Rows),
        columns=int(dataset.Columns),
        frames=int(dataset.get("NumberOfFrames") or 1),
        samples_per_pixel=int(dataset.SamplesPerPixel),
        photometric_interpretation=str(dataset.PhotometricInterpretation),
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=int(dataset.get("HighBit", stored - 1)),
        pixel_representation=int(dataset.get("PixelRepresentation", 0)),
        planar_configuration=int(dataset.get("PlanarConfiguration") or 0),
        big_endian=syntax == BIG_ENDIAN,
        encapsulated=syntax not in (IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN),
    )


def first_frame(dataset: Dataset) -> bytes:
    frames = int(dataset.get("NumberOfFrames") or 1)
    return next(generate_frames(dataset.PixelData, number_of_frames=frames))


def colour_layout(photometric: str, **changes: Any) -> PixelLayout:
    return make_layout(
        rows=16,
        columns=24,
        samples_per_pixel=3,
        photometric_interpretation=photometric,
        bits_allocated=8,
        bits_stored=8,
        high_bit=7,
        encapsulated=True,
        **changes,
    )
