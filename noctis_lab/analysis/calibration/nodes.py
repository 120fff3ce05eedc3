"""The square of small holes that tells how long a millimetre is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from noctis_lab.analysis.calibration.align import Alignment, find_centroid
from noctis_lab.analysis.calibration.body import Body
from noctis_lab.analysis.calibration.recognise import Recognition
from noctis_lab.analysis.calibration.scene import Scene

__all__ = ["Nodes", "read_nodes"]

_CORNERS_DEG = (45.0, 135.0, 225.0, 315.0)
_RADIUS_MM = 1.5
_LEAST_PLANES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Nodes:
    """What the holes say.

    Attributes
    ----------
    side_mm, side_se_mm
        The mean of the square's four sides, and its standard error from how planes differ,
        pooled over the sides.
    ratio
        Measured over nominal.
    planes
        In which all four were seen.
    """

    side_mm: float
    side_se_mm: float
    ratio: float
    planes: int


def read_nodes(
    scene: Scene, body: Body, found: Recognition, lie: Alignment, planes: NDArray[np.intp]
) -> Nodes | None:
    """Measure the square in some planes; None where the phantom has none or it is not seen."""
    phantom = found.phantom
    if phantom is None or phantom.node_spacing_mm is None:
        return None
    distance = phantom.node_spacing_mm / np.sqrt(2)
    sides = []
    for plane in planes:
        corners = []
        for angle in _CORNERS_DEG:
            turn = np.radians(found.direction * angle + lie.roll_deg)
            place = body.center_mm[plane] + lie.shift_mm
            place = place + distance * np.array([np.cos(turn), np.sin(turn)])
            offset = find_centroid(scene, int(plane), place, _RADIUS_MM)
            if offset is not None:
                corners.append(place + offset)
        if len(corners) == len(_CORNERS_DEG):
            steps = np.diff(np.array([*corners, corners[0]]), axis=0)
            sides.append(np.hypot(*steps.T))
    if len(sides) < _LEAST_PLANES:
        return None
    lengths = np.array(sides)  # (planes, 4)
    side = float(lengths.mean())
    return Nodes(
        side_mm=side,
        side_se_mm=float(np.sqrt(lengths.var(axis=0, ddof=1).mean() / lengths.size)),
        ratio=side / phantom.node_spacing_mm,
        planes=len(sides),
    )
