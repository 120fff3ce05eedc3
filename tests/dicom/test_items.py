"""Elements come back as the tree that they were nested in."""

from __future__ import annotations

import io
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset

from noctis_lab.dicom.header import Header, read_header
from noctis_lab.dicom.items import to_tree
from noctis_lab.synthetic import Outline, ct_series, structure_set


def header_of(dataset: Dataset, folder: Path) -> Header:
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, dataset, enforce_file_format=True)
    path = folder / "instance.dcm"
    path.write_bytes(stream.getvalue())
    return read_header(path)


def nested(tmp_path: Path) -> Header:
    triangle = [(0.0, 0.0, 1.0), (1.0, 0.0, 1.0), (0.0, 1.0, 1.0)]
    outlines = [
        Outline(name="none", contours=[]),
        Outline(name="two", contours=[triangle, triangle[::-1]]),
    ]
    return header_of(structure_set(outlines, ct_series(planes=2)), tmp_path)


def test_sequences_are_lists_of_items(tmp_path: Path) -> None:
    tree = to_tree(nested(tmp_path))

    names = [item.text("ROIName") for item in tree.items("StructureSetROISequence")]
    assert names == ["none", "two"]
    contours = tree.items("ROIContourSequence")[1].items("ContourSequence")
    assert [item.integer("NumberOfContourPoints") for item in contours] == [3, 3]
    assert contours[1].numbers("ContourData") == (0, 1, 1, 1, 0, 1, 0, 0, 1)
    frame = tree.item("ReferencedFrameOfReferenceSequence")
    study = frame.item("RTReferencedStudySequence")
    assert len(study.item("RTReferencedSeriesSequence").items("ContourImageSequence")) == 2


def test_what_is_not_there_is_empty(tmp_path: Path) -> None:
    tree = to_tree(nested(tmp_path))

    assert tree.items("NoSuchSequence") == []
    assert tree.item("NoSuchSequence").text("ROIName") is None
    assert tree.items("ROIContourSequence")[0].items("ContourSequence") == []


def test_only_the_sequences_that_are_named_are_taken_along(tmp_path: Path) -> None:
    tree = to_tree(nested(tmp_path), "StructureSetROISequence")

    assert tree.text("Modality") == "RTSTRUCT"
    assert len(tree.items("StructureSetROISequence")) == 2
    assert tree.items("ROIContourSequence") == []


def test_an_empty_item_keeps_its_place(tmp_path: Path) -> None:
    dataset = ct_series(planes=1)[0]
    last = Dataset()
    last.CodeValue = "x"
    dataset.AnatomicRegionSequence = [Dataset(), last]
    dataset.DerivationCodeSequence = []

    tree = to_tree(header_of(dataset, tmp_path))

    assert [item.text("CodeValue") for item in tree.items("AnatomicRegionSequence")] == [None, "x"]
    assert tree.items("DerivationCodeSequence") == []
    assert "DerivationCodeSequence" in tree.sequences
