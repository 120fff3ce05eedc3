"""What a rule asks of a column: a text by its pattern, a number by its bounds, a flag; pure.

Patterns have two wildcards and no more (``*`` any run of characters, ``?`` one), so that no value
and no pattern can make matching slow: at most their lengths' product of steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Condition", "FlagCondition", "NumberCondition", "TextCondition", "all_hold", "fits"]

_LONGEST_VALUE = 1024  # characters that are compared of a column


def fits(text: str, pattern: str) -> bool:
    """Return whether the whole of a text is as a pattern says, upper and lower case alike.

    Examples
    --------
    >>> fits("AX T2 FLAIR", "*t2*flair*"), fits("T2", "t?"), fits("T10", "t?")
    (True, True, False)
    """
    text, pattern = text[:_LONGEST_VALUE].casefold(), pattern.casefold()
    at = place = 0
    star = mark = -1
    while at < len(text):
        if place < len(pattern) and pattern[place] == "*":
            star, mark, place = place, at, place + 1
        elif place < len(pattern) and pattern[place] in ("?", text[at]):
            at, place = at + 1, place + 1
        elif star >= 0:  # let the last star take one more
            mark += 1
            at, place = mark, star + 1
        else:
            return False
    return all(rest == "*" for rest in pattern[place:])


@dataclass(frozen=True, slots=True, kw_only=True)
class TextCondition:
    """Of a text, or of a list of which one has to fit.

    Attributes
    ----------
    any_of
        Patterns of which one has to fit; none: every text does.
    none_of
        Patterns of which none may fit.
    exactly
        Texts of which one it has to be, to the letter and without wildcards.
    stated
        Whether there has to be a value; None where one of the others asks for it.
    """

    any_of: tuple[str, ...] = ()
    none_of: tuple[str, ...] = ()
    exactly: tuple[str, ...] = ()
    stated: bool | None = None

    def holds(self, value: Any) -> bool:
        """Return whether it holds of a column's value; None is a value that is not stated."""
        if isinstance(value, list | tuple):
            texts = [str(each) for each in value]
        else:
            texts = [] if value is None or not str(value).strip() else [str(value).strip()]
        if self.stated is not None and self.stated is not bool(texts):
            return False
        if self.exactly and not any(text in self.exactly for text in texts):
            return False
        if self.any_of and not any(fits(text, each) for text in texts for each in self.any_of):
            return False
        return not any(fits(text, each) for text in texts for each in self.none_of)

    def to_plain(self) -> Any:
        """Return it as it is written."""
        if self == TextCondition(any_of=self.any_of):
            return self.any_of[0] if len(self.any_of) == 1 else list(self.any_of)
        said: dict[str, Any] = {}
        for name in ("any_of", "none_of", "exactly"):
            texts = getattr(self, name)
            if texts:
                said[name] = texts[0] if len(texts) == 1 else list(texts)
        return said if self.stated is None else said | {"stated": self.stated}


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberCondition:
    """Of a number: bounds, both inclusive; a number that is not stated lies within none."""

    at_least: float | None = None
    at_most: float | None = None
    stated: bool | None = None

    def holds(self, value: Any) -> bool:
        """Return whether it holds of a column's value."""
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if self.stated is not None and self.stated is not is_number:
            return False
        if self.at_least is None and self.at_most is None:
            return True
        if not is_number:
            return False
        is_above = self.at_least is None or value >= self.at_least
        return bool(is_above and (self.at_most is None or value <= self.at_most))

    def to_plain(self) -> Any:
        """Return it as it is written."""
        if self.at_least is not None and self.at_least == self.at_most and self.stated is None:
            return _short(self.at_least)
        said: dict[str, Any] = {}
        if self.at_least is not None:
            said["at_least"] = _short(self.at_least)
        if self.at_most is not None:
            said["at_most"] = _short(self.at_most)
        return said if self.stated is None else said | {"stated": self.stated}


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagCondition:
    """Of what is so or is not; what is not known yet is neither."""

    value: bool

    def holds(self, value: Any) -> bool:
        """Return whether it holds of a column's value."""
        return value is self.value

    def to_plain(self) -> bool:
        """Return it as it is written."""
        return self.value


type Condition = TextCondition | NumberCondition | FlagCondition


def all_hold(conditions: Mapping[str, Condition], values: Mapping[str, Any]) -> bool:
    """Return whether every condition holds of the column that it names."""
    return all(condition.holds(values.get(name)) for name, condition in conditions.items())


def _short(number: float) -> int | float:
    return int(number) if float(number).is_integer() else number
