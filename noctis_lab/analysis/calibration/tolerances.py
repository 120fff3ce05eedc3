"""Named sets of tolerances, as data: which figures must lie where, and who says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from noctis_lab.analysis.calibration.bounds import number_of, toml_of, word_of

__all__ = [
    "FIGURES",
    "Check",
    "Figure",
    "Limit",
    "ToleranceSet",
    "check_figures",
    "load_tolerances",
    "parse_tolerances",
]

#: What `HuAnalysis.figures` may hold: no limit is for anything else.
FIGURES = frozenset(
    {
        *("water_hu", "noise_hu", "periphery_minus_center_hu", "largest_difference_hu"),
        *("slice_thickness_mm", "node_side_mm", "radius_mm", "scale", "z_mm"),
        *("roll_deg", "tilt_back_deg", "tilt_left_deg"),
        *("slope", "intercept_hu", "max_deviation_hu"),
        *("f50_per_mm", "f10_per_mm", "noise_peak_per_mm", "noise_mean_per_mm"),
    }
)
_LARGEST_BYTES = 65_536
_MOST_LIMITS = 100
_MOST = 1e5


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A measured number and its standard error, NaN where that cannot be told."""

    value: float
    se: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """From where to where a figure of `HuAnalysis.figures` may lie, ends included."""

    figure: str
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ToleranceSet:
    """Limits under a name.

    Attributes
    ----------
    is_verified
        Somebody has compared the limits with the source itself.
    """

    name: str
    source: str
    is_verified: bool
    limits: tuple[Limit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A figure held against its limit; `verdict` is "pass" or "fail"."""

    limit: Limit
    figure: Figure

    @property
    def verdict(self) -> str:
        """Whether the figure lies within."""
        return "pass" if self.limit.low <= self.figure.value <= self.limit.high else "fail"


def check_figures(figures: Mapping[str, Figure], tolerances: ToleranceSet) -> tuple[Check, ...]:
    """Hold figures against a set's limits; what was not measured is left out."""
    return tuple(
        Check(limit=limit, figure=figures[limit.figure])
        for limit in tolerances.limits
        if limit.figure in figures
    )


def parse_tolerances(text: str) -> ToleranceSet:
    """Return the set that a TOML document describes.

    Raises
    ------
    ValueError
        It is no TOML, too long, lacks something, or a limit is upside down or of no figure.
    """
    document = toml_of(text, _LARGEST_BYTES)
    limits = document.get("limits")
    if not isinstance(limits, dict) or not 1 <= len(limits) <= _MOST_LIMITS:
        raise ValueError(f"expected a table of 1 to {_MOST_LIMITS} limits")
    verified = document.get("verified")
    if verified not in (True, False):
        raise ValueError("expected verified as true or false")
    return ToleranceSet(
        name=word_of(document, "name"),
        source=word_of(document, "source"),
        is_verified=bool(verified),
        limits=tuple(_limit_of(name, limit) for name, limit in limits.items()),
    )


def _limit_of(figure: str, given: object) -> Limit:
    if figure not in FIGURES:
        raise ValueError(f"expected a limit of one of {', '.join(sorted(FIGURES))}")
    limit = given if isinstance(given, dict) else {}
    low, high = number_of(limit, "low", -_MOST, _MOST), number_of(limit, "high", -_MOST, _MOST)
    if low > high:
        raise ValueError(f"expected the limits of {figure} from low to high")
    return Limit(figure=figure, low=low, high=high)


@cache
def load_tolerances() -> Mapping[str, ToleranceSet]:
    """Return the sets that ship with the package, by name."""
    folder = resources.files(__package__).joinpath("data", "tolerances")
    found = [
        parse_tolerances(entry.read_text("utf-8"))
        for entry in folder.iterdir()
        if entry.name.endswith(".toml")
    ]
    return {tolerances.name: tolerances for tolerances in sorted(found, key=lambda t: t.name)}
