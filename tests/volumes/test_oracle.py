"""Whatever a series is, each voxel that comes is the one that pydicom finds at that place."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from noctis_lab.synthetic import PlaneStack, ct_series, enhanced_image
from noctis_lab.testing.strategies import orientations
from noctis_lab.volumes.cache import Handle
from tests.volumes.archive import admit
from tests.volumes.oracle import load_all, require_true

pytestmark = pytest.mark.filterwarnings("ignore::noctis_lab.errors.GeometryWarning")

_AXES: list[Any] = [
    (1, 0, 0, 0, 1, 0),  # head first, supine
    (-1, 0, 0, 0, 1, 0),  # feet first
    (0, 1, 0, -1, 0, 0),  # decubitus
    (1, 0, 0, 0, 0, -1),  # coronal
    (0, 1, 0, 0, 0, -1),  # sagittal
    (0, -1, 0, 0, 0, 1),
]


@st.composite
def classic_series(draw: Callable[..., Any]) -> list[Dataset]:
    """Return a series as scanners and archives make them, in no order."""
    count = draw(st.integers(1, 6))
    orientation = draw(st.one_of(st.sampled_from(_AXES), orientations()))
    normal = np.cross(orientation[:3], orientation[3:])
    lean = draw(st.sampled_from([(0.0, 0.0), (0.3, 0.0), (-0.2, 0.1)]))
    step = draw(st.sampled_from([-3.0, 0.625, 2.0, 5.0])) * (
        normal + lean[0] * np.array(orientation[3:]) + lean[1] * np.array(orientation[:3])
    )
    places = draw(st.lists(st.integers(0, 9), min_size=count, max_size=count))
    digits = draw(st.sampled_from([2, 6, 12]))
    origin = np.array(draw(st.sampled_from([(0.0, 0.0, 0.0), (-211.3, 97.25, -1203.125)])))
    positions = [tuple(np.round(origin + place * step, digits).tolist()) for place in places]
    bits = draw(st.sampled_from([(8, 8), (16, 10), (16, 12), (16, 16), (32, 24)]))
    made = ct_series(
        planes=count,
        rows=3,
        columns=4,
        orientation=orientation,
        positions_mm=positions,
        pixel_spacing_mm=draw(st.sampled_from([(0.5, 0.5), (0.7, 1.3)])),
        instance_numbers=draw(st.permutations(range(1, count + 1))),
        signed=draw(st.booleans()),
        bits_allocated=bits[0],
        bits_stored=bits[1],
        rescale_slope=draw(st.sampled_from([1.0, 0.37])),
        rescale_intercept=draw(
            st.lists(st.sampled_from([0.0, -1024.0, 0.5]), min_size=count, max_size=count)
        ),
        photometric_interpretation=draw(st.sampled_from(["MONOCHROME1", "MONOCHROME2"])),
    )
    for change in draw(st.lists(st.sampled_from(list(_CHANGES)), max_size=2, unique=True)):
        for plane, number in zip(made, draw(st.permutations(range(count))), strict=True):
            _CHANGES[change](plane, number)
    return list(draw(st.permutations(made)))


def _other_frame(plane: Dataset, number: int) -> None:
    plane.FrameOfReferenceUID = f"1.2.3.{number % 2}"


def _other_time(plane: Dataset, number: int) -> None:
    plane.AcquisitionTime = f"1015{10 + number:02d}"


def _other_echo(plane: Dataset, number: int) -> None:
    plane.EchoTime = 10.0 + number % 2


def _other_trigger(plane: Dataset, number: int) -> None:
    plane.TriggerTime = 100.0 * (number % 3) + number


def _other_type(plane: Dataset, number: int) -> None:
    plane.ImageType = ["DERIVED" if number % 2 else "ORIGINAL", "PRIMARY", "AXIAL"]


def _no_place(plane: Dataset, number: int) -> None:
    if number == 0:
        del plane.ImagePositionPatient


def _other_spacing(plane: Dataset, number: int) -> None:
    if number == 1:
        plane.PixelSpacing = [0.51, 0.5]


def _turned(plane: Dataset, number: int) -> None:
    if number % 2:
        plane.ImageOrientationPatient = [0, 0, 1, 0, 1, 0]


def _no_lut(plane: Dataset, number: int) -> None:
    if number == 0:
        del plane.RescaleSlope, plane.RescaleIntercept


_CHANGES: dict[str, Callable[[Dataset, int], None]] = {
    "frame": _other_frame,
    "time": _other_time,
    "echo": _other_echo,
    "trigger": _other_trigger,
    "type": _other_type,
    "no place": _no_place,
    "spacing": _other_spacing,
    "turned": _turned,
    "no lut": _no_lut,
}


_NUMBER = itertools.count()


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(series=classic_series())
def test_every_voxel_that_loads_is_where_and_what_its_frame_says(
    handle: Handle, tmp_path: Path, series: list[Dataset]
) -> None:
    uid = f"1.2.3.{next(_NUMBER)}"  # one archive holds all of them
    for plane in series:
        plane.SeriesInstanceUID = uid
        plane.SOPInstanceUID = f"{uid}.{plane.SOPInstanceUID[-40:]}".replace("..", ".")
    admit(handle, series, tmp_path / uid)
    require_true(load_all(handle, uid), series)


@st.composite
def enhanced_series(draw: Callable[..., Any]) -> Dataset:
    """Return a multi-frame instance whose groups differ from frame to frame."""
    stacks = draw(
        st.lists(
            st.builds(
                PlaneStack,
                planes=st.integers(1, 3),
                orientation=st.one_of(st.sampled_from(_AXES), orientations()),
                slice_spacing_mm=st.sampled_from([-2.5, 4.0]),
                pixel_spacing_mm=st.sampled_from([(1.0, 1.0), (0.5, 2.0)]),
            ),
            min_size=1,
            max_size=2,
        )
    )
    along = draw(st.sampled_from([None, "time", "echo", "b_value", "phase"]))
    image = enhanced_image(
        modality=draw(st.sampled_from(["MR", "CT"])) if along is None else "MR",
        stacks=stacks,
        along=along,
        points=1 if along is None else draw(st.integers(1, 3)),
        order_seed=draw(st.integers(0, 9)),
        shape=(3, 4),
    )
    groups = image.PerFrameFunctionalGroupsSequence
    for number in draw(st.sets(st.integers(0, len(groups) - 1), max_size=2)):
        change = draw(st.sampled_from(["no place", "no values", "turned", "moved"]))
        if change == "no place":
            del groups[number].PlanePositionSequence
        elif change == "no values" and "PixelValueTransformationSequence" in groups[number]:
            del groups[number].PixelValueTransformationSequence
        elif change == "turned":
            turned = Dataset()
            turned.ImageOrientationPatient = [0, 0, 1, 1, 0, 0]
            groups[number].PlaneOrientationSequence = [turned]
        elif change == "moved" and "PlanePositionSequence" in groups[number]:
            groups[number].PlanePositionSequence[0].ImagePositionPatient = [1.5, 2.5, 3.5]
    return image


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(image=enhanced_series())
def test_every_frame_of_an_enhanced_image_is_where_and_what_its_groups_say(
    handle: Handle, tmp_path: Path, image: Dataset
) -> None:
    uid = f"1.2.4.{next(_NUMBER)}"
    image.SeriesInstanceUID, image.SOPInstanceUID = uid, f"{uid}.1"
    admit(handle, [image], tmp_path / uid)
    require_true(load_all(handle, uid), [image])
