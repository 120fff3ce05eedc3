"""The one layout of a volume's array: its dims, its coordinates and how geometry rides on them.

The 1-D coordinates of z, y and x are t = U⁻¹·origin + i·step, so that a voxel's place is U·t. For
an axial stack they are patient LPS millimetres as they stand; for oblique, sheared and mirrored
ones they survive slicing, strides, flips and arithmetic, since only the constant U is stored: nine
floats on the scalar coordinate `patient_lps`, with each axis' nominal spacing beside it for the
case that a single plane is left.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noctis_lab.volumes.placement import Placement

__all__ = ["AXES", "CHANNEL", "GEOMETRY", "PER_PLANE", "stack_coordinates", "towards_words"]

#: The spatial dims, in the order of the array, and of every index and spacing.
AXES: tuple[str, str, str] = ("z", "y", "x")
#: The scalar coordinate that holds U and the nominal spacing.
GEOMETRY = "patient_lps"
#: The trailing dim of colour.
CHANNEL = "channel"
#: The coordinates that are one plane's own.
PER_PLANE = ("SOPInstanceUID", "InstanceNumber", "frame_number", "slope", "intercept")

# PS3.3 C.7.6.2.1.1: x increases to the left hand, y to the posterior side, z towards the head.
_TOWARDS = (("left", "right"), ("posterior", "anterior"), ("superior", "inferior"))
#: Within a tenth of a degree of a patient's axis.
_ALONG_AXIS = 1 - 1.5e-6

type Coordinate = tuple[tuple[str, ...], NDArray[Any] | int, dict[str, Any]]


def stack_coordinates(
    placement: Placement, shape: tuple[int, int, int], *, FrameOfReferenceUID: str | None
) -> Mapping[Hashable, Coordinate]:
    """Return the coordinates of a planned stack.

    Parameters
    ----------
    placement
        Where it lies.
    shape
        Planes, rows, columns.
    FrameOfReferenceUID
        Of its frames, where stated.

    Returns
    -------
    mapping of str to (dims, values, attrs)
        z, y and x (float64, mm), and the scalar `patient_lps`.
    """
    directions = np.array(placement.directions, dtype=np.float64)
    first_mm = np.linalg.solve(directions, np.array(placement.origin_mm))
    coordinates: dict[Hashable, Coordinate] = {}
    for axis, name in enumerate(AXES):
        step_mm, size = placement.steps_mm[axis], shape[axis]
        along_mm = np.full(size, first_mm[axis])
        if name == "z" and placement.offsets_mm:
            along_mm += np.array(placement.offsets_mm)
        elif size > 1:
            along_mm += np.arange(size) * step_mm
        towards = towards_words(directions[:, axis])
        coordinates[name] = ((name,), along_mm, {"units": "mm", "long_name": towards})
    geometry: dict[str, Any] = {
        "direction": [float(cosine) for cosine in directions.ravel()],
        "spacing_mm": [float(step_mm) for step_mm in placement.steps_mm],
        "residual_mm": placement.residual_mm,
    }
    if FrameOfReferenceUID is not None:
        geometry["FrameOfReferenceUID"] = FrameOfReferenceUID
    coordinates[GEOMETRY] = ((), 0, geometry)
    return coordinates


def towards_words(direction: NDArray[np.float64]) -> str:
    """Return where in the patient a direction leads.

    Parameters
    ----------
    direction
        A unit vector, patient LPS.

    Examples
    --------
    >>> towards_words(np.array([0.0, 0.0, 1.0])), towards_words(np.array([0.0, -0.8, 0.6]))
    ('superior', 'anterior, oblique')
    """
    axis = int(np.argmax(np.abs(direction)))
    word = _TOWARDS[axis][0 if direction[axis] > 0 else 1]
    return word if abs(direction[axis]) >= _ALONG_AXIS else f"{word}, oblique"
