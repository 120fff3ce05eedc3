"""What a loaded series must hold, voxel by voxel, by pydicom and the standard's equations alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from noctis_lab.errors import CannotStack
from noctis_lab.volumes.cache import Handle
from noctis_lab.volumes.load import load
from noctis_lab.volumes.series_plan import find_plan

#: Of float64 coordinates, some metres from the origin.
ROUNDING_MM = 1e-9


@dataclass(frozen=True)
class Truth:
    """One frame, as pydicom reads it."""

    position_mm: NDArray[np.float64] | None  # centre of its first voxel
    row_step_mm: NDArray[np.float64]  # from one row to the next, patient LPS
    column_step_mm: NDArray[np.float64]
    values: NDArray[np.float64]

    def place(self, row: int, column: int) -> NDArray[np.float64]:
        """Return where a voxel lies: PS3.3 C.7.6.2.1.1, Equation C.7.6.2.1-1."""
        assert self.position_mm is not None
        return self.position_mm + row * self.row_step_mm + column * self.column_step_mm


def truths(series: Sequence[Dataset]) -> dict[tuple[str, int], Truth]:
    """Return each frame of some instances, by SOPInstanceUID and frame number."""
    return {
        (str(instance.SOPInstanceUID), number + 1): _truth(instance, number)
        for instance in series
        for number in range(int(instance.get("NumberOfFrames", 1)))
    }


def _truth(instance: Dataset, number: int) -> Truth:
    pixels = np.atleast_3d(instance.pixel_array)
    stored = instance.pixel_array if pixels.shape[2] == 1 else instance.pixel_array[number]
    slope = float(_stated(instance, number, "PixelValueTransformationSequence", "RescaleSlope", 1))
    intercept = float(
        _stated(instance, number, "PixelValueTransformationSequence", "RescaleIntercept", 0)
    )
    position = _stated(instance, number, "PlanePositionSequence", "ImagePositionPatient", None)
    cosines = _stated(
        instance, number, "PlaneOrientationSequence", "ImageOrientationPatient", [0.0] * 6
    )
    row_mm, column_mm = _stated(
        instance, number, "PixelMeasuresSequence", "PixelSpacing", (1.0, 1.0)
    )
    along = np.array(cosines, dtype=np.float64)
    return Truth(
        position_mm=None if position is None else np.array(position, dtype=np.float64),
        row_step_mm=along[3:] * float(row_mm),
        column_step_mm=along[:3] * float(column_mm),
        values=stored.astype(np.float64) * slope + intercept,
    )


def _stated(instance: Dataset, number: int, group: str, keyword: str, otherwise: Any) -> Any:
    """Return an attribute of a frame: its own group's, the shared one's, the top level's."""
    own = instance.get("PerFrameFunctionalGroupsSequence")
    shared = instance.get("SharedFunctionalGroupsSequence")
    for groups in (own[number] if own else None, shared[0] if shared else None):
        if groups is not None and group in groups and keyword in groups[group].value[0]:
            return groups[group].value[0][keyword].value
    return instance[keyword].value if keyword in instance else otherwise


def load_all(handle: Handle, uid: str, **options: Any) -> list[xr.DataArray]:
    """Load each stack of a series; a refusal of the whole is none."""
    try:
        _, plan = find_plan(handle, uid)
    except CannotStack:
        return []
    return [load(handle, uid, stack=number, **options) for number in range(len(plan.stacks))]


def require_true(volumes: Sequence[xr.DataArray], series: Sequence[Dataset]) -> None:
    """Hold every voxel's place and value against the frame that it says it is of."""
    known = truths(series)
    seen: Counter[tuple[str, int]] = Counter()
    for volume in volumes:
        seen += _require_true(volume, known)
    assert max(seen.values(), default=1) == 1, "a frame is in two places"


def _require_true(
    volume: xr.DataArray, known: dict[tuple[str, int], Truth]
) -> Counter[tuple[str, int]]:
    outer = [dim for dim in volume.dims if dim not in ("y", "x", "channel")]
    stacked = volume.transpose(*outer, "y", "x", ...)
    uids = volume.coords["SOPInstanceUID"].transpose(*outer).values
    numbers = (
        volume.coords["frame_number"].transpose(*outer).values
        if "frame_number" in volume.coords
        else np.ones(uids.shape, np.intp)
    )
    seen: Counter[tuple[str, int]] = Counter()
    for index in np.ndindex(uids.shape):
        key = (str(uids[index]), int(numbers[index]))
        seen[key] += 1
        truth = known[key]
        np.testing.assert_allclose(
            stacked.values[index], truth.values, rtol=1e-6, err_msg=f"values of {key}"
        )
        if "patient_lps" in volume.coords:
            _require_place(volume, dict(zip(outer, index, strict=True))["z"], truth)
    return seen


def _require_place(volume: xr.DataArray, z: int, truth: Truth) -> None:
    geometry = volume.coords["patient_lps"].attrs
    directions = np.array(geometry["direction"]).reshape(3, 3)
    last_row, last_column = volume.sizes["y"] - 1, volume.sizes["x"] - 1
    for row, column in ((0, 0), (last_row, 0), (0, last_column), (last_row, last_column)):
        along = [volume.z.values[z], volume.y.values[row], volume.x.values[column]]
        off_mm = np.linalg.norm(directions @ along - truth.place(row, column))
        assert off_mm <= geometry["residual_mm"] + ROUNDING_MM, f"{off_mm} mm off its place"
