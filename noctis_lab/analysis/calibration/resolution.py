"""Which edge of a phantom tells the in-plane resolution, and what it says."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from noctis_lab.analysis.calibration.align import Alignment
from noctis_lab.analysis.calibration.body import Body
from noctis_lab.analysis.calibration.edge import Circle, Mtf, measure_edge
from noctis_lab.analysis.calibration.phantoms import Insert
from noctis_lab.analysis.calibration.recognise import Recognition
from noctis_lab.analysis.calibration.scene import Scene
from noctis_lab.errors import CannotCalibrate

__all__ = ["measure_body_edge", "measure_resolution"]

_LEAST_CONTRAST_HU = 400.0  # others' edges are too noisy, and none of the phantoms needs them
_CORE_MM = 1.0
_MOST_REACH_MM = 5.0


def measure_resolution(
    scene: Scene, body: Body, found: Recognition, lie: Alignment, planes: NDArray[np.intp]
) -> Mtf:
    """Measure the edge of the insert that stands out most and is read well.

    Parameters
    ----------
    planes
        Those of the sensitometry module.

    Raises
    ------
    CannotCalibrate
        No insert's edge can be read; by the name of the refusal of the one that stands out most.
    """
    phantom = found.phantom
    assert phantom is not None
    refusals = []
    for insert in _candidates(phantom.inserts, phantom.background_hu):
        angle = np.radians(found.direction * insert.angle_deg + lie.roll_deg)
        offset = np.array(lie.shift_mm) + lie.scale * insert.distance_mm * np.array(
            [np.cos(angle), np.sin(angle)]
        )
        try:
            return measure_edge(
                scene,
                [_circle(body, int(plane), offset) for plane in planes],
                radius_mm=insert.radius_mm,
                reach_mm=min(_MOST_REACH_MM, insert.radius_mm - _CORE_MM),
                source=f"{insert.material} insert",
            )
        except CannotCalibrate as refusal:
            refusals.append(refusal)
    if not refusals:
        raise CannotCalibrate(
            "low_contrast", f"no insert differs by {_LEAST_CONTRAST_HU:.0f} HU from the body"
        )
    raise CannotCalibrate(refusals[0].refusal, "; ".join(refusal.reason for refusal in refusals))


def measure_body_edge(scene: Scene, body: Body, planes: NDArray[np.intp]) -> Mtf:
    """Measure the outer edge of a plain phantom.

    Raises
    ------
    CannotCalibrate
        It cannot be read: something stands next to it, or the air around is clipped.
    """
    return measure_edge(
        scene,
        [_circle(body, int(plane), np.zeros(2)) for plane in planes],
        radius_mm=body.radius_mm,
        reach_mm=_MOST_REACH_MM,
        source="edge of the phantom",
    )


def _candidates(inserts: tuple[Insert, ...], background_hu: float) -> Iterator[Insert]:
    def contrast(insert: Insert) -> float:
        return abs(insert.typical_hu - background_hu)

    for insert in sorted(inserts, key=contrast, reverse=True):
        if contrast(insert) >= _LEAST_CONTRAST_HU:
            yield insert


def _circle(body: Body, plane: int, offset: NDArray[np.float64]) -> Circle:
    x, y = (body.center_mm[plane] + offset).tolist()
    return Circle(plane=plane, center_mm=(x, y))
