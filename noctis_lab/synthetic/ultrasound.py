"""A colour ultrasound cine of a beating heart, seen from its apex: one multi-frame instance."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import JPEGBaseline8Bit, UltrasoundMultiFrameImageStorage

from noctis_lab.synthetic.modules import PixelFormat, SeriesIdentity, add_pixels, begin_instance

__all__ = ["ultrasound_cine", "ultrasound_frames"]

type Field = NDArray[np.float32]

_ROWS: Final = 480
_COLUMNS: Final = 640
MM_PER_PIXEL: Final = 0.4
#: (column, row) of the sector's tip.
TIP: Final = (310, 30)
_DEPTH_MM: Final = 165.0
_HALF_ANGLE_DEG: Final = 41.0
#: Of the Doppler box: depths, mm, and the angles that bound it.
_BOX_MM: Final = (45.0, 115.0)
_BOX_DEG: Final = (-4.0, 24.0)
#: When in the beat, and how long, blood flows in: early, and as the atrium contracts.
_FILLING: Final = ((0.52, 0.07), (0.86, 0.05))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sector:
    """The pixels that are insonated: where each lies, in mm, and in polar terms.

    All but `inside` are of those pixels only, in the order of the image: half of the work.
    """

    inside: NDArray[np.bool_]  # (rows, columns)
    x: Field  # to the side
    y: Field  # in depth
    depth: Field
    angle_deg: Field


def ultrasound_frames(*, frames: int = 24, seed: int = 8) -> NDArray[np.uint8]:
    """Return the images of one heartbeat.

    Parameters
    ----------
    frames
        Into which the beat is divided; the first is the end of filling.

    Returns
    -------
    ndarray of uint8, shape (frames, 480, 640, 3)
        RGB. The left ventricle's half axes shrink by ``squeeze = sin(pi * t / 0.4)²`` in the first
        0.4 of the beat; flow towards the transducer is red, away from it blue. Nothing is burnt
        in that tells of a patient.
    """
    sector = _sector()
    box = _doppler_box(sector)
    rng = np.random.default_rng(seed)
    fixed, *grains = (_speckle(rng, sector) for _ in range(5))
    fading = np.exp(-sector.depth / 420)  # what the gain leaves of attenuation
    made = np.zeros((frames, _ROWS, _COLUMNS, 3), np.uint8)
    at_rest = _tissue(sector, 0.0)
    for number in range(frames):
        beat = number / frames
        squeeze = math.sin(math.pi * min(beat / 0.4, 1.0)) ** 2
        grain = 0.75 * fixed + 0.25 * grains[number % len(grains)]
        echo = at_rest if squeeze < 1e-9 else _tissue(sector, squeeze)
        gray = np.clip(np.log1p(14 * echo * grain * fading) / math.log(12), 0, 1) * 255
        colours = np.repeat(gray[:, None], 3, axis=1).astype(np.float32)
        flow = _flow(sector, squeeze=squeeze, beat=beat) * (0.85 + 0.15 * grain)
        shown = box & (np.abs(flow) > 0.12)
        colours[shown] = _doppler(np.clip(flow[shown], -1, 1))
        made[number][sector.inside] = np.rint(colours)
        _add_graphics(made[number], beat, box=box, inside=sector.inside)
    return made


def _sector() -> _Sector:
    row, column = np.mgrid[:_ROWS, :_COLUMNS].astype(np.float32)
    x, y = (column - TIP[0]) * np.float32(MM_PER_PIXEL), (row - TIP[1]) * np.float32(MM_PER_PIXEL)
    depth, angle = np.hypot(x, y), np.degrees(np.arctan2(x, y))
    inside = (depth > 3) & (depth < _DEPTH_MM) & (np.abs(angle) < _HALF_ANGLE_DEG)
    return _Sector(
        inside=inside, x=x[inside], y=y[inside], depth=depth[inside], angle_deg=angle[inside]
    )


def _doppler_box(sector: _Sector) -> NDArray[np.bool_]:
    return (
        (sector.depth > _BOX_MM[0])
        & (sector.depth < _BOX_MM[1])
        & (sector.angle_deg > _BOX_DEG[0])
        & (sector.angle_deg < _BOX_DEG[1])
    )


def _speckle(rng: np.random.Generator, sector: _Sector) -> Field:
    """Return Rayleigh noise that is fine in depth and widens with it to the side."""
    polar = rng.standard_normal((2, 420, 200), np.float32)
    polar = scipy.ndimage.gaussian_filter(polar, (0, 0.9, 1.0))
    envelope = np.hypot(*polar)
    envelope /= envelope.mean()
    places = [sector.depth / _DEPTH_MM * 419, (sector.angle_deg / _HALF_ANGLE_DEG + 1) / 2 * 199]
    grain: Field = scipy.ndimage.map_coordinates(envelope, places, order=1, mode="nearest")
    return grain


def _ellipse(
    sector: _Sector, center: tuple[float, float], radii: tuple[float, float], turn_deg: float
) -> Field:
    """Return about how many mm points lie inside an ellipse."""
    cosine, sine = math.cos(math.radians(turn_deg)), math.sin(math.radians(turn_deg))
    u = cosine * (sector.x - center[0]) + sine * (sector.y - center[1])
    v = cosine * (sector.y - center[1]) - sine * (sector.x - center[0])
    inside: Field = (1 - np.hypot(u / radii[0], v / radii[1])) * np.float32(min(radii))
    return inside


def _soft(depth_mm: Field) -> Field:
    inside: Field = np.clip(depth_mm / 1.6 + 0.5, 0, 1)
    return inside


def _tissue(sector: _Sector, squeeze: float) -> Field:
    """Return how strongly each place echoes, of the order of 1 at the brightest."""
    echo = np.full(sector.x.shape, 0.09, np.float32)
    echo += 0.5 * np.exp(-sector.depth / 9)  # the near field
    left, right = 1 - 0.30 * squeeze, 1 - 0.22 * squeeze
    long = 1 - 0.13 * squeeze
    base = 100 - 9 * squeeze  # the valves' plane moves towards the apex
    heart = _ellipse(sector, (0, 96), (58, 76), 0)
    echo += (0.20 - echo) * _soft(heart)
    echo += 0.5 * np.exp(-np.square(heart / 1.7)) * (sector.depth > 60)  # pericardium
    chambers = (
        ((17.0, 68.0), (22.0 * left, 37.0 * long), -8.0),
        ((-21.0, 74.0), (15.0 * right, 29.0 * long), 12.0),
        ((20.0, base + 27), (20.0 + 2 * squeeze, 21.0 + 4 * squeeze), 0.0),
        ((-22.0, base + 27), (18.0 + 2 * squeeze, 20.0 + 4 * squeeze), 0.0),
    )
    for center, radii, turn in chambers:
        depth = _ellipse(sector, center, radii, turn)
        echo += (0.008 - echo) * _soft(depth)
        echo += 0.28 * np.exp(-np.square(depth / 1.1))  # the chamber's lining
    opening = max(0.0, 1 - 2.2 * squeeze)
    for hinge, tip in (
        ((2.0, base), (14.0, base - 3 - 13 * opening)),
        ((36.0, base), (22.0, base - 3 - 13 * opening)),
        ((-6.0, base - 3), (-17.0, base - 5 - 11 * opening)),
        ((-37.0, base), (-25.0, base - 4 - 11 * opening)),
    ):
        echo = np.maximum(echo, 0.75 * _line(sector, hinge, tip))
    return echo


def _line(sector: _Sector, start: tuple[float, float], end: tuple[float, float]) -> Field:
    axis = np.subtract(end, start).astype(np.float32)
    along = np.clip(
        ((sector.x - start[0]) * axis[0] + (sector.y - start[1]) * axis[1]) / (axis @ axis), 0, 1
    )
    away = np.hypot(sector.x - start[0] - along * axis[0], sector.y - start[1] - along * axis[1])
    line: Field = np.exp(-np.square(away / 1.2))
    return line


def _flow(sector: _Sector, *, squeeze: float, beat: float) -> Field:
    """Return the speed of the blood of the left side, of the order of 1, towards is positive."""
    blood = _ellipse(sector, (17, 68), (22 * (1 - 0.3 * squeeze), 37), -8) > 2
    blood |= _ellipse(sector, (20, 118), (15, 26), 0) > 2
    early, late = (math.exp(-(((beat - at) / width) ** 2)) for at, width in _FILLING)
    inflow = np.exp(-np.square((sector.x - 20) / 9)) * (1 - np.abs(sector.y - 88) / 60)
    outflow = np.exp(-np.square((sector.x - 4 - 0.16 * (100 - sector.y)) / 8))
    ejection = math.sin(math.pi * min(beat / 0.4, 1.0))
    speed = blood * ((early + 0.7 * late) * inflow - ejection * outflow)
    return speed.astype(np.float32)


def _doppler(speed: Field) -> Field:
    """Return the colours of speeds from -1 (away, blue) to 1 (towards, red)."""
    size = np.abs(speed)
    bright, pale = 90 + 165 * size, 235 * np.clip(size * 1.6 - 0.6, 0, 1)
    toward = np.stack([bright, pale, np.zeros_like(size)], axis=-1)
    away = np.stack([np.zeros_like(size), pale, bright], axis=-1)
    colour: Field = np.where(speed[..., None] > 0, toward, away).astype(np.float32)
    return colour


def _add_graphics(
    frame: NDArray[np.uint8], beat: float, *, box: NDArray[np.bool_], inside: NDArray[np.bool_]
) -> None:
    """Draw the Doppler box, colour bar, depth marks and the trace of the heart's current."""
    whole = np.zeros(inside.shape, bool)
    whole[inside] = box
    frame[whole & ~scipy.ndimage.binary_erosion(whole)] = (190, 190, 190)
    scale = np.linspace(1, -1, 120, dtype=np.float32)
    frame[40:160, 600:614] = _doppler(scale)[:, None, :]
    for mark in range(0, int(_DEPTH_MM), 10):
        row = TIP[1] + round(mark / MM_PER_PIXEL)
        frame[row, 20 : 30 if mark % 50 == 0 else 25] = (150, 150, 150)
    t = np.linspace(0, 2, 560, endpoint=False)
    wave = np.zeros_like(t)
    for at, height, width in (
        *((0.88, 0.14, 0.025), (0.985, -0.12, 0.008), (0.0, 1.0, 0.010), (1.0, 1.0, 0.010)),
        *((0.018, -0.22, 0.009), (0.30, 0.24, 0.045)),
    ):
        wave += height * np.exp(-np.square((t % 1 - at) / width))
    rows = np.rint(462 - 30 * wave).astype(int)
    for column, (top, bottom) in enumerate(itertools.pairwise(rows), 40):
        frame[min(top, bottom) : max(top, bottom) + 1, column] = (60, 220, 90)
    now = 40 + round((1 + beat) * 280)
    frame[428:472, now] = (230, 230, 90)


def ultrasound_cine(*, frames: int = 24, seed: str = "ultrasound") -> list[Dataset]:
    """Return a colour cine as one Ultrasound Multi-frame Image, JPEG baseline (YBR_FULL_422).

    Parameters
    ----------
    frames
        Of `ultrasound_frames`; together they last one second.

    Returns
    -------
    list of pydicom.Dataset
        One. Its region calibration says 0.4 mm a pixel, from the sector's tip at `TIP`.

    References
    ----------
    :dcm:`PS3.3 A.7 US Multi-frame Image IOD <part03/sect_A.7.html>`
    """
    identity = SeriesIdentity(
        SOPClassUID=UltrasoundMultiFrameImageStorage,
        Modality="US",
        PatientName="PHANTOM^HEART",
        PatientID="NOCTIS-HEART",
        PatientSex="F",
        StudyDate="20260206",
        StudyTime="143000",
        StudyDescription="Echocardiography",
        SeriesDescription="Four chambers, colour Doppler",
        ManufacturerModelName="Synthetic US",
        StationName="US_2",
        transfer_syntax_uid=JPEGBaseline8Bit,
        seed=seed,
    )
    dataset = begin_instance(identity, 0)
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.BodyPartExamined = "HEART"
    dataset.PatientOrientation = ""
    dataset.AcquisitionDateTime = "20260206143000.000"
    dataset.NumberOfFrames = frames
    dataset.FrameTime = round(1000 / frames, 3)
    dataset.FrameIncrementPointer = Tag("FrameTime")
    dataset.StartTrim, dataset.StopTrim = 1, frames
    dataset.RecommendedDisplayFrameRate = dataset.CineRate = frames
    dataset.HeartRate = 60
    dataset.UltrasoundColorDataPresent = 1
    dataset.BurnedInAnnotation = "NO"
    dataset.SequenceOfUltrasoundRegions = Sequence([_region()])
    images = ultrasound_frames(frames=frames)
    form = PixelFormat(bits_allocated=8, bits_stored=8, photometric_interpretation="YBR_FULL_422")
    add_pixels(dataset, images, form)
    dataset.LossyImageCompression = "01"
    dataset.LossyImageCompressionRatio = round(images.nbytes / len(dataset.PixelData), 1)
    dataset.LossyImageCompressionMethod = "ISO_10918_1"
    return [dataset]


def _region() -> Dataset:
    region = Dataset()
    region.RegionSpatialFormat = 1  # 2D
    region.RegionDataType = 2  # colour flow
    region.RegionFlags = 2
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 36, TIP[1]
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = 584, 444
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3  # cm
    region.ReferencePixelX0, region.ReferencePixelY0 = TIP[0] - 36, 0
    region.ReferencePixelPhysicalValueX = region.ReferencePixelPhysicalValueY = 0.0
    region.PhysicalDeltaX = region.PhysicalDeltaY = MM_PER_PIXEL / 10
    return region
