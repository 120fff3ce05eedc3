"""What lies over a series, over HTTP: listed, its labels, and closed to whom the study is."""

from __future__ import annotations

import numpy as np
import pytest

from noctis_lab.synthetic import ct_series
from noctis_lab.synthetic.seg import SegOptions, segmentation
from tests.served import Seen, Site
from tests.volumes.coloured import decode

PLANES, ROWS, COLUMNS = 4, 12, 10


@pytest.fixture
def masks() -> np.ndarray:
    found = np.zeros((2, PLANES, ROWS, COLUMNS), np.uint8)
    found[0, 1, 2:6, 3:7] = found[1, 2, 5:9, 1:4] = 1
    return found


def admit(site: Site, masks: np.ndarray) -> tuple[Seen, str]:
    images = ct_series(planes=PLANES, rows=ROWS, columns=COLUMNS)
    seen = site.admit(images, "local")
    (uid,) = site.admit([segmentation(masks, images)], "local").instances
    return seen, uid


def test_labels_over_images_are_the_masks(site: Site, masks: np.ndarray) -> None:
    seen, uid = admit(site, masks)
    path = f"/api/v1/dicom/studies/{seen.study}/series/{seen.series}/overlays"
    with site.client() as client:
        (listed,) = client.get(path).json()
        assert listed["overlay"] == uid
        assert [one["label"] for one in listed["segments"]] == ["Liver 1", "Spleen 2"]
        asked = {"first": 0, "count": PLANES, "revision": listed["revision"]}
        answer = client.get(f"{path}/{uid}", params=asked)
        assert answer.headers["content-type"] == "application/octet-stream"
        assert "no-store" in answer.headers["cache-control"]
        found = decode(answer.content, [(ROWS, COLUMNS)] * PLANES)
        expected = masks[0] + 2 * masks[1]
        for layers, plane in zip(found, expected, strict=True):
            got = layers[0][0] if layers else np.zeros((ROWS, COLUMNS))
            np.testing.assert_array_equal(got, plane)
        assert client.get(f"{path}/{uid}", params=asked | {"revision": "x"}).status_code == 409
        assert client.get(f"{path}/{uid}", params=asked | {"count": 65}).status_code == 422
        for other in ("1.2.3", "planes", seen.instances[0]):
            assert client.get(f"{path}/{other}", params={"count": 1}).status_code == 404
        assert client.get(f"{path}/mask-1").status_code == 404


def test_overlays_are_closed_with_their_study(site: Site, masks: np.ndarray) -> None:
    seen, uid = admit(site, masks)
    path = f"/api/v1/dicom/studies/{seen.study}/series/{seen.series}/overlays"
    with site.client(None) as client:
        for address in (path, f"{path}/{uid}", f"{path}/planes"):
            assert client.get(address).status_code == 401


def test_a_segmentation_of_another_study_is_not_given_by_way_of_this_one(
    site: Site, masks: np.ndarray
) -> None:
    seen, _ = admit(site, masks)
    images = ct_series(planes=PLANES, rows=ROWS, columns=COLUMNS, seed="other", PatientID="OTHER")
    site.admit(images, "elsewhere")
    (foreign,) = site.admit(
        [segmentation(masks, images, SegOptions(seed="other"))], "elsewhere"
    ).instances
    path = f"/api/v1/dicom/studies/{seen.study}/series/{seen.series}/overlays/{foreign}"
    with site.client() as client:
        assert client.get(path).status_code == 404
