"""From HU to density: a curve through measured inserts, applied to volumes. Research only."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass
from statistics import fmean
from typing import Final, Literal, Self

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from noctis_lab.analysis.calibration.result import MeasuredRoi
from noctis_lab.errors import CannotCalibrate

__all__ = ["QUANTITIES", "DensityCurve", "Extrapolation", "apply_curve", "curve_through"]

type Extrapolation = Literal["hold", "linear", "nan"]

#: What a curve may give → its unit, as UCUM writes it.
QUANTITIES: Final = {"relative electron density": "1", "mass density": "g/cm3"}
_LEAST_POINTS, _MOST_POINTS = 2, 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class DensityCurve:
    """Straight lines between points.

    Attributes
    ----------
    hu
        HU, strictly ascending.
    density
        Of the quantity, never descending and never below 0; as many.
    quantity
        A name of `QUANTITIES`.
    curve_id
        Under which it is recorded; None while it is not.

    Raises
    ------
    CannotCalibrate
        ``not_monotone``, ``too_few_points``, ``not_a_curve``: what the points lack.
    """

    hu: tuple[float, ...]
    density: tuple[float, ...]
    quantity: str = "relative electron density"
    curve_id: str | None = None

    def __post_init__(self) -> None:
        """Refuse what is no curve."""
        if self.quantity not in QUANTITIES:
            raise CannotCalibrate(
                "not_a_curve",
                f"expected one of {', '.join(QUANTITIES)}, came {self.quantity[:64]!r}",
            )
        if len(self.hu) != len(self.density) or not _LEAST_POINTS <= len(self.hu) <= _MOST_POINTS:
            raise CannotCalibrate(
                "too_few_points",
                f"expected {_LEAST_POINTS} to {_MOST_POINTS} HU with a density each, came "
                f"{len(self.hu)} and {len(self.density)}",
            )
        hu, density = np.asarray(self.hu, float), np.asarray(self.density, float)
        if not (np.isfinite(hu).all() and np.isfinite(density).all()) or float(density.min()) < 0:
            raise CannotCalibrate("not_a_curve", "expected finite HU, and densities from 0 on")
        if not (np.diff(hu) > 0).all() or not (np.diff(density) >= 0).all():
            raise CannotCalibrate(
                "not_monotone",
                "expected HU that ascend and densities that do not descend: "
                f"{_first_fault(hu, density)}",
            )

    @classmethod
    def of_points(
        cls, hu: ArrayLike, density: ArrayLike, *, quantity: str = "relative electron density"
    ) -> Self:
        """Return the curve through points in any order."""
        pairs = sorted(zip(np.ravel(hu).tolist(), np.ravel(density).tolist(), strict=True))
        return cls(
            hu=tuple(float(one) for one, _ in pairs),
            density=tuple(float(one) for _, one in pairs),
            quantity=quantity,
        )

    @property
    def sha256(self) -> str:
        """Of its points and quantity: 64 hexadecimal digits."""
        told = json.dumps([self.quantity, self.hu, self.density])
        return hashlib.sha256(told.encode()).hexdigest()

    def to_density(
        self, values: NDArray[np.float32], *, extrapolation: Extrapolation = "hold"
    ) -> NDArray[np.float32]:
        """Return densities of HU, same shape; `apply_curve` says what `extrapolation` means."""
        hu, density = np.asarray(self.hu), np.asarray(self.density)
        found = np.interp(values, hu, density)
        below, above = values < hu[0], values > hu[-1]
        if extrapolation == "nan":
            found[below | above] = np.nan
        elif extrapolation == "linear":
            first = (density[1] - density[0]) / (hu[1] - hu[0])
            last = (density[-1] - density[-2]) / (hu[-1] - hu[-2])
            found = np.where(below, density[0] + (values - hu[0]) * first, found)
            found = np.where(above, density[-1] + (values - hu[-1]) * last, found)
            found = np.maximum(found, 0.0)  # a NaN stays one
        result: NDArray[np.float32] = found.astype(np.float32)
        return result


def curve_through(rois: tuple[MeasuredRoi, ...]) -> DensityCurve:
    """Return the curve of relative electron density through an analysis' inserts.

    Inserts of one density, as two of air, are one point, at their mean HU.

    Raises
    ------
    CannotCalibrate
        As `DensityCurve`: fewer than two inserts have a density that is known at this kVp, or it
        does not ascend with the HU that were measured.
    """
    known: dict[float, list[float]] = defaultdict(list)
    for roi in rois:
        if roi.nominal is not None and roi.nominal.relative_electron_density is not None:
            known[roi.nominal.relative_electron_density].append(roi.figures.value)
    return DensityCurve.of_points([fmean(values) for values in known.values()], list(known))


def apply_curve(
    volume: xr.DataArray, curve: DensityCurve, *, extrapolation: Extrapolation = "hold"
) -> xr.DataArray:
    """Return a CT volume's densities as a new array; the volume stays as it is.

    Parameters
    ----------
    volume
        DataArray in HU.
    curve
        HU → density.
    extrapolation
        Beyond its points: ``"hold"`` the last density, ``"linear"`` goes on with the last line
        (never below 0), ``"nan"``.

    Returns
    -------
    DataArray of float32
        Same dims and coordinates. In attrs the units, `density_curve_id` and
        `density_curve_sha256`, `extrapolation`, and the shares of voxels below and above the
        curve's points; for research only, as `purpose` says.

    Raises
    ------
    CannotCalibrate
        ``not_hu``: the volume is not in HU.
    """
    if volume.attrs.get("units") != "HU":
        came = volume.attrs.get("units") or "no unit"
        raise CannotCalibrate("not_hu", f"expected values in HU, came {came}")
    values = volume.to_numpy().astype(np.float32)
    density = volume.copy(data=curve.to_density(values, extrapolation=extrapolation))
    known = max(1, int(np.isfinite(values).sum()))
    density.attrs = {
        **volume.attrs,
        "units": QUANTITIES[curve.quantity],
        "long_name": curve.quantity,
        "density_curve_sha256": curve.sha256,
        "extrapolation": extrapolation,
        "share_below_curve": float(np.count_nonzero(values < curve.hu[0]) / known),
        "share_above_curve": float(np.count_nonzero(values > curve.hu[-1]) / known),
        "purpose": "research only",
    }
    if curve.curve_id is not None:
        density.attrs["density_curve_id"] = curve.curve_id
    return density


def _first_fault(hu: NDArray[np.float64], density: NDArray[np.float64]) -> str:
    at = int(np.flatnonzero((np.diff(hu) <= 0) | (np.diff(density) < 0))[0])
    return f"{hu[at]:g} HU has {density[at]:g}, and {hu[at + 1]:g} HU has {density[at + 1]:g}"
