"""A torso of solids, from the kidneys to the shoulders: one anatomy for CT, MR and PET."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from noctis_lab.synthetic.options import Vector
from noctis_lab.synthetic.solids import Ellipsoid, Solid, Tube

__all__ = ["LESION_MM", "LESION_RADIUS_MM", "NODULE_MM", "NODULE_RADIUS_MM", "torso"]

type Field = NDArray[np.float32]

#: Centre (LPS, mm) and radius of the two findings.
NODULE_MM: Final = (-78.0, 18.0, 62.0)
NODULE_RADIUS_MM: Final = 9.0
LESION_MM: Final = (-92.0, -18.0, -62.0)
LESION_RADIUS_MM: Final = 14.0

_HALF_HEIGHT_MM: Final = 400.0  # body and spine go on beyond what is imaged
_VERTEBRA_MM: Final = 30.0
_RIB_MM: Final = 26.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ribs:
    """Bars of a barrel that fall off from the back to the front."""

    tissue: str
    radii_mm: tuple[float, float]  # half axes of the barrel, to the middle of the bone
    half_thickness_mm: float
    half_width_mm: float

    @property
    def bounds(self) -> tuple[Vector, Vector]:
        a, b = self.radii_mm
        return (0.0, 4.0, 60.0), (
            a + self.half_thickness_mm * 2,
            b + self.half_thickness_mm * 2,
            180.0,
        )

    def depth_mm(self, x: Field, y: Field, z: Field) -> Field:
        a, b = self.radii_mm
        scale = 1 - 0.22 * np.clip((z - 60) / 110, 0, 1) ** 2  # the barrel narrows upwards
        rho = np.sqrt(np.square(x / (a * scale)) + np.square((y - 4) / (b * scale)))
        across = np.float32(self.half_thickness_mm) - np.abs(rho - 1) * np.float32(min(a, b))
        height = z - np.float32(0.42) * y + np.float32(0.06) * np.abs(x)
        phase = (height / np.float32(_RIB_MM)) % 1 - np.float32(0.5)
        along = np.float32(self.half_width_mm) - np.abs(phase) * np.float32(_RIB_MM)
        # Cartilage in front, nothing below the costal arch.
        arch = np.minimum(z + 70 - np.float32(0.5) * np.minimum(y, 0) * -1, 170 - z)
        front = np.float32(0.5) * (y + 78) + np.abs(x) * np.float32(0.18)
        depth: Field = np.minimum(np.minimum(across, along), np.minimum(arch, front))
        return depth.astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    """A stack of vertebral bodies, or of the discs between them."""

    tissue: str
    center_mm: tuple[float, float]
    radii_mm: tuple[float, float]
    half_height_mm: float
    phase_mm: float

    @property
    def bounds(self) -> tuple[Vector, Vector]:
        return (*self.center_mm, 0.0), (*self.radii_mm, _HALF_HEIGHT_MM)

    def depth_mm(self, x: Field, y: Field, z: Field) -> Field:
        a, b = self.radii_mm
        rho = np.sqrt(
            np.square((x - self.center_mm[0]) / a) + np.square((y - self.center_mm[1]) / b)
        )
        across = (1 - rho) * np.float32(min(a, b))
        phase = (z / np.float32(_VERTEBRA_MM) + np.float32(self.phase_mm / _VERTEBRA_MM)) % 1
        along = np.float32(self.half_height_mm) - np.abs(phase - np.float32(0.5)) * np.float32(
            _VERTEBRA_MM
        )
        depth: Field = np.minimum(across, along).astype(np.float32)
        return depth


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lung:
    """An ellipsoid whose base is cut off by the diaphragm's dome."""

    tissue: str
    side: int  # -1 the patient's right, +1 the left

    @property
    def bounds(self) -> tuple[Vector, Vector]:
        return (self.side * 72.0, 4.0, 35.0), (60.0, 84.0, 130.0)

    def depth_mm(self, x: Field, y: Field, z: Field) -> Field:
        across = np.square((x - 72 * self.side) / 60) + np.square((y - 4) / 84)
        whole = (1 - np.sqrt(across + np.square((z - 35) / 130))) * 60
        x_dome, z_dome = 66 * self.side, -12 if self.side < 0 else -22
        dome = np.square((x - x_dome) / 95) + np.square((y + 4) / 105) + np.square((z + 75) / 80)
        above = (np.sqrt(dome) - 1) * 80 + np.float32(z_dome + 12)
        depth: Field = np.minimum(whole, above).astype(np.float32)
        return depth


def torso() -> tuple[Solid, ...]:
    """Return the solids, in the order in which they are painted.

    Returns
    -------
    tuple of Solid
        In LPS mm: x to the patient's left, y to the back, z to the head; z = 0 is at the heart's
        apex. Tissues: fat, muscle, lung, vessel, heart, blood, airway, bone, marrow, disc, cord,
        vein, bowel, liver, lesion, spleen, stomach, gas, kidney, medulla, nodule.

    Notes
    -----
    The findings are balls: of `NODULE_RADIUS_MM` about `NODULE_MM` in the right lung, and of
    `LESION_RADIUS_MM` about `LESION_MM` in the liver.
    """
    return (*_trunk(), *_chest(), *_abdomen(), *_spine(), *_findings())


def _trunk() -> Iterator[Solid]:
    tall = _HALF_HEIGHT_MM * 2
    yield Ellipsoid(tissue="fat", center_mm=(0, 2, 0), radii_mm=(178, 121, tall), power=2.5)
    yield Ellipsoid(tissue="muscle", center_mm=(0, 6, 0), radii_mm=(163, 106, tall), power=2.4)
    # The belly's fat, around the organs.
    yield Ellipsoid(tissue="fat", center_mm=(0, -8, -170), radii_mm=(138, 76, 120))
    for side in (-1, 1):
        yield Ellipsoid(tissue="muscle", center_mm=(side * 34, 84, 0), radii_mm=(30, 19, tall))
        yield Ellipsoid(tissue="muscle", center_mm=(side * 38, 48, -220), radii_mm=(20, 22, 110))
        yield Ellipsoid(tissue="fat", center_mm=(side * 128, 40, 150), radii_mm=(34, 26, 70))
        yield Tube(
            tissue="bone",
            start_mm=(side * 18, -84, 168),
            end_mm=(side * 150, -20, 186),
            radii_mm=(7, 6),
        )
        yield Ellipsoid(
            tissue="bone", center_mm=(side * 92, 92, 100), radii_mm=(44, 4, 56), turn_deg=side * -24
        )


def _chest() -> Iterator[Solid]:
    yield _Ribs(tissue="bone", radii_mm=(143, 97), half_thickness_mm=4.4, half_width_mm=7.5)
    yield _Ribs(tissue="marrow", radii_mm=(143, 97), half_thickness_mm=2.4, half_width_mm=5.5)
    yield Ellipsoid(tissue="bone", center_mm=(0, -92, 80), radii_mm=(18, 6, 85), power=3)
    yield Ellipsoid(tissue="marrow", center_mm=(0, -92, 80), radii_mm=(16, 4, 83), power=3)
    yield _Lung(tissue="lung", side=-1)
    yield _Lung(tissue="lung", side=1)
    yield from _vessels()
    yield Ellipsoid(tissue="fat", center_mm=(10, -14, 62), radii_mm=(38, 66, 130))
    yield Ellipsoid(tissue="heart", center_mm=(34, -32, 18), radii_mm=(58, 44, 50), turn_deg=35)
    yield Ellipsoid(tissue="blood", center_mm=(48, -26, 16), radii_mm=(34, 20, 34), turn_deg=35)
    yield Ellipsoid(tissue="blood", center_mm=(16, -54, 18), radii_mm=(32, 13, 34), turn_deg=30)
    yield Ellipsoid(tissue="blood", center_mm=(8, 4, 42), radii_mm=(34, 17, 20))
    yield Ellipsoid(tissue="blood", center_mm=(-28, -26, 30), radii_mm=(20, 24, 32))
    yield Tube(tissue="blood", start_mm=(4, -22, 45), end_mm=(-8, -30, 100), radii_mm=(15, 15))
    yield Tube(tissue="blood", start_mm=(-8, -30, 100), end_mm=(24, 28, 112), radii_mm=(15, 13))
    yield Tube(tissue="blood", start_mm=(24, 28, 112), end_mm=(20, 38, 0), radii_mm=(13, 12))
    yield Tube(tissue="blood", start_mm=(20, 38, 0), end_mm=(6, 30, -260), radii_mm=(12, 10))
    yield Tube(tissue="blood", start_mm=(-32, -20, 45), end_mm=(-26, -24, 150), radii_mm=(9, 8))
    yield Tube(tissue="blood", start_mm=(10, -44, 60), end_mm=(8, -10, 78), radii_mm=(14, 13))
    for side in (-1, 1):
        yield Tube(
            tissue="blood", start_mm=(8, -10, 76), end_mm=(side * 48, 6, 66), radii_mm=(12, 8)
        )
        yield Tube(
            tissue="airway", start_mm=(0, 18, 88), end_mm=(side * 46, 16, 58), radii_mm=(7, 4.5)
        )
    yield Tube(tissue="airway", start_mm=(0, 18, 88), end_mm=(-2, 12, 260), radii_mm=(9, 9))
    yield Tube(tissue="muscle", start_mm=(4, 34, 240), end_mm=(12, 24, -40), radii_mm=(6, 7))


def _vessels() -> Iterator[Solid]:
    """Yield the vessels of the lungs: from each hilum through a fork to points all over."""
    rng = np.random.default_rng(7)
    for side in (-1, 1):
        hilum = np.array((side * 46.0, 8.0, 64.0))
        for _ in range(44):
            low, high = (side * 72 - 60, -80, -60), (side * 72 + 60, 88, 165)
            end = rng.uniform(low, high)
            while _depth_in_lung(side, end) < 3:
                end = rng.uniform(low, high)
            length = float(np.linalg.norm(end - hilum))
            fork = hilum + (end - hilum) * 0.55 + rng.normal(0, 0.07 * length, 3)
            thick = 1.4 + length / 60
            yield _tube("vessel", hilum, fork, (thick, thick * 0.7))
            yield _tube("vessel", fork, end, (thick * 0.7, 0.6))
            for _twig in range(3):
                aside = fork + (end - fork) * rng.uniform(0, 0.7)
                tip = aside + (end - fork) * 0.4 + rng.normal(0, 13, 3)
                if _depth_in_lung(side, tip) > 1:
                    yield _tube("vessel", aside, tip, (thick * 0.45, 0.5))


def _tube(
    tissue: str, start: NDArray[np.float64], end: NDArray[np.float64], radii: tuple[float, float]
) -> Tube:
    (a, b, c), (d, e, f) = start.tolist(), end.tolist()
    return Tube(tissue=tissue, start_mm=(a, b, c), end_mm=(d, e, f), radii_mm=radii)


def _depth_in_lung(side: int, point_mm: NDArray[np.float64]) -> float:
    x, y, z = (np.array([[value]], np.float32) for value in point_mm)
    return float(_Lung(tissue="lung", side=side).depth_mm(x, y, z)[0, 0])


def _abdomen() -> Iterator[Solid]:
    yield Ellipsoid(tissue="liver", center_mm=(-72, -4, -78), radii_mm=(76, 82, 76), turn_deg=-8)
    yield Ellipsoid(tissue="liver", center_mm=(2, -48, -62), radii_mm=(74, 34, 46), turn_deg=-6)
    yield Ellipsoid(tissue="stomach", center_mm=(70, -28, -78), radii_mm=(42, 44, 56), turn_deg=20)
    yield Ellipsoid(tissue="gas", center_mm=(70, -44, -74), radii_mm=(30, 22, 42), turn_deg=20)
    yield Ellipsoid(tissue="spleen", center_mm=(108, 42, -70), radii_mm=(26, 44, 52), turn_deg=-28)
    yield Ellipsoid(tissue="spleen", center_mm=(20, 0, -128), radii_mm=(64, 11, 14), turn_deg=-14)
    for start, end, radii in (
        ((-20, 4, -96), (-62, -2, -78), (7.0, 5.0)),
        ((-62, -2, -78), (-104, 8, -62), (5.0, 2.5)),
        ((-62, -2, -78), (-86, -38, -72), (4.5, 2.5)),
        ((-62, -2, -78), (-74, 34, -60), (4.0, 2.5)),
        ((-24, 16, -20), (-24, 26, -260), (11.0, 12.0)),
        ((-24, 14, -24), (-84, 22, -40), (6.0, 3.0)),
        ((-24, 12, -24), (-56, -30, -38), (6.0, 3.0)),
        ((-20, 4, -96), (26, 2, -124), (7.0, 6.0)),
    ):
        yield Tube(tissue="vein", start_mm=start, end_mm=end, radii_mm=radii)
    for side in (-1, 1):
        low = -148.0 if side < 0 else -136.0
        x = side * 66.0
        yield Ellipsoid(tissue="fat", center_mm=(x, 50, low), radii_mm=(42, 38, 70))
        yield Ellipsoid(
            tissue="kidney", center_mm=(x, 48, low), radii_mm=(31, 26, 54), turn_deg=side * 30
        )
        yield Ellipsoid(
            tissue="medulla",
            center_mm=(x - side * 5, 47, low),
            radii_mm=(19, 14, 40),
            turn_deg=side * 30,
        )
        yield Ellipsoid(
            tissue="fat",
            center_mm=(x - side * 17, 42, low),
            radii_mm=(16, 8, 26),
            turn_deg=side * 30,
        )
    rng = np.random.default_rng(3)
    for _ in range(26):
        u, v, w = rng.uniform(-105, 105), rng.uniform(-70, -10), rng.uniform(-215, -150)
        yield Tube(
            tissue="bowel",
            start_mm=(u, v, w),
            end_mm=(u + rng.normal(0, 18), v + rng.normal(0, 9), w + rng.normal(0, 14)),
            radii_mm=(10, 9),
        )


def _spine() -> Iterator[Solid]:
    body = (0.0, 62.0)
    yield _Column(tissue="disc", center_mm=body, radii_mm=(21, 16), half_height_mm=15, phase_mm=0)
    yield _Column(tissue="bone", center_mm=body, radii_mm=(22, 17), half_height_mm=12, phase_mm=0)
    yield _Column(
        tissue="marrow", center_mm=body, radii_mm=(19.5, 14.5), half_height_mm=10, phase_mm=0
    )
    tall = _HALF_HEIGHT_MM
    yield Ellipsoid(tissue="bone", center_mm=(0, 86, 0), radii_mm=(15, 13, tall * 3))
    yield _Column(
        tissue="bone", center_mm=(0, 106), radii_mm=(4, 15), half_height_mm=11, phase_mm=8
    )
    for side in (-1, 1):
        yield _Column(
            tissue="bone",
            center_mm=(side * 25, 86),
            radii_mm=(15, 5),
            half_height_mm=7,
            phase_mm=0,
        )
    yield Ellipsoid(tissue="cord", center_mm=(0, 86, 0), radii_mm=(10, 8.5, tall * 3))


def _findings() -> Iterator[Solid]:
    for tissue, center, radius in (
        ("nodule", NODULE_MM, NODULE_RADIUS_MM),
        ("lesion", LESION_MM, LESION_RADIUS_MM),
    ):
        yield Ellipsoid(tissue=tissue, center_mm=center, radii_mm=(radius, radius, radius))
