"""Overlays come as planes of booleans, from their own data and from bits of the pixels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from noctis_lab.dicom.codecs import read_frame
from noctis_lab.dicom.header import read_header
from noctis_lab.dicom.overlays import Overlay, read_overlays
from noctis_lab.errors import CannotInterpret

type Make = Callable[..., Dataset]
type Put = Callable[..., Path]


def _state(
    ds: Dataset, planes: np.ndarray, *, group: int = 0x6000, origin: tuple[int, int] = (1, 1)
) -> Dataset:
    count, rows, columns = planes.shape
    ds.add_new((group, 0x10), "US", rows)
    ds.add_new((group, 0x11), "US", columns)
    ds.add_new((group, 0x22), "LO", "drawn")
    ds.add_new((group, 0x40), "CS", "G")
    ds.add_new((group, 0x50), "SS", list(origin))
    ds.add_new((group, 0x100), "US", 1)
    ds.add_new((group, 0x102), "US", 0)
    if count > 1:
        ds.add_new((group, 0x15), "IS", count)
    packed = np.packbits(planes.reshape(-1), bitorder="little").tobytes()
    ds.add_new((group, 0x3000), "OW", packed + bytes(len(packed) % 2))
    return ds


def _planes(*shape: int) -> np.ndarray:
    return np.random.default_rng(4).integers(0, 2, shape).astype(np.bool_)


def test_overlay_data_is_unpacked(make_dataset: Make, put: Put) -> None:
    first, other = _planes(1, 4, 3), _planes(1, 7, 5)
    ds = _state(_state(make_dataset(), first), other, group=0x6004, origin=(3, -1))
    path = put(ds)
    a, b = read_overlays(path)
    assert (a.group, a.kind, a.label, a.origin, a.in_pixels) == (
        0x6000,
        "G",
        "drawn",
        (0, 0),
        False,
    )
    assert (b.group, b.origin) == (0x6004, (2, -2))
    np.testing.assert_array_equal(a.planes, first)
    np.testing.assert_array_equal(b.planes[0], pydicom.dcmread(path).overlay_array(0x6004))


def test_planes_follow_each_other_bit_by_bit(make_dataset: Make, put: Put) -> None:
    planes = _planes(3, 3, 5)
    ds = _state(make_dataset(), planes)
    (overlay,) = read_overlays(put(ds))
    np.testing.assert_array_equal(overlay.planes, planes)


def test_words_of_big_endian_files_are_swapped(make_dataset: Make, put: Put) -> None:
    planes = _planes(1, 5, 9)
    ds = _state(make_dataset(), planes)
    packed = np.packbits(planes.reshape(-1), bitorder="little")
    ds[0x60003000].value = packed.reshape(-1, 2)[:, ::-1].tobytes()
    (overlay,) = read_overlays(put(ds, syntax="1.2.840.10008.1.2.2"))
    np.testing.assert_array_equal(overlay.planes, planes)


def test_an_overlay_lies_where_its_origin_says() -> None:
    planes = np.ones((1, 2, 3), np.bool_)

    def over(origin: tuple[int, int]) -> list[tuple[int, int]]:
        overlay = Overlay(
            group=0x6000,
            kind="G",
            label="",
            origin=origin,
            first_frame=-1,
            planes=planes,
            in_pixels=False,
        )
        return [(int(y), int(x)) for y, x in np.argwhere(overlay.over(5, rows=4, columns=4))]

    assert over((0, 0)) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    assert over((-1, -2)) == [(0, 0)]
    assert over((3, 2)) == [(3, 2), (3, 3)]
    assert over((9, 0)) == over((0, -3)) == []


def test_planes_belong_to_the_frames_they_name(make_dataset: Make, put: Put) -> None:
    planes = np.array([[[True]], [[False]]])
    ds = _state(make_dataset(), planes)
    ds.add_new(0x60000051, "US", 3)
    (overlay,) = read_overlays(put(ds))
    shown = [bool(overlay.over(frame, rows=1, columns=1)[0, 0]) for frame in range(5)]
    assert shown == [False, False, True, False, False]


def test_bits_of_the_pixels_are_an_overlay(make_dataset: Make, put: Put) -> None:
    planes = _planes(2, 4, 3)
    words = np.random.default_rng(1).integers(0, 1 << 12, (2, 4, 3)).astype("<u2")
    ds = make_dataset(NumberOfFrames=2)
    ds.PixelData = (words | planes.astype("<u2") << 13 | 1 << 14).astype("<u2").tobytes()
    ds.add_new(0x60020010, "US", 4)
    ds.add_new(0x60020011, "US", 3)
    ds.add_new(0x60020100, "US", 16)
    ds.add_new(0x60020102, "US", 13)
    path = put(ds)
    (overlay,) = read_overlays(path)
    assert overlay.in_pixels
    np.testing.assert_array_equal(overlay.planes, planes)
    np.testing.assert_array_equal(overlay.over(1, rows=4, columns=3), planes[1])
    header = read_header(path)
    assert header.pixels is not None
    stored = read_frame(path, header.pixels, header.transfer_syntax_uid, 1)
    np.testing.assert_array_equal(stored, words[1])  # the image has none of the overlay's bits


@pytest.mark.parametrize(
    ("tag", "value", "why"),
    [
        (0x60000102, 11, "one of the image's own"),
        (0x60000102, 16, "no bit of 16"),
        (0x60000010, 5, "not 1 planes of"),
        (0x60000010, 0, "no overlay"),
    ],
)
def test_bits_that_are_no_overlay_are_refused(
    make_dataset: Make, put: Put, tag: int, value: int, why: str
) -> None:
    ds = make_dataset()
    for element, number in ((0x60000010, 4), (0x60000011, 3), (0x60000102, 13)):
        ds.add_new(element, "US", number)
    ds[tag].value = value
    with pytest.raises(CannotInterpret, match=why):
        read_overlays(put(ds))


def test_too_few_bits_and_too_many_pixels_are_refused(make_dataset: Make, put: Put) -> None:
    ds = _state(make_dataset(), _planes(1, 4, 3))
    ds[0x60000010].value = 40
    with pytest.raises(CannotInterpret, match="120 bits are stated, 2 bytes"):
        read_overlays(put(ds))
    ds[0x60000010].value = ds[0x60000011].value = 65535
    with pytest.raises(CannotInterpret, match="are no overlay"):
        read_overlays(put(ds))


@pytest.mark.real_data
def test_real_overlays_are_pydicoms(real_data: Path) -> None:
    found = {}
    for name in (
        "ct_philips_scout_and_report/S4010/I10",
        "dcm4che_testdata/ovly_p01.dcm",
        "pydicom_test_files/examples_overlay.dcm",
    ):
        path = real_data / "real" / name
        dataset = pydicom.dcmread(path)
        for overlay in read_overlays(path):
            found[name, overlay.group] = overlay.in_pixels
            if not overlay.in_pixels:
                expected = dataset.overlay_array(overlay.group)
                np.testing.assert_array_equal(overlay.planes[0], expected)
                continue
            # pydicom reads none of these: the raw words' bit.
            words = np.frombuffer(dataset.PixelData, "<u2").reshape(dataset.Rows, dataset.Columns)
            position = int(dataset[overlay.group, 0x102].value)
            np.testing.assert_array_equal(overlay.planes[0], words >> position & 1)
            assert overlay.planes.any()
    assert len(found) == 6
    assert sum(found.values()) == 2
