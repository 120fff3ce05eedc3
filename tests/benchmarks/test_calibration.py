"""The report on phantom analyses: what it takes for a missed target, and what it says of it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from noctis_lab.analysis.calibration.analyse import HuAnalysis, analyse
from noctis_lab.synthetic import CATPHAN504_INSERTS
from tests.analysis.phantom_volumes import drawn

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
TRUTH = {insert.material: insert.hu_by_kvp[120] for insert in CATPHAN504_INSERTS}


@pytest.fixture(scope="module")
def module() -> Iterator[ModuleType]:
    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module("calibration")
    sys.path.remove(str(FOLDER))


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> HuAnalysis:
    folder = tmp_path_factory.mktemp("catphan")
    return analyse(drawn(folder, "CatPhan 504", noise_hu=0.0, roll_deg=1.0), kvp=120)


def case_of(module: ModuleType, found: HuAnalysis, **changes: Any) -> Any:
    facts = {
        "name": "one",
        "model": "CatPhan 504",
        "folder": Path(),
        "drawn": {"roll_deg": 1.0},
        "truth": TRUTH,
        "at_truth": found,
        "ours": found,
        "seconds": 0.2,
        "planes": 100,
    }
    return module.Case(**facts | changes)


def test_what_holds_is_said_to(module: ModuleType, found: HuAnalysis) -> None:
    case = case_of(module, found, oracle={"inserts": {"Air": -999.5, "Teflon": 951.0}})
    assert list(case.missed()) == []
    assert case.theirs == {"air": -999.5, "Teflon": 951.0}
    assert "| holds |" in module.report([case])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"truth": TRUTH | {"Delrin": 350.0}}, "HU from the truth"),
        ({"model": "CatPhan 503"}, "taken for CatPhan 504"),
        ({"drawn": {"roll_deg": 2.0}}, "roll off by -1.00°"),
        ({"seconds": 0.6}, "0.60 s"),
        ({"seconds": 0.6, "planes": 50}, "0.60 s"),
        ({"drawn": None, "oracle": {"inserts": {"LDPE": -120.0}}}, "18.00 HU from pylinac"),
    ],
)
def test_a_missed_target_is_named(
    module: ModuleType, found: HuAnalysis, changes: dict[str, Any], said: str
) -> None:
    missed = list(case_of(module, found, **changes).missed())
    assert len(missed) == 1
    assert missed[0].endswith(said)


def test_pylinac_is_no_measure_where_it_is_farther_from_what_was_drawn(
    module: ModuleType, found: HuAnalysis
) -> None:
    oracle = {"inserts": {"Air": -997.0}}
    assert list(case_of(module, found, oracle=oracle).missed()) == []


def test_where_pylinac_fails_the_report_says_why(module: ModuleType, found: HuAnalysis) -> None:
    text = module.report([case_of(module, found, oracle={"error": "ValueError: no slices"})])
    assert "* one: pylinac fails (ValueError: no slices)" in text
    assert "| air | −1000.00 |" in text
