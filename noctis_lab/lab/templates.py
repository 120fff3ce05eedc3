"""Templates of what stands alone as HTML: cards of a notebook, reports."""

from __future__ import annotations

from functools import cache

import jinja2

__all__ = ["templates_of"]


@cache
def templates_of(package: str) -> jinja2.Environment:
    """Return the templates of a package; values are escaped, and one that is missing is an error.

    They are our own and few, compiled once in a process; no value is ever kept in them.
    """
    return jinja2.Environment(
        loader=jinja2.PackageLoader(package),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
