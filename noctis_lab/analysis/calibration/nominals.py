"""What materials should measure: by phantom and kVp, with where each range comes from."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from noctis_lab.analysis.calibration.bounds import number_of, word_of

__all__ = ["Nominal", "find_nominals", "load_nominals", "parse_nominals"]

_LARGEST_BYTES = 1_000_000
_MOST_ROWS = 10_000
_COLUMNS = {
    *("phantom", "material", "kvp_from", "kvp_to", "low_hu", "high_hu"),
    *("relative_electron_density", "verified", "source"),
}
_LOWEST_HU, _HIGHEST_HU, _HIGHEST_KVP, _HIGHEST_DENSITY = -1100.0, 30_000.0, 1000.0, 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Nominal:
    """The accepted range of a material, HU.

    Attributes
    ----------
    relative_electron_density
        Of water; None where the source states none.
    is_verified
        Somebody has compared the figures with the source itself, its kVp included.
    serial
        Of the one phantom whose certificate says so; None for all of the model.
    """

    phantom: str
    material: str
    kvp: tuple[float, float]
    low_hu: float
    high_hu: float
    relative_electron_density: float | None
    is_verified: bool
    source: str
    serial: str | None = None

    @property
    def nominal_hu(self) -> float:
        """The middle of the range."""
        return (self.low_hu + self.high_hu) / 2


def parse_nominals(text: str) -> tuple[Nominal, ...]:
    """Return the rows of a CSV with a head; a column `serial` may be there.

    Raises
    ------
    ValueError
        It is too long, a column is missing, a number is none or out of bounds, or a range is upside
        down; the line is named.
    """
    if len(text.encode()) > _LARGEST_BYTES:
        raise ValueError(f"expected a table of at most {_LARGEST_BYTES} bytes")
    reader = csv.DictReader(text.splitlines())
    missing = _COLUMNS - set(reader.fieldnames or ())
    if missing:
        raise ValueError(f"expected a column {min(missing)} of nominal values")
    rows: list[Nominal] = []
    try:
        for line, row in enumerate(reader, start=2):
            rows.append(_from_line(line, row))
            if len(rows) > _MOST_ROWS:
                raise ValueError(f"expected at most {_MOST_ROWS} nominal values")
    except csv.Error as error:
        raise ValueError(f"expected CSV of nominal values: {error}") from None
    return tuple(rows)


def _from_line(line: int, row: Mapping[str, str]) -> Nominal:
    try:
        return _from_row(row)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"line {line} of the nominal values: {error}") from None


def _from_row(row: Mapping[str, str]) -> Nominal:
    has_density = bool(row["relative_electron_density"])
    if row["verified"] not in ("yes", "no"):
        raise ValueError("expected verified as yes or no")
    nominal = Nominal(
        phantom=word_of(row, "phantom"),
        material=word_of(row, "material"),
        kvp=(
            number_of(row, "kvp_from", 1.0, _HIGHEST_KVP),
            number_of(row, "kvp_to", 1.0, _HIGHEST_KVP),
        ),
        low_hu=number_of(row, "low_hu", _LOWEST_HU, _HIGHEST_HU),
        high_hu=number_of(row, "high_hu", _LOWEST_HU, _HIGHEST_HU),
        relative_electron_density=number_of(row, "relative_electron_density", 0.0, _HIGHEST_DENSITY)
        if has_density
        else None,
        is_verified=row["verified"] == "yes",
        source=word_of(row, "source"),
        serial=word_of(row, "serial") if row.get("serial") else None,
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
    nominals: Sequence[Nominal], phantom: str, kvp: float | None, *, serial: str | None = None
) -> dict[str, Nominal]:
    """Return a phantom's materials at a tube voltage; none where the voltage has no values.

    Values of the phantom with this serial number go before those of all of its model.
    """
    if kvp is None:
        return {}
    held = [
        nominal
        for nominal in nominals
        if nominal.phantom == phantom
        and nominal.kvp[0] <= kvp <= nominal.kvp[1]
        and nominal.serial in (None, serial)
    ]
    # The phantom's own come last and take the place of its model's.
    held.sort(key=lambda nominal: nominal.serial is not None)
    return {nominal.material: nominal for nominal in held}
