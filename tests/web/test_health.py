"""The doctor's quick look over HTTP, for administrators."""

from __future__ import annotations

from tests.served import Site

HEALTH = "/api/v1/dicom/health"


def test_administrators_get_the_quick_findings(site: Site) -> None:
    with site.client("eve") as eve, site.client() as admin:
        assert eve.get(HEALTH).status_code == 403
        findings = admin.get(HEALTH).json()["findings"]
        assert all(set(each) == {"name", "state", "text", "remedy"} for each in findings)
        states = {each["name"]: each["state"] for each in findings}
        assert states["database"] == states["folders"] == "pass"
        assert states["receiver"] == "unknown"
        assert "hashes" not in states
