"""VOI LUT Sequences: grey levels as pydicom has them, unsound tables left out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_voi
from pydicom.sequence import Sequence

from noctis_lab.dicom.raw_values import read_header_bytes
from noctis_lab.dicom.voi_lut import MOST_TABLES, VoiLut, find_voi_luts

type Make = Callable[..., Dataset]
type Put = Callable[..., Path]

IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"


def _item(first: int, entries: NDArray[np.uint16], bits: int, explanation: str = "") -> Dataset:
    item = Dataset()
    item.add_new(0x00283002, "SS" if first < 0 else "US", [len(entries), first, bits])
    item.LUTExplanation = explanation
    item.add_new(0x00283006, "OW", entries.astype("<u2").tobytes())
    return item


def _luts(ds: Dataset, put: Put, syntax: str = EXPLICIT) -> tuple[VoiLut, ...]:
    return find_voi_luts(read_header_bytes(put(ds, syntax=syntax)))


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT])
@pytest.mark.parametrize(("first", "bits"), [(0, 11), (100, 12), (-1024, 10), (0, 16)])
def test_a_table_gives_pydicoms_entries_as_grey_levels(
    make_dataset: Make, put: Put, syntax: str, first: int, bits: int
) -> None:
    curve = np.linspace(0, 1, 4096) ** 2 * ((1 << bits) - 1)
    ds = make_dataset(PixelRepresentation=int(first < 0))
    ds.VOILUTSequence = Sequence([_item(first, curve.astype(np.uint16), bits, "HARDER")])
    (lut,) = _luts(ds, put, syntax)
    values = np.arange(-2000, 6000, dtype=np.int32)
    entries = apply_voi(values, ds).astype(np.float64)
    assert lut.explanation == "HARDER"
    assert lut.first_mapped == first
    expected = np.floor(entries * 255 / ((1 << bits) - 1) + 0.5)
    found = lut.greys[np.clip(values - lut.first_mapped, 0, len(lut.greys) - 1)]
    assert np.array_equal(found, expected)


def test_a_table_over_rescaled_values_may_begin_below_zero(make_dataset: Make, put: Put) -> None:
    ds = make_dataset(RescaleIntercept=-1024, RescaleSlope=1, PixelRepresentation=0)
    ds.VOILUTSequence = Sequence([_item(-1024, np.arange(256, dtype=np.uint16), 8)])
    (lut,) = _luts(ds, put, IMPLICIT)
    assert lut.first_mapped == -1024


def test_several_tables_keep_their_order_and_an_unsound_one_is_left_out(
    make_dataset: Make, put: Put
) -> None:
    entries = np.arange(16, dtype=np.uint16)
    short = _item(0, entries, 8, "SHORT")
    short.LUTDescriptor = [4096, 0, 12]
    ds = make_dataset()
    ds.VOILUTSequence = Sequence(
        [_item(0, entries, 8, "NORMAL"), short, _item(0, entries, 8, "SOFTER")]
    )
    assert [lut.explanation for lut in _luts(ds, put)] == ["NORMAL", "SOFTER"]
    ds.VOILUTSequence = Sequence([_item(0, entries, 8)] * (MOST_TABLES + 3))
    assert len(_luts(ds, put)) == MOST_TABLES
