"""`lab.index`: folders into an archive from a notebook or a script."""

from __future__ import annotations

from pathlib import Path

import pytest

from noctis_lab.lab import open_lab
from noctis_lab.synthetic import ct_series, write_series


def test_a_folder_is_indexed_and_seen_at_once(tmp_path: Path) -> None:
    write_series(ct_series(planes=3, rows=16, columns=16), tmp_path / "data")
    with open_lab(tmp_path / "root", create=True, min_free_bytes=0) as lab:
        report = lab.index(tmp_path / "data", facility="trial", progress=False)
        assert (report.indexed, report.same, report.rejected) == (3, 0, [])
        assert repr(report).startswith("<IndexReport: 3 files: 3 indexed")
        assert len(lab.instances()) == 3
        assert lab.index(str(tmp_path / "data"), progress=False).same == 3


@pytest.mark.parametrize("options", [{"facility": ""}, {"facility": "x" * 65}])
def test_what_cannot_be_is_refused_before_anything_is_done(
    options: dict[str, str], tmp_path: Path
) -> None:
    write_series(ct_series(planes=1, rows=16, columns=16), tmp_path / "data")
    with open_lab(tmp_path / "root", create=True, min_free_bytes=0) as lab:
        with pytest.raises(FileNotFoundError):
            lab.index(tmp_path / "data", tmp_path / "nowhere", progress=False)
        with pytest.raises(ValueError, match="facility"):
            lab.index(tmp_path / "data", progress=False, **options)
        assert len(lab.instances()) == 0


def test_the_bar_tells_what_was_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_series(ct_series(planes=3, rows=16, columns=16), tmp_path / "data")
    with open_lab(tmp_path / "root", create=True, min_free_bytes=0) as lab:
        lab.index(tmp_path / "data")
    assert "new=3" in capsys.readouterr().err
