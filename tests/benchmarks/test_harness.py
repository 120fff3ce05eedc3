"""The benchmarks' harness: turns, memory, ratios and the document."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def harness() -> ModuleType:
    spec = importlib.util.spec_from_file_location("harness", FOLDER / "harness.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["harness"] = module  # children import it by this name
    sys.path.insert(0, str(FOLDER))
    spec.loader.exec_module(module)
    return module


def small(root: Path) -> Callable[[], object]:
    assert root.is_dir()
    return lambda: np.ones(1 << 10)


def large(root: Path) -> Callable[[], object]:
    return lambda: np.ones(1 << 24)  # 128 MiB


def test_candidates_are_measured_in_processes_of_their_own(
    harness: ModuleType, tmp_path: Path
) -> None:
    candidates = [
        harness.Candidate(name="small", prepare=small),
        harness.Candidate(name="large", prepare=large),
    ]
    results = harness.compare(candidates, tmp_path, rounds=1, calls=2)
    assert [result.name for result in results] == ["small", "large"]
    assert results[1].peak_bytes > 120 * 2**20
    assert results[0].peak_bytes < 60 * 2**20
    assert harness.ratio(results, "large", "small") > 10


def test_ratios_are_medians_of_rounds(harness: ModuleType) -> None:
    one = harness.Result(name="one", seconds=(1.0, 10.0, 2.0), peak_bytes=0)
    two = harness.Result(name="two", seconds=(3.0, 20.0, 5.0), peak_bytes=5_000_000)
    assert harness.ratio([one, two], "two", "one") == 2.5  # of 3, 2, 2.5
    row = harness.to_table([one, two], reference="one").splitlines()[-1]
    assert row == "| two | 5000.0 | 3000.0–20000.0 | 2.50 | 5 |"


def test_a_section_is_replaced_in_its_place(harness: ModuleType, tmp_path: Path) -> None:
    document = tmp_path / "docs" / "benchmarks.md"
    harness.write_section(document, "First", "old \\1")
    harness.write_section(document, "Second", "kept")
    head = document.read_text().split("## First")[0]
    harness.write_section(document, "First", "new \\1\n\n### Detail")
    text = document.read_text()
    assert text == f"{head}## First\n\nnew \\1\n\n### Detail\n\n## Second\n\nkept\n"
    harness.write_section(document, "First", "new \\1\n\n### Detail")
    assert document.read_text() == text
