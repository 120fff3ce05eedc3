"""A phantom's own values are entered once and hold for what is analysed from then on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import noctis_lab as nl
from noctis_lab.access import Principal, Role
from noctis_lab.catalog.queue import Job, claim, complete, enqueue
from noctis_lab.errors import AccessDenied, CannotCalibrate
from noctis_lab.jobs.calibration.again import measure_again
from noctis_lab.jobs.calibration.incoming import ANALYSE_PHANTOM, ask_for_all
from noctis_lab.jobs.handlers import HANDLERS, Workshop
from noctis_lab.lab import Lab
from noctis_lab.synthetic import ct_phantom
from tests.analysis.phantom_volumes import SMALL
from tests.lab.filling import fill

HEAD = (
    "phantom,serial,material,kvp_from,kvp_to,low_hu,high_hu,relative_electron_density,"
    "verified,source"
)


def certificate(low_hu: float, high_hu: float, *, serial: str = "4711") -> str:
    line = f"CatPhan 504,{serial},Teflon,120,120,{low_hu},{high_hu},1.868,yes,certificate"
    return f"{HEAD}\n{line}\n"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with nl.open_lab(tmp_path / "root", create=True, min_free_bytes=0) as opened:
        fill(opened, ct_phantom("CatPhan 504", **SMALL), tmp_path / "in")
        yield opened


def work(lab: Lab) -> list[str]:
    """Do every job that is due, as a worker does; return which."""
    workshop = Workshop(
        settings=lab.settings,
        storage=lab.storage,
        catalog=lab.catalog,
        stop=threading.Event(),
    )
    done: list[str] = []
    while (job := _claimed(lab)) is not None:
        HANDLERS[job.kind](workshop, job)
        complete(lab.catalog, job)
        done.append(job.kind)
    return done


def _claimed(lab: Lab) -> Job | None:
    return claim(lab.catalog, owner="test", lease_s=600)


def test_a_certificate_holds_for_the_worker_until_another_is_entered(lab: Lab) -> None:
    uid = lab.series().one().SeriesInstanceUID
    enqueue(lab.catalog, "summarise-series", uid)
    assert ANALYSE_PHANTOM in work(lab)
    (first,) = lab.calibration.analyses().to_dict("records")
    assert first["status"] == "pass"
    assert lab.calibration.analyses()["phantom_serial"].isna().all()

    scanner = str(first["scanner"])
    (kept,) = lab.calibration.add_certificates(certificate(1200, 1210), scanner=scanner)
    ask_for_all(lab.catalog)
    assert work(lab) == [ANALYSE_PHANTOM]  # as it is, it has been analysed
    assert len(lab.calibration.analyses()) == 1

    lab.series().one().calibrate()
    second = lab.calibration.analyses().to_dict("records")[-1]
    assert (second["status"], second["phantom_serial"]) == ("fail", "4711")
    assert second["certificate_id"] == kept
    verdicts = lab.calibration.rois(analysis_id=second["analysis_id"]).set_index("material")
    assert verdicts.loc["Teflon", "nominal_source"] == "certificate"
    assert verdicts.loc["Delrin", "verdict"] == "pass"  # by its model's values
    assert len(lab.calibration.alarms(quantity="roi:Teflon")) == 1

    lab.calibration.add_certificates(certificate(930, 970), note="read again")
    assert lab.series().one().calibrate().status == "pass"
    # What was recorded by the first certificate is measured again by it.
    series = lab.catalog.find_series(uid)
    assert series is not None
    told = {str(name): value for name, value in second.items()}
    assert measure_again(lab.handle, series, told).status == "fail"
    with lab.catalog.connections.read() as connection:
        acts = connection.exec_driver_sql("SELECT action FROM audit").scalars().all()
    assert acts == ["add-phantom-certificate"] * 2


def test_alarms_of_an_analysis_whose_worker_ended_are_told_by_the_next(lab: Lab) -> None:
    lab.calibration.add_certificates(certificate(1200, 1210))
    lab.series().one().calibrate(serial="4711")
    told = lab.calibration.alarms()["alarm_id"].tolist()
    assert len(told) == 1
    with lab.catalog.connections.write() as connection:
        connection.exec_driver_sql("DELETE FROM hu_record WHERE kind = 'alarm'")
    enqueue(lab.catalog, "summarise-series", lab.series().one().SeriesInstanceUID)
    work(lab)
    with nl.open_lab(lab.settings.root, min_free_bytes=0) as again:
        kinds = again.catalog.connections
        with kinds.read() as connection:
            found = connection.exec_driver_sql(
                "SELECT record_id FROM hu_record WHERE kind = 'alarm'"
            )
            assert found.scalars().all() == told
        assert len(again.calibration.analyses()) == 1


def test_the_worker_looks_once_at_what_came_before_its_engine(lab: Lab) -> None:
    ask_for_all(lab.catalog)
    job = _claimed(lab)
    while job is not None and job.kind != ANALYSE_PHANTOM:
        complete(lab.catalog, job)
        job = _claimed(lab)
    assert job is not None
    complete(lab.catalog, job)
    ask_for_all(lab.catalog)
    assert _claimed(lab) is None


@pytest.mark.parametrize(
    ("csv", "words"),
    [
        ("", "column"),
        (HEAD, "at least one line"),
        (certificate(1, 2, serial=""), "serial number in each line"),
        (certificate(1, 2).replace("504", "505"), "CatPhan 504"),
        (certificate(1, 2).replace("Teflon", "lead"), "Delrin"),
        (certificate(2, 1), "line 2"),
    ],
)
def test_what_is_no_certificate_is_refused_by_what_is_wrong(
    csv: str, words: str, tmp_path: Path
) -> None:
    with nl.open_lab(tmp_path / "root", create=True, min_free_bytes=0) as lab:
        with pytest.raises(CannotCalibrate, match=words) as refused:
            lab.calibration.add_certificates(csv)
        assert refused.value.refusal == "bad_certificate"
        assert lab.calibration.certificates().empty


def test_a_facilitys_certificate_is_its_own(tmp_path: Path) -> None:
    north, south, viewer = (
        Principal(name=name, role=role, facilities=frozenset({name}))
        for name, role in (
            *(("north", Role.RESEARCHER), ("south", Role.RESEARCHER), ("west", Role.VIEWER)),
        )
    )
    with nl.open_lab(tmp_path / "root", create=True, min_free_bytes=0) as lab:
        lab.calibration.add_certificates(certificate(1, 2), principal=north)
        assert len(lab.calibration.seen_by(north).certificates()) == 1
        assert lab.calibration.seen_by(south).certificates().empty
        with pytest.raises(AccessDenied):
            lab.calibration.add_certificates(certificate(1, 2), principal=viewer)
        with pytest.raises(AccessDenied):
            lab.calibration.add_certificates(certificate(1, 2), scanner="CT", principal=south)
