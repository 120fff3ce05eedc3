"""What a series' routes answer while it still arrives."""

from __future__ import annotations

from noctis_lab.synthetic import ct_series
from noctis_lab.volumes.planes import instance_file
from tests.served import Site


def test_pixels_of_an_earlier_description_are_a_conflict_not_a_failure_of_ours(site: Site) -> None:
    planes = ct_series(planes=3, rows=32, columns=32, seed="growing")
    seen = site.admit(planes[1:], "east")
    path = f"/api/v1/dicom/studies/{seen.study}/series/{seen.series}"
    with site.client() as admin:
        revision = admin.get(f"{path}/stack").json()["revision"]
        assert admin.get(f"{path}/pixels", params={"revision": revision}).status_code == 200
        site.admit(planes[:1], "east")
        refused = admin.get(f"{path}/pixels", params={"revision": revision})
        assert refused.status_code == 409
        assert "describe it again" in refused.json()["detail"]


def test_a_missing_file_is_told_as_such_in_pictures_and_headers(site: Site) -> None:
    seen = site.admit(ct_series(planes=1, rows=32, columns=32, seed="lost"), "east")
    row = site.catalog.find_instance(seen.instances[0])
    assert row is not None
    instance_file(site.archive.storage, row).unlink()
    series = f"/api/v1/dicom/studies/{seen.study}/series/{seen.series}"
    with site.client() as admin:
        for path in (f"{series}/thumbnail", f"/api/v1/dicom/image/{seen.instances[0]}/metadata"):
            answer = admin.get(path)
            assert answer.status_code == 410
            assert "noctis fsck" in answer.json()["came"]
