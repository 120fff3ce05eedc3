"""What holds no voxels is refused by its name, with what to do instead."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
import xarray as xr

from noctis_lab.dicom.object_kinds import find_object_kind
from noctis_lab.errors import NoPixels, SeveralStacks, UnsupportedSeries
from noctis_lab.lab import Lab, open_lab
from noctis_lab.synthetic import DoseOptions, ct_series, rt_dose, segmentation, write_series
from noctis_lab.volumes.cache import Handle
from noctis_lab.volumes.kinds import open_segmentation
from noctis_lab.volumes.load import load
from tests.volumes.archive import admit, admit_file

STORAGE = "1.2.840.10008.5.1.4.1.1."


@pytest.mark.parametrize(
    ("suffix", "what"),
    [
        ("88.11", "a structured report"),
        ("88.59", "a key object selection"),
        ("11.1", "a presentation state"),
        ("9.1.1", "a waveform"),
        ("104.1", "an encapsulated PDF"),
        ("481.5", "a radiotherapy plan"),
        ("481.4", "a radiotherapy record"),
        ("77.1.6", "a whole-slide image"),
        ("66.1", "a spatial registration"),
    ],
)
def test_classes_are_named(suffix: str, what: str) -> None:
    kind = find_object_kind(STORAGE + suffix)

    assert kind is not None
    assert kind.what == what


@pytest.mark.parametrize("suffix", ["2", "4", "4.1", "6.1", "128", "481.1", "481.2", "66.4", "20"])
def test_images_are_no_other_kind(suffix: str) -> None:
    assert find_object_kind(STORAGE + suffix) is None


def test_private_classes_are_not_guessed_at() -> None:
    assert find_object_kind("1.2.840.113619.4.27") is None
    assert find_object_kind("1.2.840.10008.5.1.4.1.1") is None


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("pydicom_test_files/test-SR.dcm", "a structured report"),
        ("pydicom_test_files/rtplan.dcm", "therapy plan"),
        ("rt_dicompyler/rtss.dcm", "structures()"),
        ("seg_sr_highdicom/sm_image.dcm", "a whole-slide image"),
        ("seg_sr_highdicom/sm_annotations.dcm", "a set of microscopy annotations"),
        ("seg_sr_dcmqi/sr-example/rwvm.dcm", "a real world value mapping"),
    ],
)
def test_real_objects_without_voxels_say_what_to_do(
    real_data: Path, handle: Handle, path: str, words: str
) -> None:
    file = real_data / "real" / path
    admit_file(handle, file)

    with pytest.raises((NoPixels, UnsupportedSeries), match=re.escape(words)):
        load(handle, pydicom.dcmread(file).SeriesInstanceUID)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with open_lab(tmp_path / "lab", create=True) as opened:
        yield opened


def test_a_dose_says_in_facts_that_load_reads_it_and_opens_lazily(lab: Lab, tmp_path: Path) -> None:
    write_series([rt_dose()], tmp_path / "in")
    lab.index(tmp_path / "in")
    series = lab.series(Modality="RTDOSE").one()

    assert series.facts.is_volume is False
    assert "dose grid" in str(series.facts.geometry_note)
    assert "load() gives its voxels" in str(series.facts.geometry_note)
    xr.testing.assert_identical(series.open().load(), series.load())
    assert series.load().shape == (5, 8, 10)
    with pytest.raises(UnsupportedSeries, match="mask_padding"):
        series.load(mask_padding=True)


def test_a_report_says_in_facts_what_it_is(lab: Lab, tmp_path: Path) -> None:
    report = rt_dose(DoseOptions(seed="report"))
    report.SOPClassUID = report.file_meta.MediaStorageSOPClassUID = f"{STORAGE}88.11"
    report.Modality = "SR"
    del report.PixelData
    write_series([report], tmp_path / "in")
    lab.index(tmp_path / "in")

    assert "structured report" in str(lab.series().one().facts.geometry_note)


def test_images_are_loaded_from_beside_other_objects(handle: Handle, tmp_path: Path) -> None:
    images = ct_series(planes=3, rows=4, columns=5)
    beside = rt_dose(DoseOptions(StudyInstanceUID=images[0].StudyInstanceUID))
    beside.SeriesInstanceUID = images[0].SeriesInstanceUID
    admit(handle, [*images, beside], tmp_path / "in")

    assert load(handle, images[0].SeriesInstanceUID).shape == (3, 4, 5)


def test_of_several_segmentations_one_is_named(handle: Handle, tmp_path: Path) -> None:
    images = ct_series(planes=2, rows=4, columns=5)
    masks = np.ones((1, 2, 4, 5), np.uint8)
    pair = [segmentation(masks, images), segmentation(masks * 0 + [[[[0, 1, 0, 1, 0]]]], images)]
    pair[1].SOPInstanceUID = pair[1].file_meta.MediaStorageSOPInstanceUID = "1.2.3.5"
    admit(handle, [*images, *pair], tmp_path / "in")
    uid = pair[0].SeriesInstanceUID

    with pytest.raises(SeveralStacks, match=r"1: 1\.2\.3\.5|0: 1\.2\.3\.5"):
        load(handle, uid)
    with pytest.raises(UnsupportedSeries, match="2 segmentations"):
        open_segmentation(handle, uid)

    named = open_segmentation(handle, uid, SOPInstanceUID="1.2.3.5").load()
    assert named.sum() == 2 * 4 * 2
    sums = sorted(int(load(handle, uid, stack=index).sum()) for index in (0, 1))
    assert sums == [16, 40]
