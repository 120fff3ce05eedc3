"""A computed radiograph of a hand: the shadow of bones that are tubes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import ComputedRadiographyImageStorage

from noctis_lab.synthetic.modules import PixelFormat, SeriesIdentity, add_pixels, begin_instance

__all__ = ["hand_radiograph"]

type Field = NDArray[np.float32]
type Point = tuple[float, float]

_SPACING_MM: Final = 0.15
_SOFT_PER_MM: Final = 0.028  # attenuation
_BONE_PER_MM: Final = 0.075
_MARROW_PER_MM: Final = 0.034
#: Each finger: its knuckle (x, y), which way it points (deg from up, clockwise), and the lengths
#: of its metacarpal and phalanges, mm; then the radius of the metacarpal.
_FINGERS: Final = (
    ((-30.0, -8.0), -17.0, (62.0, 40.0, 24.0, 18.0), 4.6),
    ((-9.0, -17.0), -5.0, (64.0, 44.0, 29.0, 19.0), 4.7),
    ((12.0, -12.0), 6.0, (57.0, 41.0, 27.0, 19.0), 4.2),
    ((31.0, 2.0), 18.0, (52.0, 33.0, 19.0, 17.0), 3.9),
    ((-50.0, 33.0), -42.0, (43.0, 33.0, 0.0, 23.0), 5.0),
)
#: Wrist bones: centre, half axes, turn.
_CARPALS: Final = (
    ((-26.0, 69.0), (6.5, 6.0), 20.0),
    ((-15.0, 65.0), (6.0, 6.5), 0.0),
    ((-2.0, 66.0), (7.5, 11.0), 5.0),
    ((12.0, 67.0), (7.5, 8.5), -15.0),
    ((-19.0, 81.0), (7.0, 11.0), 35.0),
    ((-4.0, 82.0), (8.0, 7.0), 0.0),
    ((10.0, 81.0), (6.5, 7.5), 0.0),
    ((17.0, 78.0), (4.5, 5.0), 0.0),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bone:
    """A shaft from one point to another: radii at both ends and in the middle, mm."""

    start: Point
    end: Point
    radii: tuple[float, float, float]


def hand_radiograph(
    *, rows: int = 1800, columns: int = 1440, noise: float = 9.0, seed: str = "hand"
) -> list[Dataset]:
    """Return a hand, back to front, as one CR image of 12 bits, MONOCHROME1.

    Parameters
    ----------
    rows, columns
        0.15 mm each, at the imaging plate.
    noise
        Standard deviation where the plate is least exposed, in stored values; 0 for none.

    Returns
    -------
    list of pydicom.Dataset
        One. A stored value is ``round(3600 - 900 * a)``, where ``a`` is the attenuation along the
        ray (0 beside the hand): bone is the least and shown white.

    References
    ----------
    :dcm:`PS3.3 A.2 CR Image IOD <part03/sect_A.2.html>`
    """
    identity = SeriesIdentity(
        SOPClassUID=ComputedRadiographyImageStorage,
        Modality="CR",
        PatientName="PHANTOM^HAND",
        PatientID="NOCTIS-HAND",
        PatientSex="M",
        StudyDate="20260207",
        StudyTime="081200",
        StudyDescription="Hand",
        SeriesDescription="Hand PA",
        ManufacturerModelName="Synthetic CR",
        StationName="CR_1",
        seed=seed,
    )
    dataset = begin_instance(identity, 0)
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.BodyPartExamined = "HAND"
    dataset.Laterality = "L"
    dataset.ViewPosition = "PA"
    dataset.PatientOrientation = ["R", "P"]
    dataset.AcquisitionDate, dataset.AcquisitionTime = dataset.StudyDate, dataset.StudyTime
    dataset.KVP = 52
    dataset.Exposure = 4
    dataset.DistanceSourceToDetector = 1100
    dataset.PlateType = "STANDARD"
    dataset.ImagerPixelSpacing = [_SPACING_MM, _SPACING_MM]
    dataset.BurnedInAnnotation = "NO"
    dataset.LossyImageCompression = "00"
    dataset.WindowCenter, dataset.WindowWidth = 2500, 2400
    shadow = _shadow(rows, columns)
    exposed = 3600 - 900 * shadow
    if noise > 0:
        rng = np.random.default_rng(12)
        grain = scipy.ndimage.gaussian_filter(rng.standard_normal((rows, columns), np.float32), 0.6)
        exposed += grain * np.float32(noise / grain.std()) * (0.5 + shadow / 3)
    stored = np.clip(np.rint(exposed), 0, 4095).astype(np.uint16)
    form = PixelFormat(bits_stored=12, photometric_interpretation="MONOCHROME1")
    add_pixels(dataset, stored, form)
    return [dataset]


def _shadow(rows: int, columns: int) -> Field:
    """Return the attenuation along the ray of each pixel; x to the right, y down, mm."""
    x = ((np.arange(columns) - (columns - 1) / 2) * _SPACING_MM).astype(np.float32)[None, :]
    y = ((np.arange(rows) - (rows - 1) / 2) * _SPACING_MM).astype(np.float32)[:, None]
    soft = np.zeros((rows, columns), np.float32)
    bone = np.zeros((rows, columns), np.float32)
    marrow = np.zeros((rows, columns), np.float32)
    for part in _flesh():
        _deepen(soft, part, x, y)
    for part in _bones():
        _deepen(bone, part, x, y)
        first, last, middle = part.radii
        thin = (max(first - 0.9, 0.1), max(last - 0.9, 0.1), max(middle - 1.6, 0.1))
        _deepen(marrow, _Bone(start=part.start, end=part.end, radii=thin), x, y)
    soft = scipy.ndimage.gaussian_filter(soft, 6)
    shadow = (
        soft * _SOFT_PER_MM + (bone - marrow) * _BONE_PER_MM + marrow * _trabeculae(rows, columns)
    )
    blurred: Field = scipy.ndimage.gaussian_filter(shadow, 1.1)
    return blurred


def _trabeculae(rows: int, columns: int) -> Field:
    rng = np.random.default_rng(4)
    fine = scipy.ndimage.gaussian_filter(rng.standard_normal((rows, columns), np.float32), (4, 1.6))
    texture: Field = _MARROW_PER_MM * (1 + 0.16 * fine / fine.std())
    return texture.astype(np.float32)


def _deepen(thickness: Field, bone: _Bone, x: Field, y: Field) -> None:
    """Raise a map of thicknesses to a bone's own where it is thicker, in place."""
    reach = max(bone.radii) + 1
    columns = _within(x[0], (bone.start[0], bone.end[0]), reach)
    rows = _within(y[:, 0], (bone.start[1], bone.end[1]), reach)
    dx, dy = x[:, columns] - np.float32(bone.start[0]), y[rows] - np.float32(bone.start[1])
    axis = np.subtract(bone.end, bone.start).astype(np.float32)
    along = np.clip((dx * axis[0] + dy * axis[1]) / (axis @ axis), 0, 1)
    away2 = np.square(dx - along * axis[0]) + np.square(dy - along * axis[1])
    first, last, middle = (np.float32(radius) for radius in bone.radii)
    # Ends flare out from a slim shaft.
    ends = first + (last - first) * along
    radius = middle + (ends - middle) * np.abs(2 * along - 1) ** 2.5
    own = 2 * np.sqrt(np.maximum(np.square(radius) - away2, 0))
    window = thickness[rows, columns]
    np.maximum(window, own, out=window)


def _within(places: Field, ends: tuple[float, float], reach: float) -> slice:
    first = np.searchsorted(places, min(ends) - reach)
    return slice(int(first), int(np.searchsorted(places, max(ends) + reach)))


def _ahead(start: Point, turn_deg: float, length: float) -> Point:
    turn = math.radians(turn_deg)
    return start[0] + length * math.sin(turn), start[1] - length * math.cos(turn)


def _bones() -> Iterator[_Bone]:
    for knuckle, turn, lengths, radius in _FINGERS:
        for start, end, size in _segments(knuckle, turn, lengths):
            r = radius * size
            tip = 0.62 if size < 0.8 else 1.22
            yield _Bone(start=start, end=end, radii=(r * 1.35, r * tip, r * 0.86))
    for center, (a, b), turn in _CARPALS:
        half = abs(b - a) + 0.5
        start, end = _ahead(center, turn, -half), _ahead(center, turn, half)
        r = min(a, b)
        yield _Bone(start=start, end=end, radii=(r, r, r))
    yield _Bone(start=(-14, 98), end=(-19, 170), radii=(11.5, 7.5, 7.2))
    yield _Bone(start=(-6, 97), end=(-16, 104), radii=(8.0, 8.0, 8.0))
    yield _Bone(start=(18, 99), end=(14, 170), radii=(6.2, 6.0, 5.2))


def _segments(
    knuckle: Point, turn: float, lengths: tuple[float, float, float, float]
) -> Iterator[tuple[Point, Point, float]]:
    """Yield the ends of a ray's bones, and their radius relative to the metacarpal's."""
    metacarpal, *phalanges = lengths
    yield _ahead(knuckle, turn * 0.75, -metacarpal + 4), knuckle, 1.0
    start = knuckle
    for length, size in zip(phalanges, (0.93, 0.8, 0.66), strict=True):
        if length:
            begin = _ahead(start, turn, 8.0 if size == 0.93 else 6.0)
            start = _ahead(start, turn, length)
            yield begin, start, size


def _flesh() -> Iterator[_Bone]:
    for knuckle, turn, lengths, _ in _FINGERS:
        whole = sum(lengths[1:])
        yield _Bone(
            start=_ahead(knuckle, turn, -6),
            end=_ahead(knuckle, turn, whole + 1),
            radii=(10.5, 7.6, 9.2),
        )
        yield _Bone(
            start=_ahead(knuckle, turn * 0.75, -lengths[0]), end=knuckle, radii=(15, 11.5, 14.5)
        )
    yield _Bone(start=(-36, 30), end=(-26, 60), radii=(15, 17, 17))
    yield _Bone(start=(0, 20), end=(-2, 80), radii=(20, 22, 22))
    yield _Bone(start=(-6, 70), end=(-4, 175), radii=(25, 26, 23))
    yield _Bone(start=(6, 70), end=(4, 175), radii=(24, 26, 22))
