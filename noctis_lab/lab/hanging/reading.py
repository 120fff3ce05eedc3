"""A tree of YAML or JSON as a hanging protocol: known keys, each value of its type and range."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from noctis_lab.errors import HangingProtocolRefused
from noctis_lab.lab.hanging.columns import (
    IMAGE_COLUMNS,
    SERIES_COLUMNS,
    STUDY_COLUMNS,
    Asked,
)
from noctis_lab.lab.hanging.conditions import (
    Condition,
    FlagCondition,
    NumberCondition,
    TextCondition,
)
from noctis_lab.lab.hanging.protocol import (
    LAYOUTS,
    LINKS,
    PaneRule,
    Protocol,
    Selector,
    SeriesRule,
    WindowRule,
    panes_of,
)
from noctis_lab.lab.hanging.tree import Items, Table, Text, Tree, parse_yaml, tree_of
from noctis_lab.lab.hanging.windows import CT_PRESETS

__all__ = ["COLORMAPS", "LONGEST_NAME", "parse_protocol", "read_protocol"]

LONGEST_NAME: Final = 100  #: characters
_LONGEST_DESCRIPTION: Final = 500
_LONGEST_PATTERN: Final = 100
_MOST_PATTERNS: Final = 32
_MOST_SERIES_RULES: Final = 16
_MOST_SELECTORS: Final = 8
_LARGEST: Final = 1e12
_MOST_PLACE: Final = 1_000_000
_FUNCTIONS: Final = ("LINEAR", "LINEAR_EXACT", "SIGMOID")
#: Names of the viewer's colour maps; a test holds them to its own.
COLORMAPS: Final = (
    *("grey", "grey_inverted", "hot_iron", "pet", "hot_metal_blue", "pet_20_step", "cividis"),
)


def parse_protocol(text: str | bytes, *, source: str) -> Protocol:
    """Return the protocol that a file's text states.

    Parameters
    ----------
    source
        What the file is called in errors.

    Raises
    ------
    HangingProtocolRefused
        It is no YAML, or no protocol: says in which line, what was expected and what came.
    """
    return _Reader(source).protocol(parse_yaml(text, source=source))


def read_protocol(document: Mapping[str, Any], *, source: str = "") -> Protocol:
    """Return the protocol that JSON's values state, as `Protocol.to_plain` gives them.

    Raises
    ------
    HangingProtocolRefused
        A key is unknown, or a value of another type or out of its range.
    """
    return _Reader(source).protocol(tree_of(document))


@dataclass(frozen=True, slots=True)
class _Reader:
    source: str

    # -- the parts of a protocol --------------------------------------------------------------

    def protocol(self, tree: Tree) -> Protocol:
        keys = ("name", "description", "match", "layout", "link", "panes")
        table = self.table(tree, "a protocol", keys)
        for key in ("name", "match", "layout"):
            if key not in table.entries:
                self.refuse(table, f"expected the key {key!r}, which is missing")
        study, series = self.match(table.entries["match"])
        layout = self.one_of(table.entries["layout"], "layout", LAYOUTS)
        most = panes_of(layout)
        rules = self.items(table.entries.get("panes"), "panes", most)
        return Protocol(
            name=self.words(table.entries["name"], "name", 1, LONGEST_NAME),
            description=self.words(
                table.entries.get("description", Text("")), "description", 0, _LONGEST_DESCRIPTION
            ),
            study=study,
            series=series,
            layout=layout,
            link=tuple(
                self.one_of(each, "link", LINKS)
                for each in self.items(table.entries.get("link"), "link", len(LINKS))
            ),
            panes=tuple(self.pane(each) for each in rules),
        )

    def match(self, tree: Tree) -> tuple[dict[str, Condition], tuple[SeriesRule, ...]]:
        table = self.table(tree, "match", ("study", "series"))
        if not table.entries:
            self.refuse(table, "expected 'study' or 'series' in 'match', which is empty")
        study = table.entries.get("study", Table({}, {}))
        rules = self.one_or_more(table.entries.get("series"), "match.series", _MOST_SERIES_RULES)
        return (
            self.conditions(self.any_table(study, "match.study"), STUDY_COLUMNS, "study"),
            tuple(self.series_rule(each) for each in rules),
        )

    def series_rule(self, tree: Tree) -> SeriesRule:
        table = self.any_table(tree, "match.series")
        count = NumberCondition(at_least=1)
        if "count" in table.entries:
            said = self.condition(table.entries["count"], "count", Asked.NUMBER)
            assert isinstance(said, NumberCondition)
            count = said
        bounds = [each for each in (count.at_least, count.at_most) if each is not None]
        if any(
            not each.is_integer() or not 0 <= each <= _MOST_PLACE for each in map(float, bounds)
        ):
            self.refuse(table, "expected whole numbers from 0 on in 'count'")
        return SeriesRule(
            selector=self.selector(tree, more=("count",)),
            at_least=int(count.at_least or 0),
            at_most=None if count.at_most is None else int(count.at_most),
        )

    def selector(self, tree: Tree, *, more: tuple[str, ...] = ()) -> Selector:
        table = self.any_table(tree, "series")
        own = {name: value for name, value in table.entries.items() if name not in ("image", *more)}
        image = self.any_table(table.entries.get("image", Table({}, {})), "image")
        return Selector(
            conditions=self.conditions(
                Table(own, table.lines, table.line), SERIES_COLUMNS, "series"
            ),
            image=self.conditions(image, IMAGE_COLUMNS, "instance"),
        )

    def pane(self, tree: Tree) -> PaneRule:
        table = self.table(tree, "a pane", ("series", *_PANE))
        selectors = self.one_or_more(table.entries.get("series"), "series", _MOST_SELECTORS)
        said: dict[str, Any] = {"series": tuple(self.selector(each) for each in selectors)}
        for key, (name, read) in _PANE.items():
            if key in table.entries:
                said[name] = read(self, table.entries[key], key)
        return PaneRule(**said)

    # -- conditions ---------------------------------------------------------------------------

    def conditions(
        self, table: Table, columns: Mapping[str, Asked], what: str
    ) -> dict[str, Condition]:
        found: dict[str, Condition] = {}
        for name, tree in table.entries.items():
            if name not in columns:
                line = table.lines[name]
                self.unknown(name, columns, f"a column of a {what} that a rule may ask", line)
            found[name] = self.condition(tree, name, columns[name])
        return found

    def condition(self, tree: Tree, name: str, asked: Asked) -> Condition:
        if asked is Asked.FLAG:
            return FlagCondition(value=self.flag(tree, name))
        if asked is Asked.NUMBER:
            return self.number_condition(tree, name)
        if not isinstance(tree, Table):
            return TextCondition(any_of=self.patterns(tree, name))
        table = self.table(tree, name, ("any_of", "none_of", "exactly", "stated"))
        given = table.entries
        texts = {
            key: self.patterns(given[key], f"{name}.{key}")
            for key in ("any_of", "none_of", "exactly")
            if key in given
        }
        return TextCondition(**texts, stated=self.stated(table, name))

    def number_condition(self, tree: Tree, name: str) -> NumberCondition:
        if not isinstance(tree, Table):
            number = self.number(tree, name)
            return NumberCondition(at_least=number, at_most=number)
        table = self.table(tree, name, ("at_least", "at_most", "stated"))
        bounds = {
            key: self.number(table.entries[key], f"{name}.{key}")
            for key in ("at_least", "at_most")
            if key in table.entries
        }
        return NumberCondition(**bounds, stated=self.stated(table, name))

    def stated(self, table: Table, name: str) -> bool | None:
        if not table.entries:
            self.refuse(table, f"expected something that {name!r} has to be")
        given = table.entries.get("stated")
        return None if given is None else self.flag(given, f"{name}.stated")

    def patterns(self, tree: Tree, name: str) -> tuple[str, ...]:
        return tuple(
            self.words(each, name, 1, _LONGEST_PATTERN, is_any_text=True)
            for each in self.one_or_more(tree, name, _MOST_PATTERNS)
        )

    # -- single values ------------------------------------------------------------------------

    def words(
        self, tree: Tree, name: str, least: int, most: int, *, is_any_text: bool = False
    ) -> str:
        text = self.text(tree, name)
        trimmed = text if is_any_text else text.strip()
        if not least <= len(trimmed) <= most or not trimmed.isprintable():
            self.refuse(tree, f"expected {least} to {most} printable characters for {name!r}")
        return trimmed

    def text(self, tree: Tree, name: str) -> str:
        if not isinstance(tree, Text) or (tree.is_null and name != "description"):
            self.refuse(tree, f"expected a text for {name!r}, came {_kind(tree)}")
        return tree.value

    def one_of(self, tree: Tree, name: str, known: Iterable[str]) -> str:
        text, choices = self.text(tree, name), tuple(known)
        if text not in choices:
            self.unknown(text, choices, f"{name!r} to be one of {', '.join(choices)}", tree.line)
        return text

    def number(self, tree: Tree, name: str) -> float:
        text = self.text(tree, name)
        try:
            number = float(text) if len(text) <= 32 and "_" not in text else math.nan
        except ValueError:
            number = math.nan
        if not abs(number) <= _LARGEST:
            self.refuse(tree, f"expected a number for {name!r}, came {text[:60]!r}")
        return number

    def whole(self, tree: Tree, name: str) -> int:
        number = self.number(tree, name)
        if not number.is_integer() or not 1 <= number <= _MOST_PLACE:
            self.refuse(tree, f"expected a whole number from 1 to {_MOST_PLACE} for {name!r}")
        return int(number)

    def flag(self, tree: Tree, name: str) -> bool:
        text = self.text(tree, name)
        if text not in ("true", "false"):
            self.refuse(tree, f"expected true or false for {name!r}, came {text[:60]!r}")
        return text == "true"

    def place(self, tree: Tree, name: str) -> int | None:
        text = self.text(tree, name)
        named: dict[str, int | None] = {"first": 0, "middle": None, "last": -1}
        return named[text] if text in named else self.whole(tree, name)

    def column(self, tree: Tree, name: str) -> str:
        text = self.text(tree, name)
        if text.removeprefix("-") not in SERIES_COLUMNS:
            expected = f"{name!r} to be a column of a series, with a minus for descending"
            self.unknown(text.removeprefix("-"), SERIES_COLUMNS, expected, tree.line)
        return text

    def colormap(self, tree: Tree, name: str) -> str:
        return self.one_of(tree, name, COLORMAPS)

    def rotation(self, tree: Tree, name: str) -> int:
        return int(self.one_of(tree, name, ("0", "90", "180", "270")))

    def window(self, tree: Tree, name: str) -> WindowRule:
        if not isinstance(tree, Table):
            known = ", ".join(CT_PRESETS)
            preset = self.text(tree, name).lower()
            if preset not in CT_PRESETS:
                expected = f"{name!r} to be center and width, or one of {known}"
                self.unknown(preset, CT_PRESETS, expected, tree.line)
            return WindowRule(preset=preset)
        table = self.table(tree, name, ("center", "width", "function"))
        for key in ("center", "width"):
            if key not in table.entries:
                self.refuse(table, f"expected the key {key!r} in {name!r}, which is missing")
        width = self.number(table.entries["width"], "width")
        function = self.one_of(
            table.entries.get("function", Text("LINEAR")), "function", _FUNCTIONS
        )
        # PS3.3 C.11.2.1.2.1 and C.11.2.1.3.2
        if width <= 0 or (function == "LINEAR" and width < 1):
            least = "of 1 at least" if function == "LINEAR" else "above 0"
            self.refuse(table.entries["width"], f"expected a width {least}, came {width:g}")
        center = self.number(table.entries["center"], "center")
        return WindowRule(center=center, width=width, function=function)

    # -- shapes -------------------------------------------------------------------------------

    def table(self, tree: Tree, what: str, known: Iterable[str]) -> Table:
        table, keys = self.any_table(tree, what), tuple(known)
        for key in table.entries:
            if key not in keys:
                self.unknown(key, keys, f"a key of {what}: {', '.join(keys)}", table.lines[key])
        return table

    def any_table(self, tree: Tree, what: str) -> Table:
        if not isinstance(tree, Table):
            self.refuse(tree, f"expected keys and values for {what!r}, came {_kind(tree)}")
        return tree

    def items(self, tree: Tree | None, name: str, most: int) -> tuple[Tree, ...]:
        if tree is None:
            return ()
        if not isinstance(tree, Items):
            self.refuse(tree, f"expected a list for {name!r}, came {_kind(tree)}")
        if len(tree.values) > most:
            self.refuse(tree, f"expected at most {most} in {name!r}, came {len(tree.values)}")
        return tree.values

    def one_or_more(self, tree: Tree | None, name: str, most: int) -> tuple[Tree, ...]:
        if tree is None:
            return ()
        values = self.items(tree, name, most) if isinstance(tree, Items) else (tree,)
        if not values:
            self.refuse(tree, f"expected at least one in {name!r}, came an empty list")
        return values

    def unknown(self, came: str, known: Iterable[str], expected: str, line: int | None) -> NoReturn:
        near = difflib.get_close_matches(came[:60], list(known), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise HangingProtocolRefused(
            f"expected {expected}; came {came[:60]!r}{hint}", source=self.source, line=line
        )

    def refuse(self, tree: Tree, words: str) -> NoReturn:
        raise HangingProtocolRefused(words, source=self.source, line=tree.line)


def _kind(tree: Tree) -> str:
    if isinstance(tree, Text):
        return "nothing" if tree.is_null else f"{tree.value[:60]!r}"
    return "a list" if isinstance(tree, Items) else "keys and values"


#: A pane's keys: the rule's attribute, and what reads it.
_PANE: Final[dict[str, tuple[str, Callable[[_Reader, Tree, str], Any]]]] = {
    "empty": ("is_empty", _Reader.flag),
    "nth": ("nth", _Reader.whole),
    "order": ("order", _Reader.column),
    "unseen": ("is_unseen", _Reader.flag),
    "required": ("is_required", _Reader.flag),
    "at": ("at", _Reader.place),
    "extra": ("extra", _Reader.place),
    "window": ("window", _Reader.window),
    "colormap": ("colormap", _Reader.colormap),
    "inverted": ("inverted", _Reader.flag),
    "rotation_deg": ("rotation_deg", _Reader.rotation),
    "flipped": ("flipped", _Reader.flag),
}
