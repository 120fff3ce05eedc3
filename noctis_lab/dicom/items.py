"""A header's elements as the tree of data sets and items that they lie in."""

from __future__ import annotations

from dataclasses import dataclass, field

from noctis_lab.dicom.header import Element, Header
from noctis_lab.dicom.values import parse_numbers

__all__ = ["Item", "to_tree"]


@dataclass(slots=True)
class Item:
    """One data set, or one item of a sequence: its elements and sequences by keyword."""

    elements: dict[str, Element] = field(default_factory=dict)
    sequences: dict[str, list[Item]] = field(default_factory=dict)

    def text(self, keyword: str) -> str | None:
        """Return the text form of an element; None where it has none."""
        element = self.elements.get(keyword)
        return None if element is None else element.value

    def number(self, keyword: str) -> float | None:
        """Return the first value of a numeric element; None where it is no finite number."""
        element = self.elements.get(keyword)
        return None if element is None else element.number

    def integer(self, keyword: str) -> int | None:
        """Return the first value of a numeric element where it is a whole number."""
        number = self.number(keyword)
        return int(number) if number is not None and number.is_integer() else None

    def numbers(self, keyword: str) -> tuple[float, ...] | None:
        """Return all values of a numeric element; None where any is no finite number."""
        text = self.text(keyword)
        return None if text is None else parse_numbers(text)

    def items(self, keyword: str) -> list[Item]:
        """Return the items of a sequence; none where there is no such sequence."""
        return self.sequences.get(keyword, [])

    def item(self, keyword: str) -> Item:
        """Return the first item of a sequence; an empty one where there is none."""
        found = self.sequences.get(keyword)
        return found[0] if found else Item()


def to_tree(header: Header, *keywords: str) -> Item:
    """Return a header's elements as the tree that they were nested in.

    Parameters
    ----------
    header
        Of any instance; what a nested path costs is paid once per item, not once per look-up.
    *keywords
        Sequences of the top level to take along; all where none is named. The top level's own
        elements always are.

    Returns
    -------
    Item
        The data set itself. A sequence without items, and an item without elements before the
        last one that has some, are there and empty.
    """
    root = Item()
    known: dict[str, Item] = {"": root}
    for element in header.elements:
        path = element.path
        if keywords and "[" in path and not path.startswith(tuple(f"{k}[" for k in keywords)):
            continue
        prefix, _, keyword = path.rpartition(".")
        item = known.get(prefix)
        if item is None:
            item = _descend(known, prefix)
        if element.VR == "SQ":
            item.sequences.setdefault(keyword, [])
        else:
            item.elements[keyword] = element
    return root


def _descend(known: dict[str, Item], prefix: str) -> Item:
    """Make the items that lead to a prefix: ``A[0].B[3]`` is the fourth of B in the first of A."""
    reached, item = "", known[""]
    for step in prefix.split("."):
        reached = f"{reached}.{step}" if reached else step
        if reached not in known:
            keyword, _, index = step.rstrip("]").rpartition("[")
            siblings = item.sequences.setdefault(keyword, [])
            while len(siblings) <= int(index):
                siblings.append(Item())
            known[reached] = siblings[int(index)]
        item = known[reached]
    return item
