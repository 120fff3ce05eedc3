"""What the whole check may run once more: late tests of processes and browsers, and no others."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

AGAIN = Path(__file__).resolve().parents[1] / ".ci" / "again.py"
LATE = "tests/browser/test_mpr.py::test_one[a b]"


def asked(folder: Path, failed: list[str] | None) -> subprocess.CompletedProcess[str]:
    cache = folder / ".pytest_cache" / "v" / "cache"
    cache.mkdir(parents=True)
    if failed is not None:
        (cache / "lastfailed").write_text(json.dumps(dict.fromkeys(failed, True)))
    return subprocess.run(
        [sys.executable, str(AGAIN)], cwd=folder, capture_output=True, text=True, check=False
    )


def test_a_few_late_tests_are_named(tmp_path: Path) -> None:
    others = ["tests/docs/test_walks.py::test_b", "tests/journeys/test_push.py::test_c"]
    found = asked(tmp_path, [LATE, *others])
    assert (found.returncode, found.stdout.splitlines()) == (0, [LATE, *others])


@pytest.mark.parametrize(
    ("failed", "words"),
    [
        (None, "no test did"),
        ([], "no test did"),
        ([LATE, "tests/volumes/test_load.py::test_x"], "tests/volumes/test_load.py::test_x"),
        (["tests/test_config.py"], "not run again"),
        ([f"{LATE}{number}" for number in range(4)], "4 tests failed"),
    ],
)
def test_anything_else_is_red(tmp_path: Path, failed: list[str] | None, words: str) -> None:
    found = asked(tmp_path, failed)
    assert (found.returncode, found.stdout) == (1, "")
    assert words in found.stderr
