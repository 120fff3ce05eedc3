"""The quarantine over HTTP: for administrators, with what the command line does."""

from __future__ import annotations

import httpx
from pydicom.dataset import Dataset

from noctis_lab.catalog.records import Receipt, ReceiptSource
from noctis_lab.synthetic import write_series
from tests.served import Site, named_series

API = "/api/v1/dicom/quarantine"


def quarantined(site: Site) -> str:
    """Have a conflict kept aside; return its id."""
    site.admit(named_series("EAST^ONE"), "east")
    changed: list[Dataset] = named_series("EAST^ONE")
    changed[0].KVP = "80"
    receipt = Receipt(
        source=ReceiptSource.SCP,
        facility="west",
        calling_aet="CT_2",
        called_aet="NOCTIS_SCP",
        received_at=site.catalog.clock(),
    )
    (path, *_) = write_series(changed, site.folder / "changed")
    held = site.archive.pipeline.admit_file(path, receipt).quarantine_id
    assert held is not None
    return held


def test_a_conflict_is_listed_told_accepted_and_discarded(site: Site) -> None:
    held = quarantined(site)
    with site.client() as admin:
        listed = admin.get(API, params={"offset": 0, "limit": 50}).json()
        assert listed["total"] == 1
        (row,) = listed["rows"]
        assert row["quarantine_id"] == held
        assert set(row) == {
            "quarantine_id",
            "kind",
            "reason",
            "SOPInstanceUID",
            "StudyInstanceUID",
            "size_bytes",
            "source",
            "calling_aet",
            "facility",
            "received_at",
        }
        assert (row["kind"], row["source"], row["calling_aet"]) == ("conflict", "scp", "CT_2")
        assert row["facility"] == "west"

        told = admin.get(f"{API}/{held}").json()
        assert {name: told[name] for name in row} == row
        assert told["differences"] == ["KVP"]
        assert told["can_accept"] is True
        assert told["accept_means"]

        accepted = admin.post(f"{API}/{held}/accept").json()
        assert accepted["total"] == 1
        other = accepted["rows"][0]["quarantine_id"]
        assert other != held
        assert admin.post(f"{API}/{other}/discard").json() == {"total": 0, "rows": []}
        assert admin.post(f"{API}/{other}/discard").status_code == 404
        assert admin.get(f"{API}/{held}").status_code == 404
        assert admin.get(f"{API}/..%2Fsecret_key").status_code in (404, 422)


def test_only_administrators_see_the_quarantine(site: Site) -> None:
    held = quarantined(site)
    with site.client("eve") as eve, site.client() as admin:
        for path in (API, f"{API}/{held}"):
            assert eve.get(path).status_code == 403
        for path in (f"{API}/{held}/accept", f"{API}/{held}/discard"):
            assert eve.post(path).status_code == 403
            bare = httpx.post(f"{site.base}{path}", cookies=admin.cookies)
            assert bare.status_code == 403, "the header alone tells our pages from a form"
        assert admin.get(API).json()["total"] == 1
