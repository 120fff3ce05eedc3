"""Every series of the real data: loaded right, split, kept with a warning, or refused by name."""

from __future__ import annotations

import csv
import hashlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from noctis_lab import Lab, open_lab
from noctis_lab.errors import (
    CannotStack,
    CompressedPixels,
    DecodeError,
    DuplicatePositions,
    GeometryWarning,
    NoPixels,
    OtherObject,
    PixelWarning,
    SeveralStacks,
    UnsupportedSeries,
)

pytestmark = pytest.mark.real_data

#: End of the SeriesInstanceUID → dims and sizes of what it loads as, alone.
LOADED = {
    "612.15241426881197360286": {"z": 64, "y": 512, "x": 512},
    "918.29194547251885003033": {"z": 58, "y": 512, "x": 512},
    "815452318141136507497058": {"z": 93, "y": 64, "x": 64},
    "341.27283.1537222031.341": {"time": 10, "z": 15, "y": 64, "x": 64},
    "4496.2014021409060423022": {"time": 3, "z": 9, "y": 64, "x": 64},
    "392107266375192100993035": {"z": 11, "y": 256, "x": 256},
    "1976.2025071112095628238": {"z": 11, "y": 256, "x": 256},
    "8480.2021080416364694226": {"phase": 8, "z": 6, "y": 80, "x": 80},
    "803990314200269253511753": {"echo": 32, "z": 2, "y": 192, "x": 192},
    "217117424841043720499074": {"z": 89, "y": 192, "x": 192},
    "247751344098776959515224": {"z": 4, "y": 77, "x": 52, "channel": 3},
    "569766509356122702857987": {"z": 4, "y": 64, "x": 64},
    "569766509356512040321185": {"z": 4, "y": 512, "x": 512},
}
#: … → how many planes are missing.
UNEVEN = {
    "569766509356227417197937": 1,
    "046196095999688458856228": 1,
    "0.0.1196530851.28319.0.2": 161,
}
#: … → how many stacks.
SPLIT = {
    "081945149135660302.0.0.0": 2,
    "578160432651861615759294": 4,
}
#: … → what stands against it.
REFUSED: dict[str, type[Exception]] = {
    "802954179800655080054028": DuplicatePositions,
    "697665093567298242875077": DuplicatePositions,
    "569766509356966016558549": DuplicatePositions,
}


@pytest.fixture(scope="module")
def lab(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with open_lab(tmp_path_factory.mktemp("real") / "archive", create=True) as opened:
        opened.index(real_data / "real", in_place=True)
        yield opened


def series_of(lab: Lab, end: str) -> Any:
    return next(one for one in lab.series() if one.SeriesInstanceUID.endswith(end))


@pytest.mark.parametrize("end", LOADED)
def test_a_series_that_is_one_array_is_loaded_as_it(lab: Lab, end: str) -> None:
    loaded = series_of(lab, end).load()
    assert dict(loaded.sizes) == LOADED[end]


@pytest.mark.parametrize("end", UNEVEN)
def test_a_series_with_gaps_keeps_true_places(lab: Lab, end: str) -> None:
    with pytest.warns(GeometryWarning):
        loaded = series_of(lab, end).load()
    assert sum(loaded.attrs["gap_planes"]) == UNEVEN[end]
    assert not loaded.dicom.is_regular


@pytest.mark.parametrize("end", SPLIT)
def test_a_series_of_several_stacks_is_split(lab: Lab, end: str) -> None:
    series = series_of(lab, end)
    with pytest.raises(SeveralStacks):
        series.load()
    assert len(series.stacks) == series.facts.stack_count == SPLIT[end]


@pytest.mark.parametrize("end", REFUSED)
def test_what_nothing_tells_apart_is_refused_by_name(lab: Lab, end: str) -> None:
    with pytest.raises(REFUSED[end]):
        series_of(lab, end).load()


def test_values_are_those_of_the_reference(lab: Lab, real_data: Path) -> None:
    """SHA-256 of float32 values in the reference's order: by position, all frames as one z."""
    checked = 0
    with (real_data / "expected.tsv").open() as table:
        for line in csv.DictReader(table, delimiter="\t"):
            end = line["series"]
            expected = line["numpy_sha256_f32"]
            if not expected or not line["collection"].startswith("real/") or end not in LOADED:
                continue
            loaded = series_of(lab, end).load(dtype=None if "channel" in LOADED[end] else "float32")
            values = loaded.values
            if values.ndim == 4 and "channel" not in loaded.dims:
                # The reference sorts frames by position, and those at one by InstanceNumber.
                values = np.moveaxis(values, 0, 1)
                numbers = loaded.InstanceNumber.values.T
                values = np.concatenate(
                    [plane[np.argsort(order)] for plane, order in zip(values, numbers, strict=True)]
                )
            digest = hashlib.sha256(np.ascontiguousarray(values, np.float32).tobytes()).hexdigest()
            flipped = hashlib.sha256(
                np.ascontiguousarray(values[::-1], np.float32).tobytes()
            ).hexdigest()
            assert expected in (digest, flipped), end
            checked += 1
    assert checked >= 10


def test_no_series_of_the_real_data_is_silently_wrong(lab: Lab) -> None:
    """Each comes as arrays whose frames are all told, or is refused by a name of ours."""
    outcomes: dict[str, int] = {}
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("ignore", GeometryWarning)
        warnings.simplefilter("always", PixelWarning)
        for series in lab.series():
            try:
                stacks = series.stacks
            except (NoPixels, UnsupportedSeries) as error:
                outcomes[type(error).__name__] = outcomes.get(type(error).__name__, 0) + 1
                assert series.facts.geometry_note
                if isinstance(error, OtherObject):
                    outcomes["objects"] = outcomes.get("objects", 0) + load_objects(series)
                continue
            for stack in stacks:
                outcome = "loaded" if len(stacks) == 1 else "split"
                try:
                    loaded = stack.load()
                except (CompressedPixels, DecodeError, UnsupportedSeries) as error:
                    outcome = type(error).__name__
                else:
                    assert loaded.shape == stack.shape
                    assert "units" in loaded.attrs
                outcomes[outcome] = outcomes.get(outcome, 0) + 1
            if not stacks:
                with pytest.raises(DuplicatePositions):
                    series.load()
                outcomes["DuplicatePositions"] = outcomes.get("DuplicatePositions", 0) + 1
            assert series.facts.stack_count == len(stacks)
    # One series' codestream has no sign where PixelRepresentation has one; a lossy one overshoots.
    messages = sorted(str(one.message).partition(": ")[2] for one in told)  # the series goes before
    assert len(messages) == 2
    assert messages[0].startswith("BitsStored is 10, and samples of the codestream")
    assert "are unsigned" in messages[1]
    assert outcomes["loaded"] >= 100
    assert outcomes["split"] >= 15
    assert outcomes["objects"] >= 15
    assert set(outcomes) <= {
        *("loaded", "split", "NoPixels", "UnsupportedSeries", "DuplicatePositions"),
        *("CompressedPixels", "DecodeError", "OtherObject", "objects"),
    }


def load_objects(series: Any) -> int:
    """Load each dose grid and segmentation, or have it refused; return how many were loaded."""
    count = 0
    for index in range(len(series.instances)):
        try:
            loaded = series.load(stack=index)
        except CannotStack:
            continue
        assert loaded.dims[-2:] == ("y", "x")
        assert loaded.attrs["units"] in ("1", "Gy", "relative")
        count += 1
    return count
