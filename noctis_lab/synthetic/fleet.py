"""Two years of phantom scans of three scanners as figures: drifts, steps and a change of tube."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from noctis_lab.synthetic.phantom_models import CATPHAN504_INSERTS

__all__ = [
    "FLEET_CHANGES",
    "FLEET_SIGMA_HU",
    "Fleet",
    "FleetChange",
    "FleetScan",
    "simulated_fleet",
]

_FIRST: Final = datetime.datetime(2024, 1, 8, 7, 5)  # noqa: DTZ001 - a scanner's clock has no zone
_WEEKS: Final = 104
_KVP: Final = 120
#: Of each material once: both holes of air are one figure.
_TRUE_HU: Final = {insert.material: insert.hu_by_kvp[_KVP] for insert in CATPHAN504_INSERTS}
_SHARED_HU, _OWN_HU = 0.4, 0.3  # of the scanner that day, and of each insert
_NOISE_HU, _NEW_TUBE_NOISE_HU, _NOISE_SD_HU = 4.0, 3.2, 0.05
_MISSED: Final = 0.04  # of the weeks
#: Nobody scans while the first scanner's room is rebuilt.
_CLOSED_WEEKS: Final = range(60, 66)
#: Standard deviation of an insert's value from scan to scan, HU.
FLEET_SIGMA_HU: Final = float(np.hypot(_SHARED_HU, _OWN_HU))


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetChange:
    """What became other at a scanner, from a moment on.

    Attributes
    ----------
    kind
        "drift", "step"; "service" and "tube change" are known of, the others come unsaid.
    week
        0 … 103: the first in which it is so.
    hu_offset
        Added to every value, HU; of a drift in each week again, the first included. A service takes
        back what went before.
    hu_scale
        By which every true value is multiplied from then on.
    """

    scanner: str
    kind: str
    week: int
    hu_offset: float = 0.0
    hu_scale: float = 1.0

    @property
    def at(self) -> datetime.datetime:
        """When: the night before the week's scan."""
        return _FIRST.replace(hour=0, minute=0) + datetime.timedelta(weeks=self.week)

    @property
    def is_known(self) -> bool:
        """Somebody notes it as an event of the scanner."""
        return self.kind in ("service", "tube change")


#: "ACME CT 1 4711" stays as it is.
FLEET_CHANGES: Final = (
    FleetChange(scanner="ACME CT 1 4712", kind="drift", week=40, hu_offset=0.03 * FLEET_SIGMA_HU),
    FleetChange(scanner="ACME CT 2 0815", kind="step", week=36, hu_offset=2 * FLEET_SIGMA_HU),
    FleetChange(scanner="ACME CT 2 0815", kind="service", week=48),
    FleetChange(
        scanner="ACME CT 2 0815", kind="tube change", week=72, hu_offset=1.0, hu_scale=1.006
    ),
)
_SCANNERS: Final = ("ACME CT 1 4711", "ACME CT 1 4712", "ACME CT 2 0815")


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetScan:
    """One scan of a CatPhan 504.

    Attributes
    ----------
    figures
        ``roi:`` and each material, HU; ``slope``, ``intercept_hu`` of the line through them
        against `CATPHAN504_INSERTS`; ``noise_hu``.
    """

    scanner: str
    scan_id: str
    week: int
    at: datetime.datetime
    figures: Mapping[str, float]
    phantom_model: str = "CatPhan 504"
    KVP: float = float(_KVP)
    ConvolutionKernel: str = "Br40"
    SliceThickness: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """The scans of three scanners in order of time, and what is true of them."""

    scans: tuple[FleetScan, ...]
    changes: tuple[FleetChange, ...] = FLEET_CHANGES


def simulated_fleet(seed: int = 504) -> Fleet:
    """Simulate a fleet: no images, what an analysis would have measured.

    Each scanner is scanned once a week, a few hours early or late, from 2024-01-08 to 2025-12-29.
    About one week in 25 is missed, and the first scanner's room is closed in weeks 60 to 65.

    Parameters
    ----------
    seed
        The same seed, the same fleet. A scanner's draws do not depend on the others'.

    Returns
    -------
    Fleet
        About 290 scans. measured = true · scale + offset, as `FLEET_CHANGES` says, with 0.4 HU of
        the scanner that day and 0.3 HU of each insert: 0.5 HU (`FLEET_SIGMA_HU`) from scan to scan.

    Raises
    ------
    ValueError
        `seed` is below 0.
    """
    scans = [
        scan for number, scanner in enumerate(_SCANNERS) for scan in _scans(scanner, seed, number)
    ]
    return Fleet(scans=tuple(sorted(scans, key=lambda scan: scan.at)))


def _scans(scanner: str, seed: int, number: int) -> list[FleetScan]:
    rng = np.random.default_rng((seed, number))
    found = []
    for week in range(_WEEKS):
        late_h, missed = float(rng.normal(0, 4)), bool(rng.random() < _MISSED)
        figures = _figures(scanner, week, rng)  # drawn of missed weeks too: the others stay alike
        if missed or (number == 0 and week in _CLOSED_WEEKS):
            continue
        found.append(
            FleetScan(
                scanner=scanner,
                scan_id=f"fleet-{number}-{week}",
                week=week,
                at=_FIRST
                + datetime.timedelta(weeks=week, hours=round(min(max(late_h, -6), 15), 2)),
                figures=figures,
            )
        )
    return found


def _figures(scanner: str, week: int, rng: np.random.Generator) -> Mapping[str, float]:
    offset, scale, noise = _state(scanner, week)
    true = np.array(list(_TRUE_HU.values()))
    measured = true * scale + offset + rng.normal(0, _SHARED_HU)
    measured += rng.normal(0, _OWN_HU, true.size)
    off_middle = true - true.mean()
    slope = float(off_middle @ measured / (off_middle @ off_middle))
    names = [f"roi:{material}" for material in _TRUE_HU]
    return MappingProxyType(
        {
            **dict(zip(names, measured.tolist(), strict=True)),
            "slope": slope,
            "intercept_hu": float(measured.mean() - slope * true.mean()),
            "noise_hu": noise + float(rng.normal(0, _NOISE_SD_HU)),
        }
    )


def _state(scanner: str, week: int) -> tuple[float, float, float]:
    """Return offset in HU, scale, and noise in HU of a scanner in a week."""
    offset, scale, noise = 0.0, 1.0, _NOISE_HU
    for change in FLEET_CHANGES:
        if change.scanner != scanner or change.week > week:
            continue
        if change.kind == "service":
            offset, scale = 0.0, 1.0
        weeks = week - change.week + 1 if change.kind == "drift" else 1
        offset += change.hu_offset * weeks
        scale *= change.hu_scale
        if change.kind == "tube change":
            noise = _NEW_TUBE_NOISE_HU
    return offset, scale, noise
