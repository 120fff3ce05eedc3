"""Nominal values of one phantom, named tolerances, and the bounds of their files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noctis_lab.analysis.calibration.analyse import analyse
from noctis_lab.analysis.calibration.nominals import find_nominals, load_nominals, parse_nominals
from noctis_lab.analysis.calibration.phantoms import parse_phantom
from noctis_lab.analysis.calibration.tolerances import (
    Figure,
    check_figures,
    load_tolerances,
    parse_tolerances,
)
from tests.analysis.phantom_volumes import drawn

HEAD = ",".join(
    (
        *("phantom", "material", "kvp_from", "kvp_to", "low_hu", "high_hu"),
        *("relative_electron_density", "verified", "source", "serial"),
    )
)
OWN = f"{HEAD}\nACR 464,bone,80,80,1180,1200,,yes,certificate of 2024,SN 17\n"
STRICT = """
name = "ours"
source = "agreed with the physicist"
verified = true
[limits.largest_difference_hu]
low = 0
high = 4.0
[limits.slice_thickness_mm]
low = 1.0
high = 2.0
"""


def test_a_phantoms_own_values_go_before_its_models() -> None:
    own = parse_nominals(OWN.replace("80,80", "120,120"))
    both = (*own, *load_nominals())
    assert find_nominals(both, "ACR 464", 120, serial="SN 17")["bone"] == own[0]
    assert find_nominals(both, "ACR 464", 120, serial="SN 18")["bone"].serial is None
    assert find_nominals(both, "ACR 464", 120)["bone"].serial is None
    assert find_nominals(both, "ACR 464", 120, serial="SN 17")["water"].serial is None


def test_a_certificate_gives_a_verdict_where_the_model_has_none(tmp_path: Path) -> None:
    volume = drawn(tmp_path, "ACR 464", kvp=80, noise_hu=3.0)
    nominals = (*load_nominals(), *parse_nominals(OWN))
    assert analyse(volume, kvp=80, nominals=nominals).status == "trend only"
    found = analyse(volume, kvp=80, serial="SN 17", nominals=nominals)
    assert (found.status, found.serial) == ("pass", "SN 17")
    verdicts = {roi.figures.material: roi.verdict for roi in found.rois}
    assert verdicts.pop("bone") == "pass"
    assert set(verdicts.values()) == {"no nominal"}


def test_a_figure_beyond_its_tolerance_fails_and_gives_a_trend_no_verdict(tmp_path: Path) -> None:
    volume = drawn(tmp_path, "ACR 464", cupping_hu=8.0, noise_hu=3.0)
    tolerances = parse_tolerances(STRICT)
    strict = replace(tolerances.limits[0], high=1.0)
    found = analyse(volume, kvp=120, tolerances=replace(tolerances, limits=(strict,)))
    assert (found.tolerance_set, found.status) == ("ours", "fail")
    assert [check.verdict for check in found.checks] == ["fail"]
    # Of cupping 8·(1 − (r/100)²), discs of 11 mm at 66 mm are 3.5 HU above the middle.
    assert found.checks[0].figure.value == pytest.approx(8 * 0.66**2, abs=0.4)
    trend = analyse(volume, kvp=None, tolerances=replace(tolerances, limits=(strict,)))
    assert (trend.status, trend.checks[0].verdict) == ("trend only", "fail")
    assert analyse(volume, kvp=120, tolerances=tolerances).checks[0].verdict == "pass"


def test_limits_include_their_ends_and_skip_what_was_not_measured() -> None:
    tolerances = parse_tolerances(STRICT)
    checks = check_figures({"slice_thickness_mm": Figure(value=2.0, se=0.1)}, tolerances)
    assert [(check.limit.figure, check.verdict) for check in checks] == [
        ("slice_thickness_mm", "pass")
    ]


def test_the_sets_that_ship_have_a_source() -> None:
    assert {"ACR 2017", "pylinac 3.49"} <= load_tolerances().keys()
    assert all(tolerances.source for tolerances in load_tolerances().values())


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("high = 4.0", "high = -4.0", "from low to high"),
        ("high = 4.0", "high = nan", "from -100000 to 100000"),
        ("high = 4.0", "high = 'much'", "a number for high"),
        ("high = 4.0", "", "a number for high"),
        ("verified = true", "verified = 3", "true or false"),
        ('name = "ours"', "name = ''", "expected name"),
        ("[limits.", "[others.", "a table of 1 to 100 limits"),
        ("largest_difference_hu", "largest_difference", "a limit of one of f10_per_mm"),
    ],
)
def test_tolerances_out_of_bounds_are_refused(old: str, new: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_tolerances(STRICT.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("1180", "inf", "line 2.*low_hu"),
        ("1180", "-5000", "line 2.*low_hu"),
        ("80,80", "80,x", "line 2.*kvp_to"),
        ("yes", "perhaps", "line 2.*verified"),
        (",SN 17", "," + "x" * 501, "line 2.*serial"),
        ("ACR 464", "", "line 2.*phantom"),
    ],
)
def test_nominals_out_of_bounds_are_refused_by_line(old: str, new: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_nominals(OWN.replace(old, new))


def test_files_beyond_their_size_are_refused() -> None:
    with pytest.raises(ValueError, match="at most"):
        parse_tolerances("#" * 70_000)
    with pytest.raises(ValueError, match="at most"):
        parse_nominals(HEAD + "\n" * 1_000_001)
    with pytest.raises(ValueError, match="at most"):
        parse_phantom("#" * 70_000)
    with pytest.raises(ValueError, match="at most 10000"):
        parse_nominals(f"{HEAD}\n" + "P,m,1,2,0,1,,no,s,\n" * 10_001)


@pytest.mark.parametrize("parse", [parse_tolerances, parse_phantom, parse_nominals])
@given(text=st.one_of(st.text(max_size=300), st.sampled_from(["a=" + "[" * 60_000, "\x00", ""])))
def test_any_text_is_parsed_or_refused_as_a_value(
    parse: Callable[[str], object], text: str
) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (whatever it says: nothing else comes out)
        parse(text)


def test_nominals_of_a_huge_cell_or_without_a_column_are_refused() -> None:
    with pytest.raises(ValueError, match="expected CSV"):
        parse_nominals(f'{HEAD}\n"{"x" * 200_000}",m,1,2,0,1,,no,s,\n')
    with pytest.raises(ValueError, match="a column source"):
        parse_nominals(HEAD.replace(",source", "") + "\n")


def test_a_phantom_out_of_bounds_is_refused() -> None:
    text = """
    model = "P"
    source = "s"
    radius_mm = 100.0
    background_hu = 0.0
    [uniformity]
    distance_mm = 50.0
    radius_mm = 10.0
    [modules]
    sensitometry = [-10.0, 10.0]
    uniformity = [20.0, 40.0]
    [[inserts]]
    material = "air"
    angle_deg = 0.0
    distance_mm = 50.0
    radius_mm = 6.0
    typical_hu = -1000.0
    """
    assert parse_phantom(text).gauge_distance_mm is None
    for old, new in [
        ("radius_mm = 100.0", "radius_mm = -1"),
        ("[20.0, 40.0]", "[40.0, 20.0]"),
        ("[20.0, 40.0]", "[40.0]"),
        ("uniformity = [20.0, 40.0]", ""),
        ("typical_hu = -1000.0", "typical_hu = 1e9"),
        ('material = "air"', "material = 3"),
    ]:
        with pytest.raises(ValueError, match=r"expected|lacks"):
            parse_phantom(text.replace(old, new))
