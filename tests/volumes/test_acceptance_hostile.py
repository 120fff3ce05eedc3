"""Hostile files: each loads as what it states, or is refused by a name of ours; none crashes."""

from __future__ import annotations

import warnings
from collections import Counter
from pathlib import Path

import pytest
import xarray as xr

from noctis_lab.catalog.rows import clean_text
from noctis_lab.config import open_settings
from noctis_lab.dicom.header import read_header
from noctis_lab.errors import GeometryWarning, InvalidDicom, NoctisError, PixelWarning
from noctis_lab.volumes.backend import open_lazily
from noctis_lab.volumes.cache import open_handle
from noctis_lab.volumes.load import load
from noctis_lab.volumes.series_plan import find_facts, find_plan
from tests.volumes.archive import admit_file


def outcome(path: Path, root: Path) -> str:
    """Return what becomes of the one series that a file makes."""
    with open_handle(open_settings({"root": root})) as handle:
        try:
            admit_file(handle, path)
        except InvalidDicom:
            return "not filed"
        uid = read_header(path).SeriesInstanceUID
        series = handle.catalog.find_series(clean_text(uid))
        assert series is not None
        facts = find_facts(handle, series.reference)
        try:
            _, plan = find_plan(handle, series.reference)
            for number in range(len(plan.stacks)):
                eager = load(handle, series.reference, stack=number)
                lazy = open_lazily(handle.settings, series.reference, stack=number)
                xr.testing.assert_identical(lazy.load(), eager)
        except NoctisError as error:
            return type(error).__name__
        assert facts.geometry_note
        return "loaded" if plan.stacks else "refused"


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize("kind", ["bitflip", "dropbytes", "hostile", "truncated"])
def test_hostile_files_end_in_a_name_or_in_what_they_state(
    real_data: Path, tmp_path: Path, kind: str
) -> None:
    outcomes: Counter[str] = Counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GeometryWarning)
        warnings.simplefilter("ignore", PixelWarning)
        for number, path in enumerate(sorted((real_data / "synth" / kind).iterdir())):
            outcomes[outcome(path, tmp_path / str(number))] += 1
    assert outcomes.total() >= 8
    assert set(outcomes) <= {
        *("not filed", "loaded", "refused"),
        *("NoPixels", "UnsupportedSeries", "CompressedPixels", "DecodeError"),
    }
