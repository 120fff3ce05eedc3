"""DIMSE command sets as bytes: read by struct, answered by struct (PS3.7 6.3, 9.3)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

__all__ = [
    "C_CANCEL_RQ",
    "C_ECHO_RQ",
    "C_STORE_RQ",
    "MAX_COMMAND_BYTES",
    "Answer",
    "Command",
    "CommandError",
    "encode_request",
    "encode_response",
    "parse_answer",
    "parse_command",
]

MAX_COMMAND_BYTES: Final = 16 * 1024

C_STORE_RQ: Final = 0x0001
C_ECHO_RQ: Final = 0x0030
C_CANCEL_RQ: Final = 0x0FFF
NO_DATA_SET: Final = 0x0101

_ELEMENT: Final = struct.Struct("<HHI")
_US: Final = struct.Struct("<H")


class CommandError(ValueError):
    """Bytes that are not a command set in Implicit VR Little Endian."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What a request asks for; UIDs as text without padding, whatever they hold."""

    field: int  # (0000,0100)
    message_id: int
    sop_class_uid: str
    sop_instance_uid: str
    has_data_set: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a response says."""

    message_id: int
    status: int
    comment: str  # (0000,0902)


def parse_command(data: bytes | bytearray | memoryview) -> Command:
    """Return the command in `data`.

    Raises
    ------
    CommandError
        An element's length reaches beyond the bytes, an element lies outside group 0000, or one
        that every request has is missing.

    References
    ----------
    :dcm:`PS3.7 6.3.1 <part07/chapter_6.html#sect_6.3.1>`
    """
    values = _parse_elements(data)
    return Command(
        field=_number(values, 0x0100),
        message_id=_number(values, 0x0110, 0),
        sop_class_uid=_text_of(values, 0x0002),
        sop_instance_uid=_text_of(values, 0x1000),
        has_data_set=_number(values, 0x0800) != NO_DATA_SET,
    )


def parse_answer(data: bytes | bytearray | memoryview) -> Answer:
    """Return the status that a response holds.

    Raises
    ------
    CommandError
        As `parse_command`; or it is no response.
    """
    values = _parse_elements(data)
    if not _number(values, 0x0100) & 0x8000:
        raise CommandError("a request where a response is due")
    return Answer(
        message_id=_number(values, 0x0120),
        status=_number(values, 0x0900),
        comment=_text_of(values, 0x0902),
    )


def _parse_elements(data: bytes | bytearray | memoryview) -> dict[int, bytes]:
    values: dict[int, bytes] = {}
    offset = 0
    while offset < len(data):
        if offset + 8 > len(data):
            raise CommandError("the command set ends within an element's tag")
        group, element, length = _ELEMENT.unpack_from(data, offset)
        offset += 8
        if group != 0 or length > len(data) - offset:
            raise CommandError(f"({group:04x},{element:04x}) of {length} bytes in a command set")
        values[element] = bytes(data[offset : offset + length])
        offset += length
    return values


def _number(values: dict[int, bytes], element: int, default: int | None = None) -> int:
    value = values.get(element)
    if value is None or len(value) != 2:
        if value is None and default is not None:
            return default
        raise CommandError(f"(0000,{element:04x}) is missing, or is no number")
    number: int = _US.unpack(value)[0]
    return number


def _text_of(values: dict[int, bytes], element: int) -> str:
    return values.get(element, b"").rstrip(b"\0 ").decode("utf-8", "backslashreplace")


def encode_request(
    field: int, *, message_id: int, sop_class_uid: str, sop_instance_uid: str = ""
) -> bytes:
    """Return the command set of a C-ECHO-RQ or, with an instance's UID, a C-STORE-RQ.

    References
    ----------
    :dcm:`PS3.7 9.3.1.1 <part07/sect_9.3.html#sect_9.3.1.1>`, 9.3.5.1.
    """
    elements = [
        _text(0x0002, sop_class_uid, b"\0"),
        _short(0x0100, field),
        _short(0x0110, message_id),
    ]
    if sop_instance_uid:
        elements += [_short(0x0700, 0), _short(0x0800, 0), _text(0x1000, sop_instance_uid, b"\0")]
    else:
        elements.append(_short(0x0800, NO_DATA_SET))
    return _with_group_length(elements)


def encode_response(command: Command, *, status: int, comment: str = "") -> bytes:
    """Return the command set that answers a request, without a data set.

    Parameters
    ----------
    comment
        Goes into (0000,0902) Error Comment, cut to 64 characters.

    References
    ----------
    :dcm:`PS3.7 9.3.1.2 <part07/sect_9.3.html#sect_9.3.1.2>` (C-STORE-RSP), 9.3.5.2 (C-ECHO-RSP).
    """
    elements = [
        _text(0x0002, command.sop_class_uid, b"\0"),
        _short(0x0100, command.field | 0x8000),
        _short(0x0120, command.message_id),
        _short(0x0800, NO_DATA_SET),
        _short(0x0900, status),
    ]
    if comment:
        elements.append(_text(0x0902, comment[:64], b" "))
    if command.sop_instance_uid:
        elements.append(_text(0x1000, command.sop_instance_uid, b"\0"))
    return _with_group_length(elements)


def _with_group_length(elements: list[bytes]) -> bytes:
    body = b"".join(elements)
    return _ELEMENT.pack(0, 0, 4) + struct.pack("<I", len(body)) + body


def _short(element: int, value: int) -> bytes:
    return _ELEMENT.pack(0, element, 2) + _US.pack(value)


def _text(element: int, value: str, padding: bytes) -> bytes:
    raw = value.encode("ascii", "replace")
    if len(raw) % 2:
        raw += padding
    return _ELEMENT.pack(0, element, len(raw)) + raw
