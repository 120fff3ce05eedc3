"""A file that is missing, or is another by now, is never read in silence."""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from noctis_lab.errors import (
    FileChanged,
    UnsupportedSeries,
)
from noctis_lab.synthetic import ct_series
from noctis_lab.volumes.backend import open_lazily
from noctis_lab.volumes.cache import Handle
from noctis_lab.volumes.load import load
from tests.volumes.archive import admit
from tests.volumes.by_pydicom import by_pydicom


def test_a_missing_file_is_reported_with_its_uid(handle: Handle, tmp_path: Path) -> None:
    planes = ct_series(planes=3)
    paths = admit(handle, planes, tmp_path / "in")
    paths[1].unlink()
    with pytest.raises(FileChanged, match=str(planes[1].SOPInstanceUID)):
        load(handle, planes[0].SeriesInstanceUID)


def test_a_source_that_was_only_touched_is_parsed_again(handle: Handle, tmp_path: Path) -> None:
    planes = ct_series(planes=2)
    paths = admit(handle, planes, tmp_path / "in", in_place=True)
    os.utime(paths[0], ns=(0, 0))
    np.testing.assert_array_equal(
        load(handle, planes[0].SeriesInstanceUID).values, by_pydicom(planes)
    )


def test_a_source_whose_meta_group_grew_is_read_at_its_new_place(
    handle: Handle, tmp_path: Path
) -> None:
    planes = ct_series(planes=2)
    paths = admit(handle, planes, tmp_path / "in", in_place=True)
    planes[0].file_meta.SourceApplicationEntityTitle = "ELSEWHERE"
    planes[0].save_as(paths[0], enforce_file_format=True)
    np.testing.assert_array_equal(
        load(handle, planes[0].SeriesInstanceUID).values, by_pydicom(planes)
    )


def test_a_source_with_other_pixels_is_never_read_silently(handle: Handle, tmp_path: Path) -> None:
    planes = ct_series(planes=2)
    paths = admit(handle, planes, tmp_path / "in", in_place=True)
    content = bytearray(paths[0].read_bytes())
    content[-1] ^= 1
    paths[0].write_bytes(content)
    os.utime(paths[0], ns=(1, 1))
    with pytest.raises(FileChanged, match="not what was catalogued"):
        load(handle, planes[0].SeriesInstanceUID)


def test_a_truncated_file_is_never_read_silently(handle: Handle, tmp_path: Path) -> None:
    planes = ct_series(planes=2)
    paths = admit(handle, planes, tmp_path / "in")
    os.truncate(paths[0], paths[0].stat().st_size - 100)
    with pytest.raises(FileChanged):
        load(handle, planes[0].SeriesInstanceUID)


def test_a_series_copied_elsewhere_loads_the_same(handle: Handle, tmp_path: Path) -> None:
    planes = ct_series(planes=3)
    copies = tmp_path / "copies"
    originals = admit(handle, planes, tmp_path / "in", in_place=True)
    shutil.copytree(tmp_path / "in", copies, copy_function=shutil.copy)
    for original, copy in zip(originals, sorted(copies.iterdir()), strict=True):
        copy.replace(original)
    np.testing.assert_array_equal(
        load(handle, planes[0].SeriesInstanceUID).values, by_pydicom(planes)
    )


@pytest.mark.parametrize(
    ("stated", "grown"),
    [({}, 2), ({"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}, 1)],
    ids=["frames that are not counted", "words taken for bytes"],
)
def test_more_pixels_than_are_stated_are_refused(
    handle: Handle, tmp_path: Path, stated: dict[str, int], grown: int
) -> None:
    planes = ct_series(planes=3)
    planes[1].PixelData *= grown
    for keyword, value in stated.items():
        setattr(planes[1], keyword, value)
    admit(handle, planes, tmp_path / "in")
    uid = str(planes[0].SeriesInstanceUID)
    for read in (partial(load, handle), partial(open_lazily, handle.settings)):
        with pytest.raises(UnsupportedSeries, match="bytes where Rows") as raised:
            read(uid)
        assert raised.value.SOPInstanceUIDs == (str(planes[1].SOPInstanceUID),)


def test_bytes_behind_the_pixels_are_padding(handle: Handle, tmp_path: Path) -> None:
    planes = ct_series(planes=3)
    expected = by_pydicom(planes)
    planes[1].PixelData += bytes(128)
    admit(handle, planes, tmp_path / "in")
    np.testing.assert_array_equal(load(handle, planes[0].SeriesInstanceUID).values, expected)
