"""Multi-frame images in parts: a volume where all are here, refused where one is missing."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from noctis_lab.errors import UnsupportedSeries
from noctis_lab.synthetic import PlaneStack, enhanced_image
from noctis_lab.volumes.cache import Handle
from noctis_lab.volumes.load import load
from noctis_lab.volumes.series_plan import find_facts
from tests.volumes.archive import admit


def parts_of(whole: Dataset, cuts: Sequence[int], *, total: int | None) -> list[Dataset]:
    """Return an image as a concatenation, cut before these frames."""
    bounds = [0, *cuts, whole.NumberOfFrames]
    parts = []
    for number, (start, stop) in enumerate(pairwise(bounds), start=1):
        part = copy.deepcopy(whole)
        part.SOPInstanceUID = part.file_meta.MediaStorageSOPInstanceUID = (
            f"{whole.SOPInstanceUID}.{number}"
        )
        part.NumberOfFrames = stop - start
        part.PerFrameFunctionalGroupsSequence = whole.PerFrameFunctionalGroupsSequence[start:stop]
        part.PixelData = whole.pixel_array[start:stop].tobytes()
        part.ConcatenationUID, part.InConcatenationNumber = "2.25.9", number
        part.ConcatenationFrameOffsetNumber = start
        part.SOPInstanceUIDOfConcatenationSource = whole.SOPInstanceUID
        if total is not None:
            part.InConcatenationTotalNumber = total
        parts.append(part)
    return parts


@pytest.fixture
def whole() -> Dataset:
    return enhanced_image(stacks=[PlaneStack(planes=5)], shape=(4, 5), order_seed=None)


@pytest.mark.parametrize("total", [3, None])
def test_all_parts_are_one_volume(
    whole: Dataset, total: int | None, handle: Handle, tmp_path: Path
) -> None:
    admit(handle, reversed(parts_of(whole, (2, 4), total=total)), tmp_path / "in")
    volume = load(handle, str(whole.SeriesInstanceUID), stored=True)
    np.testing.assert_array_equal(volume, whole.pixel_array)


@pytest.mark.parametrize(
    ("total", "here", "missing"),
    [
        (3, (0, 1), "1 are missing: 3"),
        (3, (1,), "2 are missing: 1, 3"),
        (None, (0, 2), "missing: 2"),
    ],
)
def test_a_part_without_the_others_is_refused(
    whole: Dataset,
    total: int | None,
    here: tuple[int, ...],
    missing: str,
    handle: Handle,
    tmp_path: Path,
) -> None:
    parts = parts_of(whole, (2, 4), total=total)
    uid = str(whole.SeriesInstanceUID)
    admit(handle, [parts[number] for number in here], tmp_path / "in")

    with pytest.raises(UnsupportedSeries, match=f"of the 3 parts of a concat.*{missing}") as raised:
        load(handle, uid)

    assert set(raised.value.SOPInstanceUIDs) == {parts[number].SOPInstanceUID for number in here}
    assert "parts of a concatenation" in str(find_facts(handle, uid).geometry_note)
    rest = [part for number, part in enumerate(parts) if number not in here]
    admit(handle, rest, tmp_path / "rest")  # the missing ones come
    np.testing.assert_array_equal(load(handle, uid, stored=True), whole.pixel_array)


def test_frames_that_are_missing_between_parts_are_told(
    whole: Dataset, handle: Handle, tmp_path: Path
) -> None:
    first, _, last = parts_of(whole, (2, 4), total=None)
    last.InConcatenationNumber = 2  # as if there were no third
    uid = str(whole.SeriesInstanceUID)
    admit(handle, [first, last], tmp_path / "in")
    with pytest.raises(UnsupportedSeries, match=r"2 frame\(s\) before part 2 .* are missing"):
        load(handle, uid)
