"""Compressed pixels that contradict what is stated of them, in volumes: never wrong in silence."""

from __future__ import annotations

import struct
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless

from noctis_lab.dicom.render import read_thumbnail
from noctis_lab.errors import DecodeError, PixelWarning, UnsupportedSeries
from noctis_lab.synthetic import ct_series
from noctis_lab.volumes.backend import open_lazily
from noctis_lab.volumes.cache import Handle
from noctis_lab.volumes.load import load
from noctis_lab.volumes.pixels import describe_stack, encode_frames
from noctis_lab.volumes.planes import instance_file
from noctis_lab.volumes.stored_frame import read_stored
from tests.volumes.archive import admit


def jpeg2000(numbers: NDArray[Any]) -> bytes:
    return bytes(imagecodecs.jpeg2k_encode(numbers, codecformat="j2k", reversible=True, level=0))


def shallow_ct(greatest: int) -> tuple[list[Dataset], NDArray[np.uint16]]:
    """Return planes of BitsStored 12, one with a sample of 16 bits, and their samples."""
    planes = ct_series(planes=3, rows=6, columns=8, signed=False, bits_stored=12)
    samples = np.stack([plane.pixel_array for plane in planes]).astype(np.uint16)
    samples[1, 2, 3] = greatest
    for plane, words in zip(planes, samples, strict=True):
        plane.RescaleIntercept = -1024
        plane.PixelData = encapsulate([jpeg2000(words)])
        plane["PixelData"].VR = "OB"
        plane.file_meta.TransferSyntaxUID = JPEG2000Lossless
    return planes, samples


def test_samples_beyond_bits_stored_are_values(handle: Handle, tmp_path: Path) -> None:
    planes, samples = shallow_ct(4265)
    admit(handle, planes, tmp_path / "in")

    with pytest.warns(PixelWarning, match="BitsStored is 12.*beyond"):
        volume = load(handle, str(planes[0].SeriesInstanceUID))
    described = describe_stack(handle, str(planes[0].SeriesInstanceUID))

    told = {badge.text: badge.sentence for badge in described.badges}
    assert "samples of the codestream, which has 16 bits, are beyond" in told["Pixels in doubt"]
    handle.frames.clear()
    with pytest.warns(PixelWarning, match="BitsStored is 12.*beyond"):
        encode_frames(handle, str(planes[0].SeriesInstanceUID), 1, 1)
    assert volume.dtype == np.int16
    np.testing.assert_array_equal(volume, samples + float(planes[0].RescaleIntercept))


def test_values_that_the_planned_type_does_not_hold_are_refused(
    handle: Handle, tmp_path: Path
) -> None:
    planes, samples = shallow_ct(65000)
    uid = str(planes[0].SeriesInstanceUID)
    admit(handle, planes, tmp_path / "in")

    with (
        pytest.warns(PixelWarning),
        pytest.raises(UnsupportedSeries, match="int16 does not hold them; load with dtype='float"),
    ):
        load(handle, uid)
    with pytest.warns(PixelWarning):
        volume = load(handle, uid, dtype="float32")
    np.testing.assert_array_equal(volume, samples + float(planes[0].RescaleIntercept))


def test_padding_beyond_bits_stored_is_masked(handle: Handle, tmp_path: Path) -> None:
    planes, _ = shallow_ct(4265)
    for plane in planes:
        plane.add_new("PixelPaddingValue", "US", 4265)
    admit(handle, planes, tmp_path / "in")

    with pytest.warns(PixelWarning):
        volume = load(handle, str(planes[0].SeriesInstanceUID), mask_padding=True)

    assert np.argwhere(np.isnan(volume.values)).tolist() == [[1, 2, 3]]


SAMPLES = np.random.default_rng(1).integers(0, 4096, (3, 6, 8)).astype(np.uint16)
CODESTREAMS = {
    JPEG2000Lossless: [jpeg2000(frame) for frame in SAMPLES],
    JPEGLSLossless: [bytes(imagecodecs.jpegls_encode(frame)) for frame in SAMPLES],
}


def cine(syntax: str, pixels: bytes, *, frames: int | None) -> Dataset:
    """Return an image of so many frames without a place in the patient."""
    image = ct_series(
        planes=1, rows=6, columns=8, signed=False, bits_stored=12, seed=f"{syntax} {frames}"
    )[0]
    del image.ImagePositionPatient
    if frames is not None:
        image.NumberOfFrames = frames
    image.PixelData = pixels
    image["PixelData"].VR = "OB"
    image["PixelData"].is_undefined_length = True
    image.file_meta.TransferSyntaxUID = syntax
    return image


def chain(table: tuple[int, ...], fragments: list[bytes]) -> bytes:
    """Return a Basic Offset Table and items, as they stand."""
    items = [
        struct.pack(f"<{len(table)}L", *table),
        *(part + b"\0" * (len(part) % 2) for part in fragments),
    ]
    return b"".join(struct.pack("<HHL", 0xFFFE, 0xE000, len(item)) + item for item in items)


def places_of(fragments: list[bytes]) -> list[int]:
    """Return the places of fragments' items, as a table has them."""
    sizes = [8 + len(part) + len(part) % 2 for part in fragments]
    return [sum(sizes[:number]) for number in range(len(sizes))]


def refuse_more_frames(handle: Handle, image: Dataset, folder: Path, frame: int = 1) -> None:
    admit(handle, [image], folder)
    uid = str(image.SeriesInstanceUID)
    for read in (partial(load, handle), partial(open_lazily, handle.settings)):
        with pytest.raises(
            UnsupportedSeries, match=f"of frame {frame} another codestream"
        ) as raised:
            read(uid)
        assert raised.value.SOPInstanceUIDs == (str(image.SOPInstanceUID),)
    described = describe_stack(handle, uid)
    words = f"Among the fragments of frame {frame} another codestream begins"
    assert [(one.text, one.sentence[: len(words)]) for one in described.badges][-1:] == [
        ("More frames", words)
    ]
    assert words in (described.note or "")
    count = len(described.frames)
    # One frame is read in the thread that asks, several in the handle's own.
    for first, asked in ((0, 1), (0, count)):
        with pytest.raises(UnsupportedSeries, match=f"of frame {frame} another codestream"):
            encode_frames(handle, uid, first, asked)
    with pytest.raises(DecodeError, match="more codestreams than NumberOfFrames"):
        read_thumbnail(instance_file(handle.storage, handle.catalog.instances_of(uid)[0]))
    if image.file_meta.TransferSyntaxUID == RLELossless:  # a decoder refuses what is joined
        return
    with pytest.warns(PixelWarning, match="another codestream begins"):
        read_stored(handle, handle.catalog.instances_of(uid)[0])


@pytest.mark.parametrize("syntax", CODESTREAMS)
@pytest.mark.parametrize("frames", [None, 1])
@pytest.mark.parametrize("has_table", [True, False])
def test_codestreams_beyond_the_stated_frames_are_refused(
    handle: Handle, tmp_path: Path, syntax: str, frames: int | None, has_table: bool
) -> None:
    pixels = encapsulate(CODESTREAMS[syntax], has_bot=has_table)
    refuse_more_frames(handle, cine(syntax, pixels, frames=frames), tmp_path / "in")


def test_codestreams_of_run_lengths_beyond_the_stated_frames_are_refused(
    handle: Handle, tmp_path: Path
) -> None:
    image = cine(RLELossless, b"", frames=3)
    image.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    image.PixelData = SAMPLES.tobytes()
    image["PixelData"].VR, image["PixelData"].is_undefined_length = "OW", False
    image.compress(RLELossless, generate_instance_uid=False)
    image.NumberOfFrames = 1
    refuse_more_frames(handle, image, tmp_path / "in")


def test_a_codestream_that_a_table_skips_is_refused(handle: Handle, tmp_path: Path) -> None:
    parts = CODESTREAMS[JPEGLSLossless]
    first, _, third = places_of(parts)
    image = cine(JPEGLSLossless, chain((first, third), parts), frames=2)
    refuse_more_frames(handle, image, tmp_path / "in")


@pytest.mark.parametrize("per_fragment", [True, False])
@pytest.mark.parametrize("syntax", CODESTREAMS)
def test_a_codestream_in_several_fragments_is_one(
    handle: Handle, tmp_path: Path, syntax: str, per_fragment: bool
) -> None:
    whole = CODESTREAMS[syntax][0]
    parts = [whole[:20], whole[20:50], whole[50:]]
    table = tuple(places_of(parts)) if per_fragment else ()  # which some writers mistake it for
    image = cine(syntax, chain(table, parts), frames=1)
    admit(handle, [image], tmp_path / "in")
    with warnings.catch_warnings():
        warnings.simplefilter("error", PixelWarning)
        loaded = load(handle, str(image.SeriesInstanceUID), stored=True)
    np.testing.assert_array_equal(loaded.values[0], SAMPLES[0])


@pytest.mark.parametrize("order", [(2, 0, 1), (0, 2, 1), (0, 0, 2)])
@pytest.mark.parametrize("is_extended", [True, False])
def test_tables_of_another_order_are_warned_of(
    handle: Handle, tmp_path: Path, order: tuple[int, ...], is_extended: bool
) -> None:
    parts = CODESTREAMS[JPEGLSLossless]
    pixels, offsets, lengths = encapsulate_extended(parts)
    if is_extended:
        image = cine(JPEGLSLossless, pixels, frames=3)
        for keyword, raw in (("", offsets), ("Lengths", lengths)):
            stated = struct.unpack("<3Q", raw)
            value = struct.pack("<3Q", *(stated[number] for number in order))
            setattr(image, f"ExtendedOffsetTable{keyword}", value)
    else:
        places = places_of(parts)
        table = tuple(places[number] for number in order)
        image = cine(JPEGLSLossless, chain(table, parts), frames=3)
    admit(handle, [image], tmp_path / "in")
    uid = str(image.SeriesInstanceUID)

    with pytest.warns(PixelWarning, match="another order than their fragments") as warned:
        loaded = load(handle, uid, stored=True)

    assert warned[0].message.SeriesInstanceUID == uid  # type: ignore[union-attr]
    np.testing.assert_array_equal(loaded.values, SAMPLES)
    described = describe_stack(handle, uid)
    assert ("Frames' order", True) in {
        (badge.text, "are taken in the order of the fragments." in badge.sentence)
        for badge in described.badges
    }
    with pytest.warns(PixelWarning, match="in the order of the fragments"):
        read_stored(handle, handle.catalog.instances_of(uid)[0], 2)


@pytest.mark.parametrize("table", ["extended", "basic", "none", "zeros"])
def test_tables_that_tell_the_truth_or_nothing_are_not_warned_of(
    handle: Handle, tmp_path: Path, table: str
) -> None:
    parts = CODESTREAMS[JPEGLSLossless]
    pixels, offsets, lengths = encapsulate_extended(parts)
    if table == "basic":
        pixels = chain(tuple(places_of(parts)), parts)
    elif table == "zeros":
        pixels = chain((0, 0, 0), parts)
    image = cine(JPEGLSLossless, pixels, frames=3)
    if table == "extended":
        image.ExtendedOffsetTable, image.ExtendedOffsetTableLengths = offsets, lengths
    admit(handle, [image], tmp_path / "in")
    with warnings.catch_warnings():
        warnings.simplefilter("error", PixelWarning)
        loaded = load(handle, str(image.SeriesInstanceUID), stored=True)
    np.testing.assert_array_equal(loaded.values, SAMPLES)
    shown = describe_stack(handle, str(image.SeriesInstanceUID))
    assert not [badge.text for badge in shown.badges if badge.kind == "warn"]


def test_sizes_that_a_few_compressed_bytes_state_are_refused(
    handle: Handle, tmp_path: Path
) -> None:
    part = CODESTREAMS[JPEGLSLossless][0]
    frame = cine(JPEGLSLossless, encapsulate([part]), frames=1)
    frame.Rows = frame.Columns = 65535
    frames = cine(JPEGLSLossless, encapsulate([part] * 2000), frames=2000)
    frames.Rows = frames.Columns = 23000  # 2 TB
    for image, error in ((frame, DecodeError), (frames, UnsupportedSeries)):
        uid = str(image.SeriesInstanceUID)
        admit(handle, [image], tmp_path / uid)
        with pytest.raises(error, match=r"more than 1 GiB|no memory for an array of 2000 × 23000"):
            load(handle, uid)
    with pytest.raises(DecodeError, match="more than 1 GiB"):
        open_lazily(handle.settings, str(frame.SeriesInstanceUID))
