"""What holds no voxels is refused by its name, with what to do instead."""

from __future__ import annotations

import re
from pathlib import Path

import pydicom
import pytest

from noctis_lab.dicom.object_kinds import find_object_kind
from noctis_lab.errors import NoPixels, UnsupportedSeries
from noctis_lab.volumes.cache import Handle
from noctis_lab.volumes.load import load
from tests.volumes.archive import admit_file

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
