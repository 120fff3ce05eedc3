"""What a viewer is given of a series: description, bytes, and no more memory than allowed."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import MPEG4HP41, ExplicitVRLittleEndian, RLELossless

from noctis_lab.config import open_settings
from noctis_lab.errors import (
    DecodeError,
    FileChanged,
    InstanceNotFound,
    SeriesChanged,
    SeriesNotFound,
    UnsupportedTransferSyntax,
)
from noctis_lab.synthetic import (
    PlaneStack,
    ct_series,
    enhanced_frames,
    enhanced_image,
    formula_stored,
    pet_series,
    ultrasound_cine,
    weighted_mr,
)
from noctis_lab.volumes.cache import Handle, open_handle
from noctis_lab.volumes.load import load
from noctis_lab.volumes.pixels import describe_stack, encode_frames, encode_preview
from tests.volumes.archive import admit


def test_a_stack_is_described_in_the_order_of_its_z(handle: Handle, tmp_path: Path) -> None:
    planes = ct_series(
        planes=4,
        instance_numbers=(4, 3, 2, 1),
        rescale_intercept=-1024,
        windows=((40, 400), (-600, 1500)),
    )
    admit(handle, planes, tmp_path / "in")
    uid = planes[0].SeriesInstanceUID
    described = describe_stack(handle, uid)
    volume = load(handle, uid)
    assert described.kind == "volume"
    assert described.note is None
    assert described.units == "HU"
    assert described.modality == "CT"
    assert described.orientation == (1, 0, 0, 0, 1, 0)
    assert described.pixel_spacing_mm == (0.5, 0.5)
    assert [f.SOPInstanceUID for f in described.frames] == volume.SOPInstanceUID.values.tolist()
    assert [f.z_mm for f in described.frames] == [100, 102, 104, 106]
    assert [(w.center, w.width) for w in described.windows] == [(40, 400), (-600, 1500)]
    assert {(f.slope, f.intercept, f.dtype) for f in described.frames} == {(1, -1024, "int16")}
    json.dumps(described.to_dict())


@pytest.mark.parametrize("tilt_deg", [0.0, 14.0])
def test_z_is_what_the_loaded_volume_is_selected_by(
    handle: Handle, tmp_path: Path, tilt_deg: float
) -> None:
    planes = ct_series(planes=5, gantry_tilt_deg=tilt_deg)
    admit(handle, planes, tmp_path / "in")
    described = describe_stack(handle, planes[0].SeriesInstanceUID)
    volume = load(handle, planes[0].SeriesInstanceUID)
    assert [frame.z for frame in described.frames] == volume.z.values.tolist()
    for frame in described.frames:
        assert str(volume.sel(z=frame.z).SOPInstanceUID.values) == frame.SOPInstanceUID
    leans = tilt_deg > 0
    assert (described.frames[-1].z != pytest.approx(described.frames[-1].z_mm, abs=0.1)) == leans


def test_a_plane_of_no_array_has_no_z(handle: Handle, tmp_path: Path) -> None:
    (plane,) = ct_series(planes=1)
    del plane.PixelSpacing
    admit(handle, [plane], tmp_path / "in")
    (frame,) = describe_stack(handle, plane.SeriesInstanceUID).frames
    assert frame.z is None


@pytest.mark.parametrize(
    ("keyword", "stated"), [("ImagerPixelSpacing", [0.2, 0.1]), ("PixelAspectRatio", [2, 1])]
)
def test_pixels_without_a_size_in_the_patient_keep_their_proportions(
    handle: Handle, tmp_path: Path, keyword: str, stated: list[float]
) -> None:
    (plane,) = ct_series(planes=1)
    del plane.PixelSpacing
    setattr(plane, keyword, stated)
    admit(handle, [plane], tmp_path / "in")
    described = describe_stack(handle, plane.SeriesInstanceUID)
    assert described.pixel_spacing_mm is None
    assert described.pixel_aspect == tuple(stated)


def test_corner_texts_say_who_where_and_how(handle: Handle, tmp_path: Path) -> None:
    planes = ct_series(planes=1, PatientName="Phantom^Head^^Dr")
    admit(handle, planes, tmp_path / "in")
    corner = describe_stack(handle, planes[0].SeriesInstanceUID).corner
    assert corner.top_left[:2] == ("Phantom, Head Dr", "NOCTIS-FORMULA")
    assert "2026-01-02 03:04" in corner.top_right
    assert "1: Formula" in corner.top_right
    assert "120 kV 200 mA" in corner.bottom_right


def test_stored_values_are_said_to_be_that_where_a_modality_lut_is_not_applied(
    handle: Handle, tmp_path: Path
) -> None:
    planes = ct_series(planes=3, elements={"RescaleSlope": None})
    admit(handle, planes, tmp_path / "in")
    described = describe_stack(handle, planes[0].SeriesInstanceUID)
    assert "stored values" in (described.note or "")
    assert [badge.text for badge in described.badges][-1] == "Stored values"
    assert described.units is None


def test_a_series_without_windows_gets_a_computed_one(handle: Handle, tmp_path: Path) -> None:
    planes = ct_series(planes=1, windows=(), rescale_slope=2)
    admit(handle, planes, tmp_path / "in")
    (window,) = describe_stack(handle, planes[0].SeriesInstanceUID).windows
    values = 2 * planes[0].pixel_array.astype(float)
    assert (window.name, window.is_stated) == ("Computed", False)
    # It shows the bulk: from the first to the last percent of the values, edges included.
    low, high = np.percentile(values[values > values.min()], [1, 99])
    assert window.center - 0.5 == pytest.approx((low + high) / 2)
    assert window.width - 1 == pytest.approx(high - low)


def test_voi_luts_that_are_tables_stand_beside_the_windows(handle: Handle, tmp_path: Path) -> None:
    def item(explanation: str, entries: list[int]) -> Dataset:
        table = Dataset()
        table.add_new("LUTDescriptor", "US", [len(entries), 5, 12])
        table.LUTExplanation = explanation
        table.add_new("LUTData", "OW", np.array(entries, "<u2").tobytes())
        return table

    tables = [item("NORMAL", [0, 2048, 4095]), item("", [4095, 0, 0, 0])]
    planes = ct_series(planes=1, windows=((40, 400),), elements={"VOILUTSequence": tables})
    admit(handle, planes, tmp_path / "in")
    windows = describe_stack(handle, planes[0].SeriesInstanceUID).windows
    assert [w.name for w in windows] == ["Window 1", "NORMAL", "Table 2"]
    assert all(window.is_stated for window in windows)
    assert windows[0].table is None
    assert windows[1].table is not None
    assert windows[1].table.first_mapped == 5
    assert list(base64.b64decode(windows[1].table.greys)) == [0, 128, 255]
    # LINEAR over the values 5 … 7: what a drag begins with.
    assert (windows[1].center, windows[1].width, windows[1].function) == (6.5, 3, "LINEAR")


@pytest.mark.parametrize(
    ("convention", "dim", "values", "units"),
    [
        ("echo", "echo", None, "ms"),
        ("b_value", "b_value", None, "s/mm2"),
        ("time ge", "time", (1.0, 2.0, 3.0), None),
    ],
)
def test_frames_say_where_they_lie_along_a_dim_that_is_none_of_space(
    handle: Handle, tmp_path: Path, convention: str, dim: str, values: Any, units: str | None
) -> None:
    series = weighted_mr(convention, stack=PlaneStack(planes=4), points=3)
    admit(handle, series, tmp_path / "in")
    uid = series[0].SeriesInstanceUID
    described, volume = describe_stack(handle, uid), load(handle, uid)
    assert described.extra is not None
    assert volume.dims[0] == dim
    assert (described.extra.dim, described.extra.planes) == (dim, 4)
    assert described.extra.units == units
    assert described.extra.values == (values or tuple(volume[dim].values.tolist()))
    assert [f.extra_index for f in described.frames] == [0] * 4 + [1] * 4 + [2] * 4
    shown = np.array([f.SOPInstanceUID for f in described.frames]).reshape(3, 4)
    assert np.array_equal(shown, volume.SOPInstanceUID.values)


def test_a_large_frame_has_a_preview_of_means_and_a_small_one_is_its_own(
    handle: Handle, tmp_path: Path
) -> None:
    large = ct_series(planes=1, rows=1500, columns=1100, seed="large")
    admit(handle, large, tmp_path / "in")
    uid = large[0].SeriesInstanceUID
    preview = np.frombuffer(encode_preview(handle, uid, 0), "<i2").reshape(750, 550)
    blocks = large[0].pixel_array.reshape(750, 2, 550, 2).astype(float)
    assert np.array_equal(preview, np.floor(blocks.mean(axis=(1, 3)) + 0.5))
    assert encode_preview(handle, uid, 0) == preview.tobytes()
    with pytest.raises(SeriesChanged):
        encode_preview(handle, uid, 0, revision="0")
    with pytest.raises(InstanceNotFound):
        encode_preview(handle, uid, 1)
    small = ct_series(planes=2, seed="small")
    admit(handle, small, tmp_path / "small")
    uid = small[0].SeriesInstanceUID
    assert encode_preview(handle, uid, 1) == encode_frames(handle, uid, 1, 1)


def test_a_preview_that_is_known_needs_no_pixels_again(tmp_path: Path) -> None:
    large = ct_series(planes=1, rows=1500, columns=1100)
    # Of 3.3 MB the whole frame is not kept, its preview of 0.8 MB is.
    settings = open_settings({"root": tmp_path / "small", "cache_bytes": 1_000_000})
    with open_handle(settings) as small:
        (path,) = admit(small, large, tmp_path / "in")
        uid = large[0].SeriesInstanceUID
        preview = encode_preview(small, uid, 0)
        path.unlink()
        assert encode_preview(small, uid, 0) == preview
        with pytest.raises(FileChanged):
            encode_frames(small, uid, 0, 1)


def test_a_cine_says_how_fast_it_is_to_be_played(handle: Handle, tmp_path: Path) -> None:
    planes = ultrasound_cine(frames=6)
    planes[0].FrameTime = 40
    for keyword in ("RecommendedDisplayFrameRate", "CineRate"):
        if keyword in planes[0]:
            delattr(planes[0], keyword)
    admit(handle, planes, tmp_path / "in")
    described = describe_stack(handle, planes[0].SeriesInstanceUID)
    assert described.rate_hz == 25
    assert described.extra is not None
    assert (described.extra.dim, described.extra.planes) == ("time", 1)
    planes[0].CineRate = 12
    planes[0].SeriesInstanceUID, planes[0].SOPInstanceUID = "1.2.3", "1.2.3.4"
    admit(handle, planes, tmp_path / "second")
    assert describe_stack(handle, "1.2.3").rate_hz == 12


def test_a_tilted_stack_is_noted(handle: Handle, tmp_path: Path) -> None:
    planes = ct_series(planes=3, gantry_tilt_deg=12)
    admit(handle, planes, tmp_path / "in")
    described = describe_stack(handle, planes[0].SeriesInstanceUID)
    assert described.kind == "volume"
    assert "12.0°" in (described.note or "")
    (badge,) = described.badges
    assert (badge.text, badge.sentence) == ("Tilt 12.0°", described.note)


@pytest.mark.parametrize("transfer_syntax_uid", [ExplicitVRLittleEndian, RLELossless])
@pytest.mark.parametrize("signed", [True, False])
def test_bytes_are_the_stored_values_little_endian(
    handle: Handle, tmp_path: Path, transfer_syntax_uid: str, signed: bool
) -> None:
    planes = ct_series(
        planes=5, rows=6, columns=7, signed=signed, transfer_syntax_uid=transfer_syntax_uid
    )
    admit(handle, planes, tmp_path / "in")
    uid = planes[0].SeriesInstanceUID
    sent = encode_frames(handle, uid, 1, 3)
    expected = formula_stored(5, 6, 7, signed=signed)[1:4]
    np.testing.assert_array_equal(
        np.frombuffer(sent, "<i2" if signed else "<u2").reshape(3, 6, 7), expected
    )
    assert encode_frames(handle, uid, 1, 3) == sent


def test_a_video_is_described_and_its_frames_are_refused_by_name(
    handle: Handle, tmp_path: Path
) -> None:
    video = ct_series(planes=1, transfer_syntax_uid=RLELossless)[0]
    video.file_meta.TransferSyntaxUID = MPEG4HP41
    video.NumberOfFrames = 30
    admit(handle, [video], tmp_path / "in")
    assert len(describe_stack(handle, video.SeriesInstanceUID).frames) == 30
    with pytest.raises(UnsupportedTransferSyntax, match=r"H\.264 .*video"):
        encode_frames(handle, video.SeriesInstanceUID, 0, 1)


def _as_multi_frame(planes: list[Dataset]) -> Dataset:
    plane = planes[0]
    plane.NumberOfFrames = len(planes)
    plane.PixelData = b"".join(part.PixelData for part in planes)
    return plane


def test_frames_of_a_multi_frame_instance_are_sent_one_by_one(
    handle: Handle, tmp_path: Path
) -> None:
    instance = _as_multi_frame(ct_series(planes=3, rows=4, columns=5))
    admit(handle, [instance], tmp_path / "in")
    uid = instance.SeriesInstanceUID
    described = describe_stack(handle, uid)
    assert described.kind == "slices"
    assert [frame.frame for frame in described.frames] == [0, 1, 2]
    np.testing.assert_array_equal(
        np.frombuffer(encode_frames(handle, uid, 2, 1), "<i2").reshape(4, 5),
        formula_stored(3, 4, 5)[2],
    )


def test_frames_of_an_enhanced_image_come_in_the_order_of_its_stack(
    handle: Handle, tmp_path: Path
) -> None:
    stack = PlaneStack(planes=4)
    image = enhanced_image(stacks=[stack])
    admit(handle, [image], tmp_path / "in")
    uid = str(image.SeriesInstanceUID)
    described = describe_stack(handle, uid)
    assert described.kind == "volume"
    assert [frame.position_mm for frame in described.frames] == [
        pytest.approx(stack.position_mm(plane)) for plane in range(4)
    ]
    order = [frame.plane for frame in enhanced_frames([stack], 1)]
    assert [frame.frame for frame in described.frames] == [order.index(z) for z in range(4)]
    assert [frame.z_mm for frame in described.frames] == [30, 35, 40, 45]
    assert {frame.intercept for frame in described.frames} == {-3}
    shown = np.frombuffer(encode_frames(handle, uid, 1, 1), "<u2").reshape(8, 10)
    np.testing.assert_array_equal(
        shown, enhanced_frames([stack], 1)[order.index(1)].stored((8, 10))
    )


def test_colours_are_sent_as_rgb(handle: Handle, tmp_path: Path) -> None:
    plane = ct_series(planes=1, rows=2, columns=2)[0]
    colours = np.arange(12, dtype=np.uint8)
    plane.SamplesPerPixel, plane.PhotometricInterpretation = 3, "RGB"
    plane.PlanarConfiguration, plane.PixelRepresentation = 0, 0
    plane.BitsAllocated = plane.BitsStored = 8
    plane.HighBit = 7
    plane.PixelData = colours.tobytes()
    plane["PixelData"].VR = "OB"
    admit(handle, [plane], tmp_path / "in")
    uid = plane.SeriesInstanceUID
    assert describe_stack(handle, uid).frames[0].dtype == "rgb8"
    assert encode_frames(handle, uid, 0, 1) == colours.tobytes()


def test_a_palettes_colours_are_sent_as_rgb(handle: Handle, tmp_path: Path) -> None:
    plane = ct_series(planes=1, rows=1, columns=3, signed=False)[0]
    plane.PhotometricInterpretation = "PALETTE COLOR"
    del plane.WindowCenter, plane.WindowWidth
    plane.PixelData = np.array([5, 6, 7], "<u2").tobytes()
    colours = np.array([[255, 0, 1], [0, 128, 2], [9, 0, 64]], np.uint8)
    for number, colour in enumerate(("Red", "Green", "Blue")):
        setattr(plane, f"{colour}PaletteColorLookupTableDescriptor", [3, 5, 16])
        entries = (colours[:, number].astype("<u2") << 8).tobytes()
        setattr(plane, f"{colour}PaletteColorLookupTableData", entries)
    admit(handle, [plane], tmp_path / "in")
    uid = plane.SeriesInstanceUID
    described = describe_stack(handle, uid)
    assert described.frames[0].dtype == "rgb8"
    assert described.windows == ()
    assert encode_frames(handle, uid, 0, 1) == colours.tobytes()


def test_a_palette_that_is_not_there_is_named(handle: Handle, tmp_path: Path) -> None:
    plane = ct_series(planes=1, signed=False)[0]
    plane.PhotometricInterpretation = "PALETTE COLOR"
    admit(handle, [plane], tmp_path / "in")
    describe_stack(handle, plane.SeriesInstanceUID)
    with pytest.raises(DecodeError, match="palette"):
        encode_frames(handle, plane.SeriesInstanceUID, 0, 1)


def test_values_of_a_modality_lut_are_sent(handle: Handle, tmp_path: Path) -> None:
    plane = ct_series(planes=1, rows=1, columns=3, signed=False, windows=())[0]
    del plane.RescaleSlope, plane.RescaleIntercept, plane.RescaleType
    plane.PixelData = np.array([0, 1, 2], "<u2").tobytes()
    item = Dataset()
    item.LUTDescriptor, item.ModalityLUTType = [3, 0, 16], "OD"
    item.add_new(0x00283006, "OW", np.array([3000, 70, 60000], "<u2").tobytes())
    plane.ModalityLUTSequence = [item]
    admit(handle, [plane], tmp_path / "in")
    uid = plane.SeriesInstanceUID
    described = describe_stack(handle, uid)
    assert described.units == "OD"
    assert "stored values" not in (described.note or "")
    (frame,) = described.frames
    assert (frame.dtype, frame.slope, frame.intercept) == ("uint16", 1, 0)
    (window,) = described.windows
    assert window.width > 50_000  # computed of the table's values
    assert np.frombuffer(encode_frames(handle, uid, 0, 1), "<u2").tolist() == [3000, 70, 60000]


def test_a_modality_lut_that_contradicts_is_not_applied_and_told(
    handle: Handle, tmp_path: Path
) -> None:
    plane = ct_series(planes=1, rows=1, columns=3, signed=False)[0]
    plane.PixelData = np.array([0, 1, 2], "<u2").tobytes()
    item = Dataset()
    item.LUTDescriptor, item.ModalityLUTType = [3, 0, 16], "OD"
    item.add_new(0x00283006, "OW", np.array([3000, 70, 60000], "<u2").tobytes())
    plane.ModalityLUTSequence = [item]
    admit(handle, [plane], tmp_path / "in")
    uid = plane.SeriesInstanceUID
    assert "stored values" in (describe_stack(handle, uid).note or "")
    assert np.frombuffer(encode_frames(handle, uid, 0, 1), "<u2").tolist() == [0, 1, 2]


def test_a_pets_units_are_told(handle: Handle, tmp_path: Path) -> None:
    planes = pet_series(planes=2, rows=24, columns=24)
    admit(handle, planes, tmp_path / "in")
    assert describe_stack(handle, planes[0].SeriesInstanceUID).units == "Bq/ml"


@pytest.mark.parametrize(("first", "count"), [(-1, 1), (0, 0), (0, 4), (3, 1), (1, 3)])
def test_frames_that_are_not_there_are_refused(
    handle: Handle, tmp_path: Path, first: int, count: int
) -> None:
    planes = ct_series(planes=3)
    admit(handle, planes, tmp_path / "in")
    with pytest.raises(InstanceNotFound, match="frames 0 to 2"):
        encode_frames(handle, planes[0].SeriesInstanceUID, first, count)


def test_a_series_that_grew_is_not_mistaken_for_the_described_one(
    handle: Handle, tmp_path: Path
) -> None:
    planes = ct_series(planes=3)
    uid = planes[0].SeriesInstanceUID
    admit(handle, planes[1:], tmp_path / "in")
    described = describe_stack(handle, uid)
    assert encode_frames(handle, uid, 0, 1, revision=described.revision)
    admit(handle, planes[:1], tmp_path / "late")
    with pytest.raises(SeriesChanged, match="describe it again"):
        encode_frames(handle, uid, 0, 1, revision=described.revision)
    assert len(describe_stack(handle, uid).frames) == 3


def test_an_unknown_series_is_not_found(handle: Handle) -> None:
    with pytest.raises(SeriesNotFound):
        describe_stack(handle, "1.2.3")


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Handle]:
    """Open an archive whose cache holds hardly three planes of 64² int16."""
    settings = open_settings({"root": tmp_path / "small", "cache_bytes": 3 * 8192 + 5000})
    with open_handle(settings) as opened:
        yield opened


def test_the_cache_keeps_its_bound_while_a_series_is_read_through_it(
    small: Handle, tmp_path: Path
) -> None:
    planes = ct_series(planes=12)
    admit(small, planes, tmp_path / "in")
    uid = planes[0].SeriesInstanceUID
    largest = 0
    for first in range(10):
        encode_frames(small, uid, first, 3)
        largest = max(largest, small.frames.size_bytes)
        assert small.frames.size_bytes <= small.frames.limit_bytes
    assert largest >= 3 * 8192  # the bound was reached
