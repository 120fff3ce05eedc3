"""The addresses of the calibration pages: what one asks for, and how it is written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final
from urllib.parse import urlencode

from noctis_lab.views.calibration.quantities import CARD_QUANTITIES, Quantity

__all__ = [
    "CALIBRATION_PATH",
    "PERIODS",
    "VIEWS",
    "Asked",
    "read_asked",
    "scan_address",
    "viewer_address",
]

CALIBRATION_PATH: Final = "/calibration"
#: As addresses name them; None: all that is recorded.
PERIODS: Final[Mapping[str, timedelta | None]] = {
    "30d": timedelta(days=30),
    "120d": timedelta(days=120),
    "1y": timedelta(days=366),
    "all": None,
}
#: Pages that are tables alone.
VIEWS: Final = ("baselines", "phantoms", "curves")
_UID: Final = re.compile(r"[0-9.]{1,64}")  # PS3.5 9.1
_MOST_TEXT: Final = 500  # as the API's; a scanner's name has up to 386
_MOST_FIRST: Final = 100_000
_QUANTITIES: Final = {one.slug: one for one in CARD_QUANTITIES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an address asks for; what is no such thing is as if it were not asked for.

    Attributes
    ----------
    scanner, protocol
        As the records name them, empty where none is asked for.
    series, study
        SeriesInstanceUID of a scan, and its StudyInstanceUID; empty likewise.
    compare
        Two scanners, or none.
    first
        Which card of the fleet is the first.
    view
        One of `VIEWS`, in place of the fleet; empty: the fleet.
    """

    scanner: str = ""
    protocol: str = ""
    series: str = ""
    study: str = ""
    compare: tuple[str, ...] = ()
    quantity: Quantity = CARD_QUANTITIES[0]
    period: str = "120d"
    first: int = 0
    view: str = ""

    def address(self, **changes: object) -> str:
        """Return the address that asks for this, with some of it changed."""
        asked = replace(self, **changes)  # type: ignore[arg-type]
        words: list[tuple[str, str]] = [
            ("view", asked.view),
            ("scanner", asked.scanner),
            ("protocol", asked.protocol),
            ("series", asked.series),
            ("study", asked.study),
            *(("compare", scanner) for scanner in asked.compare),
        ]
        if asked.quantity is not CARD_QUANTITIES[0]:
            words.append(("quantity", asked.quantity.slug))
        if asked.period != "120d":
            words.append(("period", asked.period))
        if asked.first:
            words.append(("first", str(asked.first)))
        said = [(name, word) for name, word in words if word]
        return f"{CALIBRATION_PATH}?{urlencode(said)}" if said else CALIBRATION_PATH


def read_asked(arguments: Mapping[str, Sequence[bytes]]) -> Asked:
    """Return what a page's address asks for.

    Parameters
    ----------
    arguments
        As Bokeh's sessions have them: name → values, of which the last counts; `compare` takes two.
    """
    first = _text(arguments, "first")
    period = _text(arguments, "period")
    view = _text(arguments, "view")
    compare = [_decoded(value) for value in arguments.get("compare", ())][:2]
    return Asked(
        scanner=_text(arguments, "scanner"),
        protocol=_text(arguments, "protocol"),
        series=_uid(arguments, "series"),
        study=_uid(arguments, "study"),
        compare=tuple(filter(None, compare)) if any(compare) else (),
        quantity=_QUANTITIES.get(_text(arguments, "quantity"), CARD_QUANTITIES[0]),
        period=period if period in PERIODS else "120d",
        first=min(int(first), _MOST_FIRST) if first.isascii() and first.isdigit() else 0,
        view=view if view in VIEWS else "",
    )


def scan_address(SeriesInstanceUID: str, StudyInstanceUID: str = "") -> str:
    """Return the address of a scan's page."""
    return Asked(series=SeriesInstanceUID, study=StudyInstanceUID).address()


def viewer_address(StudyInstanceUID: str, SeriesInstanceUID: str) -> str:
    """Return the address at which the viewer shows a series."""
    return f"/viewer/{StudyInstanceUID}?series={SeriesInstanceUID}"


def _decoded(value: bytes) -> str:
    text = value[: 4 * _MOST_TEXT].decode("utf-8", "replace")[:_MOST_TEXT]
    return text if text.isprintable() else ""


def _text(arguments: Mapping[str, Sequence[bytes]], name: str) -> str:
    values = arguments.get(name)
    return _decoded(values[-1]) if values else ""


def _uid(arguments: Mapping[str, Sequence[bytes]], name: str) -> str:
    text = _text(arguments, name)
    return text if _UID.fullmatch(text) else ""
