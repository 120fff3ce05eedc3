"""What is stated of one frame, looked up where the standard lets it stand.

An enhanced multi-frame instance states a frame's attributes in the frame's own functional groups,
or once for all frames in the shared ones; a classic instance states them at the top level. Either
is a `Attributes`: layers of one look-up each, the nearest first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from noctis_lab.dicom.charsets import DEFAULT_CHARSET
from noctis_lab.dicom.header import Element, Header
from noctis_lab.dicom.private_elements import PrivateElement, private_key
from noctis_lab.dicom.values import parse_number, parse_numbers, parse_value

__all__ = ["Attributes", "FunctionalGroups", "Layer", "split_functional_groups"]

_PER_FRAME = "PerFrameFunctionalGroupsSequence["
_SHARED = "SharedFunctionalGroupsSequence[0]."


@dataclass(frozen=True, slots=True)
class Layer:
    """The elements at and below one place of a data set, by the path from there."""

    elements: dict[str, Element] = field(default_factory=dict)
    private: dict[tuple[str, int], Element] = field(default_factory=dict)

    def add(self, path: str, element: Element, *, most_sequences: int) -> None:
        """Take an element in; private ones count within at most so many sequences."""
        self.elements[path] = element
        creator = element.private_creator
        if creator is not None and path.count(".") <= most_sequences:
            self.private.setdefault(private_key(creator, element.tag), element)


@dataclass(frozen=True, slots=True)
class Attributes:
    """The attributes of one frame: layers, the nearest first."""

    layers: tuple[Layer, ...]
    #: `Header.private_bytes`.
    private_bytes: Mapping[str, bytes]

    def text(self, *paths: str) -> str | None:
        """Return the text of the first of several paths that has one, nearest layer first."""
        # Some thirty times per frame: most of what `frame_facts` costs.
        for layer in self.layers:
            elements = layer.elements
            for path in paths:
                if path in elements and (value := elements[path].value) is not None:
                    return value
        return None

    def has(self, *paths: str) -> bool:
        """Return whether any of several paths is there, with a value or without."""
        return any(path in layer.elements for layer in self.layers for path in paths)

    def texts(self, *paths: str) -> tuple[str, ...]:
        """Return all values of a text element in upper case; empty where there is none."""
        text = self.text(*paths)
        return () if text is None else tuple(text.upper().split("\\"))

    def number(self, *paths: str) -> float | None:
        """Return the first value of a numeric element; None where it is no finite number."""
        text = self.text(*paths)
        return None if text is None else parse_number(text)

    def single(self, *paths: str) -> float | None:
        """Return the value of a numeric element that has one by the standard; None of several."""
        text = self.text(*paths)
        return None if text is None or "\\" in text else parse_number(text)

    def integer(self, *paths: str) -> int | None:
        """Return the first value of a numeric element where it is a whole number."""
        return _whole(self.number(*paths))

    def numbers(self, *paths: str) -> tuple[float, ...] | None:
        """Return all values of a numeric element; None where any is no finite number."""
        text = self.text(*paths)
        return None if text is None else parse_numbers(text)

    def vector(self, *paths: str) -> tuple[float, float, float] | None:
        """Return the values of an element of just three numbers."""
        return _triple(self.numbers(*paths))

    def private_text(self, wanted: PrivateElement) -> str | None:
        """Return the text of a private element, also where its VR was lost on its way (UN)."""
        element = self._private(wanted)
        if element is None or element.value is not None:
            return None if element is None else element.value
        raw = self.private_bytes.get(element.path)
        if raw is None:
            return None
        # PS3.5 6.2.2: what is UN is encoded as in Implicit VR Little Endian.
        return parse_value(wanted.VR, raw, big_endian=False, charset=DEFAULT_CHARSET)[0]

    def private_number(self, wanted: PrivateElement) -> float | None:
        """Return the first value of a numeric private element."""
        text = self.private_text(wanted)
        return None if text is None else parse_number(text)

    def private_integer(self, wanted: PrivateElement) -> int | None:
        """Return the first value of a numeric private element where it is a whole number."""
        return _whole(self.private_number(wanted))

    def private_vector(self, *wanted: PrivateElement) -> tuple[float, float, float] | None:
        """Return three numbers: of one private element, or of three with one each."""
        texts = [self.private_text(element) for element in wanted]
        if None in texts:
            return None
        return _triple(parse_numbers("\\".join(text for text in texts if text is not None)))

    def private_raw(self, wanted: PrivateElement) -> bytes | None:
        """Return the bytes of a private element that has no text form."""
        element = self._private(wanted)
        return None if element is None else self.private_bytes.get(element.path)

    def _private(self, wanted: PrivateElement) -> Element | None:
        key = wanted.key
        for layer in self.layers:
            element = layer.private.get(key) if layer.private else None
            if element is not None:
                return element
        return None


@dataclass(frozen=True, slots=True)
class FunctionalGroups:
    """A data set, taken apart by what its elements are stated of."""

    top: Layer
    shared: Layer | None  # None where there are no shared functional groups
    #: By index from 0, the items that hold anything.
    frames: Mapping[int, Layer]
    private_bytes: Mapping[str, bytes]

    @property
    def is_stated(self) -> bool:
        """Whether there are functional groups at all."""
        return self.shared is not None or bool(self.frames)

    @property
    def of_all(self) -> Attributes:
        """What is stated of all frames: the shared functional groups, then the top level."""
        layers = (self.top,) if self.shared is None else (self.shared, self.top)
        return Attributes(layers, self.private_bytes)

    def of_frame(self, index: int) -> Attributes | None:
        """Return what is stated of a frame; None where it has no functional groups of its own."""
        own = self.frames.get(index)
        return None if own is None else Attributes((own, *self.of_all.layers), self.private_bytes)


def split_functional_groups(header: Header) -> FunctionalGroups:
    """Take a data set apart in one pass over its elements, however many frames there are.

    Parameters
    ----------
    header
        Of any instance.

    References
    ----------
    :dcm:`PS3.3 C.7.6.16 <part03/sect_C.7.6.16.html>`
    """
    top, shared, frames = Layer(), Layer(), dict[int, Layer]()
    own, prefix = Layer(), "\0"
    for element in header.elements:
        path = element.path
        if path.startswith(prefix):
            own.add(path[len(prefix) :], element, most_sequences=1)
        elif path.startswith(_PER_FRAME):
            index, _, rest = path[len(_PER_FRAME) :].partition("].")
            prefix = f"{_PER_FRAME}{index}]."
            own = frames.setdefault(int(index), Layer())
            own.add(rest, element, most_sequences=1)
        elif path.startswith(_SHARED):
            shared.add(path[len(_SHARED) :], element, most_sequences=1)
        else:
            top.add(path, element, most_sequences=0)
    return FunctionalGroups(
        top=top,
        shared=shared if shared.elements else None,
        frames=frames,
        private_bytes=header.private_bytes,
    )


def _whole(number: float | None) -> int | None:
    return int(number) if number is not None and number.is_integer() else None


def _triple(numbers: tuple[float, ...] | None) -> tuple[float, float, float] | None:
    if numbers is None or len(numbers) != 3:
        return None
    return numbers[0], numbers[1], numbers[2]
