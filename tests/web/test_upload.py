"""Uploads over real HTTP: what comes in, what does not, and the bounds of each body."""

from __future__ import annotations

import io
import socket
import threading
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from pydicom import dcmread, dcmwrite

from noctis_lab.access import Role
from noctis_lab.catalog import people
from noctis_lab.config import open_settings
from noctis_lab.ingest.archive import open_archive
from noctis_lab.ingest.upload import Upload, UploadReport
from noctis_lab.synthetic import write_series
from noctis_lab.web.auth import cookie_name
from tests.served import Site, named_series, running

UPLOAD = "/api/v1/dicom/upload"


def files_of(site: Site, name: str, *, planes: int = 1) -> list[bytes]:
    """Return the files of a small CT series."""
    folder = site.folder / "uploaded" / name
    return [path.read_bytes() for path in write_series(named_series(name, planes=planes), folder)]


def changed(file: bytes, **elements: str) -> bytes:
    data_set = dcmread(io.BytesIO(file))
    for keyword, value in elements.items():
        setattr(data_set, keyword, value)
    written = io.BytesIO()
    dcmwrite(written, data_set)
    return written.getvalue()


def incoming(site: Site) -> list[Path]:
    return list((site.settings.root / "incoming").iterdir())


def eventually_empty(site: Site) -> bool:
    for _ in range(100):
        if not incoming(site):
            return True
        time.sleep(0.05)
    return False


def add_researcher(site: Site) -> str:
    people.add_principal(site.catalog, "rosa", Role.RESEARCHER, ["east"])
    return "rosa"


def test_an_uploaded_file_is_in_the_archive_before_it_is_answered(site: Site) -> None:
    [file] = files_of(site, "UP^ONE")
    with site.client() as admin:
        answer = admin.post(UPLOAD, params={"facility": "east"}, content=file)
        again = admin.post(UPLOAD, params={"facility": "east"}, content=file)
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert (said["stored"], said["same"], said["is_zip"]) == (1, 0, False)
    assert (again.json()["stored"], again.json()["same"]) == (0, 1)
    row = site.catalog.find_instance(said["items"][0]["SOPInstanceUID"])
    assert row is not None
    assert site.catalog.facilities_of(row.StudyInstanceUID) == {"east"}
    assert incoming(site) == []


def test_other_content_of_a_known_instance_is_kept_aside_and_said(site: Site) -> None:
    [file] = files_of(site, "UP^ONE")
    other = changed(file, StudyDescription="corrected")
    with site.client() as admin:
        admin.post(UPLOAD, params={"facility": "east"}, content=file)
        said = admin.post(UPLOAD, params={"facility": "east"}, content=other).json()
    assert said["conflicts"] == 1
    assert said["items"][0]["is_quarantined"] is True
    assert "StudyDescription" in said["items"][0]["reason"]
    assert site.catalog.list_quarantine()[0] == 1


def test_how_an_unseen_study_differs_is_not_told(site: Site) -> None:
    [file] = files_of(site, "UP^ONE")
    other = changed(file, StudyDescription="guessed")
    name = add_researcher(site)
    with site.client() as admin, site.client(name) as rosa:
        admin.post(UPLOAD, params={"facility": "west"}, content=file)
        said = rosa.post(UPLOAD, params={"facility": "east"}, content=other).json()
    assert said["conflicts"] == 1
    assert "StudyDescription" not in said["items"][0]["reason"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "an empty file"),
        (b"Dear diary, this is no DICOM at all.\n" * 10, "neither with DICM"),
        (b"\x89PNG\r\n\x1a\n" + bytes(300), "neither with DICM"),
        (b"\x08\x00\x05\x00" + b"begins like one, and is none" * 10, "not DICOM"),
        (b"\x1f\x8b" + bytes(300), "gzip"),
    ],
)
def test_what_is_not_dicom_is_named_and_left_alone(site: Site, body: bytes, reason: str) -> None:
    with site.client() as admin:
        answer = admin.post(UPLOAD, params={"facility": "east"}, content=body)
    said = answer.json()
    assert said["rejected"] == 1
    assert reason in said["items"][0]["reason"]
    assert said["items"][0]["is_quarantined"] is False
    assert str(site.settings.root) not in answer.text
    assert site.catalog.list_quarantine()[0] == 0
    assert incoming(site) == []


def zipped(files: dict[str, bytes]) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return body.getvalue()


def test_a_zip_is_taken_apart_whatever_its_entries_are_called(site: Site) -> None:
    files = files_of(site, "ZIP^ONE", planes=3)
    inner = zipped({"../../etc/passwd": files[1], "b": files[2]})
    body = zipped({"a/IM1": files[0], "inner": inner, "/abs/<b>.txt": b"no DICOM, but text" * 20})
    with site.client() as admin:
        answer = admin.post(UPLOAD, params={"facility": "east"}, content=body)
        again = admin.post(UPLOAD, params={"facility": "east"}, content=body).json()
    said = answer.json()
    assert (said["is_zip"], said["stored"], said["rejected"]) == (True, 3, 1)
    assert [item["name"] for item in said["items"]] == ["/abs/<b>.txt"]
    assert (again["stored"], again["same"]) == (0, 3)
    assert str(site.settings.root) not in answer.text
    assert site.catalog.counts().instances == 3
    assert incoming(site) == []


def test_of_what_a_zip_holds_in_vain_the_first_are_listed_and_all_counted(site: Site) -> None:
    [file] = files_of(site, "ZIP^ONE")
    body = zipped({"IM": file} | {f"{n:04d}.txt": b"text, no DICOM" * 9 for n in range(300)})
    with site.client() as admin:
        said = admin.post(UPLOAD, params={"facility": "east"}, content=body).json()
    assert (said["stored"], said["rejected"], len(said["items"])) == (1, 300, 200)


def test_a_zip_is_taken_in_by_groups_and_tells_how_far_it_is(site: Site) -> None:
    files = files_of(site, "ZIP^MANY", planes=40)
    told: list[tuple[int, int, int]] = []

    def note(report: UploadReport) -> None:
        told.append((report.done, report.found, site.catalog.counts().instances))

    pipeline, storage = site.archive.pipeline, site.archive.storage
    with Upload(pipeline, storage, facility="east", most_bytes=10_000_000) as arriving:
        arriving.write(zipped({f"IM{n:02d}": file for n, file in enumerate(files)}))
        report = arriving.finish(threading.Event(), note)
    assert (report.stored, report.found) == (40, 40)
    assert told == [(16, 40, 16), (32, 40, 32), (40, 40, 40)]


def test_a_zip_that_is_stopped_leaves_out_what_had_no_turn(site: Site) -> None:
    files = files_of(site, "ZIP^STOPPED", planes=40)
    stop = threading.Event()
    pipeline, storage = site.archive.pipeline, site.archive.storage
    with Upload(pipeline, storage, facility="east", most_bytes=10_000_000) as arriving:
        arriving.write(zipped({f"IM{n:02d}": file for n, file in enumerate(files)}))
        report = arriving.finish(stop, lambda _report: stop.set())
    assert (report.is_stopped, report.stored) == (True, 16)
    assert site.catalog.counts().instances == 16
    assert incoming(site) == []


def test_how_far_an_upload_is_is_told_to_its_principal_alone(site: Site) -> None:
    files = files_of(site, "ZIP^ASKED", planes=200)
    body = zipped({f"IM{n:03d}": file for n, file in enumerate(files)})
    asked = {"upload_id": "one"}
    add_researcher(site)
    told: set[tuple[int, int]] = set()
    with site.client() as admin, site.client("rosa") as rosa, ThreadPoolExecutor(1) as pool:
        params = {"facility": "east", **asked}
        answer = pool.submit(admin.post, UPLOAD, params=params, content=body)
        while not answer.done():
            with site.client() as page:
                said = page.get(f"{UPLOAD}/progress", params=asked).json()
            told.add((said["done"], said["found"]))
            other = rosa.get(f"{UPLOAD}/progress", params=asked).json()
            assert other == {"done": 0, "found": 0}
        assert answer.result().json()["stored"] == 200
        after = admin.get(f"{UPLOAD}/progress", params=asked).json()
        assert admin.get(f"{UPLOAD}/progress", params={"upload_id": "<b>"}).status_code == 422
    assert {found for done, found in told if done} == {200}
    assert after == {"done": 0, "found": 0}


@pytest.mark.parametrize("has_dicom", [True, False])
def test_of_a_bundle_every_file_is_answered_for(site: Site, has_dicom: bool) -> None:
    [file] = files_of(site, "BUNDLE^ONE")
    files = {"001": b"text, no DICOM" * 9, "002": b"", "003": b"\x1f\x8b" + bytes(300)}
    if has_dicom:
        files |= {"004": file, "005": file}
    asked = {"facility": "east", "is_bundle": "true"}
    with site.client() as admin:
        said = admin.post(UPLOAD, params=asked, content=zipped(files)).json()
    ends = [(item["name"], item["outcome"]) for item in said["items"]]
    rejected = [("001", "rejected"), ("002", "rejected"), ("003", "rejected")]
    taken = [("004", "stored"), ("005", "same")] if has_dicom else []
    assert ends == rejected + taken
    assert ["gzip" in item["reason"] for item in said["items"][:3]] == [False, False, True]


def test_a_zip_bomb_is_refused_by_name(tmp_path: Path) -> None:
    with small_site(tmp_path, max_instance_bytes=3_000_000) as site, site.client() as admin:
        body = zipped({"bomb": bytes(128) + b"DICM" + bytes(50_000_000)})
        assert len(body) < 100_000
        said = admin.post(UPLOAD, params={"facility": "east"}, content=body).json()
        assert said["rejected"] == 1
        assert "3000000" in said["items"][0]["reason"]
        assert incoming(site) == []


def test_a_zip_of_entries_that_each_grow_within_bounds_is_bounded_as_a_whole(site: Site) -> None:
    grows = bytes(128) + b"DICM" + bytes(2_000_000)
    body = zipped({f"{n:02d}": grows for n in range(20)})
    with Upload(
        site.archive.pipeline,
        site.archive.storage,
        facility="east",
        most_bytes=10_000_000,
        free_unpacked_bytes=5_000_000,
    ) as arriving:
        arriving.write(body)
        report = arriving.finish(threading.Event())
    assert report.rejected == 20
    assert "in all it unpacks to more" in str(report.items[-1].reason)
    kept = sum(each.stat().st_size for each in (site.settings.root / "quarantine").iterdir())
    assert kept < 5_000_000 + 21 * len(body)


def test_a_report_repeats_no_name_of_any_length(site: Site) -> None:
    body = zipped({f"{n}{'n' * 60_000}": b"PK\3\4" for n in range(20)})
    with site.client() as admin:
        answer = admin.post(UPLOAD, params={"facility": "east"}, content=body)
    assert answer.json()["rejected"] == 20
    assert all(len(item["name"]) == 300 for item in answer.json()["items"])


def test_a_facility_of_spaces_is_none(site: Site) -> None:
    [file] = files_of(site, "UP^ONE")
    with site.client() as admin:
        answer = admin.post(UPLOAD, params={"facility": "  "}, content=file)
        assert answer.status_code == 422
        assert admin.post(UPLOAD, params={"facility": " east "}, content=file).status_code == 200
        assert admin.get(UPLOAD).json()["facilities"] == ["east"]


def test_a_damaged_instance_goes_to_quarantine(site: Site) -> None:
    [file] = files_of(site, "UP^ONE")
    with site.client() as admin:
        said = admin.post(UPLOAD, params={"facility": "east"}, content=file[:-100]).json()
    assert said["rejected"] == 1
    assert said["items"][0]["is_quarantined"] is True
    assert site.catalog.list_quarantine()[0] == 1


def test_one_uploads_to_facilities_of_ones_own_and_viewers_to_none(site: Site) -> None:
    [file] = files_of(site, "UP^ONE")
    name = add_researcher(site)
    with site.client("eve") as eve, site.client(name) as rosa:
        assert eve.get(UPLOAD).status_code == 403
        assert eve.post(UPLOAD, params={"facility": "east"}, content=file).status_code == 403
        assert eve.get("/upload").status_code == 403
        assert rosa.get(UPLOAD).json()["facilities"] == ["east"]
        assert rosa.get(UPLOAD).json()["may_add_facility"] is False
        assert rosa.post(UPLOAD, params={"facility": "west"}, content=file).status_code == 403
        assert rosa.post(UPLOAD, params={"facility": "<b>"}, content=file).status_code == 422
        assert rosa.post(UPLOAD, content=file).status_code == 422
        assert site.catalog.counts().instances == 0
        assert rosa.post(UPLOAD, params={"facility": "east"}, content=file).status_code == 200


def test_an_upload_needs_a_session_and_a_request_of_ours(site: Site) -> None:
    [file] = files_of(site, "UP^ONE")
    with site.client(None) as nobody, site.client() as admin:
        assert nobody.post(UPLOAD, params={"facility": "a"}, content=file).status_code == 401
        foreign = {"Origin": "http://evil.example"}
        answer = admin.post(UPLOAD, params={"facility": "a"}, content=file, headers=foreign)
        assert answer.status_code == 403
        bare = httpx.post(
            site.base + UPLOAD, params={"facility": "a"}, content=file, cookies=admin.cookies
        )
        assert bare.status_code == 403
    assert site.catalog.counts().instances == 0


# ---------------------------------------------------------------- bounds


@contextmanager
def small_site(tmp_path: Path, **settings: object) -> Iterator[Site]:
    folder = tmp_path / "sent"
    folder.mkdir()
    given = {"root": tmp_path / "root", "port": 0, "dicom_port": 1, "min_free_bytes": 0}
    opened = open_settings(given | settings)
    with open_archive(opened, may_migrate=True) as archive, running(opened) as base:
        yield Site(opened, archive, base, folder)


class Raw:
    """A request by hand, as no client of good will sends it."""

    def __init__(self, site: Site, *headers: str) -> None:
        address = urlsplit(site.base)
        with site.client() as admin:
            name = cookie_name(site.settings)
            cookie = f"{name}={admin.cookies[name]}"
        self.socket = socket.create_connection((address.hostname, address.port), timeout=15)
        lines = [
            f"POST {UPLOAD}?facility=east HTTP/1.1",
            f"Host: {address.netloc}",
            "X-Noctis: 1",
            f"Cookie: {cookie}",
            *headers,
        ]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())

    def __enter__(self) -> socket.socket:
        return self.socket

    def __exit__(self, *_: object) -> None:
        self.socket.close()


def test_a_body_that_says_to_be_too_long_is_refused_unread(tmp_path: Path) -> None:
    with small_site(tmp_path, max_instance_bytes=50_000) as site:
        with Raw(site, "Content-Length: 99999999999") as lying:
            assert lying.recv(100).startswith(b"HTTP/1.1 413")
        assert incoming(site) == []


def test_a_body_that_grows_too_long_is_refused_as_it_does(tmp_path: Path) -> None:
    with small_site(tmp_path, max_instance_bytes=2_000_000) as site, site.client() as admin:
        pieces = (b"x" * 100_000 for _ in range(40))
        answer = admin.post(UPLOAD, params={"facility": "east"}, content=pieces)
        assert answer.status_code == 413
        assert "max_instance_bytes" in answer.json()["what_to_do"]
        assert eventually_empty(site)


def test_a_body_that_falls_silent_or_trickles_is_cut_off(tmp_path: Path) -> None:
    with small_site(tmp_path, network_timeout_s=0.5) as site:
        with Raw(site, "Content-Length: 5000") as silent:
            silent.sendall(b"x" * 10)
            assert silent.recv(100).startswith(b"HTTP/1.1 408")
        with Raw(site, "Content-Length: 5000") as trickling:
            began_s = time.monotonic()
            trickling.settimeout(0.1)
            answer = b""
            while not answer and time.monotonic() - began_s < 10:
                trickling.sendall(b"x")
                try:
                    answer = trickling.recv(100)
                except TimeoutError:
                    continue
            assert answer.startswith(b"HTTP/1.1 408")
        assert eventually_empty(site)


def test_a_body_that_ends_early_leaves_nothing(site: Site) -> None:
    [file] = files_of(site, "UP^ONE")
    with Raw(site, f"Content-Length: {len(file)}") as breaking:
        breaking.sendall(file[:-10])
        for _ in range(100):
            if incoming(site):
                break
            time.sleep(0.02)
        assert len(incoming(site)) == 1
    assert eventually_empty(site)
    assert site.catalog.counts().instances == 0
    assert site.catalog.list_quarantine()[0] == 0


def test_below_the_watermark_nothing_is_taken_and_the_answer_says_why(tmp_path: Path) -> None:
    with small_site(tmp_path, min_free_bytes=2**60) as site, site.client() as admin:
        answer = admin.post(UPLOAD, params={"facility": "east"}, content=b"x" * 1000)
        assert answer.status_code == 507
        assert "min_free_bytes" in answer.json()["detail"]


def test_one_principal_has_so_many_uploads_at_a_time(site: Site) -> None:
    [file] = files_of(site, "UP^ONE")
    held = [Raw(site, f"Content-Length: {len(file)}") for _ in range(4)]
    try:
        for each in held:
            each.socket.sendall(file[:10])
        for _ in range(100):
            if len(incoming(site)) == 4:
                break
            time.sleep(0.02)
        with site.client() as admin:
            answer = admin.post(UPLOAD, params={"facility": "east"}, content=file)
            assert answer.status_code == 429
            assert answer.headers["retry-after"] == "1"
    finally:
        for each in held:
            each.socket.close()
    assert eventually_empty(site)
    with site.client() as admin:
        assert admin.post(UPLOAD, params={"facility": "east"}, content=file).status_code == 200


def test_others_are_answered_while_all_uploads_wait_for_the_disk(site: Site) -> None:
    known, *files = files_of(site, "UP^MANY", planes=17)
    names = [f"researcher {number}" for number in range(4)]
    for name in names:
        people.add_principal(site.catalog, name, Role.RESEARCHER, ["east"])
    with site.client() as admin, ThreadPoolExecutor(len(files)) as senders, ExitStack() as open_:
        assert admin.post(UPLOAD, params={"facility": "east"}, content=known).status_code == 200
        clients = [open_.enter_context(site.client(name)) for name in names]
        [stands] = site.settings.root.glob("instances/*/*/*/*.dcm")
        with site.archive.storage.locked_series(stands.parent):  # no file is placed until then
            sent = [
                senders.submit(client.post, UPLOAD, params={"facility": "east"}, content=file)
                for client, file in zip(clients * 4, files, strict=True)
            ]
            for _ in range(200):
                if len(incoming(site)) >= len(files) and admin.get(f"{UPLOAD}", timeout=5):
                    break
                time.sleep(0.02)
            assert admin.get(UPLOAD, timeout=5).status_code == 200
            assert not any(each.done() for each in sent)
        assert [each.result().json()["stored"] for each in sent] == [1] * len(files)
