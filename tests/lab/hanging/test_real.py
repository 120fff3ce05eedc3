"""Real studies are hung: every one that a rule fits gives a view whose series are there."""

from __future__ import annotations

from pathlib import Path

import pytest

import noctis_lab as nl
from noctis_lab.access import Principal, Role
from noctis_lab.views.hanging import hang_study

pytestmark = pytest.mark.real_data

READER = Principal(name="reader", role=Role.VIEWER, facilities=None)
COLLECTIONS = ("ct_philips_dicomdir", "mr_variants_dicom2nifti", "nema_wg04", "pydicom_test_files")


def test_real_studies_are_hung_by_what_they_are(real_data: Path, tmp_path: Path) -> None:
    with nl.open_lab(tmp_path / "archive", create=True) as lab:
        lab.index(*(real_data / "real" / each for each in COLLECTIONS), progress=False)
        by_rule: dict[str, list[set[str | None]]] = {}
        unhung: list[set[str | None]] = []
        for study in lab.studies():
            rows = {row.SeriesInstanceUID: row for row in study.series.map(lambda each: each.row)}
            found = hang_study(lab, READER, study.StudyInstanceUID)
            shown = {row.Modality for row in rows.values() if row.image_count}
            if not found:
                unhung.append(shown)
                continue
            by_rule.setdefault(found[0].id, []).append(shown)
            for hung in found:
                panes = hung.state["panes"] or [hung.state]
                uids = [pane["SeriesInstanceUID"] for pane in panes]
                assert any(uids)
                assert all(rows[uid].image_count for uid in uids if uid)
        for rule, modality in {"39-ct": "CT", "49-mr": "MR", "59-radiograph": "CR"}.items():
            studies = by_rule.get(f"built-in:{rule}", [])
            assert studies, (rule, by_rule)
            assert all(modality in shown for shown in studies)
        # A frontal and a lateral view of a spine, each found by its image's ViewPosition.
        assert len(by_rule["built-in:50-radiograph-two-views"]) == 1
        assert {"CR"} not in unhung
