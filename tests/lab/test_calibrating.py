"""Calibration from Python: analyses kept, read as tables, baselines and events under a name."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

import noctis_lab as nl
from noctis_lab.access import Principal, Role
from noctis_lab.analysis.calibration.analyse import analyse
from noctis_lab.analysis.calibration.curves import DensityCurve, apply_curve
from noctis_lab.analysis.calibration.regions import PlacedRegion, with_regions
from noctis_lab.analysis.calibration.tolerances import Limit, ToleranceSet
from noctis_lab.catalog.hu_columns import HU_VIEWS
from noctis_lab.errors import AccessDenied, CannotCalibrate
from noctis_lab.ingest.rebuild import rebuild
from noctis_lab.lab import Lab, Series
from noctis_lab.synthetic import CATPHAN504_INSERTS, ct_phantom
from tests.analysis.phantom_volumes import SMALL
from tests.lab.filling import fill
from tests.receipts import RECEIPT

SCANNER = "CT-A"
AT = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the root of an archive with one phantom, made once."""
    folder = tmp_path_factory.mktemp("filled")
    with nl.open_lab(folder / "root", create=True) as lab:
        fill(lab, ct_phantom("CatPhan 504", **SMALL), folder / "in")
    return folder / "root"


@pytest.fixture
def lab(filled: Path, tmp_path: Path) -> Iterator[Lab]:
    shutil.copytree(filled, tmp_path / "root")
    with nl.open_lab(tmp_path / "root", create=True) as lab:
        yield lab


@pytest.fixture
def series(lab: Lab) -> Series:
    return lab.series().one()


def principal(role: Role, *facilities: str) -> Principal:
    return Principal(name="eve", role=role, facilities=frozenset(facilities))


def test_an_analysis_is_kept_with_its_regions_and_another_adds(lab: Lab, series: Series) -> None:
    found = series.calibrate(note="yearly test")
    assert (found.status, found.model) == ("pass", "CatPhan 504")
    row = lab.calibration.analyses().iloc[0]
    assert row["analysis_id"] == found.analysis_id
    assert row["slope"] == pytest.approx(found.analysis.figures["slope"].value)
    assert row["slope_low"] < row["slope"] < row["slope_high"]
    assert (row["x_mm"], row["y_mm"]) == pytest.approx((0, 0), abs=0.5)
    assert (row["note"], row["KVP"], bool(row["is_manual"])) == ("yearly test", 120.0, False)
    assert row["protocol"].startswith("CatPhan 504, 120 kVp")
    rois = lab.calibration.rois(analysis_id=found.analysis_id)
    assert rois["material"].tolist() == found.rois["material"].tolist()
    np.testing.assert_allclose(rois["value_hu"], found.rois["value_hu"])
    images = {image.SOPInstanceUID for image in series.instances}
    assert set(rois["SOPInstanceUID"]) <= images
    middle = lab.instances(SOPInstanceUID=rois["SOPInstanceUID"][0]).one().row
    assert middle.plane.position_mm is not None
    assert middle.plane.position_mm[2] == pytest.approx(rois["z_mm"][0])
    series.calibrate()
    assert len(lab.calibration.analyses()) == 2


def test_every_document_fills_columns_and_none_is_forgotten(lab: Lab, series: Series) -> None:
    """A figure of the engine's without a column, or a column nobody fills, is a slip."""
    series.calibrate(tolerances="pylinac 3.49")
    [(text,)] = lab.catalog.connections.engine.connect().exec_driver_sql(
        "SELECT document FROM hu_record"
    )
    import json

    document = json.loads(text)
    own = {"analysis_id", "author", "recorded_at", "scanner", "StudyInstanceUID", "is_withheld"}
    columns = set(HU_VIEWS["hu_analysis"]) - own
    assert set(document) - columns == {"rois"}
    assert not {name for name in columns if document.get(name) is None} - {
        *("phantom_serial", "certificate_id", "overrides", "note"),
        *("water_hu", "water_hu_se"),
        # Coarse pixels tell less of resolution and noise.
        *("f10_per_mm", "f10_per_mm_se", "noise_peak_per_mm", "noise_peak_per_mm_se"),
        *("noise_mean_per_mm", "noise_mean_per_mm_se"),
        *("uniformity_refusal", "mtf_refusal", "noise_spectrum_refusal"),
        *("XRayTubeCurrent", "Exposure", "ReconstructionDiameter", "DeviceSerialNumber"),
        *("StationName", "SoftwareVersions", "ProtocolName", "AcquisitionTime"),
    }


def test_an_array_needs_no_archive(series: Series) -> None:
    found = nl.calibrate(series.load(), kvp=120)
    assert (found.status, found.analysis_id) == ("pass", None)
    assert found.rois["verdict"].tolist() == ["pass"] * len(found.rois)
    measured = found.rois.set_index("material")["value_hu"]
    for insert in CATPHAN504_INSERTS:
        drawn_hu = insert.hu_by_kvp[120]
        assert np.ravel(measured[insert.material]) == pytest.approx(drawn_hu, abs=1), insert
    assert "CatPhan 504" in repr(found)
    with pytest.raises(CannotCalibrate) as refused:
        nl.calibrate(series.load(stored=True))
    assert refused.value.refusal == "not_hu"


def test_what_a_person_decides_is_recorded_as_such(lab: Lab, series: Series) -> None:
    plain = nl.calibrate(series.load(), kvp=120)
    teflon = plain.rois.set_index("material").loc["Teflon"]
    moved = PlacedRegion(x_mm=0.0, y_mm=0.0, z_mm=float(teflon["z_mm"]), radius_mm=4.0)
    found = series.calibrate(model="catphan 504", regions={"Teflon": moved})
    rois = found.rois.set_index("material")
    assert rois.loc["Teflon", "verdict"] == "fail"
    assert abs(rois.loc["Teflon", "value_hu"] - teflon["value_hu"]) > 500
    assert found.status == "fail"
    assert found.analysis.fit is not None
    assert found.analysis.fit.slope < 0.9
    row = lab.calibration.analyses().iloc[0]
    assert row["is_manual"]
    assert '"Teflon"' in row["overrides"]
    assert '"catphan 504"' in row["overrides"]
    kept = lab.calibration.rois().set_index("material")["is_manual"]
    assert kept["Teflon"]
    assert not kept["Delrin"]


def test_tolerances_are_held_to_what_a_person_placed(lab: Lab, series: Series) -> None:
    volume = series.load()
    tolerances = ToleranceSet(
        name="own",
        source="a test",
        is_verified=False,
        limits=(Limit(figure="slope", low=0.95, high=1.05),),
    )
    before = analyse(volume, kvp=120, tolerances=tolerances)
    assert [check.verdict for check in before.checks] == ["pass"]
    place = PlacedRegion(x_mm=0.0, y_mm=0.0, z_mm=before.z_mm, radius_mm=4.0)
    after = with_regions(before, volume, {"Teflon": place})
    assert after.fit is not None
    (check,) = after.checks
    assert (check.figure.value, check.verdict) == (after.fit.slope, "fail")


def test_a_module_that_a_person_names_is_measured_there(lab: Lab, series: Series) -> None:
    found = series.calibrate(z_mm=1.5)
    assert found.analysis.z_mm == pytest.approx(1.5)
    row = lab.calibration.analyses().iloc[0]
    assert row["is_manual"]
    assert '"z_mm":1.5' in row["overrides"]


@pytest.mark.parametrize(
    ("options", "refusal"),
    [
        ({"model": "CatPhan 9000"}, "no_such_phantom"),
        ({"tolerances": "none"}, "no_such_tolerances"),
        (
            {"regions": {"gold": PlacedRegion(x_mm=0, y_mm=0, z_mm=0, radius_mm=5)}},
            "no_such_insert",
        ),
        (
            {"regions": {"Teflon": PlacedRegion(x_mm=0, y_mm=0, z_mm=0, radius_mm=0)}},
            "bad_region",
        ),
        ({"regions": {"Teflon": PlacedRegion(x_mm=900, y_mm=0, z_mm=0, radius_mm=5)}}, "partial"),
    ],
)
def test_what_cannot_be_decided_so_is_refused(
    lab: Lab, series: Series, options: dict[str, object], refusal: str
) -> None:
    with pytest.raises(CannotCalibrate) as refused:
        series.calibrate(**options)  # type: ignore[arg-type]
    assert refused.value.refusal == refusal
    assert lab.calibration.analyses().empty


def trend_of(lab: Lab) -> tuple[str, str, str]:
    row = lab.calibration.analyses().iloc[0]
    return row["scanner"], row["protocol"], "roi:Teflon"


def test_baselines_and_events_are_versions_and_audited(lab: Lab, series: Series) -> None:
    series.calibrate()
    trend = trend_of(lab)
    with pytest.raises(CannotCalibrate) as refused:
        lab.calibration.set_baseline(trend, reason="first")
    assert refused.value.refusal == "too_few_scans"
    lab.calibration.set_baseline(trend, reason="first", center=990, sigma=2, valid_from=AT)
    lab.calibration.note_event(trend[0], "tube change", happened_at=AT, note="new tube")
    lab.calibration.set_baseline(trend, reason="tube change", center=985, sigma=2.5)
    baselines = lab.calibration.baselines()
    assert baselines["center"].tolist() == [990, 985]
    assert baselines["reason"].tolist() == ["first", "tube change"]
    (event,) = lab.calibration.events().to_dict("records")
    assert (event["event_kind"], event["note"]) == ("tube change", "new tube")
    with lab.catalog.connections.read() as connection:
        audited = connection.exec_driver_sql(
            "SELECT action, principal, subject FROM audit ORDER BY at"
        ).all()
    author = baselines["author"][0]
    assert [tuple(row) for row in audited] == [
        ("set-baseline", author, trend[0]),
        ("note-scanner-event", author, trend[0]),
        ("set-baseline", author, trend[0]),
    ]


def test_a_trend_holds_the_newest_analysis_of_each_series(lab: Lab, tmp_path: Path) -> None:
    later = ct_phantom("CatPhan 504", **SMALL, seed="later", noise_seed=9)
    for data_set in later:
        data_set.AcquisitionDate = "20300101"
        data_set.SeriesInstanceUID = "1.2.9"
    fill(lab, later, tmp_path / "later")
    for each in [*lab.series(), lab.series(SeriesInstanceUID="1.2.9").one()]:
        each.calibrate()
    scanner, protocol, _ = trend_of(lab)
    for quantity in ("roi:Teflon", "slope"):
        trend = lab.calibration.trend(scanner, protocol, quantity)
        assert len(trend) == 2
        assert trend["SeriesInstanceUID"][1] == "1.2.9"
        assert (trend["se"] > 0).all()
    lab.calibration.set_baseline((scanner, protocol, "slope"), reason="first")
    assert lab.calibration.baselines()["center"][0] == pytest.approx(trend["value"].mean())
    with pytest.raises(CannotCalibrate, match="roi:MATERIAL"):
        lab.calibration.trend(scanner, protocol, "slope; DROP TABLE x")


def test_a_baseline_is_of_the_scans_from_its_time_on(lab: Lab, tmp_path: Path) -> None:
    days = ("20300101", "20300301", "20300302")
    for number, (day, hu_offset) in enumerate(zip(days, (0.0, 20.0, 22.0), strict=True)):
        scan = ct_phantom("CatPhan 504", **SMALL, seed=day, hu_offset=hu_offset)
        for data_set in scan:
            data_set.AcquisitionDate, data_set.AcquisitionTime = day, "080000"
            data_set.SeriesInstanceUID = f"1.2.{number}"
        fill(lab, scan, tmp_path / day)
        lab.series(SeriesInstanceUID=f"1.2.{number}").one().calibrate()
    trend = trend_of(lab)
    values = lab.calibration.trend(*trend)["value"]
    assert len(values) == 3
    changed = datetime(2030, 3, 1, tzinfo=UTC)
    lab.calibration.set_baseline(trend, reason="tube change", valid_from=changed)
    lab.calibration.set_baseline(trend, reason="all")
    late = changed.replace(hour=9)
    with pytest.raises(CannotCalibrate) as refused:
        lab.calibration.set_baseline(trend, reason="too late", valid_from=late)
    assert refused.value.refusal == "too_few_scans"
    lab.calibration.set_baseline(trend, reason="told", valid_from=late, center=990, sigma=2)
    baselines = lab.calibration.baselines()
    assert baselines["scan_count"].tolist() == [2, 3, 1]
    assert baselines["center"][0] == pytest.approx(values[1:].mean())
    moved = abs(values[2] - values[1])
    assert baselines["sigma"][0] == pytest.approx(moved * np.sqrt(np.pi) / 2)  # over 1.128
    assert baselines["estimator"].tolist() == ["moving range", "moving range", "stated"]
    assert baselines["center"][1] == pytest.approx(values.mean())


def test_a_rebuild_brings_every_record_back(lab: Lab, series: Series) -> None:
    found = series.calibrate()
    trend = trend_of(lab)
    lab.calibration.set_baseline(trend, reason="first", center=990, sigma=2)
    lab.calibration.note_event(trend[0], "service")
    curve = lab.calibration.add_curve(found.density_curve(), trend[0], kvp=120)
    views = ("hu_analysis", "hu_roi", "hu_baseline", "hu_scanner_event", "hu_curve")
    before = {view: lab.sql(f"FROM {view}").to_arrow_table().to_pylist() for view in views}
    root = lab.settings.root
    lab.close()
    assert rebuild(root).skipped == ()
    with nl.open_lab(root) as again:
        for view in views:
            assert again.sql(f"FROM {view}").to_arrow_table().to_pylist() == before[view], view
        assert again.calibration.curve(str(curve.curve_id)) == curve


def test_a_recorded_curve_names_itself_in_what_it_makes(lab: Lab, series: Series) -> None:
    found = series.calibrate()
    curve = lab.calibration.add_curve(found.density_curve(), SCANNER, analysis_id=found.analysis_id)
    density = apply_curve(series.load(), lab.calibration.curve(str(curve.curve_id)))
    assert density.attrs["density_curve_id"] == curve.curve_id
    (row,) = lab.calibration.curves().to_dict("records")
    assert (row["sha256"], row["analysis_id"]) == (curve.sha256, found.analysis_id)
    with pytest.raises(CannotCalibrate) as refused:
        lab.calibration.curve("unknown")
    assert refused.value.refusal == "no_such_curve"


@pytest.mark.parametrize(
    ("options", "refusal"),
    [
        ({"kvp": "120"}, "bad_kvp"),
        ({"kvp": float("nan")}, "bad_kvp"),
        ({"kvp": 0}, "bad_kvp"),
        ({"analysis_id": 7}, "no_analysis_id"),
    ],
)
def test_a_curve_of_no_kvp_is_refused_before_it_is_kept(
    lab: Lab, options: dict[str, object], refusal: str
) -> None:
    curve = DensityCurve(hu=(0, 1), density=(1, 2))
    with pytest.raises(CannotCalibrate) as refused:
        lab.calibration.add_curve(curve, SCANNER, **options)  # type: ignore[arg-type]
    assert refused.value.refusal == refusal
    assert lab.calibration.curves().empty


def test_a_serial_number_of_any_bytes_leaves_the_archive_readable(lab: Lab, series: Series) -> None:
    series.calibrate(serial="\udcff", note="x\x00y")
    for _ in range(2):
        row = lab.calibration.analyses().iloc[0]
        assert (row["phantom_serial"], row["note"]) == ("?", "xy")
        root = lab.settings.root
        lab.close()
        assert rebuild(root).skipped == ()
        lab = nl.open_lab(root)
    lab.close()


def test_only_who_may_calibrate_and_sees_the_study_does(lab: Lab, series: Series) -> None:
    from noctis_lab.lab.calibrating.calibration import calibrate_series

    series.calibrate()
    trend = trend_of(lab)
    here = RECEIPT.facility
    for who in (principal(Role.VIEWER, here), principal(Role.RESEARCHER, "elsewhere")):
        with pytest.raises(AccessDenied):
            calibrate_series(lab, series.row, principal=who)
        with pytest.raises(AccessDenied):
            lab.calibration.note_event(trend[0], "service", principal=who)
        with pytest.raises(AccessDenied):
            lab.calibration.set_baseline(trend, reason="x", center=0, sigma=1, principal=who)
        with pytest.raises(AccessDenied):
            lab.calibration.add_curve(
                DensityCurve(hu=(0, 1), density=(1, 2)), trend[0], principal=who
            )
    assert len(lab.calibration.analyses()) == 1
    calibrate_series(lab, series.row, principal=principal(Role.RESEARCHER, here))
    lab.calibration.note_event(trend[0], "service", principal=principal(Role.RESEARCHER, here))
    assert lab.calibration.events()["author"].tolist() == ["eve"]


def test_records_are_read_within_facilities(lab: Lab, series: Series) -> None:
    found = series.calibrate()
    scanner, protocol, _ = trend = trend_of(lab)
    lab.calibration.set_baseline(trend, reason="first", center=990, sigma=2)
    lab.calibration.note_event(scanner, "service")
    curve = lab.calibration.add_curve(found.density_curve(), scanner)
    here = lab.calibration.seen_by(principal(Role.VIEWER, RECEIPT.facility))
    there = lab.calibration.seen_by(principal(Role.VIEWER, "elsewhere"))
    for records, count in ((here, 1), (there, 0)):
        tables = (records.analyses(), records.baselines(), records.events(), records.curves())
        assert [len(table) for table in tables] == [count] * 4
        assert len(records.rois(material=["Teflon", "Delrin"])) == 2 * count
        assert len(records.trend(scanner, protocol, "slope")) == count
    assert here.curve(str(curve.curve_id)) == curve
    with pytest.raises(CannotCalibrate):
        there.curve(str(curve.curve_id))
    with pytest.raises(nl.errors.QueryError, match="has no column"):
        here.analyses(patient="x")


def test_words_and_times_are_bounded(lab: Lab) -> None:
    records = lab.calibration
    for refusal, act in (
        ("no_such_event", lambda: records.note_event(SCANNER, "coffee")),
        ("no_note", lambda: records.note_event(SCANNER, "service", note="x" * 501)),
        ("no_scanner", lambda: records.note_event("", "service")),
        (
            "bad_time",
            lambda: records.note_event(SCANNER, "service", happened_at=AT.replace(tzinfo=None)),
        ),
        (
            "no_reason",
            lambda: records.set_baseline((SCANNER, "p", "slope"), reason=" ", center=0, sigma=1),
        ),
        (
            "bad_baseline",
            lambda: records.set_baseline((SCANNER, "p", "slope"), reason="x", center=0),
        ),
        (
            "bad_baseline",
            lambda: records.set_baseline((SCANNER, "p", "slope"), reason="x", center=0, sigma=0),
        ),
    ):
        with pytest.raises(CannotCalibrate) as refused:
            act()
        assert refused.value.refusal == refusal
    assert records.events().empty
    assert records.baselines().empty
    assert "0 analyses" in repr(records)
