"""What a series' routes answer while it still arrives."""

from __future__ import annotations

from noctis_lab.synthetic import ct_series
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
