"""The file meta group: ours to write around a data set as received, anybody's to read."""

from __future__ import annotations

import json
import os
import struct
from dataclasses import dataclass
from datetime import UTC, datetime

from noctis_lab.errors import InvalidDicom, TruncatedDicom

__all__ = [
    "IMPLEMENTATION_CLASS_UID",
    "IMPLEMENTATION_VERSION_NAME",
    "MEDIA_DIRECTORY",
    "PRIVATE_CREATOR_UID",
    "FileMeta",
    "build_file_meta",
    "read_file_meta",
]

# PS3.5 B.2: 2.25 and a UUID as an integer; drawn once.
IMPLEMENTATION_CLASS_UID = "2.25.259031157254351687113161877960715160590"
PRIVATE_CREATOR_UID = "2.25.234293938230618557348881988581665701814"
IMPLEMENTATION_VERSION_NAME = "NOCTIS_010"
MEDIA_DIRECTORY = "1.2.840.10008.1.3.10"

_PREAMBLE = 128
_LARGEST_META = 1024 * 1024
_LONG_VRS = frozenset(
    (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
)
_IMPLICIT_LE, _EXPLICIT_LE = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
_EXPLICIT_BE = "1.2.840.10008.1.2.2"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileMeta:
    """What stands before a data set in its file.

    The receipt's fields (`facility`, `source`, `received_at`) are None in files that are not
    ours. Fields that are not there are empty.
    """

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    calling_aet: str
    called_aet: str
    facility: str | None
    source: str | None
    received_at: datetime | None
    data_set_offset: int  # bytes from the file's start


def build_file_meta(  # noqa: PLR0913 - the group's own fields, by keyword only
    *,
    sop_class_uid: str,
    sop_instance_uid: str,
    transfer_syntax_uid: str,
    facility: str,
    source: str,
    calling_aet: str,
    called_aet: str,
    received_at: datetime,
) -> bytes:
    """Return the preamble and file meta group that go before a data set as received.

    Parameters
    ----------
    sop_class_uid, sop_instance_uid, transfer_syntax_uid
        Verbatim; hostile ones too.
    facility, source
        Where the instance belongs, and by which door it came: into (0002,0102) as JSON.
    calling_aet, called_aet
        Sending and Receiving AE titles; left out where empty.
    received_at
        Aware; written to the microsecond in UTC.

    Returns
    -------
    bytes
        128 zeros, ``DICM`` and group 0002 in Explicit VR Little Endian.

    References
    ----------
    :dcm:`PS3.10 7.1 <part10/chapter_7.html>`
    """
    if received_at.tzinfo is None:
        raise ValueError("received_at has no time zone; give an aware datetime")
    receipt = {
        "facility": facility,
        "received_at": received_at.astimezone(UTC).isoformat(timespec="microseconds"),
        "source": source,
    }
    titles = ((0x0016, calling_aet), (0x0017, calling_aet), (0x0018, called_aet))
    group = b"".join(
        (
            _element(0x0001, b"OB", b"\0\1"),
            _uid(0x0002, sop_class_uid),
            _uid(0x0003, sop_instance_uid),
            _uid(0x0010, transfer_syntax_uid),
            _uid(0x0012, IMPLEMENTATION_CLASS_UID),
            _element(0x0013, b"SH", _even(IMPLEMENTATION_VERSION_NAME.encode(), b" ")),
            *(
                _element(number, b"AE", _even(title.encode("utf-8", "replace"), b" "))
                for number, title in titles
                if title
            ),
            _uid(0x0100, PRIVATE_CREATOR_UID),
            _element(0x0102, b"OB", _even(json.dumps(receipt, sort_keys=True).encode(), b" ")),
        )
    )
    length = _element(0x0000, b"UL", struct.pack("<L", len(group)))
    return b"\0" * _PREAMBLE + b"DICM" + length + group


def read_file_meta(fd: int) -> FileMeta:
    """Read what stands before the data set of an open file.

    Parameters
    ----------
    fd
        File descriptor open for reading; its position is not moved.

    Returns
    -------
    FileMeta
        Where there is no transfer syntax, or no file meta at all, the syntax is guessed from the
        first element.

    Raises
    ------
    InvalidDicom
        Neither a file meta group nor a data set begins here.
    TruncatedDicom
        The file meta group ends early.
    """
    head = os.pread(fd, _PREAMBLE + 4, 0)
    at = _PREAMBLE + 4 if head[_PREAMBLE:] == b"DICM" else 0
    values, data_set_offset = _read_group(fd, at)
    syntax = _text(values.get(0x0010))
    if not syntax:
        syntax = _guess_syntax(os.pread(fd, 8, data_set_offset), is_bare=not values and at == 0)
    receipt = _parse_receipt(values)
    return FileMeta(
        sop_class_uid=_text(values.get(0x0002)),
        sop_instance_uid=_text(values.get(0x0003)),
        transfer_syntax_uid=syntax,
        calling_aet=_text(values.get(0x0017)) or _text(values.get(0x0016)),
        called_aet=_text(values.get(0x0018)),
        facility=receipt.get("facility"),
        source=receipt.get("source"),
        received_at=_parse_time(receipt.get("received_at")),
        data_set_offset=data_set_offset,
    )


def _element(number: int, vr: bytes, value: bytes) -> bytes:
    if vr in _LONG_VRS:
        return struct.pack("<HH2sHL", 2, number, vr, 0, len(value)) + value
    return struct.pack("<HH2sH", 2, number, vr, len(value)) + value


def _uid(number: int, uid: str) -> bytes:
    return _element(number, b"UI", _even(uid.encode("utf-8", "replace"), b"\0"))


def _even(value: bytes, pad: bytes) -> bytes:
    return value + pad if len(value) % 2 else value


def _read_group(fd: int, at: int) -> tuple[dict[int, bytes], int]:
    """Return the elements of group 0002 by their number, and where the group ends."""
    # The group length is not trusted: it is missing or wrong in files that were edited.
    piece = os.pread(fd, 4096, at)
    values: dict[int, bytes] = {}
    start = 0
    while piece[start : start + 2] == b"\2\0":
        parsed = _parse_element(piece, start)
        if parsed is None or parsed[2] > len(piece):
            wanted = start + 12 if parsed is None else parsed[2]
            if wanted > _LARGEST_META:
                raise InvalidDicom("the file meta group exceeds 1 MiB", offset=at + start)
            piece = os.pread(fd, max(2 * len(piece), wanted), at)
            if len(piece) < wanted:
                raise TruncatedDicom("the file ends within its file meta group", offset=at + start)
            continue
        number, value_start, stop = parsed
        values[number] = piece[value_start:stop]
        start = stop
        if start + 12 > len(piece):
            piece = os.pread(fd, start + 4096, at)
    return values, at + start


def _parse_element(piece: bytes, start: int) -> tuple[int, int, int] | None:
    """Return number, start and stop of one element, None where its head is not all there."""
    if start + 8 > len(piece):
        return None
    _, number, vr, length = struct.unpack_from("<HH2sH", piece, start)
    value_start = start + 8
    if vr in _LONG_VRS:
        if start + 12 > len(piece):
            return None
        (length,) = struct.unpack_from("<L", piece, start + 8)
        value_start = start + 12
    elif not (vr.isalpha() and vr.isupper()):
        # Implicit VR in a file meta group: not allowed, and found in old files.
        (length,) = struct.unpack_from("<L", piece, start + 4)
    return number, value_start, value_start + length


def _text(value: bytes | None) -> str:
    return "" if value is None else value.decode("utf-8", "replace").strip(" \0")


def _guess_syntax(head: bytes, *, is_bare: bool) -> str:
    """Guess as pydicom does: a VR in bytes 4-5 is explicit, a group above 0x0400 is big endian."""
    if len(head) < 8:
        raise InvalidDicom("not DICOM: no file meta group and no data set")
    group, _, vr, _ = struct.unpack("<HH2sH", head)
    explicit = vr.isalpha() and vr.isupper()
    big_endian = explicit and group >= 0x0400
    if big_endian:
        (group,) = struct.unpack_from(">H", head)
    # Whatever is kept has a SOPClassUID (0008,0016), and tags ascend.
    if is_bare and not 0 < group <= 0x0008:
        raise InvalidDicom("not DICOM: it begins neither with DICM at byte 128 nor with an element")
    if big_endian:
        return _EXPLICIT_BE
    return _EXPLICIT_LE if explicit else _IMPLICIT_LE


def _parse_receipt(values: dict[int, bytes]) -> dict[str, str]:
    if _text(values.get(0x0100)) != PRIVATE_CREATOR_UID:
        return {}
    try:
        receipt = json.loads(values.get(0x0102, b"").rstrip(b" \0"))
    except (ValueError, RecursionError):  # the second: "[" five thousand times
        return {}
    if not isinstance(receipt, dict):
        return {}
    return {key: value for key, value in receipt.items() if isinstance(value, str)}


def _parse_time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    return parsed if parsed.tzinfo is not None else None
