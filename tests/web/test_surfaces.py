"""Surfaces over HTTP: made by the worker, kept, drawn, taken as STL, taken off; whose they are."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from noctis_lab.access import Role
from noctis_lab.catalog import people
from noctis_lab.catalog.queue import list_jobs
from noctis_lab.jobs.surfaces import MAKE_SURFACE
from noctis_lab.jobs.worker import run_worker
from noctis_lab.lab import Lab
from noctis_lab.lab.surfaces import MOST_SURFACES, make_here
from noctis_lab.storage.files import Storage
from noctis_lab.synthetic import PlaneStack, ct_series, segmentation, weighted_mr
from tests.served import Seen, Site

PLANES, SIDE, SPACING_MM = 25, 48, (1.2, 0.8)  # planes' and pixels'
RADIUS_MM = 11.0


def ball() -> NDArray[np.int16]:
    """Return 100 HU a millimetre: 0 at a sphere's surface, higher inside."""
    k, r, c = np.ogrid[:PLANES, :SIDE, :SIDE]
    plane_mm, pixel_mm = SPACING_MM
    away = np.sqrt(
        ((k - (PLANES - 1) / 2) * plane_mm) ** 2
        + ((r - (SIDE - 1) / 2) * pixel_mm) ** 2
        + ((c - (SIDE - 1) / 2) * pixel_mm) ** 2
    )
    stored: NDArray[np.int16] = np.rint(100 * (RADIUS_MM - away)).astype(np.int16)
    return stored


@pytest.fixture
def images() -> list[Any]:
    return ct_series(
        planes=PLANES,
        rows=SIDE,
        columns=SIDE,
        stored=ball(),
        pixel_spacing_mm=(SPACING_MM[1],) * 2,
        slice_spacing_mm=SPACING_MM[0],
        rescale_slope=1,
        rescale_intercept=0,
        seed="surface",
    )


@pytest.fixture
def seen(site: Site, images: list[Any]) -> Seen:
    return site.admit(images, "east")


@contextmanager
def worker(site: Site) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=run_worker, args=(site.settings, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)


def base(seen: Seen) -> str:
    return f"/api/v1/dicom/studies/{seen.study}/series/{seen.series}/surfaces"


def threshold(level: float) -> dict[str, Any]:
    return {"kind": "threshold", "level": level}


def made(client: httpx.Client, seen: Seen, key: str) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found: dict[str, Any] = client.get(f"{base(seen)}/{key}").json()
        if found["state"] in ("done", "failed"):
            return found
        assert found["state"] in ("waiting", "running")
        time.sleep(0.05)
    raise AssertionError("the surface was not made")


def test_a_spheres_surface_is_made_by_the_worker_and_kept(site: Site, seen: Seen) -> None:
    with site.client("eve") as eve:
        asked = eve.post(base(seen), json=threshold(0)).json()
        assert asked["state"] == "waiting"
        assert eve.get(base(seen)).json() == [asked]
        with worker(site):
            found = made(eve, seen, asked["key"])
        assert found["state"] == "done"
        assert found["volume_mm3"] == pytest.approx(4 / 3 * np.pi * RADIUS_MM**3, rel=0.01)
        assert found["area_mm2"] == pytest.approx(4 * np.pi * RADIUS_MM**2, rel=0.01)
        assert found["units"] == "HU"
        # Asked again it is there: nothing is computed.
        assert eve.post(base(seen), json=threshold(0)).json() == found
        assert not [job for job in list_jobs(site.catalog) if job.kind == MAKE_SURFACE]
        assert eve.get(base(seen)).json() == [found]
        stl = eve.get(f"{base(seen)}/{asked['key']}/stl")
        assert stl.headers["content-type"] == "model/stl"
        facet = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("_", "<u2")])
        facets = np.frombuffer(stl.content[84:], facet)
        assert len(facets) == int.from_bytes(stl.content[80:84], "little") == found["faces"]
        a, b, c = facets["corners"].astype(np.float64).transpose(1, 0, 2)
        middle = facets["corners"].reshape(-1, 3).mean(axis=0)
        enclosed = np.einsum("ij,ij->", a - middle, np.cross(b - middle, c - middle)) / 6
        assert enclosed == pytest.approx(found["volume_mm3"], rel=1e-4)
        mesh = eve.get(f"{base(seen)}/{asked['key']}/mesh")
        assert mesh.content.startswith(b"ply\nformat binary_little_endian 1.0\n")


def test_what_gives_no_surface_says_why_and_what_leaves_the_volume_has_no_volume(
    site: Site, seen: Seen
) -> None:
    with site.client("eve") as eve, worker(site):
        none = eve.post(base(seen), json=threshold(1e6)).json()
        assert "do not pass the level" in made(eve, seen, none["key"])["error"]
        cut = eve.post(base(seen), json=threshold(-500)).json()
        found = made(eve, seen, cut["key"])
        assert found["state"] == "done"
        assert found["volume_mm3"] is None
        assert found["area_mm2"] > 0


def test_a_segment_has_a_surface_on_its_own_grid(site: Site, seen: Seen, images: list[Any]) -> None:
    mask = ball() > 0
    site.admit([segmentation(mask[np.newaxis].astype(np.uint8), images)], "east")
    with site.client("eve") as eve, worker(site):
        [choice] = eve.get(f"{base(seen)}/segments").json()
        assert (choice["segment"], choice["label"]) == (1, "Liver 1")
        asked = {"kind": "segment", "segment": 1, "SOPInstanceUID": choice["SOPInstanceUID"]}
        found = made(eve, seen, eve.post(base(seen), json=asked).json()["key"])
        assert found["label"] == "Liver 1"
        voxels_mm3 = mask.sum() * SPACING_MM[0] * SPACING_MM[1] ** 2
        assert found["volume_mm3"] == pytest.approx(voxels_mm3, rel=0.06)
        gone = asked | {"segment": 7}
        error = made(eve, seen, eve.post(base(seen), json=gone).json()["key"])["error"]
        assert "there is no segment 7" in error


def test_a_segment_of_another_frame_of_reference_is_refused(
    site: Site, seen: Seen, images: list[Any]
) -> None:
    elsewhere = segmentation((ball() > 0)[np.newaxis].astype(np.uint8), images)
    elsewhere.FrameOfReferenceUID = "1.2.840.99999.1"
    site.admit([elsewhere], "east")
    with site.client("eve") as eve, worker(site):
        assert eve.get(f"{base(seen)}/segments").json() == []
        uid = str(elsewhere.SOPInstanceUID)
        asked = {"kind": "segment", "segment": 1, "SOPInstanceUID": uid}
        error = made(eve, seen, eve.post(base(seen), json=asked).json()["key"])["error"]
        assert "FrameOfReferenceUID" in error


def test_of_a_series_with_several_volumes_one_is_named(site: Site) -> None:
    data_sets = weighted_mr("echo", stack=PlaneStack(planes=5), points=3, shape=(12, 16))
    seen = site.admit(data_sets, "east")
    with site.client("eve") as eve, worker(site):
        for step, words in ((None, "one of 3"), (3, "from 0 to 2"), (0, "do not pass the level")):
            asked = threshold(2_500) | ({} if step is None else {"extra_index": step})
            found = made(eve, seen, eve.post(base(seen), json=asked).json()["key"])
            assert (found["state"], found["extra_index"]) == ("failed", step)
            assert words in found["error"]
        asked = threshold(2_500) | {"extra_index": 1}
        found = made(eve, seen, eve.post(base(seen), json=asked).json()["key"])
        assert (found["state"], found["extra_index"]) == ("done", 1)
        for wrong in (-1, 0.5, "x", 10**9):
            answer = eve.post(base(seen), json=threshold(2_500) | {"extra_index": wrong})
            assert answer.status_code == 422, wrong


def test_a_series_with_one_volume_has_no_second(site: Site, seen: Seen) -> None:
    with site.client("eve") as eve, worker(site):
        asked = eve.post(base(seen), json=threshold(0) | {"extra_index": 1}).json()
        assert "from 0 to 0" in made(eve, seen, asked["key"])["error"]
        unnamed = eve.post(base(seen), json=threshold(0)).json()
        assert (
            eve.post(base(seen), json=threshold(0) | {"extra_index": 0}).json()["key"]
            == (unnamed["key"])
        )


def test_one_that_waits_is_called_off_and_one_that_is_kept_is_deleted(
    site: Site, seen: Seen
) -> None:
    with site.client("eve") as eve:
        asked = eve.post(base(seen), json=threshold(0)).json()
        assert eve.delete(f"{base(seen)}/{asked['key']}").status_code == 204
        assert not [job for job in list_jobs(site.catalog) if job.kind == MAKE_SURFACE]
        assert eve.get(f"{base(seen)}/{asked['key']}").status_code == 404
        assert eve.get(base(seen)).json() == []
        with worker(site):
            key = eve.post(base(seen), json=threshold(0)).json()["key"]
            made(eve, seen, key)
        assert eve.delete(f"{base(seen)}/{key}").status_code == 204
        for path in (f"{base(seen)}/{key}", f"{base(seen)}/{key}/stl", f"{base(seen)}/{key}/mesh"):
            assert eve.get(path).status_code == 404
        assert not list((site.settings.root / "derived" / "surfaces").rglob(f"*{key}*"))


def test_a_series_that_grew_has_none_of_its_earlier_surfaces(site: Site, images: list[Any]) -> None:
    seen = site.admit(images[:-1], "east")
    with site.client("eve") as eve:
        with worker(site):
            key = eve.post(base(seen), json=threshold(0)).json()["key"]
            assert made(eve, seen, key)["state"] == "done"
        site.admit(images[-1:], "east")
        assert eve.get(base(seen)).json() == []
        assert eve.get(f"{base(seen)}/{key}").status_code == 404


def test_others_surfaces_are_not_to_be_seen_or_asked_for(site: Site, seen: Seen) -> None:
    people.add_principal(site.catalog, "mallory", Role.RESEARCHER, ["west"])
    with site.client("mallory") as mallory, site.client(None) as nobody:
        for client, status in ((mallory, 404), (nobody, 401)):
            assert client.get(base(seen)).status_code == status
            assert client.post(base(seen), json=threshold(0)).status_code == status
            assert client.get(f"{base(seen)}/{'0' * 32}/stl").status_code == status
            assert client.delete(f"{base(seen)}/{'0' * 32}").status_code == status


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"kind": "fog", "level": 0},
        {"kind": "threshold"},
        {"kind": "threshold", "level": "NaN"},
        {"kind": "threshold", "level": 1e300},
        {"kind": "threshold", "level": 0, "segment": 1, "SOPInstanceUID": "1.2"},
        {"kind": "segment", "segment": 1},
        {"kind": "segment", "segment": 0, "SOPInstanceUID": "1.2"},
        {"kind": "segment", "segment": 1, "SOPInstanceUID": "../x"},
        {"kind": "threshold", "level": 0, "path": "/etc/passwd"},
    ],
)
def test_unsound_requests_are_refused(site: Site, seen: Seen, asked: dict[str, Any]) -> None:
    with site.client("eve") as eve:
        assert eve.post(base(seen), json=asked).status_code == 422
        assert not [job for job in list_jobs(site.catalog) if job.kind == MAKE_SURFACE]


def test_no_more_are_asked_for_than_may_be_kept(site: Site, seen: Seen) -> None:
    with site.client("eve") as eve:
        for level in range(MOST_SURFACES):
            assert eve.post(base(seen), json=threshold(level)).status_code == 200
        refused = eve.post(base(seen), json=threshold(999))
        assert refused.status_code == 422
        assert "delete one" in refused.text
        assert eve.post(base(seen), json=threshold(0)).status_code == 200
        assert len(eve.get(base(seen)).json()) == MOST_SURFACES


def test_a_torn_file_is_none_and_the_surface_is_made_again(site: Site, seen: Seen) -> None:
    with site.client("eve") as eve, worker(site):
        key = eve.post(base(seen), json=threshold(0)).json()["key"]
        made(eve, seen, key)
        [facts] = (site.settings.root / "derived" / "surfaces").rglob(f"*{key}.json")
        facts.write_bytes(b'{"key":')
        assert eve.get(base(seen)).json() == []
        assert made(eve, seen, eve.post(base(seen), json=threshold(0)).json()["key"])["faces"] > 0


def test_without_a_worker_this_process_makes_it(site: Site, seen: Seen) -> None:
    with site.client("eve") as eve, Lab(site.settings) as lab:
        key = eve.post(base(seen), json=threshold(0)).json()["key"]
        row = lab.series(SeriesInstanceUID=seen.series).one().row
        make_here(lab, row, key)
        make_here(lab, row, key)  # nothing is left to do
        assert eve.get(f"{base(seen)}/{key}").json()["state"] == "done"
        assert Storage(site.settings.root).derived_suffixes("surfaces", row.reference) == [
            f".{key}.json",
            f".{key}.ply",
        ]
