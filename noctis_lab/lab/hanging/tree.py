"""YAML as a bounded tree of texts, lists and tables that know their lines; nothing is constructed.

Of YAML only what a rule needs: one document, no anchors, aliases, tags or merged keys. Every scalar
stays the text that was written (``NO`` is a country or a laterality, not false); who reads a field
says of what type it is. Bounds are met while the text is scanned, before a tree is built.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

from noctis_lab.errors import HangingProtocolRefused

__all__ = ["MOST_BYTES", "Items", "Table", "Text", "Tree", "parse_yaml", "tree_of"]

MOST_BYTES: Final = 32 * 1024  #: of one file
_MOST_EVENTS: Final = 4096
_DEEPEST: Final = 8
_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})


@dataclass(frozen=True, slots=True)
class Text:
    """A scalar as it was written; `is_null` where it is YAML's unquoted null."""

    value: str
    line: int | None = None
    is_null: bool = False


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    values: tuple[Tree, ...]
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping of texts; no key stands twice."""

    entries: dict[str, Tree]
    #: The line of each key.
    lines: dict[str, int | None]
    line: int | None = None


type Tree = Text | Items | Table


def parse_yaml(text: str | bytes, *, source: str) -> Tree:
    """Return a YAML document as a tree.

    Parameters
    ----------
    text
        At most 32 KiB of UTF-8.
    source
        What it is called in errors: a file's name.

    Raises
    ------
    HangingProtocolRefused
        It is no YAML, uses what is refused here, or passes a bound; says where.
    """
    if isinstance(text, str):
        text = text.encode("utf-8", "surrogatepass")
    if len(text) > MOST_BYTES:
        raise _refused(source, None, f"expected at most {MOST_BYTES} bytes, came {len(text)}")
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError:
        raise _refused(source, None, "expected UTF-8") from None
    try:
        _require_bounds(decoded, source)
        node = yaml.compose(decoded, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = None if mark is None else mark.line + 1
        words = getattr(error, "problem", None) or "a character that YAML does not allow"
        raise _refused(source, line, f"expected YAML, came {words}") from None
    if node is None:
        raise _refused(source, None, "expected a protocol, came an empty file")
    return _of_node(node, source)


def tree_of(value: Any) -> Tree:
    """Return JSON's values as a tree without lines, as a parsed file gives it.

    Raises
    ------
    HangingProtocolRefused
        It is nested too deep, or holds what JSON has not.
    """
    return _of_value(value, 0)


def _of_value(value: Any, depth: int) -> Tree:
    if depth > _DEEPEST:
        raise _refused("", None, f"expected at most {_DEEPEST} levels")
    if isinstance(value, Mapping):
        entries = {str(key): _of_value(each, depth + 1) for key, each in value.items()}
        return Table(entries, dict.fromkeys(entries))
    if isinstance(value, list | tuple):
        return Items(tuple(_of_value(each, depth + 1) for each in value))
    if value is None:
        return Text("", is_null=True)
    if isinstance(value, bool):
        return Text("true" if value else "false")
    if isinstance(value, str | int | float):
        return Text(str(value))
    raise _refused("", None, "expected texts, numbers, lists and mappings")


def _require_bounds(text: str, source: str) -> None:
    """Scan lazily: what passes a bound is refused before the rest is looked at."""
    depth = documents = 0
    for count, event in enumerate(yaml.parse(text, Loader=yaml.SafeLoader), 1):
        line = event.start_mark.line + 1
        if count > _MOST_EVENTS:
            raise _refused(source, line, f"expected at most {_MOST_EVENTS} values")
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise _refused(source, line, "expected one document, came another")
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise _refused(source, line, "expected no anchors (&) and aliases (*); quote a text")
        if getattr(event, "tag", None) is not None:
            raise _refused(source, line, "expected no tags (!); quote a text that begins so")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEEPEST:
                raise _refused(source, line, f"expected at most {_DEEPEST} levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _of_node(node: yaml.Node, source: str) -> Tree:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.ScalarNode):
        is_null = node.style is None and node.value in _NULL
        return Text(node.value, line, is_null)
    if isinstance(node, yaml.SequenceNode):
        return Items(tuple(_of_node(each, source) for each in node.value), line)
    entries: dict[str, Tree] = {}
    lines: dict[str, int | None] = {}
    for key, value in node.value:
        at = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise _refused(source, at, "expected a word before the colon")
        if key.value in entries:
            raise _refused(source, at, f"expected each key once, came {key.value[:60]!r} again")
        entries[key.value] = _of_node(value, source)
        lines[key.value] = at
    return Table(entries, lines, line)


def _refused(source: str, line: int | None, words: str) -> HangingProtocolRefused:
    return HangingProtocolRefused(words, source=source, line=line)
