"""Two years of phantom scans of one CT scanner, in small: with a drift and a change of tube."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Final

import numpy as np
from pydicom.dataset import Dataset

from noctis_lab.synthetic.catphan import catphan504

__all__ = ["CONSTANCY_SCANS", "ScannerState", "constancy_scan", "constancy_seed", "scanner_state"]

#: One scan every 14 days, from 2024-01-08 to 2026-01-05.
CONSTANCY_SCANS: Final = 53
PLANES: Final = 7
_FIRST_DAY: Final = datetime.date(2024, 1, 8)
_DRIFT_FROM: Final = 20
_TUBE_CHANGE_AT: Final = 36
_DRIFT_HU: Final = -0.15  # a scan
_REPEATABILITY_HU: Final = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannerState:
    """How the scanner errs at one of its scans: measured = true * hu_scale + hu_offset."""

    day: datetime.date
    hu_offset: float
    hu_scale: float
    noise_hu: float
    roll_deg: float
    center_mm: tuple[float, float]


def scanner_state(scan: int) -> ScannerState:
    """Return how the scanner errs at a scan, and how the phantom was laid down for it.

    Parameters
    ----------
    scan
        0 … 52, one every 14 days.

    Returns
    -------
    ScannerState
        * scans 0 to 19, in control: ``hu_offset`` 0, ``hu_scale`` 1, noise 4 HU;
        * scans 20 to 35, a slow drift: ``hu_offset = -0.15 * (scan - 19)`` HU, -2.4 HU at the end;
        * from scan 36, after a change of tube (a step): ``hu_offset`` +1, ``hu_scale`` 1.006
          (Teflon rises by 5.7 + 1 HU, air falls by 6 - 1), noise 3.2 HU.

        To each ``hu_offset`` comes the scanner's repeatability, normal with a standard deviation
        of 0.4 HU; roll (sd 0.4 degrees) and centre (sd 1 mm) are how it was laid down. All three
        are drawn from ``numpy.random.default_rng((504, scan))``, in this order.
    """
    rng = np.random.default_rng((504, scan))
    repeatability, roll = rng.normal(0, _REPEATABILITY_HU), rng.normal(0, 0.4)
    x, y = rng.normal(0, 1.0, 2).tolist()
    new_tube = scan >= _TUBE_CHANGE_AT
    offset = 1.0 if new_tube else _DRIFT_HU * max(0, scan - _DRIFT_FROM + 1)
    return ScannerState(
        day=_FIRST_DAY + datetime.timedelta(days=14 * scan),
        hu_offset=offset + float(repeatability),
        hu_scale=1.006 if new_tube else 1.0,
        noise_hu=3.2 if new_tube else 4.0,
        roll_deg=float(roll),
        center_mm=(x, y),
    )


def constancy_seed(scan: int) -> str:
    """Return the seed of a scan's UIDs; each is a study of its own."""
    return f"constancy-{scan}"


def constancy_scan(scan: int, *, rows: int = 256, columns: int = 256) -> list[Dataset]:
    """Return one constancy scan of a CatPhan 504 at 120 kVp.

    Parameters
    ----------
    scan
        0 … 52; `scanner_state` says how it errs.
    rows, columns
        Of 250 mm in both directions.

    Returns
    -------
    list of pydicom.Dataset
        7 planes of 2 mm, every 12 mm from z = -71 to 1: through the uniformity module (-71, -59),
        the low-contrast module (-47, which cuts both, -35, -23) and the sensitometry module (-11,
        1).
        The inserts' true values are `CATPHAN504_INSERTS` at 120 kVp.
    """
    state = scanner_state(scan)
    spacing = (250 / rows, 250 / columns)
    day = state.day.strftime("%Y%m%d")
    return catphan504(
        planes=PLANES,
        rows=rows,
        columns=columns,
        pixel_spacing_mm=spacing,
        slice_spacing_mm=12.0,
        slice_thickness_mm=2.0,
        origin_mm=(-(columns - 1) / 2 * spacing[1], -(rows - 1) / 2 * spacing[0], -71.0),
        hu_offset=state.hu_offset,
        hu_scale=state.hu_scale,
        noise_hu=state.noise_hu,
        noise_seed=10_000 + scan,
        roll_deg=state.roll_deg,
        center_mm=state.center_mm,
        seed=constancy_seed(scan),
        PatientName="PHANTOM^CONSTANCY",
        PatientID="NOCTIS-CONSTANCY",
        StudyDate=day,
        StudyTime="070500",
        elements={
            "StudyDescription": "Constancy test",
            "SeriesDescription": "CatPhan 504, constancy",
            "StationName": "CT_1",
            "DeviceSerialNumber": "4711",
            "SoftwareVersions": "VA40" if state.hu_scale == 1 else "VA41",
        },
    )
