"""The worker's check of CT series, and analyses of many: recorded, added, gone on with."""

from __future__ import annotations

import shutil
import threading
import time
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

import noctis_lab as nl
from noctis_lab.catalog.hu_records import HuKind, find_checks, find_latest
from noctis_lab.catalog.queue import enqueue
from noctis_lab.catalog.store import open_catalog
from noctis_lab.config import Settings
from noctis_lab.ingest.rebuild import rebuild
from noctis_lab.jobs.calibration.arrival import check_arrival, keep_check
from noctis_lab.jobs.calibration.documents import Asked
from noctis_lab.jobs.calibration.report import Became
from noctis_lab.jobs.calibration.run import calibrate_many
from noctis_lab.lab import Lab
from noctis_lab.synthetic import ct_phantom, dynamic_mr, pet_series, torso_ct
from noctis_lab.volumes.badges import badges_of_series
from tests.analysis.phantom_volumes import SMALL
from tests.jobs.test_worker import admit, settings, wait_until, waiting, working
from tests.lab.filling import fill

__all__ = ["settings"]  # the fixture


def chest(planes: int = 12, *, intercept: float = 0.0) -> list[Dataset]:
    data_sets = torso_ct(planes=planes, rows=128, columns=128, gantry_tilt_deg=0.0)
    for data_set in data_sets:
        data_set.RescaleIntercept = float(data_set.RescaleIntercept) + intercept
    return data_sets


def checks(settings: Settings) -> list[tuple[str, int, float]]:
    with nl.open_lab(settings=settings) as lab:
        return lab.sql(
            "SELECT status, instance_count, offset_hu FROM hu_series_check ORDER BY recorded_at"
        ).fetchall()


@pytest.mark.parametrize(
    ("intercept", "status"), [(0, "pass"), (30, "warn"), (1024, "fail"), (-1024, "fail")]
)
def test_a_quiet_ct_series_is_checked(
    settings: Settings, tmp_path: Path, intercept: float, status: str
) -> None:
    admit(settings, chest(intercept=intercept), tmp_path / "in")
    with open_catalog(settings.root) as catalog, working(settings):
        wait_until(lambda: not waiting(catalog))
        ((_, event),) = [
            (number, event)
            for number, event in catalog.poll_events(0)
            if event.kind == "hu-recorded"
        ]
    assert event.StudyInstanceUID is not None  # type: ignore[attr-defined]
    ((found, count, offset_hu),) = checks(settings)
    assert (found, count) == (status, 12)
    assert offset_hu == pytest.approx(intercept, abs=2.5)


def test_a_pet_that_arrives_later_makes_its_cts_scale_information(
    settings: Settings, tmp_path: Path
) -> None:
    data_sets = chest(intercept=120)
    uid = admit(settings, data_sets, tmp_path / "ct")
    with open_catalog(settings.root) as catalog, working(settings):
        wait_until(lambda: not waiting(catalog))

    def badges() -> list[tuple[str, str]]:
        with open_catalog(settings.root) as catalog:
            row = catalog.find_series(uid)
            assert row is not None
            check = find_checks(catalog, [row])[uid]
            shown = badges_of_series(row, None, check)
        return [(badge.kind, badge.text[:8]) for badge in shown]

    assert badges() == [("fail", "HU scale")]
    pet = pet_series()[:3]
    for data_set in pet:
        data_set.StudyInstanceUID = data_sets[0].StudyInstanceUID
    admit(settings, pet, tmp_path / "pet")
    assert badges() == [("info", "HU scale")]


def test_images_that_are_added_are_checked_too(settings: Settings, tmp_path: Path) -> None:
    whole = chest()
    for some, folder in ((whole[:6], "a"), (whole[6:], "b")):
        admit(settings, some, tmp_path / folder)
        with open_catalog(settings.root) as catalog, working(settings):
            wait_until(lambda: not waiting(catalog))
    assert [(status, count) for status, count, _ in checks(settings)] == [("pass", 6), ("pass", 12)]


def test_the_same_check_is_recorded_once_and_no_other_modality_at_all(
    settings: Settings, tmp_path: Path
) -> None:
    uid = admit(settings, chest(), tmp_path / "ct")
    admit(settings, dynamic_mr()[:8], tmp_path / "mr")
    for _ in range(2):
        with open_catalog(settings.root) as catalog, working(settings):
            enqueue(catalog, "summarise-series", uid)
            wait_until(lambda: not waiting(catalog))
    assert len(checks(settings)) == 1


def test_a_rebuild_brings_checks_back_and_the_next_look_adds_none(
    settings: Settings, tmp_path: Path
) -> None:
    admit(settings, chest(4), tmp_path / "in")
    before = []
    for _ in range(2):
        with open_catalog(settings.root) as catalog, working(settings):
            wait_until(lambda: not waiting(catalog))
        before.append(checks(settings))
        assert rebuild(settings.root).skipped == ()
    assert len(before[0]) == 1
    assert before[0] == before[1] == checks(settings)


def test_pixels_that_cannot_be_read_are_unknown(settings: Settings, tmp_path: Path) -> None:
    uid = admit(settings, chest(), tmp_path / "in")
    shutil.rmtree(settings.root / "instances")
    with nl.open_lab(settings=settings) as lab:
        row = lab.catalog.find_series(uid)
        assert row is not None
        rows = lab.catalog.instances_of(uid)
        check, planes = check_arrival(lab.storage, lab.catalog, row, rows)
    assert (check.status, planes) == ("unknown", 0)
    assert "FileChanged" in check.reasons[0]


def test_images_of_no_rows_are_unknown_and_their_job_ends(
    settings: Settings, tmp_path: Path
) -> None:
    data_sets = chest()
    for data_set in data_sets:
        data_set.Rows = 0
        data_set.PixelData = b""
    admit(settings, data_sets, tmp_path / "in")
    with open_catalog(settings.root) as catalog, working(settings):
        wait_until(lambda: not waiting(catalog))
    assert [status for status, *_ in checks(settings)] == ["unknown"]


def test_what_nobody_foresaw_is_unknown_and_says_no_more_than_its_kind(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    uid = admit(settings, chest(), tmp_path / "in")
    with nl.open_lab(settings=settings) as lab:
        row = lab.catalog.find_series(uid)
        assert row is not None
        rows = [
            replace(each, pixels=replace(each.pixels, columns=-5))
            for each in lab.catalog.instances_of(uid)
            if each.pixels is not None
        ]
        keep_check(lab.storage, lab.catalog, lab.ledger, row, rows)
    ((status, _, offset_hu),) = checks(settings)
    assert (status, offset_hu) == ("unknown", None)
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == [
        "the scale of a CT series could not be checked"
    ]


@pytest.mark.filterwarnings("ignore::noctis_lab.errors.PixelWarning")  # J2K_pixelrep_mismatch
def test_no_other_series_of_the_real_data_fails(real_data: Path, tmp_path: Path) -> None:
    """And a scale that is wrong as scales go wrong is caught in every series that passes."""
    slowest_s = 0.0
    statuses = []
    with nl.open_lab(tmp_path / "archive", create=True, min_free_bytes=0) as lab:
        lab.index(real_data / "real", in_place=True, progress=False)
        for series in lab.series(Modality="CT"):
            row = series.row
            rows = lab.catalog.instances_of(row.reference)
            check_arrival(lab.storage, lab.catalog, row, rows)
            began_s = time.process_time()
            check, planes = check_arrival(lab.storage, lab.catalog, row, rows)
            if planes and all(r.pixels is not None and not r.pixels.encapsulated for r in rows):
                slowest_s = max(slowest_s, time.process_time() - began_s)
            statuses.append(check.status)
            assert check.status != "fail", (row.SeriesInstanceUID, check)
    assert statuses.count("pass") >= 10
    assert slowest_s < 0.3  # ten times the target, of processor time


@cache
def phantom() -> list[Dataset]:
    return ct_phantom("CatPhan 504", **SMALL)


def phantoms(lab: Lab, folder: Path) -> tuple[str, str, str]:
    """Fill an archive with a phantom, a chest and a localizer-like short series."""
    body = chest()
    short = chest(2)
    for data_set in short:
        data_set.SeriesInstanceUID = "1.2.3.4"
        data_set.SOPInstanceUID = f"1.2.3.4.{data_set.InstanceNumber}"
        data_set.file_meta.MediaStorageSOPInstanceUID = data_set.SOPInstanceUID
    for name, sets in (("a", phantom()), ("b", body), ("c", short)):
        fill(lab, sets, folder / name)
    return (str(phantom()[0].SeriesInstanceUID), str(body[0].SeriesInstanceUID), "1.2.3.4")


def test_the_worker_analyses_what_looks_like_a_phantom_once_as_it_is(
    settings: Settings, tmp_path: Path
) -> None:
    """A patient leaves no record; a phantom that gets more images is analysed again."""
    whole = phantom()
    for sets, folder in ((whole[:-2], "a"), (chest(), "b"), (whole[-2:], "c"), ([], "")):
        if sets:
            admit(settings, sets, tmp_path / folder)
        with open_catalog(settings.root) as catalog, working(settings):
            if not sets:  # nothing new: what is known is not analysed again
                enqueue(catalog, "summarise-series", str(whole[0].SeriesInstanceUID))
            wait_until(lambda: not waiting(catalog))
    with nl.open_lab(settings=settings) as lab:
        rows = lab.sql(
            "SELECT author, phantom_model, instance_count, SeriesInstanceUID FROM hu_analysis "
            "ORDER BY recorded_at"
        ).fetchall()
        count, uid = len(whole), str(whole[0].SeriesInstanceUID)
        assert rows == [("worker", "CatPhan 504", n, uid) for n in (count - 2, count)]
        assert lab.calibration.refusals().empty


def test_what_is_round_and_no_known_phantom_is_refused_by_name(
    settings: Settings, tmp_path: Path
) -> None:
    """Turned upside down in its values: round still, and nobody's phantom."""
    data_sets = ct_phantom("CatPhan 504", **SMALL)
    for number, data_set in enumerate(data_sets):
        pixels = data_set.pixel_array
        data_set.PixelData = np.where(pixels > pixels.max() // 4, 1300, 24).astype("<i2").tobytes()
        data_set.BitsStored, data_set.HighBit, data_set.PixelRepresentation = 16, 15, 1
        data_set.RescaleSlope, data_set.RescaleIntercept = 1, -1024
        assert data_set.BitsAllocated == 16, number
    admit(settings, data_sets, tmp_path / "in")
    with open_catalog(settings.root) as catalog, working(settings):
        wait_until(lambda: not waiting(catalog))
    with nl.open_lab(settings=settings) as lab:
        assert lab.calibration.analyses().empty
        ((refusal, author),) = lab.calibration.refusals()[["refusal", "author"]].to_numpy()
    assert author == "worker"
    assert refusal in ("unrecognised", "ambiguous", "mixed")


def test_many_series_are_gone_through_once_and_again_where_asked(tmp_path: Path) -> None:
    with nl.open_lab(tmp_path / "root", create=True) as lab:
        uids = phantoms(lab, tmp_path)
        told: list[tuple[int, int]] = []
        first = calibrate_many(
            lab.handle,
            lab.ledger,
            [*uids, "9.9"],
            Asked(author="ann"),
            progress=lambda done, total: told.append((done, total)),
        )
        became = [outcome.became for outcome in first.outcomes]
        assert became == [Became.ANALYSED, Became.REFUSED, Became.REFUSED, Became.FAILED]
        assert [outcome.refusal for outcome in first.outcomes[1:]] == [
            *("no_phantom", "too_few_planes", "not_found"),
        ]
        total = sum(lab.series(SeriesInstanceUID=uid).one().instance_count for uid in uids)
        assert told[-1] == (total, total)
        assert [done for done, _ in told] == sorted(done for done, _ in told)
        second = calibrate_many(lab.handle, lab.ledger, uids, Asked(author="ann"))
        assert [outcome.became for outcome in second.outcomes] == [Became.KEPT] * 3
        assert second.analyses == 1
        third = calibrate_many(lab.handle, lab.ledger, uids[:1], Asked(author="bob", again=True))
        assert third.outcomes[0].became is Became.ANALYSED
        rows = lab.sql("SELECT author, water_hu FROM hu_analysis ORDER BY recorded_at").fetchall()
        assert [author for author, _ in rows] == ["ann", "bob"]
        kept = find_latest(lab.catalog, HuKind.ANALYSIS, [uids[0]])
        assert kept[uids[0]].author == "bob"


def test_a_series_that_goes_wrong_within_does_not_end_the_others(tmp_path: Path) -> None:
    with nl.open_lab(tmp_path / "root", create=True) as lab:
        *_, short = phantoms(lab, tmp_path)
        row = lab.series(SeriesInstanceUID=short).one().row
        nan = float("nan")
        wrong = replace(
            row, frame_count=999, facts=replace(row.facts, is_volume=True, slice_spacing_mm=nan)
        )
        report = calibrate_many(lab.handle, lab.ledger, [wrong, short], Asked(author="ann"))
    assert [(outcome.became, outcome.refusal) for outcome in report.outcomes] == [
        (Became.FAILED, "ValueError"),
        (Became.REFUSED, "too_few_planes"),
    ]


@pytest.mark.parametrize(
    ("told", "refusal"),
    [({"model": "CatPhan 9000"}, "no_such_phantom"), ({"tolerances": "x"}, "no_such_tolerances")],
)
def test_a_refusal_of_what_was_given_is_not_kept_of_the_series(
    tmp_path: Path, told: dict[str, str], refusal: str
) -> None:
    with nl.open_lab(tmp_path / "root", create=True) as lab:
        fill(lab, phantom(), tmp_path / "in")
        uids = [str(phantom()[0].SeriesInstanceUID)]
        given = Asked(author="ann", **told)  # type: ignore[arg-type]
        (outcome,) = calibrate_many(lab.handle, lab.ledger, uids, given).outcomes
        assert (outcome.became, outcome.refusal) == (Became.REFUSED, refusal)
        (outcome,) = calibrate_many(lab.handle, lab.ledger, uids, Asked(author="bob")).outcomes
        assert outcome.became is Became.ANALYSED


def test_a_stop_ends_it_within_a_series_and_the_next_call_goes_on(tmp_path: Path) -> None:
    with nl.open_lab(tmp_path / "root", create=True) as lab:
        uids = phantoms(lab, tmp_path)
        stop = threading.Event()
        report = calibrate_many(
            lab.handle,
            lab.ledger,
            uids,
            Asked(author="ann"),
            progress=lambda *_: stop.set(),
            stop=stop,
        )
        assert [outcome.became for outcome in report.outcomes] == [Became.NOT_DONE] * 3
        assert not report.is_finished
        assert lab.sql("SELECT count(*) FROM hu_analysis").fetchone() == (0,)
        report = calibrate_many(lab.handle, lab.ledger, uids, Asked(author="ann"))
        assert report.analyses == 1


def test_a_mixed_series_is_refused_by_what_differs(tmp_path: Path) -> None:
    data_sets = ct_phantom("CatPhan 504", **SMALL)
    for data_set in data_sets[::2]:
        data_set.KVP = 80
    with nl.open_lab(tmp_path / "root", create=True) as lab:
        fill(lab, data_sets, tmp_path / "in")
        uid = str(data_sets[0].SeriesInstanceUID)
        (outcome,) = calibrate_many(lab.handle, lab.ledger, [uid], Asked(author="ann")).outcomes
    assert (outcome.became, outcome.refusal) == (Became.REFUSED, "mixed_series")
    assert "KVP" in str(outcome.reason)
