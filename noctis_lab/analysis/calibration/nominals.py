"""What materials should measure: by phantom and kVp, with where each range comes from."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

__all__ = ["Nominal", "find_nominals", "load_nominals", "parse_nominals"]

_LARGEST_BYTES = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Nominal:
    """The accepted range of a material, HU.

    Attributes
    ----------
    relative_electron_density
        Of water; None where the source states none.
    is_verified
        Somebody has compared the figures with the source itself, its kVp included.
    """

    phantom: str
    material: str
    kvp: tuple[float, float]
    low_hu: float
    high_hu: float
    relative_electron_density: float | None
    is_verified: bool
    source: str

    @property
    def nominal_hu(self) -> float:
        """The middle of the range."""
        return (self.low_hu + self.high_hu) / 2


def parse_nominals(text: str) -> tuple[Nominal, ...]:
    """Return the rows of a CSV with a head.

    Raises
    ------
    ValueError
        A column is missing, a number is none, or a range is upside down.
    """
    if len(text.encode()) > _LARGEST_BYTES:
        raise ValueError(f"expected a table of at most {_LARGEST_BYTES} bytes")
    rows = []
    for line, row in enumerate(csv.DictReader(text.splitlines()), start=2):
        try:
            rows.append(_from_row(row))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"line {line} of the nominal values: {error}") from None
    return tuple(rows)


def _from_row(row: Mapping[str, str]) -> Nominal:
    density = row["relative_electron_density"]
    nominal = Nominal(
        phantom=row["phantom"],
        material=row["material"],
        kvp=(float(row["kvp_from"]), float(row["kvp_to"])),
        low_hu=float(row["low_hu"]),
        high_hu=float(row["high_hu"]),
        relative_electron_density=float(density) if density else None,
        is_verified=row["verified"] == "yes",
        source=row["source"],
    )
    if nominal.low_hu > nominal.high_hu or nominal.kvp[0] > nominal.kvp[1]:
        raise ValueError("expected ranges from low to high")
    return nominal


@cache
def load_nominals() -> tuple[Nominal, ...]:
    """Return the values that ship with the package."""
    text = resources.files(__package__).joinpath("data", "nominals.csv").read_text("utf-8")
    return parse_nominals(text)


def find_nominals(
    nominals: Sequence[Nominal], phantom: str, kvp: float | None
) -> dict[str, Nominal]:
    """Return a phantom's materials at a tube voltage; none where the voltage has no values."""
    if kvp is None:
        return {}
    return {
        nominal.material: nominal
        for nominal in nominals
        if nominal.phantom == phantom and nominal.kvp[0] <= kvp <= nominal.kvp[1]
    }
