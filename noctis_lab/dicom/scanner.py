"""Walk a data set's structure: tags, lengths, items, fragments; no values, no recursion."""

from __future__ import annotations

from dataclasses import dataclass, field
from struct import Struct

from noctis_lab.dicom.byte_window import ByteWindow
from noctis_lab.dicom.dictionary import STANDARD_VRS, element_name, find_vr
from noctis_lab.errors import DicomTooLarge, InvalidDicom, NestingTooDeep, TruncatedDicom

__all__ = [
    "DEFAULT_LIMITS",
    "PIXEL_TAGS",
    "Fragments",
    "Limits",
    "RawElement",
    "Scan",
    "scan_data_set",
]

PIXEL_TAGS = (0x7FE00008, 0x7FE00009, 0x7FE00010)

_UNDEFINED = 0xFFFFFFFF
_ITEM = 0xFFFEE000
_ITEM_END = 0xFFFEE00D
_SEQUENCE_END = 0xFFFEE0DD
_FIRST_SPECIAL = 0x7FE00008  # pixel data, padding, signatures, items: never a plain leaf
_LARGEST_OFFSET_TABLE = 16 * 1024 * 1024
_TRAILING_PIECE = 64 * 1024

# PS3.5 7.1.2: these have two reserved bytes and a 32-bit length in Explicit VR.
_LONG_LEAVES = ("OB", "OD", "OF", "OL", "OV", "OW", "SV", "UC", "UR", "UT", "UV")
_SHORT_LEAVES = (
    *("AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "LT", "PN", "SH"),
    *("SL", "SS", "ST", "TM", "UI", "UL", "US"),
)
_LEAVES: dict[bytes, tuple[str, bool]] = {
    **{vr.encode(): (vr, False) for vr in _SHORT_LEAVES},
    **{vr.encode(): (vr, True) for vr in _LONG_LEAVES},
}
_LONG_VRS = frozenset(vr.encode() for vr in (*_LONG_LEAVES, "SQ", "UN"))
_EXPLICIT = {False: Struct("<HH2sH").unpack_from, True: Struct(">HH2sH").unpack_from}
_IMPLICIT = {False: Struct("<HHL").unpack_from, True: Struct(">HHL").unpack_from}
_LENGTH = {False: Struct("<L").unpack_from, True: Struct(">L").unpack_from}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The bounds within which a data set is parsed."""

    max_depth: int = 64
    max_elements: int = 1_000_000
    max_value_bytes: int = 65_536
    max_header_bytes: int = 64 * 1024 * 1024
    max_inflated_bytes: int = 1024 * 1024 * 1024


DEFAULT_LIMITS = Limits()


#: One leaf as it lies in the file; a plain tuple, since one is made per element received:
#: prefix ("" at the top level, "Sequence[0]." and so on within items); tag; VR, as written, or the
#: dictionary's (also "US or SS") where the syntax is implicit; offset of the value, from the
#: window's origin; its length; its bytes, None where longer than `Limits.max_value_bytes`,
#: encapsulated or pixel data; private creator; big endian or not.
type RawElement = tuple[str, int, str, int, int, bytes | None, str | None, bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragments:
    """Encapsulated pixel data (PS3.5 A.4): its items, delimiters excluded."""

    offset: int  # of the first item's tag
    length: int  # up to and with the sequence delimiter
    offset_table: bytes  # the first item's value
    first: int  # of the tag of the first fragment's item: what the offset table counts from
    items: tuple[tuple[int, int], ...]  # fragments: (offset of the payload, its length)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What the structure of one data set is."""

    elements: list[RawElement]
    sequences: list[tuple[str, int]]  # path of every sequence, and how many items it holds
    pixels: RawElement | None  # the top level's pixel data element
    fragments: Fragments | None  # where these are encapsulated


@dataclass(slots=True, kw_only=True)
class _Level:
    """A data set or a sequence that is being walked; the stack of these is the nesting."""

    is_sequence: bool
    name: str  # a data set's prefix, or a sequence's path
    end: int
    is_open: bool  # ends with a delimiter
    implicit: bool
    big_endian: bool
    start: int
    tag: int = 0  # a sequence's own
    count: int = 0  # items so far
    creators: dict[int, str] = field(default_factory=dict)


def scan_data_set(
    window: ByteWindow, *, start: int, implicit: bool, big_endian: bool, limits: Limits
) -> Scan:
    """Walk all elements of a data set, in the file's order.

    Parameters
    ----------
    window
        The bytes; the data set ends where these end.
    start
        Where the first element lies in the window's source.
    implicit, big_endian
        The encoding at the top level. Sequences of undefined length with VR UN are implicit
        little endian whatever it is, and an item or element whose VR is none is read as implicit.
    limits
        The bounds.

    Raises
    ------
    TruncatedDicom
        A length reaches beyond the bytes that are there, or a delimiter is missing.
    NestingTooDeep, DicomTooLarge
        A bound is exceeded.
    InvalidDicom
        The bytes are not elements.

    Notes
    -----
    Values of at most `Limits.max_value_bytes` are taken along; others, and pixel data, are only
    located.

    References
    ----------
    :dcm:`PS3.5 7 <part05/chapter_7.html>`, :dcm:`PS3.5 A.4 <part05/sect_A.4.html>`
    """
    return _Scanner(window, start, limits).run(implicit=implicit, big_endian=big_endian)


class _Scanner:
    """The walk's state: a position, a stack of levels, and what was found."""

    def __init__(self, window: ByteWindow, start: int, limits: Limits) -> None:
        self._window = window
        self._limits = limits
        self._at = start
        self._filled = 0
        self._path_characters = 0
        self._structures = 0
        self._levels: list[_Level] = []
        self._elements: list[RawElement] = []
        self._sequences: list[tuple[str, int]] = []
        self._pixels: RawElement | None = None
        self._fragments: Fragments | None = None

    def run(self, *, implicit: bool, big_endian: bool) -> Scan:
        root = _Level(
            is_sequence=False,
            name="",
            end=self._window.end,
            is_open=False,
            implicit=implicit,
            big_endian=big_endian,
            start=self._at,
        )
        levels = self._levels
        levels.append(root)
        while levels:
            level = levels[-1]
            if level.is_sequence:
                self._next_item(level)
                continue
            before = len(self._elements)
            if level.implicit:
                self._implicit_leaves(level)
            else:
                self._explicit_leaves(level)
            self._path_characters += (len(self._elements) - before) * len(level.name)
            self._check_bounds()
            if self._at < level.end:
                self._next_structure(level)
            elif level.is_open:
                raise TruncatedDicom("an item's delimiter is missing", offset=self._at)
            else:
                levels.pop()
        return Scan(
            elements=self._elements,
            sequences=self._sequences,
            pixels=self._pixels,
            fragments=self._fragments,
        )

    # The two loops below run once per element received: local names, no calls but the needed.

    def _explicit_leaves(self, level: _Level) -> None:
        """Take plain leaves in Explicit VR, up to the first thing that is not one."""
        window, end, prefix, big = self._window, level.end, level.name, level.big_endian
        unpack, unpack_length, largest = _EXPLICIT[big], _LENGTH[big], self._limits.max_value_bytes
        append, leaves = self._elements.append, _LEAVES.get
        buffer, base = window.buffer, window.base
        at, size = self._at - base, len(buffer)
        while base + at < end:
            if at < 0 or at + 12 > size:
                buffer, base, at, size = self._refill(base + at, 12)
                if size < 8:
                    break
            group, element, vr, length = unpack(buffer, at)
            tag = group << 16 | element
            leaf = leaves(vr)
            if leaf is None or tag >= _FIRST_SPECIAL:
                break
            start = at + 8
            if leaf[1]:
                if start + 4 > size:
                    break
                (length,) = unpack_length(buffer, start)
                start += 4
            stop = start + length
            if length > largest or base + stop > end:
                break
            if stop > size:
                buffer, base, at, size = self._refill(base + at, stop - at)
                if size < start - at + length:
                    break
                continue
            raw = buffer[start:stop]
            creator = self._creator(level, tag, raw) if group & 1 else None
            append((prefix, tag, leaf[0], base + start, length, raw, creator, big))
            at = stop
        self._at = base + at

    def _implicit_leaves(self, level: _Level) -> None:
        """Take plain leaves in Implicit VR, up to the first thing that is not one."""
        window, end, prefix, big = self._window, level.end, level.name, level.big_endian
        unpack, largest = _IMPLICIT[big], self._limits.max_value_bytes
        append, standard = self._elements.append, STANDARD_VRS.get
        buffer, base = window.buffer, window.base
        at, size = self._at - base, len(buffer)
        while base + at < end:
            if at < 0 or at + 8 > size:
                buffer, base, at, size = self._refill(base + at, 8)
                if size < 8:
                    break
            group, element, length = unpack(buffer, at)
            tag = group << 16 | element
            start = at + 8
            stop = start + length
            if tag >= _FIRST_SPECIAL or length > largest or base + stop > end:
                break
            if stop > size:
                buffer, base, at, size = self._refill(base + at, 8 + length)
                if size < 8 + length:
                    break
                continue
            raw = buffer[start:stop]
            creator = self._creator(level, tag, raw) if group & 1 else None
            VR = standard(tag) or find_vr(tag, creator)
            if VR is None or VR == "SQ":
                break
            append((prefix, tag, VR, base + start, length, raw, creator, big))
            at = stop
        self._at = base + at

    def _refill(self, position: int, count: int) -> tuple[bytes, int, int, int]:
        window = self._window
        window.fill(position, count)
        self._filled += len(window.buffer)
        self._check_bounds()
        return window.buffer, window.base, 0, len(window.buffer)

    def _check_bounds(self) -> None:
        limits = self._limits
        if max(len(self._elements), self._structures) > limits.max_elements:
            raise DicomTooLarge(f"more than {limits.max_elements} elements", offset=self._at)
        # Twice: windows overlap, and hostile nesting makes paths longer than the file.
        if max(self._filled, self._path_characters) > 2 * limits.max_header_bytes:
            raise DicomTooLarge(
                f"the header exceeds {limits.max_header_bytes} bytes", offset=self._at
            )

    @staticmethod
    def _creator(level: _Level, tag: int, raw: bytes) -> str | None:
        # PS3.5 7.8.1: (gggg,0010-00FF) reserves the block (gggg,bb00-bbFF).
        element = tag & 0xFFFF
        if element >= 0x1000:
            return level.creators.get(tag >> 8)
        if 0x10 <= element <= 0xFF:
            level.creators[tag >> 16 << 8 | element] = raw.decode("latin-1").strip(" \0")[:64]
        return None

    def _next_item(self, level: _Level) -> None:
        """Step into a sequence's next item, or out of the sequence."""
        at = self._at
        if at >= level.end and not level.is_open:
            self._leave_sequence(level)
            return
        head = self._window.read(at, 8) if at + 8 <= level.end else b""
        if len(head) < 8:
            raise TruncatedDicom("a sequence's delimiter is missing", offset=at)
        group, element, length = _IMPLICIT[level.big_endian](head)
        tag = group << 16 | element
        self._at = at + 8
        if tag == _SEQUENCE_END:
            self._leave_sequence(level)
            return
        if tag != _ITEM:
            raise InvalidDicom(
                f"a sequence's item was expected, ({tag >> 16:04X},{tag & 0xFFFF:04X}) came",
                offset=at,
            )
        level.count += 1
        self._structures += 1
        if not length:
            self._check_bounds()
            return
        is_open = length == _UNDEFINED
        if not is_open and at + 8 + length > level.end:
            raise TruncatedDicom("an item is longer than its sequence", offset=at)
        self._push(
            _Level(
                is_sequence=False,
                name=f"{level.name}[{level.count - 1}].",
                end=level.end if is_open else at + 8 + length,
                is_open=is_open,
                implicit=level.implicit,
                big_endian=level.big_endian,
                start=at + 8,
            )
        )

    def _leave_sequence(self, level: _Level) -> None:
        self._sequences.append((level.name, level.count))
        self._levels.pop()
        if not level.count:  # without items it is a leaf, however its length is written
            self._leaf(self._levels[-1], level.tag, "SQ", self._at, 0, level.big_endian)

    def _push(self, level: _Level) -> None:
        # The bound is on items within items; each is two levels here.
        if len(self._levels) > 2 * self._limits.max_depth:
            raise NestingTooDeep(
                f"sequences are nested deeper than {self._limits.max_depth}", offset=self._at
            )
        self._levels.append(level)

    def _next_structure(self, level: _Level) -> None:
        """Take what is not a plain leaf: delimiter, sequence, pixels, long or unknown value."""
        at = self._at
        head = self._window.read(at, 12)
        if len(head) < 8 or at + 8 > level.end:
            self._end_padding(level)
            return
        group, element, length = _IMPLICIT[level.big_endian](head)
        tag = group << 16 | element
        if group == 0xFFFE:
            self._delimiter(level, tag)
            return
        if tag == 0 and len(self._levels) == 1:
            self._end_padding(level)
            return
        VR, start, length = self._element_head(level, head, length)
        creator = level.creators.get(tag >> 8) if group & 1 else None
        known = find_vr(tag, creator) if VR in ("UN", "") else VR
        if length == _UNDEFINED:
            self._undefined(level, tag, VR, known, start)
            return
        if start + length > level.end:
            raise TruncatedDicom(
                f"({group:04X},{element:04X}) states {length} bytes, "
                f"{max(level.end - start, 0)} are there",
                offset=at,
            )
        if known == "SQ" or (known is None and self._looks_like_items(start, length)):
            in_un = VR == "UN"
            self._sequence(level, tag, start, start + length, is_un=in_un)
        else:
            # PS3.5 6.2: UN is insensitive to byte order; what it holds came from little endian.
            big_endian = level.big_endian and VR != "UN"
            self._leaf(level, tag, known or "UN", start, length, big_endian)

    def _element_head(
        self, level: _Level, head: bytes, implicit_length: int
    ) -> tuple[str, int, int]:
        """Return VR ("" where none is written), where the value starts, and its length."""
        at = self._at
        vr = head[4:6]
        if level.implicit:
            return "", at + 8, implicit_length
        (short_length,) = Struct(">H" if level.big_endian else "<H").unpack_from(head, 6)
        if vr in _LONG_VRS:
            if len(head) < 12:
                raise TruncatedDicom("the data set ends within an element's length", offset=at)
            return vr.decode(), at + 12, _LENGTH[level.big_endian](head, 8)[0]
        if vr in _LEAVES:
            return vr.decode(), at + 8, short_length
        fits = implicit_length == _UNDEFINED or at + 8 + implicit_length <= level.end
        if fits and not (vr.isalpha() and vr.isupper()):
            # Some writers fall back to implicit VR within items of explicit data sets.
            level.implicit = level.implicit or (at == level.start and len(self._levels) > 1)
            return "", at + 8, implicit_length
        return "UN", at + 8, short_length  # as pydicom and DCMTK read an unknown VR

    def _delimiter(self, level: _Level, tag: int) -> None:
        if tag == _ITEM_END and len(self._levels) > 1:
            self._at += 8
            self._levels.pop()
            return
        if tag == _SEQUENCE_END and level.is_open:
            self._levels.pop()  # an item's own delimiter is missing: seen in the wild
            return
        raise InvalidDicom(
            f"({tag >> 16:04X},{tag & 0xFFFF:04X}) outside a sequence", offset=self._at
        )

    def _end_padding(self, level: _Level) -> None:
        """Accept zeros between the last element and the end; anything else is no element."""
        at = self._at
        while at < level.end:
            piece = self._window.read(at, min(_TRAILING_PIECE, level.end - at))
            if not piece or piece.strip(b"\0"):
                raise TruncatedDicom("bytes after the last element are no element", offset=self._at)
            at += len(piece)
        self._at = level.end

    def _undefined(self, level: _Level, tag: int, VR: str, known: str | None, start: int) -> None:
        if VR in ("OB", "OW") or (tag in PIXEL_TAGS and len(self._levels) == 1):
            self._encapsulated(level, tag, VR or "OW", start)
        elif known in ("SQ", "UN", None):
            self._sequence(level, tag, start, None, is_un=VR == "UN")
        else:
            raise InvalidDicom(
                f"({tag >> 16:04X},{tag & 0xFFFF:04X}) {known} has an undefined length",
                offset=self._at,
            )

    def _sequence(
        self, level: _Level, tag: int, start: int, stop: int | None, *, is_un: bool
    ) -> None:
        name = level.name + element_name(tag)
        self._at = start
        self._path_characters += len(name)
        self._push(
            _Level(
                is_sequence=True,
                name=name,
                end=level.end if stop is None else stop,
                is_open=stop is None,
                # PS3.5 6.2.2 note 2: what is encoded as UN is Implicit VR Little Endian.
                implicit=level.implicit or is_un,
                big_endian=level.big_endian and not is_un,
                start=start,
                tag=tag,
            )
        )

    def _looks_like_items(self, start: int, length: int) -> bool:
        """Tell whether a private value of unknown VR is a chain of items of stated lengths."""
        if not 8 <= length <= self._limits.max_value_bytes:
            return False
        value = self._window.read(start, length)
        at = 0
        while at + 8 <= len(value):
            group, element, item_length = _IMPLICIT[False](value, at)
            if (group, element) != (0xFFFE, 0xE000):
                return False
            if item_length == _UNDEFINED:
                return True
            at += 8 + item_length
        return at == length

    def _leaf(
        self, level: _Level, tag: int, VR: str, start: int, length: int, big_endian: bool
    ) -> None:
        creator = None
        raw: bytes | None = None
        is_pixels = tag in PIXEL_TAGS and len(self._levels) == 1
        if not is_pixels and length <= self._limits.max_value_bytes:
            raw = self._window.read(start, length)
            if len(raw) < length:
                raise TruncatedDicom("the file ends within a value", offset=start)
        if tag & 0x10000:
            creator = self._creator(level, tag, raw or b"")
        leaf = (level.name, tag, VR, start, length, raw, creator, big_endian)
        self._elements.append(leaf)
        if is_pixels:
            self._pixels = leaf
        self._at = start + length

    def _encapsulated(self, level: _Level, tag: int, VR: str, start: int) -> None:
        """Walk the items of encapsulated pixel data, at any level."""
        unpack, window, end = _IMPLICIT[level.big_endian], self._window, level.end
        items: list[tuple[int, int]] = []
        at = start
        while True:
            head = window.read(at, 8) if at + 8 <= end else b""
            if len(head) < 8:
                raise TruncatedDicom("encapsulated pixel data has no delimiter", offset=at)
            group, element, length = unpack(head)
            at += 8
            item = group << 16 | element
            if item == _SEQUENCE_END:
                break
            if item != _ITEM or length == _UNDEFINED:
                raise InvalidDicom("encapsulated pixel data is not a chain of items", offset=at - 8)
            if at + length > end:
                raise TruncatedDicom("a fragment reaches beyond the file's end", offset=at - 8)
            items.append((at, length))
            at += length
            if len(items) > self._limits.max_elements:
                raise DicomTooLarge(f"more than {self._limits.max_elements} fragments", offset=at)
        creator = level.creators.get(tag >> 8) if tag & 0x10000 else None
        leaf = (level.name, tag, VR, start, at - start, None, creator, level.big_endian)
        self._elements.append(leaf)
        self._at = at
        if tag in PIXEL_TAGS and len(self._levels) == 1:
            self._pixels = leaf
            self._fragments = self._found_fragments(start, at, items)

    def _found_fragments(self, start: int, stop: int, items: list[tuple[int, int]]) -> Fragments:
        table = b""
        if items and items[0][1] <= _LARGEST_OFFSET_TABLE:
            table = self._window.read(*items[0])
        return Fragments(
            offset=start,
            length=stop - start,
            offset_table=table,
            first=start + 8 + (items[0][1] if items else 0),
            items=tuple(items[1:]),
        )
