"""RTSTRUCT: contours where they were stated, and voxels inside them counted against areas."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import skimage.measure
import xarray as xr
from pydicom.dataset import Dataset

from noctis_lab.errors import (
    FileChanged,
    InvalidDicom,
    MixedGeometry,
    NoGeometry,
    RoiNotFound,
    UnsupportedSeries,
)
from noctis_lab.lab import Lab, open_lab
from noctis_lab.synthetic import ct_series, write_series
from noctis_lab.synthetic.structures import Outline, circle_mm, structure_set
from noctis_lab.volumes.cache import Handle
from noctis_lab.volumes.load import load
from noctis_lab.volumes.structures import Structures, load_structures
from tests.volumes.archive import admit, admit_file

#: Rotated about the row direction by 30°.
OBLIQUE = (1.0, 0.0, 0.0, 0.0, math.cos(math.pi / 6), math.sin(math.pi / 6))


def opened(handle: Handle, folder: Path, dataset: Dataset, **options: Any) -> Structures:
    admit(handle, [dataset], folder)
    uid = dataset.SeriesInstanceUID
    return load_structures(handle, uid, handle.catalog.instances_of(uid), **options)


def make(
    handle: Handle, tmp_path: Path, outlines: list[Outline], **ct: Any
) -> tuple[Structures, xr.DataArray]:
    """Return a structure set drawn on a series, and the series' volume."""
    planes = ct_series(**({"planes": 6} | ct))
    admit(handle, planes, tmp_path / "ct")
    volume = load(handle, planes[0].SeriesInstanceUID)
    return opened(handle, tmp_path / "rt", structure_set(outlines, planes)), volume


def circle_area(radius_mm: float, points: int = 180) -> float:
    return points / 2 * radius_mm**2 * math.sin(2 * math.pi / points)


def area_mm2(mask: xr.DataArray) -> float:
    _, y, x = mask.dicom.spacing
    return float(mask.sum()) * y * x


def test_contours_are_points_in_the_patient(handle: Handle, tmp_path: Path) -> None:
    disc, line = circle_mm((1.5, -2, 102), 6, points=24), [(0.0, 0.0, 100.0), (3.25, 1.0, 101.0)]
    outlines = [
        Outline(name="disc", contours=[disc], color=(1, 2, 3), interpreted_type="PTV"),
        Outline(name="catheter", contours=[line], geometric_type="OPEN_NONPLANAR"),
        Outline(name="isocentre", contours=[[(1.0, 2.0, 3.0)]], geometric_type="POINT"),
        Outline(name="empty", contours=[]),
    ]

    structures, volume = make(handle, tmp_path, outlines)

    assert [roi.name for roi in structures] == ["disc", "catheter", "isocentre", "empty"]
    found = structures["disc"]
    assert (found.number, found.color, found.interpreted_type) == (1, (1, 2, 3), "PTV")
    np.testing.assert_allclose(found.contours[0].points_mm, disc, atol=1e-9)
    assert structures[2].contours[0].geometric_type == "OPEN_NONPLANAR"
    np.testing.assert_array_equal(structures[3].contours[0].points_mm, [[1, 2, 3]])
    assert structures["empty"].contours == ()
    assert structures.SourceSeriesUIDs == (volume.attrs["SeriesInstanceUID"],)
    assert structures.FrameOfReferenceUIDs == (volume.dicom.frame_of_reference_uid,)
    assert structures.df()["contours"].tolist() == [1, 1, 1, 0]


def test_a_disc_covers_its_area_on_its_plane_only(handle: Handle, tmp_path: Path) -> None:
    outlines = [Outline(name="disc", contours=[circle_mm((0.1, 0.2, 104), 10)])]
    structures, volume = make(handle, tmp_path, outlines)

    mask = structures.rasterize("disc", onto=volume)

    assert mask.dtype == np.bool_
    assert mask.dims == ("z", "y", "x")
    assert mask.any(("y", "x")).values.tolist() == [False, False, True, False, False, False]
    assert area_mm2(mask) == pytest.approx(circle_area(10), rel=0.01)
    np.testing.assert_array_equal(mask.dicom.affine, volume.dicom.affine)
    assert (mask.attrs["ROIName"], mask.attrs["slab_mm"]) == ("disc", 2.0)


def test_voxels_are_those_that_an_independent_test_finds_inside(
    handle: Handle, tmp_path: Path
) -> None:
    rng = np.random.default_rng(5)
    turns = np.sort(rng.uniform(0, 2 * np.pi, 40))
    radii = rng.uniform(4, 14, 40)
    star = [
        (float(r * np.cos(a)), float(r * np.sin(a)), 104.0)
        for r, a in zip(radii, turns, strict=True)
    ]
    structures, volume = make(handle, tmp_path, [Outline(name="star", contours=[star])])

    mask = structures.rasterize("star", onto=volume)

    y, x = np.meshgrid(volume.y, volume.x, indexing="ij")
    inside = skimage.measure.points_in_poly(
        np.stack([x.ravel(), y.ravel()], axis=1), np.array(star)[:, :2]
    ).reshape(y.shape)
    np.testing.assert_array_equal(mask.sel(z=104), inside)


def test_a_contour_within_a_contour_is_a_hole(handle: Handle, tmp_path: Path) -> None:
    ring = [circle_mm((0, 0, 104), 12), circle_mm((0, 0, 104), 5)]
    structures, volume = make(handle, tmp_path, [Outline(name="ring", contours=ring)])

    mask = structures.rasterize("ring", onto=volume)

    assert area_mm2(mask) == pytest.approx(circle_area(12) - circle_area(5), rel=0.01)
    assert not mask.sel(z=104, y=0, x=0)


def test_a_keyhole_is_a_hole_and_its_channel_no_gap(handle: Handle, tmp_path: Path) -> None:
    outer = circle_mm((0.1, 0.1, 104), 12, points=90)
    inner = circle_mm((0.1, 0.1, 104), 5, points=90)
    keyhole = [*outer, outer[0], inner[0], *inner[:0:-1], inner[0]]
    outlines = [
        Outline(name="keyhole", contours=[keyhole]),
        Outline(name="ring", contours=[outer, inner]),
    ]
    structures, volume = make(handle, tmp_path, outlines)

    mask = structures.rasterize("keyhole", onto=volume)

    np.testing.assert_array_equal(mask, structures.rasterize("ring", onto=volume))
    assert area_mm2(mask) == pytest.approx(circle_area(12, 90) - circle_area(5, 90), rel=0.01)


def test_regions_that_share_an_outline_share_no_voxel(handle: Handle, tmp_path: Path) -> None:
    """The border runs through voxel centres: x = 0 and y = -3 are some."""
    left = [(0.0, -3.0, 104.0), (8.0, -3.0, 104.0), (8.0, 5.0, 104.0), (0.0, 5.0, 104.0)]
    right = [(x - 8.0, y, z) for x, y, z in left]
    outlines = [Outline(name="left", contours=[left]), Outline(name="right", contours=[right])]
    structures, volume = make(handle, tmp_path, outlines)

    one, other = (structures.rasterize(name, onto=volume) for name in ("left", "right"))

    assert not (one & other).any()
    assert (area_mm2(one), area_mm2(other)) == (64.0, 64.0)


def test_a_contour_between_planes_belongs_to_the_nearest(handle: Handle, tmp_path: Path) -> None:
    discs = [circle_mm((0, 0, z), 8) for z in (102.7, 104.7)]
    structures, volume = make(handle, tmp_path, [Outline(name="disc", contours=discs)])

    mask = structures.rasterize("disc", onto=volume)

    assert mask.any(("y", "x")).values.tolist() == [False, True, True, False, False, False]


def test_one_half_way_belongs_to_one_plane_each(handle: Handle, tmp_path: Path) -> None:
    discs = [circle_mm((0, 0, z), 8) for z in (103.0, 105.0)]
    structures, volume = make(handle, tmp_path, [Outline(name="disc", contours=discs)])

    mask = structures.rasterize("disc", onto=volume)

    # 102 and 104 are as near to 103; 104 and 106 as near to 105.
    assert mask.any(("y", "x")).values.tolist() == [False, True, True, True, False, False]


def test_a_finer_volume_is_filled_without_gaps(handle: Handle, tmp_path: Path) -> None:
    discs = [circle_mm((0, 0, z), 8) for z in (102, 104, 106)]
    structures, _ = make(handle, tmp_path, [Outline(name="disc", contours=discs)])
    fine = ct_series(planes=24, slice_spacing_mm=0.5, seed="fine")
    for plane in fine:
        plane.FrameOfReferenceUID = structures.FrameOfReferenceUIDs[0]
    admit(handle, fine, tmp_path / "fine")

    mask = structures.rasterize("disc", onto=load(handle, fine[0].SeriesInstanceUID))

    inside = mask.z.values[mask.any(("y", "x"))]
    np.testing.assert_allclose(inside, np.arange(101, 107.01, 0.5))
    _, y, x = mask.dicom.spacing
    volume_mm3 = float(mask.sum()) * 0.5 * y * x
    assert volume_mm3 == pytest.approx(circle_area(8) * 6.5, rel=0.02)  # 13 planes of 0.5 mm


def test_a_stated_slab_goes_before_spacings(handle: Handle, tmp_path: Path) -> None:
    disc = Outline(name="disc", contours=[circle_mm((0, 0, 104), 8)], slab_thickness_mm=6)
    structures, volume = make(handle, tmp_path, [disc])

    assert structures.rasterize("disc", onto=volume).any(("y", "x")).sum() == 3
    assert structures.rasterize("disc", onto=volume, slab_mm=1).any(("y", "x")).sum() == 1


def test_a_sheared_volume_is_asked_at_its_true_places(handle: Handle, tmp_path: Path) -> None:
    """A tilted gantry's planes, and contours that were drawn in them."""
    planes = ct_series(planes=6, gantry_tilt_deg=20, slice_spacing_mm=3)
    admit(handle, planes, tmp_path / "ct")
    volume = load(handle, planes[0].SeriesInstanceUID)
    across = np.array(planes[0].ImageOrientationPatient, float).reshape(2, 3)
    center = volume.dicom.index_to_world((3, 30, 28))
    turns = np.linspace(0, 2 * np.pi, 180, endpoint=False)
    ring = center + 9 * np.stack([np.cos(turns), np.sin(turns)], axis=1) @ across
    outline = Outline(name="disc", contours=[[(x, y, z) for x, y, z in ring.tolist()]])
    structures = opened(handle, tmp_path / "rt", structure_set([outline], planes))

    mask = structures.rasterize("disc", onto=volume)

    assert mask.any(("y", "x")).values.tolist() == [False, False, False, True, False, False]
    assert area_mm2(mask) == pytest.approx(circle_area(9), rel=0.02)
    inside = np.argwhere(mask.values)
    distances = np.linalg.norm(volume.dicom.index_to_world(inside) - center, axis=1)
    assert distances.max() <= 9


def test_an_oblique_volume_takes_axial_contours(handle: Handle, tmp_path: Path) -> None:
    """A cylinder along z, by axial contours, cut by planes that are turned by 30°."""
    discs = [circle_mm((0, 0, z), 7) for z in np.arange(90, 125, 1.0).tolist()]
    planes = ct_series(
        planes=12, orientation=OBLIQUE, origin_mm=(-16.0, -14.0, 98.0), slice_spacing_mm=1.5
    )
    admit(handle, planes, tmp_path / "ct")
    volume = load(handle, planes[0].SeriesInstanceUID)
    structures = opened(
        handle, tmp_path / "rt", structure_set([Outline(name="rod", contours=discs)], planes)
    )

    mask = structures.rasterize("rod", onto=volume, slab_mm=1)

    places = volume.dicom.index_to_world(np.argwhere(np.ones(mask.shape)))
    radius = np.hypot(places[:, 0], places[:, 1]).reshape(mask.shape)
    height = places[:, 2].reshape(mask.shape)
    sure = (np.abs(height - 107) < 17) & (np.abs(radius - 7) > 0.01)
    assert sure.sum() > 0.5 * sure.size
    np.testing.assert_array_equal(mask.values[sure], (radius < 7)[sure])


def test_slices_flips_and_single_planes_keep_their_places(handle: Handle, tmp_path: Path) -> None:
    discs = [circle_mm((3, -2, z), 8) for z in (102, 104, 106)]
    structures, volume = make(handle, tmp_path, [Outline(name="disc", contours=discs)])
    whole = structures.rasterize("disc", onto=volume)

    for part in (
        {"z": slice(None, None, -1), "x": slice(None, None, -1)},
        {"y": slice(5, 60, 2), "x": slice(3, None, 3)},
        {"z": slice(1, 2)},
        {"z": 2},
    ):
        mask = structures.rasterize("disc", onto=volume.isel(part))
        assert mask.dims == volume.isel(part).dims
        np.testing.assert_array_equal(mask, whole.isel(part), err_msg=str(part))


def test_another_patient_space_is_refused_unless_told(handle: Handle, tmp_path: Path) -> None:
    outlines = [Outline(name="disc", contours=[circle_mm((0, 0, 104), 8)])]
    structures, _ = make(handle, tmp_path, outlines)
    other = ct_series(planes=4, seed="other")
    admit(handle, other, tmp_path / "other")
    volume = load(handle, other[0].SeriesInstanceUID)

    with pytest.raises(MixedGeometry, match="frame of reference"):
        structures.rasterize("disc", onto=volume)

    assert structures.rasterize("disc", onto=volume, any_frame_of_reference=True).any()


def test_points_and_lines_enclose_nothing(handle: Handle, tmp_path: Path) -> None:
    outlines = [Outline(name="iso", contours=[[(0.0, 0.0, 104.0)]], geometric_type="POINT")]
    structures, volume = make(handle, tmp_path, outlines)

    with pytest.raises(UnsupportedSeries, match="no closed contour"):
        structures.rasterize("iso", onto=volume)


def test_contours_of_several_orientations_are_refused(handle: Handle, tmp_path: Path) -> None:
    axial = circle_mm((0, 0, 104), 8)
    coronal = [(x, 0.0, 104.0 + y) for x, y, _ in axial]
    structures, volume = make(handle, tmp_path, [Outline(name="x", contours=[axial, coronal])])

    with pytest.raises(MixedGeometry, match="several orientations"):
        structures.rasterize("x", onto=volume)


def test_an_array_without_geometry_is_refused(handle: Handle, tmp_path: Path) -> None:
    outlines = [Outline(name="disc", contours=[circle_mm((0, 0, 104), 8)])]
    structures, volume = make(handle, tmp_path, outlines)

    with pytest.raises(NoGeometry):
        structures.rasterize("disc", onto=volume.drop_vars("patient_lps"))
    with pytest.raises(NoGeometry, match="uneven"):
        structures.rasterize("disc", onto=volume.isel(x=[0, 1, 5]))


def test_names_that_are_none_or_several_say_so(handle: Handle, tmp_path: Path) -> None:
    outlines = [Outline(name="a", contours=[]), Outline(name="a", contours=[])]
    structures, _ = make(handle, tmp_path, outlines)

    with pytest.raises(RoiNotFound, match="ROI numbers 1, 2"):
        structures["a"]
    with pytest.raises(RoiNotFound, match="number 7"):
        structures[7]


@pytest.mark.parametrize(
    ("elements", "words"),
    [
        ({"ContourData": b"1\\2\\3\\4"}, "4 numbers"),
        ({"ContourData": b"1\\2\\nan"}, "no number"),
        ({"ContourData": b"1\\2\\inf"}, "no number"),
        ({"ContourData": b"1\\2\\1e300"}, "beyond a kilometre"),
        ({"ContourData": b"1\\2\\1_0"}, "something else"),
        ({"ContourData": b"1\\2\\\\5"}, "something else"),
        ({"ContourData": b""}, "no points"),
        ({"NumberOfContourPoints": b"7"}, "states 7 points, 24 came"),
        ({"ContourGeometricType": b"SPLINE"}, "known geometric type"),
        ({"ContourOffsetVector": b"0\\0\\2"}, "ContourOffsetVector"),
    ],
)
def test_contours_that_are_none_are_refused_and_the_others_read(
    handle: Handle, tmp_path: Path, elements: dict[str, bytes], words: str
) -> None:
    good = Outline(name="good", contours=[circle_mm((0, 0, 104), 8, points=24)])
    planes = ct_series(planes=3)
    dataset = structure_set([good, Outline(name="bad", contours=good.contours)], planes)
    admit(handle, planes, tmp_path / "ct")
    contour = dataset.ROIContourSequence[1].ContourSequence[0]
    for keyword, raw in elements.items():
        tag = pydicom.datadict.tag_for_keyword(keyword)
        assert tag is not None
        vr = pydicom.datadict.dictionary_VR(tag)
        padded = raw + b" " * (len(raw) % 2)
        contour[keyword] = pydicom.dataelem.RawDataElement(
            pydicom.tag.Tag(tag), vr, len(padded), padded, 0, False, True
        )
    structures = opened(handle, tmp_path / "rt", dataset)
    volume = load(handle, planes[0].SeriesInstanceUID)

    with pytest.raises(InvalidDicom, match=words) as caught:
        _ = structures["bad"].contours

    assert "ROI number 2" in str(caught.value)
    assert structures.rasterize("good", onto=volume).any()


def test_numbers_given_twice_and_strange_ones_are_refused(handle: Handle, tmp_path: Path) -> None:
    planes = ct_series(planes=1)
    twice = structure_set([Outline(name="a", contours=[]), Outline(name="b", contours=[])], planes)
    twice.StructureSetROISequence[1].ROINumber = 1
    strange = structure_set([Outline(name="a", contours=[])], planes, seed="strange")
    strange.ROIContourSequence[0].ReferencedROINumber = 99

    with pytest.raises(UnsupportedSeries, match="given twice"):
        opened(handle, tmp_path / "twice", twice)
    with pytest.raises(UnsupportedSeries, match="ROI number 99"):
        opened(handle, tmp_path / "strange", strange)


@pytest.mark.filterwarnings("ignore:The value for the data element")
def test_long_contours_are_read_whole(handle: Handle, tmp_path: Path) -> None:
    """Beyond 64 KiB Explicit VR has no DS: the element is written as UN (PS3.5 6.2.2)."""
    many = circle_mm((0.1, 0.2, 104), 10, points=4000)
    structures, volume = make(handle, tmp_path, [Outline(name="disc", contours=[many])])

    assert len(structures["disc"].contours[0].points_mm) == 4000
    mask = structures.rasterize("disc", onto=volume)
    assert area_mm2(mask) == pytest.approx(math.pi * 100, rel=0.01)


def test_a_lost_file_is_told(handle: Handle, tmp_path: Path) -> None:
    dataset = structure_set([Outline(name="a", contours=[])], ct_series(planes=1))
    for path in admit(handle, [dataset], tmp_path / "rt"):
        path.unlink()
    uid = dataset.SeriesInstanceUID

    with pytest.raises(FileChanged):
        load_structures(handle, uid, handle.catalog.instances_of(uid))


@pytest.fixture
def lab(tmp_path: Path) -> Any:
    with open_lab(tmp_path / "lab", create=True) as opened_lab:
        yield opened_lab


def test_a_series_opens_its_structures(lab: Lab, tmp_path: Path) -> None:
    planes = ct_series(planes=3)
    dataset = structure_set([Outline(name="disc", contours=[circle_mm((0, 0, 102), 8)])], planes)
    write_series([*planes, dataset], tmp_path / "in")
    lab.index(tmp_path / "in")

    structures = lab.series(Modality="RTSTRUCT").one().structures()
    volume = lab.series(Modality="CT").one().load()

    assert "1 regions of interest, 1 drawn" in repr(structures)
    assert structures.rasterize(1, onto=volume).sum() > 0
    with pytest.raises(UnsupportedSeries, match="no such structure set"):
        lab.series(Modality="CT").one().structures()


@pytest.mark.real_data
def test_every_contour_of_a_real_set_is_pydicoms(real_data: Path, handle: Handle) -> None:
    path = real_data / "real/rt_dicompyler/rtss.dcm"
    admit_file(handle, path)
    dataset = pydicom.dcmread(path)
    rows = handle.catalog.instances_of(dataset.SeriesInstanceUID)

    structures = load_structures(handle, dataset.SeriesInstanceUID, rows)

    by_number = {int(item.ReferencedROINumber): item for item in dataset.ROIContourSequence}
    assert [roi.name for roi in structures] == [
        item.ROIName for item in dataset.StructureSetROISequence
    ]
    for roi in structures:
        expected = by_number[roi.number].get("ContourSequence", [])
        assert len(roi.contours) == len(expected)
        for contour, item in zip(roi.contours, expected, strict=True):
            points = np.array(item.ContourData, float).reshape(-1, 3)
            np.testing.assert_array_equal(contour.points_mm, points)


def shoelace_mm2(points_mm: np.ndarray[Any, Any]) -> float:
    x, y = points_mm[:, 0], points_mm[:, 1]
    return 0.5 * abs(float(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))))


@pytest.mark.real_data
def test_real_regions_cover_the_areas_of_their_contours(
    real_data: Path, handle: Handle, tmp_path: Path
) -> None:
    """On a grid of our own in the set's patient space: each lone contour, by its shoelace."""
    path = real_data / "real/rt_dicompyler/rtss.dcm"
    admit_file(handle, path)
    dataset = pydicom.dcmread(path)
    rows = handle.catalog.instances_of(dataset.SeriesInstanceUID)
    structures = load_structures(handle, dataset.SeriesInstanceUID, rows)
    grid = ct_series(
        planes=48,
        rows=370,
        columns=370,
        pixel_spacing_mm=(1.5, 1.5),
        slice_spacing_mm=3,
        origin_mm=(-275.0, -524.0, -122.44),
        FrameOfReferenceUID=structures.FrameOfReferenceUIDs[0],
    )
    admit(handle, grid, tmp_path / "grid")
    volume = load(handle, grid[0].SeriesInstanceUID)

    tested = 0
    for roi in structures:
        if not roi.contour_count:
            continue
        mask = structures.rasterize(roi, onto=volume)
        areas = mask.sum(("y", "x")).values * 1.5**2
        for z, area in zip(volume.z.values, areas, strict=True):
            on_plane = [c.points_mm for c in roi.contours if abs(c.points_mm[0, 2] - z) < 0.1]
            if len(on_plane) == 1 and shoelace_mm2(on_plane[0]) > 500:
                assert area == pytest.approx(shoelace_mm2(on_plane[0]), rel=0.04), (roi.name, z)
                tested += 1
            elif not on_plane:
                assert area == 0
    assert tested > 60


@pytest.mark.real_data
def test_points_of_a_varian_set_are_points(real_data: Path, handle: Handle) -> None:
    (path,) = (real_data / "real/ct_catphan504_varian_obi").glob("RS.*")
    admit_file(handle, path)
    uid = pydicom.dcmread(path).SeriesInstanceUID

    structures = load_structures(handle, uid, handle.catalog.instances_of(uid))

    assert [roi.name for roi in structures] == ["AcqIsocenter", "InitLaserIso", "InitMatchIso"]
    assert {c.geometric_type for roi in structures for c in roi.contours} == {"POINT"}


def test_a_source_in_place_that_became_another_is_refused(handle: Handle, tmp_path: Path) -> None:
    dataset = structure_set([Outline(name="a", contours=[])], ct_series(planes=1))
    (path,) = admit(handle, [dataset], tmp_path / "rt", in_place=True)
    rows = handle.catalog.instances_of(dataset.SeriesInstanceUID)
    path.touch()
    assert len(load_structures(handle, dataset.SeriesInstanceUID, rows)) == 1

    dataset.StructureSetROISequence[0].ROIName = "b"
    dataset.save_as(path, enforce_file_format=True)

    with pytest.raises(FileChanged, match="not what was catalogued"):
        load_structures(handle, dataset.SeriesInstanceUID, rows)
