"""A file that is missing, or is another by now, is never read in silence."""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from noctis_lab.errors import FileChanged, PixelWarning, UnsupportedSeries
from noctis_lab.synthetic import ct_series, ultrasound_cine
from noctis_lab.volumes.backend import open_lazily
from noctis_lab.volumes.cache import Handle
from noctis_lab.volumes.frame_values import find_frame, read_values
from noctis_lab.volumes.load import load
from noctis_lab.volumes.pixels import describe_stack, encode_frames
from noctis_lab.volumes.stored_frame import read_stored
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


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
@pytest.mark.parametrize("padding", [bytes(128), b"\xff" * 20])
def test_padding_behind_the_pixels_is_warned_of(
    handle: Handle, tmp_path: Path, syntax: str, padding: bytes
) -> None:
    planes = ct_series(planes=3, transfer_syntax_uid=syntax)
    expected = by_pydicom(planes)
    planes[1].PixelData += padding
    admit(handle, planes, tmp_path / "in")
    uid = str(planes[0].SeriesInstanceUID)
    for read in (partial(load, handle), partial(open_lazily, handle.settings)):
        with pytest.warns(PixelWarning, match="1 instance.*followed by padding") as warned:
            found = read(uid)
        np.testing.assert_array_equal(found.values, expected)
        assert warned[0].message.SeriesInstanceUID == uid  # type: ignore[union-attr]
    with pytest.warns(PixelWarning, match="the rest is not read"):
        read_stored(handle, handle.catalog.instances_of(uid)[1])


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
def test_other_bytes_behind_the_pixels_are_refused(
    handle: Handle, tmp_path: Path, syntax: str
) -> None:
    planes = ct_series(planes=3, transfer_syntax_uid=syntax)
    planes[1].Rows -= 1  # a row that is not named
    admit(handle, planes[1:2], tmp_path / "in")
    uid = str(planes[0].SeriesInstanceUID)
    for read in (partial(load, handle), partial(open_lazily, handle.settings)):
        with pytest.raises(UnsupportedSeries, match=r"bytes where Rows.*no padding"):
            read(uid)


def test_the_byte_that_makes_pixels_even_is_none_too_many(handle: Handle, tmp_path: Path) -> None:
    planes = ct_series(planes=1, rows=3, columns=5, bits_stored=8, signed=False)
    words = planes[0].pixel_array.astype(np.uint8)
    planes[0].BitsAllocated, planes[0].PixelData = 8, words.tobytes() + b"\x07"
    planes[0]["PixelData"].VR = "OB"
    admit(handle, planes, tmp_path / "in")
    loaded = load(handle, planes[0].SeriesInstanceUID, stored=True)
    np.testing.assert_array_equal(loaded.values[0], words)


def test_frames_that_were_each_padded_are_refused(handle: Handle, tmp_path: Path) -> None:
    image = ultrasound_cine(frames=3)[0]
    image.Rows, image.Columns, image.PhotometricInterpretation = 3, 5, "RGB"
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    frames = np.random.default_rng(1).integers(1, 255, (3, 45), np.uint8)
    image.PixelData = b"".join(frame.tobytes() + b"\0" for frame in frames)
    admit(handle, [image], tmp_path / "in")
    uid = str(image.SeriesInstanceUID)
    with pytest.raises(UnsupportedSeries, match="no padding"):
        load(handle, uid)
    for frame in range(3):
        with pytest.raises(UnsupportedSeries, match="no padding"):
            encode_frames(handle, uid, frame, 1)
    described = describe_stack(handle, uid)
    assert "Longer pixel data" in {badge.text for badge in described.badges}
    assert "longer than their header says" in (described.note or "")


def test_images_that_are_not_loaded_are_not_measured(handle: Handle, tmp_path: Path) -> None:
    planes = ct_series(planes=3)
    planes[1].Rows -= 1  # a row that is not named
    del planes[1].WindowCenter, planes[1].WindowWidth
    admit(handle, planes[1:2], tmp_path / "in")
    uid = str(planes[0].SeriesInstanceUID)
    assert describe_stack(handle, uid).windows == ()  # nor is a window made of them
    found = find_frame(handle, uid, index=0)
    assert found is not None
    with pytest.raises(UnsupportedSeries, match="no padding"):
        read_values(handle, found)


def test_images_that_are_padded_are_shown_and_said_to_be_longer(
    handle: Handle, tmp_path: Path
) -> None:
    planes = ct_series(planes=3)
    expected = by_pydicom(planes)
    planes[1].PixelData += bytes(128)
    admit(handle, planes, tmp_path / "in")
    uid = str(planes[0].SeriesInstanceUID)
    described = describe_stack(handle, uid)
    assert "Longer pixel data" in {badge.text for badge in described.badges}
    with pytest.warns(PixelWarning, match="the rest is not read"):
        shown = np.frombuffer(encode_frames(handle, uid, 0, 3), described.frames[0].dtype)
    slope, intercept = described.frames[0].slope, described.frames[0].intercept
    np.testing.assert_array_equal(shown.reshape(expected.shape) * slope + intercept, expected)


def test_warnings_of_decoding_name_the_series(handle: Handle, tmp_path: Path) -> None:
    image = ultrasound_cine(frames=3)[0]
    image.Rows, image.Columns, image.PhotometricInterpretation = 4, 6, "YBR_RCT"
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.PixelData = bytes(3 * 4 * 6 * 3)
    admit(handle, [image], tmp_path / "in")
    uid = str(image.SeriesInstanceUID)
    (row,) = handle.catalog.instances_of(uid)
    for read in (partial(load, handle, uid), partial(read_stored, handle, row, 1)):
        with pytest.warns(PixelWarning, match=f"series {uid}: .*taken as RGB") as warned:
            read()
        assert {str(each.message.SeriesInstanceUID) for each in warned} == {uid}  # type: ignore[union-attr]
