"""`nl.demo()` opens the synthetic archive, and makes what is missing of it, once."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import noctis_lab as nl
from noctis_lab.errors import CatalogError
from noctis_lab.lab.thumbnails import find_thumbnail
from noctis_lab.synthetic import NODULE_MM
from noctis_lab.synthetic.demo import DEMO_SERIES

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "archive"
    nl.demo(folder, progress=False).close()
    return folder


def test_the_demo_holds_every_instance_that_was_announced(root: Path) -> None:
    with nl.open_lab(root) as lab:
        held = {uid for (uid,) in lab.sql("SELECT SOPInstanceUID FROM instances").fetchall()}
    assert held == {uid for series in DEMO_SERIES for uid in series.SOPInstanceUIDs}


def test_the_demos_ct_loads_in_hounsfield_units(root: Path) -> None:
    with nl.demo(root) as lab:
        volume = lab.series(SeriesDescription="CatPhan 504").one().load()
    assert volume.dims == ("z", "y", "x")
    assert volume.attrs["units"] == "HU"


def test_the_tilted_torso_loads_as_a_sheared_volume(root: Path) -> None:
    with nl.demo(root) as lab:
        series = lab.series(SeriesDescription="Torso, gantry tilted").one()
        assert series.facts.is_volume
        volume = series.load()
        inverse = np.linalg.inv(volume.dicom.affine)
        plane, row, column = (inverse @ (*NODULE_MM, 1))[:3]
    found = volume.values[round(plane), round(row) - 2 : round(row) + 3, round(column)]
    assert abs(float(found.mean()) - 45) < 20, "the nodule is at its place"


def test_every_series_has_a_picture(root: Path) -> None:
    with nl.demo(root) as lab:
        for series in lab.series():
            picture = Image.open(io.BytesIO(find_thumbnail(lab, series.row.reference)))
            assert np.ptp(np.asarray(picture)) > 100, series.row.SeriesDescription


def test_the_dynamic_and_the_cine_have_times(root: Path) -> None:
    with nl.demo(root) as lab:
        for modality, dims in (("MR", "time z y x"), ("US", "time y x channel")):
            (series,) = lab.series(Modality=modality)
            loaded = series.load()
            assert loaded.dims == tuple(dims.split())
            assert loaded.time.attrs["units"] == "s"
            assert np.all(np.diff(loaded.time) > 0)


def test_a_second_call_makes_nothing(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    nl.demo(root).close()
    assert "making the demo" not in capfd.readouterr().err
    with nl.open_lab(root) as lab:
        receipts = lab.sql("SELECT count(*) FROM instances").fetchone()
    assert receipts == (sum(series.instance_count for series in DEMO_SERIES),)


def test_a_root_that_cannot_be_an_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "catalog").touch()
    with pytest.raises((CatalogError, OSError)):
        nl.demo(tmp_path)
