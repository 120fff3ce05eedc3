"""Deflated multi-frame instances: the same values, inflated once and not once a frame."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian

from noctis_lab.config import open_settings
from noctis_lab.dicom.codecs import iter_frames, read_frame
from noctis_lab.dicom.header import read_header
from noctis_lab.errors import DecodeError
from noctis_lab.synthetic import PlaneStack, ct_series, enhanced_image, segmentation
from noctis_lab.volumes.cache import Handle, open_handle
from noctis_lab.volumes.load import load
from noctis_lab.volumes.stored_frame import read_stored
from tests.volumes.archive import admit

FRAMES = 24


def deflated(dataset: Dataset) -> Dataset:
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    return dataset


def image() -> Dataset:
    return enhanced_image(stacks=(PlaneStack(planes=FRAMES),), shape=(9, 11))


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the deflate streams that are begun."""
    begun: list[int] = []
    begin: Callable[..., Any] = zlib.decompressobj

    def counted(*arguments: Any) -> Any:
        begun.append(1)
        return begin(*arguments)

    monkeypatch.setattr(zlib, "decompressobj", counted)
    return begun


def test_a_deflated_instance_is_loaded_as_the_plain_one_in_one_go(
    handle: Handle, tmp_path: Path, streams: list[int]
) -> None:
    with open_handle(open_settings({"root": tmp_path / "plain"})) as plain:
        admit(plain, [image()], tmp_path / "a")
        expected = load(plain, image().SeriesInstanceUID)
    admit(handle, [deflated(image())], tmp_path / "b")
    load(handle, image().SeriesInstanceUID)  # reads the header
    streams.clear()
    found = load(handle, image().SeriesInstanceUID)
    xr.testing.assert_identical(found, expected)
    assert len(streams) == 1


@pytest.mark.parametrize("is_turned", [False, True])
def test_planes_one_after_the_other_are_inflated_together(
    handle: Handle, tmp_path: Path, streams: list[int], is_turned: bool
) -> None:
    admit(handle, [deflated(image())], tmp_path / "in")
    uid = image().SeriesInstanceUID
    expected = load(handle, uid)
    root = handle.settings.root
    (lazy,) = xr.open_dataset(uid, engine="noctis", root=root).data_vars.values()
    streams.clear()
    for z in reversed(range(FRAMES)) if is_turned else range(FRAMES):
        np.testing.assert_array_equal(lazy[z], expected[z])
    np.testing.assert_array_equal(lazy[:, 3:5], expected[:, 3:5])
    row = handle.catalog.instances_of(uid)[0]
    for frame in range(FRAMES):
        read_stored(handle, row, frame)[:] = 0  # one's own, to do with what one likes
    np.testing.assert_array_equal(lazy[0], expected[0])
    assert len(streams) == 1
    with pytest.raises(DecodeError, match="frame 24 was asked of 24"):
        read_stored(handle, row, FRAMES)


def test_the_cache_keeps_its_bound_and_streams_are_shared_as_it_allows(
    tmp_path: Path, streams: list[int]
) -> None:
    plane_bytes = 9 * 11 * 2
    small = open_settings({"root": tmp_path / "small", "cache_bytes": 16 * plane_bytes})
    with open_handle(small) as handle:
        admit(handle, [deflated(image())], tmp_path / "in")
        row = handle.catalog.instances_of(image().SeriesInstanceUID)[0]
        streams.clear()
        frames = [read_stored(handle, row, frame) for frame in range(FRAMES)]
        assert len(streams) == FRAMES / 4  # a quarter of the cache at a time
        assert 0 < handle.frames.size_bytes <= 16 * plane_bytes
        np.testing.assert_array_equal(frames, image().pixel_array)


def test_a_deflated_segmentation_of_odd_frames_is_inflated_once(
    handle: Handle, tmp_path: Path, streams: list[int]
) -> None:
    planes = ct_series(planes=7, rows=5, columns=7)  # 35 bits: frames begin within bytes
    masks = np.random.default_rng(0).integers(0, 2, (2, 7, 5, 7), np.uint8)
    masks[:, :, 0, 0] = 1  # no frame is empty
    made = deflated(segmentation(masks, planes))
    admit(handle, planes, tmp_path / "images")
    (path,) = admit(handle, [made], tmp_path / "made")
    load(handle, made.SeriesInstanceUID)
    streams.clear()
    found = load(handle, made.SeriesInstanceUID)
    np.testing.assert_array_equal(found.values, masks)
    assert len(streams) <= 3  # two of them for the header
    layout = read_header(path).pixels
    assert layout is not None
    order = [5, 1, 12]
    several = dict(iter_frames(path, layout, DeflatedExplicitVRLittleEndian, order))
    assert list(several) == sorted(order)
    for frame, stored in several.items():
        one = read_frame(path, layout, DeflatedExplicitVRLittleEndian, frame)
        np.testing.assert_array_equal(stored, one)
