"""What the pages' client is told: words that are ready to be shown. Mirrors its ``told.ts``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

__all__ = [
    "STANDING_BADGES",
    "action",
    "badge",
    "choice",
    "column",
    "head",
    "page",
    "panel",
    "table",
]

type Told = dict[str, Any]

#: How a scanner stands by a chart → the badge: kind, icon, word.
STANDING_BADGES: Final[Mapping[str, tuple[str, str, str]]] = {
    "in control": ("pass", "pass", "In control"),
    "provisional": ("info", "waiting", "Provisional"),
    "drifting": ("warn", "trend-up", "Drifting"),
    "step": ("warn", "trend-up", "Step"),
    "out of tolerance": ("fail", "fail", "Out of tolerance"),
    "no verdict": ("none", "unknown", "No verdict"),
}


def badge(kind: str, icon: str, text: str) -> Told:
    """Return a badge."""
    return {"kind": kind, "icon": icon, "text": text}


def action(label: str, icon: str = "", **more: Any) -> Told:
    """Return a button: `href`, or `form` and `about`, or `copied`."""
    return {"label": label} | ({"icon": icon} if icon else {}) | more


def choice(label: str, href: str, is_on: bool) -> Told:
    """Return one of several exclusive choices."""
    return {"label": label, "href": href, "isOn": is_on}


def column(name: str, *, is_number: bool = False, is_narrow: bool = False) -> Told:
    """Return a table's column; a narrow one goes where there is no room."""
    return {"name": name, "isNumber": is_number, "isNarrow": is_narrow}


def table(
    columns: Sequence[Told],
    rows: Sequence[tuple[Sequence[Any], str]],
    *,
    title: str = "",
    none: str = "",
    more: str = "",
) -> Told:
    """Return a table of (cells, address) rows."""
    return {
        "title": title,
        "columns": list(columns),
        "rows": [{"cells": list(cells), "href": href} for cells, href in rows],
        "none": none,
        "more": more,
    }


def panel(
    title: str,
    plots: Sequence[int],
    *,
    subtitle: str = "",
    badge: Told | None = None,
    is_stacked: bool = False,
    none: str = "",
) -> Told:
    """Return a box of figures, named by their places."""
    return {
        "title": title,
        "subtitle": subtitle,
        "badge": badge,
        "plots": list(plots),
        "isStacked": is_stacked,
        "none": none,
    }


def head(
    title: str,
    *,
    subtitle: str = "",
    back: str = "",
    chips: Sequence[tuple[str, str]] = (),
    choices: Sequence[Sequence[Told]] = (),
    actions: Sequence[Told] = (),
) -> Told:
    """Return a page's head."""
    return {
        "title": title,
        "subtitle": subtitle,
        "back": back,
        "chips": [list(chip) for chip in chips],
        "choices": [list(group) for group in choices],
        "actions": list(actions),
    }


def page(
    kind: str,
    head: Told,
    *,
    status: Sequence[str] = (),
    hint: str = "click a point to open its scan",
    empty: Told | None = None,
    choices: Mapping[str, Sequence[str | tuple[str, str]]] | None = None,
    **more: Any,
) -> Told:
    """Return a page; `choices` are what forms choose from: words, or (what is sent, words)."""
    return {
        "page": kind,
        "head": head,
        "status": list(status),
        "hint": hint,
        "empty": empty,
        "choices": {name: list(words) for name, words in (choices or {}).items()},
        **more,
    }
