"""DuckDB's words about a query that it refused, without the values that they quote."""

from __future__ import annotations

import re

import duckdb

__all__ = ["without_values"]

#: They speak of names and of grammar: what they quote is of the query, seldom a value.
_OF_NAMES = (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException)
_CUT = "…"
_ECHO = "\n\nLINE "
_QUOTED = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*\"""")
#: From the first quote to the last: values stand there as they are, with quotes of their own.
_WIDELY_QUOTED = re.compile(r"""['"].*['"]|['"].*""")
_QUOTED_TO_THE_END = re.compile(r"""['"].*""")
_NAME = re.compile(r'"(?:[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*|[^\w\s\'"]+)"')
_SIGNATURE = re.compile(r"'[a-z_]\w*\([^'\"]*\)'")
_LONG_NUMBER = re.compile(r"(?<![\w.$])\d[\d.]{2,}")


def without_values(error: duckdb.Error) -> str:
    """Return what DuckDB says, fit for a log: no value of a column or of the query.

    Notes
    -----
    A word that the query does not put in quotes is taken for a name: ``= DOE^JOHN`` is an unknown
    column `DOE`, and is told as that.
    """
    words, _, echo = str(error).partition(_ECHO)
    if isinstance(error, _OF_NAMES):
        words = _QUOTED.sub(lambda found: _named(found[0]), words)
    elif not isinstance(error, duckdb.IOException):  # it quotes paths
        words = words.replace("can't be cast", "cannot be cast")  # an apostrophe that is no quote
        first, more, _ = words.partition("\n")  # a value that has lines goes to the end
        quoted = _QUOTED_TO_THE_END if more else _WIDELY_QUOTED
        words = _LONG_NUMBER.sub(_CUT, quoted.sub(f'"{_CUT}"', first))
    return words + _shown(echo)


def _named(quoted: str) -> str:
    if _NAME.fullmatch(quoted) or _SIGNATURE.fullmatch(quoted):
        return quoted
    return f"{quoted[0]}{_CUT}{quoted[-1]}"


def _shown(echo: str) -> str:
    """Return the line of the query with its marker, unless a value may stand in it."""
    if not echo or "'" in echo or '"' in echo:
        return ""
    return _ECHO + _LONG_NUMBER.sub(lambda found: _CUT * len(found[0]), echo)
