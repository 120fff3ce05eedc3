"""What is on the screen as a hanging protocol: each pane's series by what is stated of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from noctis_lab.catalog.records import SeriesRow
from noctis_lab.errors import UserItemRefused
from noctis_lab.lab.hanging.conditions import Condition, TextCondition
from noctis_lab.lab.hanging.protocol import (
    LAYOUTS,
    LINKS,
    PaneRule,
    Protocol,
    Selector,
    SeriesRule,
    WindowRule,
)
from noctis_lab.lab.hanging.windows import CT_PRESETS

__all__ = ["APPLIES_TO", "ShownLayout", "protocol_of_view"]

#: Columns that whoever saves a layout may say that it applies to.
APPLIES_TO: Final = ("Modality", "SeriesDescription", "BodyPartExamined")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownLayout:
    """A view that is to be kept as a protocol.

    Attributes
    ----------
    name
        1 to 100 printable characters.
    state
        The view's, as `noctis_lab.views.state.ViewerState.to_dict` gives it; of one study.
    applies_to
        Of `APPLIES_TO` the patterns (``*`` and ``?``) that one series of a study has to fit; empty
        ones are not asked. What the panes show is found by what is stated of their series, whatever
        this says.
    keep_windows
        Keep the panes' windows; without, series open in their own.
    """

    name: str
    state: Mapping[str, Any]
    applies_to: Mapping[str, str]
    keep_windows: bool


def protocol_of_view(shown_layout: ShownLayout, series: Sequence[SeriesRow]) -> Protocol:
    """Return the protocol that hangs a similar study as a view shows this one.

    Parameters
    ----------
    shown_layout
        Its state is sound.
    series
        Of the study in view.

    Raises
    ------
    UserItemRefused
        Nothing is shown, the layout is none that can be kept, or a series is of another study.
    """
    state = shown_layout.state
    layout = state["layout"]
    if layout not in LAYOUTS:
        raise UserItemRefused(
            f"expected one of the layouts {', '.join(LAYOUTS)}, and this view is another one"
        )
    rows = {row.SeriesInstanceUID: row for row in series}
    panes = list(state["panes"]) or [state]
    if layout == "mpr":
        panes = panes[-1:]  # the images as they are stored: the planes are of the same volume
    rules: list[PaneRule] = []
    shown: list[SeriesRow] = []
    for pane in panes:
        rule, row = _pane(pane, rows, shown, keep_windows=shown_layout.keep_windows)
        rules.append(rule)
        shown += [] if row is None else [row]
    if not shown:
        raise UserItemRefused("expected a series in one pane at least; open one first")
    asked: dict[str, Condition] = {
        column: TextCondition(any_of=(pattern,))
        for column, pattern in shown_layout.applies_to.items()
        if pattern
    }
    if not asked:
        raise UserItemRefused("expected a modality, a description or a body part to apply to")
    return Protocol(
        name=shown_layout.name,
        series=(SeriesRule(selector=Selector(conditions=asked)),),
        layout=layout,
        link=tuple(each for each in LINKS if state["link"].get(each)),
        panes=tuple(rules),
    )


def _pane(
    pane: Mapping[str, Any],
    rows: Mapping[str, SeriesRow],
    shown: Sequence[SeriesRow],
    *,
    keep_windows: bool,
) -> tuple[PaneRule, SeriesRow | None]:
    uid = pane["SeriesInstanceUID"]
    if not uid:
        return PaneRule(is_empty=True), None
    row = rows.get(uid)
    if row is None or pane.get("StudyInstanceUID"):
        raise UserItemRefused("expected series of one study; a protocol hangs one study at a time")
    is_again = row in shown
    among = [each for each in rows.values() if each.image_count and (is_again or each not in shown)]
    selectors, nth = _selectors(row, among)
    usual = "grey_inverted" if row.Modality == "PT" else "grey"
    rule = PaneRule(
        series=selectors,
        nth=nth,
        is_unseen=bool(shown) and not is_again,
        window=_window(pane, row) if keep_windows else None,
        colormap=None if pane.get("colormap") == usual else pane.get("colormap"),
        inverted=pane["inverted"],
        rotation_deg=pane["rotation_deg"],
        flipped=pane["flipped"],
    )
    return rule, row


def _selectors(row: SeriesRow, among: Sequence[SeriesRow]) -> tuple[tuple[Selector, ...], int]:
    """Return what finds a series, by description or else by modality, and the which of them."""
    exact = {
        name: TextCondition(exactly=(value,))
        for name in ("Modality", "SeriesDescription")
        if (value := _trimmed(getattr(row, name))) and value.isprintable() and len(value) <= 100
    }
    alike = [each for each in _by_number(among) if _is_alike(each, row, exact)]
    selectors = [Selector(conditions=exact)]
    if len(exact) > 1:
        selectors.append(Selector(conditions={"Modality": exact["Modality"]}))
    return tuple(selectors), 1 + (alike.index(row) if row in alike else 0)


def _is_alike(each: SeriesRow, row: SeriesRow, names: Mapping[str, Any]) -> bool:
    return all(_trimmed(getattr(each, name)) == _trimmed(getattr(row, name)) for name in names)


def _trimmed(value: str | None) -> str:
    return (value or "").strip()


def _by_number(series: Sequence[SeriesRow]) -> list[SeriesRow]:
    def place(row: SeriesRow) -> tuple[bool, int, str]:
        return row.SeriesNumber is None, row.SeriesNumber or 0, row.SeriesInstanceUID

    return sorted(series, key=place)


def _window(pane: Mapping[str, Any], row: SeriesRow) -> WindowRule | None:
    window = pane.get("window")
    if window is None or pane.get("voi_lut") is not None:
        return None
    center, width, function = window["center"], window["width"], window["function"]
    if row.Modality == "CT" and function == "LINEAR":
        for name, preset in CT_PRESETS.items():
            if preset == (center, width):
                return WindowRule(preset=name)
    return WindowRule(center=center, width=width, function=function)
