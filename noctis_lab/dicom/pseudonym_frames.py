"""Encapsulated pixels whose frames hold nothing but images: no comments, nothing behind them."""

from __future__ import annotations

import struct

from pydicom.dataset import Dataset

from noctis_lab.dicom.codestream_text import blank_text
from noctis_lab.dicom.frames import FrameTable, build_frame_table
from noctis_lab.dicom.scanner import Fragments
from noctis_lab.dicom.transfer_syntaxes import NATIVE
from noctis_lab.errors import CannotPseudonymise, DecodeError, InvalidDicom

__all__ = ["blank_frames"]

_ITEM, _DELIMITER = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"
_STARTS = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51")  # of JPEG, of JPEG 2000
_SUBSAMPLED = frozenset(("YBR_FULL_422", "YBR_PARTIAL_422"))


def blank_frames(cleaned: Dataset, transfer_syntax_uid: str, SOPInstanceUID: str) -> None:
    """Overwrite with zeros what belongs to no image in a data set's compressed frames.

    Parameters
    ----------
    cleaned
        Changed in place: PixelData, and offset tables that say nothing true.
    transfer_syntax_uid
        Of the data set; where it is a native one, or there are no pixels, nothing is done.
    SOPInstanceUID
        For the error.

    Raises
    ------
    CannotPseudonymise
        The frames cannot be taken apart, so that text may stand in them.
    """
    value = cleaned.get("PixelData")
    if transfer_syntax_uid in NATIVE or value is None:
        return
    try:
        cleaned["PixelData"].value = _blanked(cleaned, bytes(value), transfer_syntax_uid)
    except (DecodeError, InvalidDicom) as error:
        raise CannotPseudonymise(
            SOPInstanceUID,
            f"{error}; export its series as NIfTI, Zarr or NetCDF, or leave it out",
        ) from None


def _blanked(cleaned: Dataset, value: bytes, transfer_syntax_uid: str) -> bytes:
    fragments = _fragments(value)
    table = build_frame_table(
        fragments,
        frames=_number(cleaned, "NumberOfFrames", 1),
        extended_offsets=cleaned.get("ExtendedOffsetTable"),
        read=lambda offset, count: value[offset : offset + count],
    )
    offsets = _keep_offset_tables(cleaned, fragments, table)
    parts = [_ITEM, struct.pack("<L", len(offsets)), offsets]
    sample_bytes, frame_bytes = _sizes(cleaned)
    for frame in table:
        pieces = [value[offset : offset + length] for offset, length in frame]
        clean = blank_text(
            b"".join(pieces),
            transfer_syntax_uid,
            frame_bytes=frame_bytes,
            sample_bytes=sample_bytes,
        )
        at = 0
        for piece in pieces:
            part = clean[at : at + len(piece)]
            if part != piece and not any(part) and piece.startswith(_STARTS):
                raise DecodeError("it holds more codestreams than NumberOfFrames says")
            parts += (_ITEM, struct.pack("<L", len(part)), part)
            at += len(piece)
    return b"".join(parts)  # the delimiter is the writer's


def _fragments(value: bytes) -> Fragments:
    """Walk the items of encapsulated pixel data (PS3.5 A.4)."""
    at, found = 0, list[tuple[int, int]]()
    while value[at : at + 4] == _ITEM and at + 8 <= len(value):
        (length,) = struct.unpack_from("<L", value, at + 4)
        if at + 8 + length > len(value):
            raise InvalidDicom("a fragment of the pixel data is cut short")
        found.append((at + 8, length))
        at += 8 + length
    if not found or value[at : at + 4] not in (_DELIMITER, b""):
        raise InvalidDicom("encapsulated pixel data is not a sequence of fragments")
    start, length = found[0]
    return Fragments(
        offset=0,
        length=len(value),
        offset_table=value[start : start + length],
        first=start + length,
        items=tuple(found[1:]),
    )


def _keep_offset_tables(cleaned: Dataset, fragments: Fragments, table: FrameTable) -> bytes:
    """Return the Basic Offset Table, and keep the extended one, where they say what is true.

    What they hold instead may be a text; where they name the frames in another order, no one can
    tell which one is meant.
    """
    starts = [frame[0][0] - 8 - fragments.first for frame in table]
    lengths = [frame[0][1] for frame in table]
    items = {offset - 8 - fragments.first for offset, _ in fragments.items}
    basic, extended = fragments.offset_table, cleaned.get("ExtendedOffsetTable") or b""
    for stated, code in ((basic, "L"), (extended, "Q")):
        count = len(stated) // struct.calcsize(f"<{code}")
        named = struct.unpack_from(f"<{count}{code}", stated)
        if len(named) > 1 and list(named) != starts and items.issuperset(named):
            raise InvalidDicom("an offset table names other frames than NumberOfFrames says")
    for keyword, stated in (
        ("ExtendedOffsetTable", starts),
        ("ExtendedOffsetTableLengths", lengths),
    ):
        if keyword in cleaned and cleaned[keyword].value != struct.pack(
            f"<{len(stated)}Q", *stated
        ):
            del cleaned[keyword]
    if starts[-1] < 1 << 32 and basic == struct.pack(f"<{len(starts)}L", *starts):
        return basic
    return b""


def _sizes(cleaned: Dataset) -> tuple[int, int]:
    """Return the bytes of one sample of all pixels, and of one frame, as RLE and as it is."""
    rows, columns = _number(cleaned, "Rows", 0), _number(cleaned, "Columns", 0)
    bits, samples = _number(cleaned, "BitsAllocated", 8), _number(cleaned, "SamplesPerPixel", 1)
    pixels = rows * columns
    is_halved = cleaned.get("PhotometricInterpretation") in _SUBSAMPLED and samples == 3
    frame_bits = pixels * bits * (2 if is_halved else samples)
    return (pixels if bits >= 8 else (pixels * bits + 7) // 8), (frame_bits + 7) // 8


def _number(cleaned: Dataset, keyword: str, otherwise: int) -> int:
    value = cleaned.get(keyword)
    return int(value) if isinstance(value, int) and value else otherwise
