"""Check a data set's statements on its pixels against the bytes that are there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from noctis_lab.dicom.byte_window import ByteWindow
from noctis_lab.dicom.frames import FrameTable, PixelLayout, build_frame_table
from noctis_lab.dicom.scanner import Scan
from noctis_lab.errors import InvalidDicom, TruncatedDicom

__all__ = ["build_layout"]

_KEYWORDS = {
    0x7FE00008: "FloatPixelData",
    0x7FE00009: "DoubleFloatPixelData",
    0x7FE00010: "PixelData",
}
_EXTENDED_OFFSET_TABLE = 0x7FE00001
_FIXED_BITS = {"FloatPixelData": 32, "DoubleFloatPixelData": 64}
_LARGEST_NUMBER = 2**31 - 1  # NumberOfFrames is IS; the others are US, but some write IS or UL
# PS3.3 C.7.6.3.1.2: chroma is stored for every second column (422), and row (420).
_SUBSAMPLED = {"YBR_FULL_422": 2.0, "YBR_PARTIAL_422": 2.0, "YBR_PARTIAL_420": 1.5}


def build_layout(
    scan: Scan,
    *,
    integer: Callable[[str], int | None],
    photometric_interpretation: str,
    window: ByteWindow,
    encapsulated: bool,
    deflated: bool,
    is_stream: bool = False,
) -> PixelLayout | None:
    """Return where and how the top level's pixels are stored, None where there are none.

    Parameters
    ----------
    scan
        The data set's structure.
    integer
        Gives a top-level attribute's value by keyword.
    photometric_interpretation
        As stated; empty where it is not.
    window
        The data set's bytes, asked only for the starts of fragments.
    encapsulated, deflated
        What the transfer syntax is.
    is_stream
        Frames lie within one stream, as in video: no fragment is a frame's, and there is no table.

    Raises
    ------
    TruncatedDicom
        Native pixel data is shorter than rows · columns · frames · samples · bits.
    InvalidDicom
        The statements contradict each other, or fragments cannot be assigned to frames.
    """
    if scan.pixels is None:
        return None
    _, tag, VR, offset, length, _, _, big_endian = scan.pixels
    keyword = _KEYWORDS[tag]
    stated = _Stated.read(integer, photometric_interpretation, keyword)
    if stated is None:
        return None
    fragments = scan.fragments
    if (fragments is not None) != encapsulated:
        expected = "encapsulated" if encapsulated else "native"
        raise InvalidDicom(
            f"the transfer syntax has {expected} pixel data, the element is not",
            offset=offset,
        )
    table: FrameTable | None = None
    if fragments is None:
        needed = stated.native_bytes()
        if length < needed:
            raise TruncatedDicom(
                f"{keyword} holds {length} bytes where its attributes need {needed}",
                offset=offset,
            )
    elif not is_stream:
        table = build_frame_table(
            fragments,
            frames=stated.frames,
            extended_offsets=_find_extended_offsets(scan),
            read=window.read,
        )
    return PixelLayout(
        keyword=keyword,
        rows=stated.rows,
        columns=stated.columns,
        frames=stated.frames,
        samples_per_pixel=stated.samples_per_pixel,
        photometric_interpretation="YBR_FULL"
        if fragments is None and stated.is_unsubsampled(photometric_interpretation, length)
        else photometric_interpretation,
        bits_allocated=stated.bits_allocated,
        bits_stored=stated.bits_stored,
        high_bit=stated.high_bit,
        pixel_representation=stated.pixel_representation,
        planar_configuration=stated.planar_configuration,
        big_endian=big_endian,
        encapsulated=encapsulated,
        deflated=deflated,
        offset=offset,
        length=length,
        frame_table=table,
        word_swapped=big_endian and VR == "OW" and stated.bits_allocated <= 8,
        is_depth_stated=stated.is_depth_stated,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stated:
    """What the Image Pixel Module states."""

    rows: int
    columns: int
    frames: int
    samples_per_pixel: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    samples_stored: float  # per pixel
    pixel_representation: int | None
    planar_configuration: int | None
    is_depth_stated: bool

    @classmethod
    def read(
        cls, integer: Callable[[str], int | None], photometric_interpretation: str, keyword: str
    ) -> Self | None:
        rows, columns = integer("Rows"), integer("Columns")
        bits_allocated = integer("BitsAllocated") or _FIXED_BITS.get(keyword)
        if rows is None or columns is None or bits_allocated is None:
            return None
        frames = integer("NumberOfFrames") or 1
        samples = integer("SamplesPerPixel") or 1
        bits_stored, high_bit = integer("BitsStored"), integer("HighBit")
        is_depth_stated = bits_stored is not None or keyword in _FIXED_BITS
        if bits_stored is None or keyword in _FIXED_BITS:
            # PS3.3 C.7.6.3: HighBit is one less than BitsStored.
            is_told = high_bit is not None and keyword not in _FIXED_BITS
            bits_stored = high_bit + 1 if is_told and high_bit is not None else bits_allocated
        representation = integer("PixelRepresentation")
        planar = integer("PlanarConfiguration")
        for name, value, least in (
            ("NumberOfFrames", frames, 1),
            ("Rows", rows, 0),
            ("Columns", columns, 0),
            ("SamplesPerPixel", samples, 1),
            ("BitsAllocated", bits_allocated, 1),
            ("BitsStored", bits_stored, 0),  # 0 is kept, and refused once values are asked for
            ("HighBit", high_bit or 0, 0),
            ("PixelRepresentation", representation or 0, 0),
            ("PlanarConfiguration", planar or 0, 0),
        ):
            if not least <= value <= _LARGEST_NUMBER:
                raise InvalidDicom(f"{name} is below {least}, or beyond all images")
        return cls(
            rows=rows,
            columns=columns,
            frames=frames,
            samples_per_pixel=samples,
            bits_allocated=bits_allocated,
            bits_stored=bits_stored,
            high_bit=max(bits_stored - 1, 0) if high_bit is None else high_bit,
            samples_stored=_SUBSAMPLED.get(photometric_interpretation, float(samples)),
            pixel_representation=representation,
            planar_configuration=planar,
            is_depth_stated=is_depth_stated,
        )

    def is_unsubsampled(self, photometric_interpretation: str, length: int) -> bool:
        """Return whether native YBR_FULL_422 is as long as if its chrominance were not halved.

        Decompressors leave the word as it was in JPEG, though what they write is YBR_FULL.
        """
        if photometric_interpretation != "YBR_FULL_422" or self.samples_per_pixel != 3:
            return False
        samples = self.rows * self.columns * self.frames * 3
        whole = (samples * self.bits_allocated + 7) // 8
        return length in (whole, whole + whole % 2)

    def native_bytes(self) -> int:
        # PS3.5 8.1.1: frames follow each other bit by bit, no padding between them.
        pixels = self.rows * self.columns * self.frames
        samples = (
            pixels * 3 // 2 if self.samples_stored == 1.5 else pixels * int(self.samples_stored)
        )
        return (samples * self.bits_allocated + 7) // 8


def _find_extended_offsets(scan: Scan) -> bytes | None:
    for prefix, tag, _, _, _, raw, _, _ in reversed(scan.elements):
        if tag == _EXTENDED_OFFSET_TABLE and not prefix:
            return raw
    return None
