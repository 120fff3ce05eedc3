"""Which phantom a body is, how it is turned, and where its sensitometry module lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from noctis_lab.analysis.calibration.body import Body
from noctis_lab.analysis.calibration.phantoms import Phantom
from noctis_lab.analysis.calibration.scene import Scene
from noctis_lab.errors import CannotCalibrate

__all__ = ["WATER_PHANTOM", "Recognition", "recognise"]

WATER_PHANTOM = "water phantom"
LEAST_SCORE, LEAST_MARGIN = 0.90, 0.03
_ANGLES = 720
_RADIUS_TOLERANCE_MM = 5.0
_WATER_HU = 60.0  # how far a plain phantom's value may be off and still be taken for water
_PLAIN_HU = 12.0  # how much rings of a plain phantom may differ
_MODULE_HU = (7.0, 25.0)  # where the plain modules of others would fail as water
_MIDDLE_MM = 47.0  # between a plain phantom's inner and outer ring
_CONTRADICTED = 0.2  # taken from a score where the modules lie otherwise


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognition:
    """A phantom found.

    Attributes
    ----------
    model
        As in its data file; `WATER_PHANTOM` for a plain one.
    phantom
        None for a plain one.
    score, margin
        Pearson's correlation of the ring with the model's, and by how much it is before the next.
    roll_deg
        By how much it is turned, in the sense of `Insert.angle_deg`.
    direction
        1 where the phantom's own z ascends to the head, -1 where it lies the other way round; its
        angles are mirrored then.
    z_mm
        Of the sensitometry module's middle, or a plain phantom's, along the stack's own z.
    planes
        Indices of the planes whose ring is that of the module, or of a plain phantom.
    """

    model: str
    phantom: Phantom | None
    score: float
    margin: float
    roll_deg: float
    direction: int
    z_mm: float
    planes: NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class _Match:
    phantom: Phantom
    score: float
    roll_deg: float
    direction: int
    z_mm: float
    planes: NDArray[np.intp]


def recognise(scene: Scene, body: Body, phantoms: Sequence[Phantom]) -> Recognition:
    """Find which of some phantoms a body is.

    Raises
    ------
    CannotCalibrate
        ``unrecognised``: nothing matches well enough. ``ambiguous``: two models match alike, or
        water that is off and a phantom's plain module: what tells them apart is not in the series.
    """
    rings: dict[float, NDArray[np.float32]] = {}
    matches = []
    for phantom in phantoms:
        if abs(body.radius_mm - phantom.radius_mm) > _RADIUS_TOLERANCE_MM:
            continue
        distance = phantom.inserts[0].distance_mm
        gauge = phantom.gauge_distance_mm
        for wanted in (distance, gauge):
            if wanted is not None and wanted not in rings:
                rings[wanted] = _rings_at(scene, body, wanted)
        matches += [
            _match(
                scene,
                phantom,
                rings[distance],
                None if gauge is None else rings[gauge],
                direction,
            )
            for direction in (1, -1)
        ]
    matches.sort(key=lambda match: -match.score)
    if matches and matches[0].score >= LEAST_SCORE:
        return _best_of(matches)
    plain = _find_plain(scene, body, is_known_size=bool(matches))
    if plain is not None:
        return plain
    best = (
        f"; the best is {matches[0].phantom.model} with {matches[0].score:.2f}" if matches else ""
    )
    raise CannotCalibrate(
        "unrecognised",
        f"a cylinder of {2 * body.radius_mm:.0f} mm is no known phantom, or its inserts' module is "
        f"not in the series (a score of {LEAST_SCORE} is expected{best})",
    )


def _best_of(matches: Sequence[_Match]) -> Recognition:
    best = matches[0]
    others = [match for match in matches if match.phantom.model != best.phantom.model]
    margin = best.score - others[0].score if others else best.score
    if margin < LEAST_MARGIN:
        raise CannotCalibrate(
            "ambiguous",
            f"{best.phantom.model} and {others[0].phantom.model} match alike ({best.score:.3f} and "
            f"{others[0].score:.3f}): the modules that tell them apart are not in the series",
        )
    return Recognition(
        model=best.phantom.model,
        phantom=best.phantom,
        score=best.score,
        margin=margin,
        roll_deg=best.roll_deg,
        direction=best.direction,
        z_mm=best.z_mm,
        planes=best.planes,
    )


def _rings_at(scene: Scene, body: Body, distance_mm: float) -> NDArray[np.float32]:
    """Return the mean of five rings about the axis, shape (planes, 720)."""
    angles = np.arange(_ANGLES) * (2 * np.pi / _ANGLES)
    radii = distance_mm + np.linspace(-3.0, 3.0, 5)
    x, y = np.cos(angles) * radii[:, None], np.sin(angles) * radii[:, None]
    rings = np.full((len(scene.values), _ANGLES), np.nan, np.float32)
    for plane in body.planes:
        cx, cy = body.center_mm[plane]
        rings[plane] = scene.sample(int(plane), cx + x, cy + y).mean(axis=0)
    return rings


def _template(phantom: Phantom, direction: int) -> NDArray[np.float64]:
    angles = np.arange(_ANGLES) * (360 / _ANGLES)
    template = np.full(_ANGLES, phantom.background_hu)
    for insert in phantom.inserts:
        half = np.degrees(np.arcsin(insert.radius_mm / insert.distance_mm))
        turn = (angles - direction * insert.angle_deg + 180) % 360 - 180
        template[np.abs(turn) <= half] = insert.typical_hu
    return template


def _correlate(rings: NDArray[np.float64], template: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Pearson's correlation at each turn, shape (planes, 720)."""
    rings = rings - rings.mean(axis=1, keepdims=True)
    template = template - template.mean()
    spectrum = np.fft.rfft(rings, axis=1) * np.conj(np.fft.rfft(template))
    norm = np.linalg.norm(rings, axis=1) * np.linalg.norm(template)
    turned: NDArray[np.float64] = np.fft.irfft(spectrum, _ANGLES, axis=1)
    return turned / np.maximum(norm, 1e-9)[:, None]


def _match(
    scene: Scene,
    phantom: Phantom,
    rings: NDArray[np.float32],
    gauge: NDArray[np.float32] | None,
    direction: int,
) -> _Match:
    sound = np.flatnonzero(np.isfinite(rings).all(axis=1))
    if sound.size == 0:
        return _Match(phantom, -1.0, 0.0, direction, 0.0, np.empty(0, np.intp))
    template = _template(phantom, direction)
    correlation = _correlate(rings[sound].astype(float), template)
    of_plane = correlation.max(axis=1)
    # The module's planes match about as well as the best one.
    best = int(of_plane.argmax())
    level = max(0.5, 0.93 * float(of_plane[best]))
    first = last = best
    while first > 0 and of_plane[first - 1] >= level:
        first -= 1
    while last < sound.size - 1 and of_plane[last + 1] >= level:
        last += 1
    planes = sound[first : last + 1]
    # All of them together: noise falls, the plane of one wire does not matter.
    together = _correlate(rings[planes].mean(axis=0, dtype=float)[None], template)[0]
    score = float(together.max())
    z_mm = float(scene.z_mm[planes[[0, -1]]].mean())
    if gauge is not None and not _modules_fit(scene, phantom, gauge, z_mm, direction):
        score -= _CONTRADICTED
    return _Match(phantom, score, _peak_deg(together), direction, z_mm, planes)


def _peak_deg(correlation: NDArray[np.float64]) -> float:
    """Return where the peak is, by the middle of its upper part, within ±180 degrees."""
    peak = int(correlation.argmax())
    around = np.arange(peak - 3, peak + 4)
    curve = np.polyfit(np.arange(-3, 4), correlation[around % _ANGLES], 2)
    offset = -curve[1] / (2 * curve[0]) if curve[0] < 0 else 0.0
    degrees = (peak + float(np.clip(offset, -3, 3))) * (360 / _ANGLES)
    return (degrees + 180) % 360 - 180


def _modules_fit(
    scene: Scene, phantom: Phantom, gauge: NDArray[np.float32], z_mm: float, direction: int
) -> bool:
    """Say whether line pairs are where the model has them, and nowhere else; True if unseen."""
    if "resolution" not in phantom.modules:
        return True
    own_z = (scene.z_mm - z_mm) * direction
    seen = np.isfinite(gauge).all(axis=1)
    ripple = np.zeros(len(gauge))
    ripple[seen] = np.abs(np.diff(gauge[seen], axis=1)).mean(axis=1)
    quiet = np.median(ripple[seen]) if seen.any() else 0.0
    has_pairs = seen & (ripple > 3 * quiet + 5.0)
    low, high = phantom.modules["resolution"]
    within = (own_z >= low) & (own_z <= high)
    if bool(has_pairs[within].any()):
        return True
    # The gauge is a sheet in the middle of its module: a plane there would have shown it.
    middle, reach = (low + high) / 2, max(6.0, scene.plane_spacing_mm)
    is_covered = bool(seen[np.abs(own_z - middle) <= reach].any())
    return not is_covered and not bool(has_pairs.any())


def _find_plain(scene: Scene, body: Body, *, is_known_size: bool) -> Recognition | None:
    """Return a phantom of one material near water in all planes, or None.

    Raises
    ------
    CannotCalibrate
        ``ambiguous``: it may as well be the plain module of a phantom that is of its size.
    """
    middle = _rings_at(scene, body, _MIDDLE_MM)
    outer = _rings_at(scene, body, 0.75 * body.radius_mm)
    inner = _rings_at(scene, body, 0.35 * body.radius_mm)
    rings = np.concatenate([outer, middle, inner], axis=1)
    sound = np.flatnonzero(np.isfinite(rings).all(axis=1))
    if sound.size < 3:
        return None
    mean = rings[sound].mean(axis=1)
    # Noise is averaged over 5 degrees; what is left are things.
    smooth = rings[sound].reshape(sound.size, -1, 10).mean(axis=2)
    smooth = smooth.mean(axis=0)[None] if sound.size < 6 else smooth
    plain = np.abs(smooth - np.median(smooth)).max(axis=1) <= max(
        _PLAIN_HU, 4 * float(np.median(np.std(smooth, axis=1)))
    )
    if float(plain.mean()) < 0.8 or float(np.std(smooth.mean(axis=0))) > _PLAIN_HU:
        return None
    value = float(np.median(mean))
    if abs(value) > _WATER_HU:
        return None
    if is_known_size and _MODULE_HU[0] <= value <= _MODULE_HU[1]:
        raise CannotCalibrate(
            "ambiguous",
            f"a plain cylinder of {2 * body.radius_mm:.0f} mm at {value:.0f} HU is water that is "
            "off, or the plain module of a phantom: send the planes with its inserts too",
        )
    return Recognition(
        model=WATER_PHANTOM,
        phantom=None,
        score=1.0,
        margin=1.0,
        roll_deg=0.0,
        direction=1,
        z_mm=float(scene.z_mm[sound].mean()),
        planes=sound,
    )
