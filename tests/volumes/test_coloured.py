"""Segmentations, masks and overlay planes as labels over images: what a viewer is given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from noctis_lab.catalog.records import SeriesRow
from noctis_lab.errors import CannotOverlay, InstanceNotFound, SeriesChanged
from noctis_lab.synthetic import ct_series
from noctis_lab.synthetic.seg import SegOptions, segmentation
from noctis_lab.volumes.cache import Handle
from noctis_lab.volumes.coloured import nearest
from noctis_lab.volumes.coloured.layers import MOST_LAYERS, Layer, Layers, encode_layers
from noctis_lab.volumes.coloured.listing import encode_colouring, list_colourings
from noctis_lab.volumes.coloured.mask import mask_colouring
from noctis_lab.volumes.load import load
from noctis_lab.volumes.pixels import find_shown_frames
from tests.volumes.archive import admit, admit_file
from tests.volumes.coloured import decode
from tests.volumes.segment_sources import COLUMNS, PLANES, ROWS, some_masks, source

SHAPES = [(ROWS, COLUMNS)] * PLANES


def row_of(handle: Handle, images: list[Dataset]) -> SeriesRow:
    found = handle.catalog.find_series(images[0].SeriesInstanceUID)
    assert found is not None
    return found


def admitted(handle: Handle, tmp_path: Path, images: list[Dataset], dataset: Dataset) -> SeriesRow:
    admit(handle, images, tmp_path / "images")
    admit(handle, [dataset], tmp_path / "seg")
    return row_of(handle, images)


def shown(handle: Handle, series: SeriesRow, overlay: str) -> NDArray[np.uint16]:
    """Return the first layer's labels of all images, (planes, rows, columns)."""
    body = encode_colouring(handle, series, overlay, 0, PLANES)
    return np.stack(
        [image[0][0] if image else np.zeros((ROWS, COLUMNS)) for image in decode(body, SHAPES)]
    )


@given(
    labels=hnp.arrays(
        np.uint16, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 3)
    ),
    has_shares=st.booleans(),
)
def test_layers_come_back_from_their_bytes(labels: NDArray[np.uint16], has_shares: bool) -> None:
    shares = (labels * 80).astype(np.uint8) if has_shares else None
    (decoded,) = decode(encode_layers([Layer(labels, shares)]), [labels.shape])
    if not labels.any():
        assert decoded == []
        return
    ((found, parts),) = decoded
    np.testing.assert_array_equal(found, labels)
    if shares is None:
        assert parts is None
    else:
        np.testing.assert_array_equal(parts, shares)


def test_a_run_longer_than_sixteen_bits_holds_comes_back() -> None:
    labels = np.ones((300, 500), np.uint16)
    ((found, _),) = decode(encode_layers([Layer(labels)]), [labels.shape])[0]
    np.testing.assert_array_equal(found, labels)


def test_segments_over_one_pixel_are_layers_up_to_a_bound() -> None:
    layers = Layers(2, 2)
    for label in range(1, MOST_LAYERS + 1):
        layers.put(label, np.ones((2, 2), np.uint8))
    assert [int(layer.labels[0, 0]) for layer in layers.layers] == list(range(1, MOST_LAYERS + 1))
    with pytest.raises(CannotOverlay, match="at most 16 segments over one pixel"):
        layers.put(99, np.ones((2, 2), np.uint8))


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
def test_a_segmentation_lies_on_the_pixels_it_was_made_of(
    handle: Handle, tmp_path: Path, kind: Any
) -> None:
    masks, images = some_masks(3), source()
    dataset = segmentation(masks, images, SegOptions(kind=kind, numbers=[4, 2, 7]))
    series = admitted(handle, tmp_path, images, dataset)
    (described,) = list_colourings(handle, series)
    assert (described.kind, described.refusal, described.note) == (kind, None, None)
    assert [segment.number for segment in described.segments] == [4, 2, 7]
    assert {segment.color for segment in described.segments} == {"#ff0000"}
    expected = np.zeros(masks.shape[1:], np.uint16)
    for label, mask in enumerate(masks, 1):
        expected[mask != 0] = label
    # Images are shown along z; so are the masks, which were made plane by plane of them.
    np.testing.assert_array_equal(shown(handle, series, described.overlay), expected)


def test_overlapping_segments_are_all_there(handle: Handle, tmp_path: Path) -> None:
    masks, images = some_masks(2, overlap=True), source()
    series = admitted(handle, tmp_path, images, segmentation(masks, images))
    (described,) = list_colourings(handle, series)
    found = decode(encode_colouring(handle, series, described.overlay, 0, PLANES), SHAPES)
    for plane, layers in enumerate(found):
        for label in (1, 2):
            there = sum((labels == label).astype(int) for labels, _ in layers)
            np.testing.assert_array_equal(there, masks[label - 1, plane])


def test_fractions_are_255ths(handle: Handle, tmp_path: Path) -> None:
    masks, images = some_masks(1, greatest=200), source()
    series = admitted(
        handle, tmp_path, images, segmentation(masks, images, SegOptions(kind="FRACTIONAL"))
    )
    (described,) = list_colourings(handle, series)
    found = decode(encode_colouring(handle, series, described.overlay, 0, PLANES), SHAPES)
    for plane, layers in enumerate(found):
        shares = layers[0][1] if layers else np.zeros((ROWS, COLUMNS))
        np.testing.assert_allclose(shares, masks[0, plane].astype(float) * 255 / 200, atol=0.501)


def test_a_segmentation_of_other_pixels_shows_the_nearest_voxel(
    handle: Handle, tmp_path: Path
) -> None:
    images = source(pixel_spacing_mm=(1.0, 1.0))
    fine = ct_series(
        planes=2 * PLANES, rows=2 * ROWS, columns=3 * COLUMNS, pixel_spacing_mm=(0.5, 0.45),
        slice_spacing_mm=float(images[0].SliceThickness) / 2, seed="fine",
        StudyInstanceUID=images[0].StudyInstanceUID,
    )  # fmt: skip
    for image in fine:
        image.FrameOfReferenceUID = images[0].FrameOfReferenceUID
    masks = some_masks(2)
    dataset = segmentation(masks, images, SegOptions(sparse=False))
    admit(handle, fine, tmp_path / "fine")
    series = admitted(handle, tmp_path, images, dataset)
    other = row_of(handle, fine)
    (described,) = list_colourings(handle, other)
    assert described.refusal is None
    assert described.note is not None
    assert "nearest" in described.note
    volume, onto = load(handle, series), load(handle, other)
    labels = np.zeros(masks.shape[1:], np.int16)
    for label, mask in enumerate(masks, 1):
        labels[mask != 0] = label
    expected, clear = volume.copy(data=labels), np.ones((1, 1, 1), bool)
    for axis, name in enumerate(("z", "y", "x")):
        step = abs(float(volume[name][1] - volume[name][0]))
        at = (onto[name] - volume[name][0]).values / step
        # Half way between two voxels either is the nearest.
        sure = np.abs(at - np.floor(at) - 0.5) > 1e-6
        clear = clear & sure.reshape([-1 if one == axis else 1 for one in range(3)])
        expected = expected.reindex(
            {name: onto[name]}, method="nearest", tolerance=step / 2 + 1e-9, fill_value=0
        )
    count = onto.sizes["z"]
    body = encode_colouring(handle, other, described.overlay, 0, count)
    shapes = [(2 * ROWS, 3 * COLUMNS)] * count
    found = np.stack(
        [image[0][0] if image else np.zeros(shapes[0]) for image in decode(body, shapes)]
    )
    assert found.any()
    clear = np.broadcast_to(clear, found.shape)
    assert clear.mean() > 0.2
    np.testing.assert_array_equal(found[clear], expected.values[clear])


def test_another_frame_of_reference_is_refused_by_name(handle: Handle, tmp_path: Path) -> None:
    images = source()
    dataset = segmentation(some_masks(2), images)
    dataset.FrameOfReferenceUID = "1.2.3"
    series = admitted(handle, tmp_path, images, dataset)
    (described,) = list_colourings(handle, series)
    assert described.refusal is not None
    assert "came in 1.2.3" in described.refusal
    with pytest.raises(CannotOverlay, match="register one to the other"):
        encode_colouring(handle, series, described.overlay, 0, 1)


def test_a_segmentation_of_another_series_and_space_is_not_listed(
    handle: Handle, tmp_path: Path
) -> None:
    images, other = source(), source(seed="other")
    dataset = segmentation(some_masks(2), other)
    dataset.StudyInstanceUID = images[0].StudyInstanceUID
    assert other[0].FrameOfReferenceUID != images[0].FrameOfReferenceUID
    series = admitted(handle, tmp_path, images, dataset)
    assert list_colourings(handle, series) == ()


def test_ten_thousand_segments_are_refused_with_their_number(
    handle: Handle, tmp_path: Path
) -> None:
    images = source()
    dataset = segmentation(some_masks(2), images)
    first = dataset.SegmentSequence[0]
    items = []
    for number in range(1, 10_001):
        item = Dataset()
        item.SegmentNumber = number
        item.SegmentLabel = f"s{number}"
        item.SegmentAlgorithmType = first.SegmentAlgorithmType
        items.append(item)
    dataset.SegmentSequence = Items(items)
    series = admitted(handle, tmp_path, images, dataset)
    (described,) = list_colourings(handle, series)
    assert described.segments == ()
    assert described.refusal is not None
    assert "at most 1,000 segments, 10,000 came" in described.refusal


def test_voxels_beyond_the_bound_are_not_resampled(
    handle: Handle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = source()
    shifted = source(seed="shifted", StudyInstanceUID=images[0].StudyInstanceUID)
    for image in shifted:
        image.FrameOfReferenceUID = images[0].FrameOfReferenceUID
        x, y, z = image.ImagePositionPatient
        image.ImagePositionPatient = [float(x) + 0.3, y, z]
    admit(handle, shifted, tmp_path / "shifted")
    admitted(handle, tmp_path, images, segmentation(some_masks(2), images))
    series = row_of(handle, shifted)
    (described,) = list_colourings(handle, series)
    monkeypatch.setattr(nearest, "LARGEST_GRID_BYTES", ROWS * COLUMNS)
    with pytest.raises(CannotOverlay, match="MiB of voxels to resample"):
        encode_colouring(handle, series, described.overlay, 0, 1)


def test_what_is_asked_for_has_to_be_there_and_of_this_state(
    handle: Handle, tmp_path: Path
) -> None:
    images = source()
    series = admitted(handle, tmp_path, images, segmentation(some_masks(2), images))
    (described,) = list_colourings(handle, series)
    with pytest.raises(SeriesChanged):
        encode_colouring(handle, series, described.overlay, 0, 1, revision="other")
    for overlay in ("1.2.3", "planes", str(images[0].SOPInstanceUID), "mask-1"):
        with pytest.raises(InstanceNotFound):
            encode_colouring(handle, series, overlay, 0, 1)
    for first, count in ((-1, 1), (PLANES, 1), (0, PLANES + 1), (0, 0)):
        with pytest.raises(InstanceNotFound):
            encode_colouring(handle, series, described.overlay, first, count)


def test_a_segmentation_of_another_study_is_nobodys_here(handle: Handle, tmp_path: Path) -> None:
    images, others = source(), source(seed="elsewhere", PatientID="OTHER")
    assert images[0].StudyInstanceUID != others[0].StudyInstanceUID
    foreign = segmentation(some_masks(2), others)
    admit(handle, images, tmp_path / "images")
    admit(handle, [*others, foreign], tmp_path / "others")
    with pytest.raises(InstanceNotFound):
        encode_colouring(handle, row_of(handle, images), str(foreign.SOPInstanceUID), 0, 1)


def test_overlay_planes_of_images_are_listed_and_shown(handle: Handle, tmp_path: Path) -> None:
    images = source()
    bits = np.zeros((4, 3), np.uint8)
    bits[1:3, 1] = 1
    image = images[2]
    for group in (0x6000, 0x6002):
        image.add_new((group, 0x0010), "US", 4)
        image.add_new((group, 0x0011), "US", 3)
        image.add_new((group, 0x0040), "CS", "G")
        image.add_new((group, 0x0050), "SS", [2, 3])
        image.add_new((group, 0x0100), "US", 1)
        image.add_new((group, 0x0102), "US", 0)
        packed = np.packbits(bits.ravel(), bitorder="little").tobytes()
        image.add_new((group, 0x3000), "OW", packed + b"\0" * (len(packed) % 2))
    admit(handle, images, tmp_path)
    series = row_of(handle, images)
    (described,) = list_colourings(handle, series)
    assert (described.overlay, described.kind) == ("planes", "OVERLAY")
    assert [segment.label for segment in described.segments] == ["Overlay 6000", "Overlay 6002"]
    uids = [frame.row.SOPInstanceUID for frame in find_shown_frames(handle, series.reference)[1]]
    at = uids.index(image.SOPInstanceUID)
    found = decode(encode_colouring(handle, series, "planes", 0, PLANES), SHAPES)
    expected = np.zeros((ROWS, COLUMNS), np.uint16)
    expected[1:5, 2:5] = bits
    assert [len(layers) for layers in found] == [2 if plane == at else 0 for plane in range(PLANES)]
    for label, (labels, _) in enumerate(found[at], 1):
        np.testing.assert_array_equal(labels, expected * label)


def lay(handle: Handle, series: SeriesRow, mask: xr.DataArray) -> NDArray[np.uint16]:
    _, images, _ = find_shown_frames(handle, series.reference)
    found = mask_colouring(handle, series, images, mask, overlay="mask-1")
    planes = []
    for index in range(len(images)):
        layers = found.layers(index)
        planes.append(layers[0].labels if layers else np.zeros((ROWS, COLUMNS), np.uint16))
    return np.stack(planes)


def test_a_mask_lies_by_its_coordinates_whatever_part_and_order_it_has(
    handle: Handle, tmp_path: Path
) -> None:
    images = source()
    admit(handle, images, tmp_path)
    series = row_of(handle, images)
    volume = load(handle, series)
    mask = volume > volume.mean()
    expected = mask.values.astype(np.uint16)
    np.testing.assert_array_equal(lay(handle, series, mask), expected)
    part = mask[1:4, 2:8, 1:5].transpose("x", "z", "y")[::-1]
    cut = np.zeros_like(expected)
    cut[1:4, 2:8, 1:5] = expected[1:4, 2:8, 1:5]
    np.testing.assert_array_equal(lay(handle, series, part), cut)
    plane = np.zeros_like(expected)
    plane[3] = expected[3]
    np.testing.assert_array_equal(lay(handle, series, mask.isel(z=3)), plane)


def test_a_map_of_labels_keeps_its_numbers_and_names(handle: Handle, tmp_path: Path) -> None:
    images = source()
    admit(handle, images, tmp_path)
    series = row_of(handle, images)
    volume = load(handle, series)
    labels = volume.copy(data=np.random.default_rng(0).choice([0, 5, 300], volume.shape))
    labels.attrs |= {"segment_numbers": [5, 300], "segment_labels": ["Liver", "Spleen"]}
    _, frames, _ = find_shown_frames(handle, series.reference)
    found = mask_colouring(handle, series, frames, labels, overlay="mask-1")
    assert [(one.number, one.label) for one in found.description.segments] == [
        (5, "Liver"),
        (300, "Spleen"),
    ]
    expected = np.select([labels.values == 5, labels.values == 300], [1, 2], 0)
    np.testing.assert_array_equal(lay(handle, series, labels), expected)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda v: v.astype(np.float32), "expected bool or whole numbers, float32 came"),
        (lambda v: (v > 0).values, "expected a DataArray, ndarray came"),
        (lambda v: (v > 0).rename(y="row"), r"expected dims \(z, y, x\)"),
        (lambda v: (v > 0).assign_coords(z=v.z + 0.4), "expected z of 5 from"),
        (lambda v: (v > 0).drop_vars("patient_lps"), "expected the coordinate patient_lps"),
        (lambda v: (v > 0).drop_vars("y"), "expected the coordinate y"),
        (lambda v: v.copy(data=np.full(v.shape, -1)), "expected labels of 0 to 65,535"),
    ],
)
def test_a_mask_of_another_kind_or_grid_says_what_came(
    handle: Handle, tmp_path: Path, change: Any, words: str
) -> None:
    images = source()
    admit(handle, images, tmp_path)
    series = row_of(handle, images)
    _, frames, _ = find_shown_frames(handle, series.reference)
    with pytest.raises(CannotOverlay, match=words):
        mask_colouring(handle, series, frames, change(load(handle, series)), overlay="mask-1")


def test_frames_without_a_place_lie_on_the_images_that_they_name(
    handle: Handle, tmp_path: Path
) -> None:
    masks, images = some_masks(1), source()
    dataset = segmentation(masks, images, SegOptions(sparse=False))
    del dataset.FrameOfReferenceUID
    del dataset.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence
    for groups in dataset.PerFrameFunctionalGroupsSequence:
        del groups.PlanePositionSequence
    series = admitted(handle, tmp_path, images, dataset)
    (described,) = list_colourings(handle, series)
    assert (described.refusal, described.note) == (None, None)
    np.testing.assert_array_equal(shown(handle, series, described.overlay), masks[0])


def test_a_series_that_shares_a_space_and_cannot_show_it_has_no_badge_of_it(
    handle: Handle, tmp_path: Path
) -> None:
    images = source()
    scout = source(planes=1, seed="scout", StudyInstanceUID=images[0].StudyInstanceUID)
    for image in scout:
        image.FrameOfReferenceUID = images[0].FrameOfReferenceUID
        del image.ImagePositionPatient
    series = admitted(handle, tmp_path, images, segmentation(some_masks(2), images))
    admit(handle, scout, tmp_path / "scout")
    assert list_colourings(handle, row_of(handle, scout)) == ()
    assert len(list_colourings(handle, series)) == 1
    (seg,) = [
        row for row in handle.catalog.series_of(series.StudyInstanceUID) if row.Modality == "SEG"
    ]
    assert list_colourings(handle, seg) == ()


def test_a_deflated_segmentation_is_read_too(handle: Handle, tmp_path: Path) -> None:
    masks, images = some_masks(2), source()
    options = SegOptions(transfer_syntax_uid="1.2.840.10008.1.2.1.99")
    series = admitted(handle, tmp_path, images, segmentation(masks, images, options))
    (described,) = list_colourings(handle, series)
    expected = masks[0] + 2 * masks[1]
    np.testing.assert_array_equal(shown(handle, series, described.overlay), expected)


@pytest.mark.real_data
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", ["liver", "partial_overlaps"])
def test_real_segmentations_lie_on_the_images_that_they_were_made_of(
    real_data: Path, handle: Handle, name: str
) -> None:
    folder = real_data / "real" / "seg_sr_dcmqi" / "segmentations"
    for path in sorted((folder / "ct-3slice").rglob("*.dcm")):
        admit_file(handle, path)
    admit_file(handle, folder / f"{name}.dcm")
    uid = pydicom.dcmread(folder / f"{name}.dcm", stop_before_pixels=True).SOPInstanceUID
    image = next((folder / "ct-3slice").rglob("*.dcm"))
    series = row_of(handle, [pydicom.dcmread(image, stop_before_pixels=True)])
    (described,) = list_colourings(handle, series)
    assert described.overlay == uid
    _, images, _ = find_shown_frames(handle, series.reference)
    shapes = [(one.layout.rows, one.layout.columns) for one in images]
    found = decode(encode_colouring(handle, series, uid, 0, len(images)), shapes)
    by_highdicom = highdicom.seg.segread(folder / f"{name}.dcm")
    for index, layers in enumerate(found):
        masks = by_highdicom.get_pixels_by_source_instance(
            [images[index].row.SOPInstanceUID],
            ignore_spatial_locations=True,
            assert_missing_frames_are_empty=True,
        )[0]
        for label in range(1, len(described.segments) + 1):
            there = sum((labels == label).astype(int) for labels, _ in layers)
            np.testing.assert_array_equal(
                np.broadcast_to(there, shapes[index]), masks[..., label - 1]
            )
