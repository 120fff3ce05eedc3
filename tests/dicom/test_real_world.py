"""Real world value mappings: lines, tables, their range and their unit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_rescale
from pydicom.sequence import Sequence

from noctis_lab.dicom.raw_values import read_header_bytes
from noctis_lab.dicom.real_world import TABLES, find_real_world_mappings
from noctis_lab.dicom.scanner import DEFAULT_LIMITS
from noctis_lab.errors import CannotInterpret

type Make = Callable[..., Dataset]
type Put = Callable[..., Path]


def _item(first: int = 0, last: int = 4095, **attributes: Any) -> Dataset:
    item, unit = Dataset(), Dataset()
    unit.CodeValue, unit.CodingSchemeDesignator, unit.CodeMeaning = "mm2/s", "UCUM", "mm2/s"
    item.MeasurementUnitsCodeSequence = Sequence([unit])
    item.LUTLabel, item.LUTExplanation = "ADC", "Apparent diffusion"
    VR = "SS" if min(first, last) < 0 else "US"
    item.add_new(0x00409216, VR, first)
    item.add_new(0x00409211, VR, last)
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    return item


def _between(first: float, last: float, **attributes: Any) -> Dataset:
    """Return an item whose bounds are floating point numbers."""
    item = _item(
        DoubleFloatRealWorldValueFirstValueMapped=first,
        DoubleFloatRealWorldValueLastValueMapped=last,
        **attributes,
    )
    del item.RealWorldValueFirstValueMapped, item.RealWorldValueLastValueMapped
    return item


def test_an_item_of_units_alone_hides_no_later_one(make_dataset: Make, put: Put) -> None:
    bare = Dataset()
    bare.MeasurementUnitsCodeSequence = _item().MeasurementUnitsCodeSequence
    whole = _item(RealWorldValueSlope=1.0, RealWorldValueIntercept=0.0)
    for items in ([bare, whole], [whole, bare]):
        path = put(make_dataset(RealWorldValueMappingSequence=Sequence(items)))
        with pytest.raises(CannotInterpret, match="range of a mapping is not stated"):
            find_real_world_mappings(read_header_bytes(path))


def test_a_line_holds_within_its_range(make_dataset: Make, put: Put) -> None:
    item = _item(10, 20, RealWorldValueSlope=1e-6, RealWorldValueIntercept=-0.5)
    path = put(make_dataset(RealWorldValueMappingSequence=Sequence([item])))
    (mapping,) = find_real_world_mappings(read_header_bytes(path))
    assert (mapping.label, mapping.explanation) == ("ADC", "Apparent diffusion")
    assert (mapping.units, mapping.units_meaning) == ("mm2/s", "mm2/s")
    values = mapping.apply(np.array([9, 10, 20, 21], np.uint16))
    np.testing.assert_array_equal(values, [np.nan, 10e-6 - 0.5, 20e-6 - 0.5, np.nan])


def test_a_table_has_an_entry_for_each_input(make_dataset: Make, put: Put) -> None:
    item = _item(-2, 1, RealWorldValueLUTData=[1.5, -2.5, 1e300, 7.0])
    ds = make_dataset(RealWorldValueMappingSequence=Sequence([item]), PixelRepresentation=1)
    (mapping,) = find_real_world_mappings(read_header_bytes(put(ds)))
    values = mapping.apply(np.array([[-3, -2, -1], [0, 1, 2]], np.int16))
    np.testing.assert_array_equal(values, [[np.nan, 1.5, -2.5], [1e300, 7.0, np.nan]])


def test_a_table_beyond_the_headers_bound_is_read_or_refused(make_dataset: Make, put: Put) -> None:
    entries = np.random.default_rng(1).normal(size=10_000)
    item = _item(0, 9999, RealWorldValueLUTData=entries.tolist())
    ds = make_dataset(RealWorldValueMappingSequence=Sequence([item]))
    path = put(ds, syntax="1.2.840.10008.1.2")  # explicit VR has no length beyond 64 KiB for FD
    (mapping,) = find_real_world_mappings(read_header_bytes(path, bytes_only=TABLES))
    np.testing.assert_array_equal(mapping.apply(np.arange(10_000, dtype=np.uint16)), entries)
    with pytest.raises(CannotInterpret, match="longer than was read"):
        find_real_world_mappings(read_header_bytes(path, limits=DEFAULT_LIMITS))


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"])
def test_a_table_is_in_the_files_byte_order(make_dataset: Make, put: Put, syntax: str) -> None:
    entries = [1.5, -2.5, 1e300, 7.0]
    ds = make_dataset(
        RealWorldValueMappingSequence=Sequence([_item(0, 3, RealWorldValueLUTData=entries)])
    )
    path = put(ds, syntax=syntax)
    read = read_header_bytes(path, bytes_only=TABLES)
    assert read.header.text("RealWorldValueMappingSequence[0].RealWorldValueLUTData") is None
    for one in (read, read_header_bytes(path)):
        (mapping,) = find_real_world_mappings(one)
        assert mapping.table is not None
        assert mapping.table.tolist() == entries


def test_a_range_written_unsigned_is_read_as_the_pixels_are(make_dataset: Make, put: Put) -> None:
    item = _item(65534, 1, RealWorldValueSlope=2.0, RealWorldValueIntercept=0.0)
    ds = make_dataset(RealWorldValueMappingSequence=Sequence([item]), PixelRepresentation=1)
    (mapping,) = find_real_world_mappings(read_header_bytes(put(ds)))
    assert (mapping.first, mapping.last) == (-2, 1)


def test_double_bounds_of_signed_pixels_keep_their_sign(make_dataset: Make, put: Put) -> None:
    item = _item(RealWorldValueSlope=1.0, RealWorldValueIntercept=0.0)
    del item[0x00409216], item[0x00409211]
    item.DoubleFloatRealWorldValueFirstValueMapped = -40_000.0
    item.DoubleFloatRealWorldValueLastValueMapped = 40_000.0
    ds = make_dataset(RealWorldValueMappingSequence=Sequence([item]), PixelRepresentation=1)
    (mapping,) = find_real_world_mappings(read_header_bytes(put(ds)))
    assert (mapping.first, mapping.last) == (-40_000, 40_000)


def test_double_bounds_of_float_pixels(make_dataset: Make, put: Put) -> None:
    item = _item(RealWorldValueSlope=1.0, RealWorldValueIntercept=0.0)
    del item[0x00409216], item[0x00409211]
    item.DoubleFloatRealWorldValueFirstValueMapped = -0.5
    item.DoubleFloatRealWorldValueLastValueMapped = 0.5
    path = put(make_dataset(RealWorldValueMappingSequence=Sequence([item])))
    (mapping,) = find_real_world_mappings(read_header_bytes(path))
    values = mapping.apply(np.array([-0.6, 0.25], np.float32))
    np.testing.assert_array_equal(values, [np.nan, 0.25])


def test_a_frames_own_mappings_go_before_shared_ones(make_dataset: Make, put: Put) -> None:
    def group(*slopes: float) -> Dataset:
        item = Dataset()
        item.RealWorldValueMappingSequence = Sequence(
            [_item(RealWorldValueSlope=slope, RealWorldValueIntercept=0.0) for slope in slopes]
        )
        return item

    ds = make_dataset()
    ds.SharedFunctionalGroupsSequence = Sequence([group(3.0)])
    ds.PerFrameFunctionalGroupsSequence = Sequence([group(1.0, 2.0), Dataset()])
    header = read_header_bytes(put(ds))
    assert [m.slope for m in find_real_world_mappings(header, 0)] == [1.0, 2.0]
    assert [m.slope for m in find_real_world_mappings(header, 1)] == [3.0]
    assert find_real_world_mappings(read_header_bytes(put(make_dataset()))) == ()


@pytest.mark.parametrize(
    ("item", "why"),
    [
        (_item(), "neither slope and intercept nor a table"),
        (_item(RealWorldValueSlope=1.0), "neither slope"),
        (_item(5, 4, RealWorldValueSlope=1.0, RealWorldValueIntercept=0.0), "is below"),
        (_item(0, 3, RealWorldValueLUTData=[1.0, 2.0]), "4 entries are mapped, 16 bytes"),
        (
            _item(
                0,
                1,
                RealWorldValueSlope=1.0,
                RealWorldValueIntercept=0.0,
                RealWorldValueLUTData=[1.0, 2.0],
            ),
            "a line and a table",
        ),
        (_item(0, 1, RealWorldValueLUTData=[1.0, np.nan]), "is not all numbers"),
        (_between(-0.5, 0.5, RealWorldValueLUTData=[1.0, 2.0]), "whole stored values"),
    ],
)
def test_mappings_that_are_none_are_refused(
    make_dataset: Make, put: Put, item: Dataset, why: str
) -> None:
    path = put(make_dataset(RealWorldValueMappingSequence=Sequence([item])))
    with pytest.raises(CannotInterpret, match=why):
        find_real_world_mappings(read_header_bytes(path))


@pytest.mark.real_data
def test_a_real_mapping_is_pydicoms_rescaling(real_data: Path) -> None:
    path = real_data / "real/mr_asl_philips_rescale/0001.dcm"
    dataset, header = pydicom.dcmread(path), read_header_bytes(path)
    (mapping,) = find_real_world_mappings(header)
    assert (mapping.label, mapping.units) == ("Philips", "1")
    # This maker states the same line as its Modality LUT.
    expected = apply_rescale(dataset.pixel_array, dataset)
    np.testing.assert_allclose(mapping.apply(dataset.pixel_array), expected, rtol=1e-9)
