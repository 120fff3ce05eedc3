"""Enhanced images, mosaics and weighted series: valid where they say so, and of known pixels."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from noctis_lab.synthetic import (
    CONVENTIONS,
    PlaneStack,
    enhanced_frames,
    enhanced_image,
    mosaic_series,
    mosaic_stored,
    weighted_mr,
    weighted_stored,
)

KINDS: dict[str, Callable[[], list[Dataset]]] = {
    "mosaic": mosaic_series,
    "enhanced": lambda: [enhanced_image(along="b_value", points=3)],
    **{name: lambda name=name: weighted_mr(name) for name in CONVENTIONS},
}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "enhanced"])
def test_dciodvfy_finds_no_error(
    kind: str, tmp_path: Path, require_program: Callable[[str], str]
) -> None:
    path = tmp_path / "instance.dcm"
    KINDS[kind]()[-1].save_as(path, enforce_file_format=True)
    done = subprocess.run(
        [require_program("dciodvfy"), str(path)], capture_output=True, text=True, check=False
    )
    said = (done.stdout + done.stderr).splitlines()
    assert any("MRImage" in line for line in said), "it recognises the IOD"
    assert [line for line in said if line.startswith("Error")] == []


@pytest.mark.parametrize("kind", ["mosaic", "enhanced", "b_value ge"])
def test_equal_calls_give_equal_bytes(kind: str) -> None:
    def written() -> list[bytes]:
        streams = []
        for instance in KINDS[kind]():
            stream = io.BytesIO()
            instance.save_as(stream, enforce_file_format=True)
            streams.append(stream.getvalue())
        return streams

    assert written() == written()


def test_frames_are_out_of_order_and_of_their_own_pixels() -> None:
    stacks = [PlaneStack(planes=3), PlaneStack(planes=2, orientation=(0, 1, 0, 0, 0, -1))]
    image = enhanced_image(stacks=stacks, along="time", points=2)
    frames = enhanced_frames(stacks, 2)
    assert frames != enhanced_frames(stacks, 2, seed=None)
    assert sorted(frames, key=repr) == sorted(enhanced_frames(stacks, 2, seed=None), key=repr)
    for frame, stored in zip(frames, image.pixel_array, strict=True):
        np.testing.assert_array_equal(stored, frame.stored((8, 10)))


def test_a_mosaic_is_its_slices_row_by_row_and_empty_after_them() -> None:
    mosaic = mosaic_series(stack=PlaneStack(planes=5), shape=(6, 8))[1].pixel_array
    slices = mosaic_stored(5, (6, 8), time=1)
    assert mosaic.shape == (18, 24)
    np.testing.assert_array_equal(mosaic[:6, 8:16], slices[1])
    np.testing.assert_array_equal(mosaic[6:12, :8], slices[3])
    assert not mosaic[12:].any()
    assert not mosaic[6:12, 16:].any()


def test_a_weighted_series_has_all_points_at_each_place() -> None:
    series = weighted_mr("echo", stack=PlaneStack(planes=2), points=3)
    assert [float(each.EchoTime) for each in series] == [10, 20, 30] * 2
    assert len({tuple(each.ImagePositionPatient) for each in series}) == 2
    np.testing.assert_array_equal(series[4].pixel_array, weighted_stored(1, 1, (6, 8)))
