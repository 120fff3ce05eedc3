"""The worker: what it does for a series, and what it survives."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import imagecodecs
import pytest
from pydicom.dataset import Dataset

from noctis_lab.catalog.columnar_files import columnar_folder
from noctis_lab.catalog.queue import claim, enqueue, list_jobs
from noctis_lab.catalog.records import Receipt, ReceiptSource
from noctis_lab.catalog.store import Catalog, open_catalog
from noctis_lab.config import Settings
from noctis_lab.events import SeriesFlushed, SeriesSummarised
from noctis_lab.ingest.archive import open_archive
from noctis_lab.ingest.pipeline import Outcome
from noctis_lab.jobs.handlers import HANDLERS, HOUSEKEEPING, Handler
from noctis_lab.jobs.worker import run_worker
from noctis_lab.storage.files import THUMBNAILS, Storage
from noctis_lab.synthetic import ct_series, weighted_mr, write_series


class Panic(BaseException):
    """What a decoder written in Rust raises: no Exception."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(root=tmp_path / "archive", quiet_s=0.0, min_free_bytes=0)


def admit(settings: Settings, data_sets: list[Dataset], folder: Path) -> str:
    with open_archive(settings) as archive:
        for path in write_series(data_sets, folder):
            receipt = Receipt(
                source=ReceiptSource.FOLDER,
                facility="local",
                calling_aet="",
                called_aet="",
                received_at=archive.catalog.clock(),
            )
            admission = archive.pipeline.admit_file(path, receipt)
            assert admission.outcome is Outcome.STORED, admission.reason
    return str(data_sets[0].SeriesInstanceUID)


@contextmanager
def working(
    settings: Settings, handlers: Mapping[str, Handler] = HANDLERS, lease_s: float = 30.0
) -> Iterator[threading.Thread]:
    stop = threading.Event()
    thread = threading.Thread(
        target=run_worker,
        args=(settings, stop),
        kwargs={"handlers": handlers, "lease_s": lease_s},
    )
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        thread.join(timeout=20)
    assert not thread.is_alive()


def wait_until(is_so: Callable[[], bool], timeout_s: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.02)


def waiting(catalog: Catalog) -> set[str]:
    return {job.kind for job in list_jobs(catalog)} - {HOUSEKEEPING}


def test_a_quiet_series_gets_facts_a_picture_and_its_parquet(
    settings: Settings, tmp_path: Path
) -> None:
    uid = admit(settings, ct_series(planes=5, slice_spacing_mm=2.5), tmp_path / "in")
    with open_catalog(settings.root) as catalog, working(settings):
        wait_until(lambda: not waiting(catalog))
        series = catalog.find_series(uid)
        kinds = {type(event) for _, event in catalog.poll_events(0)}
    assert series is not None
    assert not series.is_dirty
    assert series.facts.is_volume
    assert series.facts.slice_spacing_mm == pytest.approx(2.5, abs=1e-6)
    picture = Storage(settings.root).find_derived(THUMBNAILS, uid, ".png")
    assert picture is not None
    assert imagecodecs.png_decode(picture.read_bytes()).shape == (128, 128)
    assert len(list(columnar_folder(settings.root).glob("*.parquet"))) == 3
    assert {SeriesFlushed, SeriesSummarised} <= kinds


def test_facts_that_only_headers_tell_are_found_too(settings: Settings, tmp_path: Path) -> None:
    uid = admit(settings, weighted_mr("echo"), tmp_path / "in")
    with open_catalog(settings.root) as catalog, working(settings):
        wait_until(lambda: not waiting(catalog))
        series = catalog.find_series(uid)
    assert series is not None
    facts = series.facts
    assert (facts.is_volume, facts.stack_count, facts.extra_dim) == (True, 1, "echo")
    assert (facts.extra_size, facts.residual_mm) == (3, 0)
    assert str(facts.geometry_note).startswith("3 echoes of 3 planes")


def test_what_changes_from_plane_to_plane_is_a_fact(settings: Settings, tmp_path: Path) -> None:
    planes = ct_series(planes=4)
    for plane in planes[:2]:
        plane.ImageType = ["DERIVED", *plane.ImageType[1:]]
    uid = admit(settings, planes, tmp_path / "in")
    with open_catalog(settings.root) as catalog, working(settings):
        wait_until(lambda: not waiting(catalog))
        series = catalog.find_series(uid)
    assert series is not None
    assert series.facts.varies_along_z == "ImageType values 1 and 2"


def test_running_a_handler_twice_changes_nothing(settings: Settings, tmp_path: Path) -> None:
    uid = admit(settings, ct_series(planes=3), tmp_path / "in")
    with open_catalog(settings.root) as catalog, working(settings):
        wait_until(lambda: not waiting(catalog))
        before = catalog.find_series(uid)
        files = set(columnar_folder(settings.root).iterdir())
        for kind in ("flush-series", "summarise-series"):
            enqueue(catalog, kind, uid)
        wait_until(lambda: not waiting(catalog))
        assert catalog.find_series(uid) == before
    assert set(columnar_folder(settings.root).iterdir()) == files


def test_a_series_without_pixels_that_decode_keeps_its_facts(
    settings: Settings, tmp_path: Path
) -> None:
    data_sets = ct_series(planes=3, elements={"PhotometricInterpretation": "NONSENSE"})
    for data_set in data_sets:
        data_set.SamplesPerPixel = 3
        data_set.PlanarConfiguration = 0
        data_set.PixelData = data_set.PixelData * 3
    uid = admit(settings, data_sets, tmp_path / "in")
    with open_catalog(settings.root) as catalog, working(settings):
        wait_until(lambda: not waiting(catalog))
        series = catalog.find_series(uid)
    assert series is not None
    assert series.facts.geometry_note is not None
    assert Storage(settings.root).find_derived(THUMBNAILS, uid, ".png") is None


@pytest.mark.parametrize("error", [Panic("in a decoder"), ValueError("PATIENT^NAME"), KeyError(1)])
def test_the_worker_survives_a_handler_that_panics(
    settings: Settings, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    done: list[str] = []

    def panic(_workshop: object, _job: object) -> None:
        raise error

    handlers: dict[str, Handler] = {
        **HANDLERS,
        "panics": panic,
        "works": lambda _, job: done.append(job.key),
    }
    caplog.set_level(logging.INFO)
    with open_catalog(settings.root) as catalog:
        enqueue(catalog, "panics", "1.2.3")
        enqueue(catalog, "nobody-knows", "1.2.3")
        enqueue(catalog, "works", "1.2.4")
        with working(settings, handlers):
            wait_until(lambda: done == ["1.2.4"] and waiting(catalog) == {"panics", "nobody-knows"})
            jobs = {job.kind: job for job in list_jobs(catalog)}
            wait_until(lambda: jobs["panics"].lease_owner is None)
        assert jobs["panics"].run_after > catalog.clock()  # later, not at once again
    assert jobs["panics"].last_error is not None
    assert type(error).__name__ in jobs["panics"].last_error
    assert "PATIENT" not in jobs["panics"].last_error + caplog.text
    assert any(record.message == "job failed" for record in caplog.records)


def test_a_long_job_keeps_its_lease(settings: Settings) -> None:
    began, end = threading.Event(), threading.Event()

    def take_long(_workshop: object, _job: object) -> None:
        began.set()
        assert end.wait(20)

    with open_catalog(settings.root) as catalog:
        enqueue(catalog, "long", "1")
        with working(settings, {**HANDLERS, "long": take_long}, lease_s=0.6):
            assert began.wait(20)
            time.sleep(1.5)  # more than two leases
            other = claim(catalog, owner="another", lease_s=1.0)
            assert other is None or other.kind != "long"
            end.set()
            wait_until(lambda: "long" not in waiting(catalog))


def test_a_dead_workers_job_is_done_when_its_lease_is_over(settings: Settings) -> None:
    done: list[str] = []
    with open_catalog(settings.root) as catalog:
        enqueue(catalog, "works", "1")
        assert claim(catalog, owner="dead", lease_s=0.5) is not None
        with working(settings, {**HANDLERS, "works": lambda _, job: done.append(job.key)}):
            wait_until(lambda: done == ["1"])


def test_the_worker_ends_promptly(settings: Settings) -> None:
    with open_catalog(settings.root) as catalog, working(settings):
        wait_until(
            lambda: any(
                job.kind == HOUSEKEEPING and job.run_after > catalog.clock() + timedelta(seconds=30)
                for job in list_jobs(catalog)
            )
        )
        began = time.monotonic()
    assert time.monotonic() - began < 2.0
