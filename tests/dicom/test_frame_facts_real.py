"""Facts of real instances, against what other programs made of them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray

from noctis_lab.dicom.frame_facts import FrameFacts, dimension_pointers, frame_facts
from noctis_lab.dicom.geometry import plane_normal
from noctis_lab.dicom.header import read_header
from noctis_lab.errors import InvalidDicom

# LPS to RAS.
_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def facts_of(path: Path) -> tuple[FrameFacts, ...]:
    return frame_facts(read_header(path))


def voxels(facts: list[FrameFacts], rows: int, columns: int) -> set[tuple[float, ...]]:
    """Return the places of the corner voxels of all planes, LPS, to a hundredth of a mm."""
    found = set()
    for fact in facts:
        plane = fact.plane
        assert plane.position_mm is not None
        assert plane.orientation is not None
        assert plane.pixel_spacing_mm is not None
        for row in (0, rows - 1):
            for column in (0, columns - 1):
                place = (
                    np.array(plane.position_mm)
                    + row * plane.pixel_spacing_mm[0] * np.array(plane.orientation[3:])
                    + column * plane.pixel_spacing_mm[1] * np.array(plane.orientation[:3])
                )
                found.add(tuple(np.round(place, 2) + 0.0))
    return found


def corners(affine: NDArray[np.float64], shape: tuple[int, int, int]) -> set[tuple[float, ...]]:
    """Return the same of a NIfTI's affine (index (x, y, z) to RAS)."""
    x, y, z = shape
    indices = [(i, j, k, 1) for i in (0, x - 1) for j in (0, y - 1) for k in range(z)]
    places = (_RAS @ affine @ np.array(indices, float).T)[:3].T
    return {tuple(np.round(place, 2) + 0.0) for place in places}


def dcm2niix(real_data: Path, collection: str) -> tuple[NDArray[np.float64], tuple[int, ...]]:
    with (real_data / "expected_dcm2niix.tsv").open() as stream:
        (row,) = [
            row
            for row in csv.DictReader(stream, delimiter="\t")
            if row["collection"] == f"real/{collection}"
        ]
    numbers = [float(number) for number in row["affine"].split("\\")]
    shape = tuple(int(size) for size in row["shape"].split("x"))
    return np.vstack([np.reshape(numbers, (3, 4)), (0, 0, 0, 1)]), shape


def test_a_mosaics_slices_lie_where_dcm2niix_puts_them(real_data: Path) -> None:
    # dcm2niix 1.0.20260724, which expected_dcm2niix.tsv has no row of.
    affine = np.array([(-3, 0, 0, 108), (0, 3, 0, -105), (0, 0, 12, 16), (0, 0, 0, 1)], float)
    for name in ("epi_pe_ap-00001.dcm", "epi_pe_ap-00002.dcm"):
        facts = facts_of(real_data / "real/mr_mosaic_siemens_nih" / name)
        assert len(facts) == 5
        assert [fact.tile for fact in facts[:4]] == [
            *((0, 0, 72, 72), (0, 72, 72, 72), (0, 144, 72, 72)),
            (72, 0, 72, 72),
        ]
        assert voxels(list(facts), 72, 72) == corners(affine, (72, 72, 5))


def test_siemens_enhanced_volumes_lie_where_dcm2niix_puts_them(real_data: Path) -> None:
    folder = real_data / "real/emr_siemens_xa10"
    affine, shape = dcm2niix(real_data, "emr_siemens_xa10")
    series = [facts_of(folder / f"6_{time}.dcm") for time in (1, 2, 3, 4)]
    assert [{fact.temporal_index for fact in facts} for facts in series] == [{1}, {2}, {3}, {4}]
    for facts in series:
        mine = np.array(list(voxels(list(facts), 64, 64)))
        theirs = np.array(list(corners(affine, (shape[0], shape[1], shape[2]))))
        apart_mm = np.linalg.norm(mine[:, None] - theirs, axis=2)
        assert mine.shape == theirs.shape == (24, 3)
        assert apart_mm.min(axis=0).max() < 0.02, "rounded to a hundredth of a mm, both"
        assert apart_mm.min(axis=1).max() < 0.02


def test_philips_enhanced_diffusion_is_by_frame(real_data: Path) -> None:
    folder = real_data / "real/mr_variants_dicom2nifti/philips_enhanced/dti/001"
    facts = facts_of(folder / "IM-0001-3835-0001.dcm")
    assert [fact.b_value for fact in facts] == [0, 1300, 1300, 1300] * 8
    assert [fact.in_stack_position for fact in facts] == [n for n in range(1, 9) for _ in range(4)]
    assert facts[0].b_vector is None
    np.testing.assert_allclose(facts[1].b_vector, (1, 0, 0), atol=1e-6)
    np.testing.assert_allclose(facts[2].b_vector, (0, -1, 0), atol=1e-6)
    assert len({fact.plane.position_mm for fact in facts}) == 8


def test_philips_enhanced_functional_mr_is_by_time(real_data: Path) -> None:
    folder = real_data / "real/mr_variants_dicom2nifti/philips_enhanced/fmri/001"
    facts = facts_of(folder / "IM-0001-9600-0001.dcm")
    assert [fact.temporal_index for fact in facts] == [1, 2, 3, 4] * 8


def test_nemas_sample_has_two_stacks_of_their_own_orientation(real_data: Path) -> None:
    path = real_data / "real/nema_multiframe_discimg/IMAGES/BRMULTI"
    facts = facts_of(path)
    assert dimension_pointers(read_header(path)) == (
        *("StackID", "InStackPositionNumber", "FrameAcquisitionNumber"),
    )
    stacks: dict[str | None, set[object]] = {}
    for fact in facts:
        stacks.setdefault(fact.stack_id, set()).add(fact.plane.orientation)
    assert [fact.stack_id for fact in facts] == ["1"] * 9 + ["2"] * 3
    assert {stack: len(orientations) for stack, orientations in stacks.items()} == {"1": 1, "2": 1}


def enhanced_files(real_data: Path) -> list[Path]:
    with (real_data / "MANIFEST.tsv").open() as stream:
        rows = csv.DictReader(stream, delimiter="\t")
        return [
            real_data / row["path"]
            for row in rows
            if row["sop_class"].startswith(("Enhanced", "Segmentation", "Parametric"))
            and row["path"].startswith("real/")
        ]


def test_every_enhanced_instance_says_what_pydicom_reads(real_data: Path) -> None:
    checked = 0
    for path in enhanced_files(real_data):
        try:
            facts = facts_of(path)
        except InvalidDicom:
            continue
        ds = pydicom.dcmread(path, stop_before_pixels=True)
        assert len(facts) == int(ds.get("NumberOfFrames", 1))
        items = ds.get("PerFrameFunctionalGroupsSequence", [])
        shared = (ds.get("SharedFunctionalGroupsSequence") or [pydicom.Dataset()])[0]
        if facts and facts[0].refusal is not None:
            assert len(items) > len(facts)
            continue
        for fact, item in zip(facts, items, strict=False):
            for group, keyword, ours in (
                ("PlanePositionSequence", "ImagePositionPatient", fact.plane.position_mm),
                ("PlaneOrientationSequence", "ImageOrientationPatient", fact.plane.orientation),
                ("PixelMeasuresSequence", "PixelSpacing", fact.plane.pixel_spacing_mm),
                ("FrameContentSequence", "StackID", fact.stack_id),
                ("FrameContentSequence", "InStackPositionNumber", fact.in_stack_position),
                ("FrameContentSequence", "TemporalPositionIndex", fact.temporal_index),
            ):
                stated = item.get(group) or shared.get(group)
                theirs = stated[0].get(keyword) if stated else None
                if isinstance(theirs, pydicom.multival.MultiValue):
                    theirs = tuple(float(number) for number in theirs)
                assert ours == theirs, (path.name, keyword)
            checked += 1
    assert checked > 100


@pytest.mark.parametrize(
    ("collection", "attribute", "count"),
    [
        ("mr_t2_multiecho_philips", "echo_ms", 32),
        ("mr_asl_philips_rescale", "phase_index", 8),
        ("mr_4d_philips_dstream", "temporal_index", 3),
        ("mr_4d_ge_epi", "temporal_index", 10),
    ],
)
def test_classic_series_are_told_apart_at_each_place(
    collection: str, attribute: str, count: int, real_data: Path
) -> None:
    places: dict[float, list[object]] = {}
    for path in sorted((real_data / "real" / collection).rglob("*")):
        if not path.is_file():
            continue
        try:
            (fact,) = facts_of(path)
        except InvalidDicom:
            continue
        plane = fact.plane
        assert plane.position_mm is not None
        assert plane.orientation is not None
        along = round(float(np.dot(plane.position_mm, plane_normal(plane.orientation))), 2)
        places.setdefault(along, []).append(getattr(fact, attribute))
    assert len(places) > 1
    for stated in places.values():
        assert len(set(stated)) == len(stated) == count


def test_every_file_gives_facts_of_each_frame_or_a_named_error(real_data: Path) -> None:
    seen = 0
    for root in ("real", "synth"):
        for path in sorted((real_data / root).rglob("*")):
            if not path.is_file():
                continue
            try:
                header = read_header(path)
            except InvalidDicom:
                continue
            facts = frame_facts(header)
            if header.pixels is None:
                assert facts == ()
            elif not header.is_mosaic():
                assert len(facts) == header.pixels.frames
            seen += 1
    assert seen > 1000
