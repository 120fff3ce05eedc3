"""Pictures and surfaces that belong to nothing: found, told with a remedy, swept, made anew."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import event
from typer.testing import CliRunner

import noctis_lab as nl
from noctis_lab.access import Principal, Role
from noctis_lab.catalog.checkup import opened_read_only
from noctis_lab.catalog.queue import enqueue
from noctis_lab.catalog.records import SeriesRow
from noctis_lab.cli import app
from noctis_lab.config import Settings
from noctis_lab.ingest.rebuild import rebuild
from noctis_lab.jobs.derived import find_strays, sweep_strays
from noctis_lab.jobs.doctor import Depth, State, examine
from noctis_lab.jobs.surfaces import MAKE_SURFACE, surface_job_key
from noctis_lab.lab import Lab
from noctis_lab.lab.surfaces import ask_surface, find_asked, list_asked, make_here
from noctis_lab.storage.files import THUMBNAILS
from noctis_lab.storage.layout import series_folder
from noctis_lab.synthetic import ct_series
from noctis_lab.volumes.kept_surfaces import SURFACES
from noctis_lab.volumes.surface_spec import SurfaceSpec
from tests.lab.filling import fill

EVE = Principal(name="eve", role=Role.VIEWER, facilities=None)
SPEC = SurfaceSpec(kind="threshold", level=0.0)
SIDE = 12


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with nl.open_lab(tmp_path / "archive", create=True) as opened:
        yield opened


@pytest.fixture
def series(lab: Lab, tmp_path: Path) -> SeriesRow:
    k, r, c = np.ogrid[:SIDE, :SIDE, :SIDE]
    away = np.sqrt((k - 5.5) ** 2 + (r - 5.5) ** 2 + (c - 5.5) ** 2)
    stored = np.rint(100 * (4 - away)).astype(np.int16)
    data_sets = ct_series(
        planes=SIDE, rows=SIDE, columns=SIDE, stored=stored, rescale_slope=1, rescale_intercept=0
    )
    fill(lab, data_sets, tmp_path / "sent")
    (row,) = lab.catalog.series_of(str(data_sets[0].StudyInstanceUID))
    return row


def make(lab: Lab, series: SeriesRow) -> str:
    """Make a surface and a picture, some time ago; return the surface's key."""
    key = ask_surface(lab, series, SPEC, principal=EVE).key
    make_here(lab, series, key)
    assert find_asked(lab, series, key).state == "done"
    lab.storage.write_derived(THUMBNAILS, series.reference, ".png", b"\x89PNG")
    grow_old(lab.settings.root)
    return key


def grow_old(root: Path) -> None:
    for path in (root / "derived").rglob("*.*"):
        os.utime(path, (time.time() - 3600,) * 2)


def strays(root: Path) -> dict[str, str]:
    """Return what is found, by the part of its name after the series."""
    with opened_read_only(root) as connection:
        found = find_strays(connection, root)
    return {Path(name).name.partition(".")[2]: why for name, why in found.items()}


def derived(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "derived").rglob("*.*"))


def doctors_line(settings: Settings) -> tuple[State, str, str]:
    (line,) = [each for each in examine(settings, depth=Depth()) if each.name == "derived files"]
    return line.state, line.text, line.remedy


def test_what_belongs_to_a_series_is_no_stray(lab: Lab, series: SeriesRow) -> None:
    assert strays(lab.settings.root) == {}
    make(lab, series)
    assert len(derived(lab.settings.root)) == 3  # mesh, what it is of, picture
    assert strays(lab.settings.root) == {}
    state, text, remedy = doctors_line(lab.settings)
    assert (state, text, remedy) == (State.PASS, "all belong to a series", "")


def test_a_series_that_is_gone_leaves_strays_and_sweeping_removes_them(
    lab: Lab, series: SeriesRow
) -> None:
    key = make(lab, series)
    root = lab.settings.root
    lab.close()
    shutil.rmtree(series_folder(root, series.StudyInstanceUID, series.SeriesInstanceUID))
    rebuild(root)
    gone = dict.fromkeys([f"{key}.json", f"{key}.ply", "png"], "its series is not in the catalogue")
    assert strays(root) == gone
    state, text, remedy = doctors_line(Settings(root=root))
    assert state is State.WARN
    assert text == "3 files: its series is not in the catalogue"
    assert remedy.startswith("noctis fsck --sweep --root ")
    told = CliRunner().invoke(app, ["fsck", "--json", "--root", str(root)])
    assert told.exit_code == 1
    assert sorted(json.loads(told.stdout)["derived"].values()) == sorted(gone.values())
    assert len(derived(root)) == 3  # a look removes nothing
    swept = CliRunner().invoke(app, ["fsck", "--sweep", "--root", str(root)])
    assert swept.exit_code == 0, swept.output
    assert "derived files removed: 3" in swept.stdout
    assert derived(root) == []
    assert doctors_line(Settings(root=root))[0] is State.PASS


@pytest.mark.parametrize(
    ("suffix", "why"),
    [
        (".ply", "its mesh is missing"),
        (".json", "it was never finished, and nobody is at it"),
    ],
)
def test_a_surface_that_lacks_a_part_is_told_and_made_again(
    lab: Lab, series: SeriesRow, suffix: str, why: str
) -> None:
    key = make(lab, series)
    (path,) = (lab.settings.root / "derived").rglob(f"*.{key}{suffix}")
    path.unlink()
    assert set(strays(lab.settings.root).values()) == {why}
    assert why in doctors_line(lab.settings)[1]
    # A viewer does not offer what cannot be drawn, and asking makes it anew.
    assert list_asked(lab, series) == []
    assert ask_surface(lab, series, SPEC, principal=EVE).state == "waiting"
    make_here(lab, series, key)
    grow_old(lab.settings.root)
    assert find_asked(lab, series, key).state == "done"
    assert strays(lab.settings.root) == {}


def test_what_cannot_be_read_is_told(lab: Lab, series: SeriesRow) -> None:
    key = make(lab, series)
    (path,) = (lab.settings.root / "derived").rglob(f"*.{key}.json")
    for torn in ("{", "[]", "{}", "\x00"):
        path.write_text(torn, "utf-8")
        grow_old(lab.settings.root)
        assert set(strays(lab.settings.root).values()) == {"it cannot be read"}


def test_what_is_underway_or_young_is_left_alone(lab: Lab, series: SeriesRow) -> None:
    key = make(lab, series)
    root = lab.settings.root
    (path,) = (root / "derived").rglob(f"*.{key}.json")
    path.unlink()
    lab.storage.write_derived(SURFACES, series.reference, f".{'b' * 32}.ply", b"ply")
    assert set(strays(root)) == {f"{key}.ply"}  # the other one is being written
    enqueue(lab.catalog, MAKE_SURFACE, surface_job_key(series.reference, key), payload={})
    assert strays(root) == {}
    grow_old(root)
    assert set(strays(root)) == {f"{'b' * 32}.ply"}


def test_a_surface_that_is_done_between_two_looks_is_no_stray(lab: Lab, series: SeriesRow) -> None:
    key = make(lab, series)
    root = lab.settings.root
    (path,) = (root / "derived").rglob(f"*.{key}.json")
    aside = root / "aside.json"
    path.rename(aside)
    with opened_read_only(root) as connection:

        def end(*_: object) -> None:
            if aside.exists():
                aside.rename(path)

        # The files were listed when the first question is asked.
        event.listen(connection, "before_cursor_execute", end)
        assert find_strays(connection, root) == {}
    assert path.exists()


def test_a_facility_of_two_words_has_its_surfaces_made(lab: Lab, series: SeriesRow) -> None:
    root, key = lab.settings.root, "c" * 32
    reference = f"{series.StudyInstanceUID}\\{series.SeriesInstanceUID}\\ward 7"
    with lab.catalog.connections.write() as connection:
        connection.exec_driver_sql("UPDATE series SET reference = ?", (reference,))
    lab.storage.write_derived(SURFACES, reference, f".{key}.ply", b"ply")
    grow_old(root)
    assert set(strays(root)) == {f"{key}.ply"}
    enqueue(lab.catalog, MAKE_SURFACE, surface_job_key(reference, key), payload={})
    assert strays(root) == {}


def test_sweeping_removes_a_link_and_never_what_it_leads_to(
    lab: Lab, series: SeriesRow, tmp_path: Path
) -> None:
    make(lab, series)
    root, kept = lab.settings.root, tmp_path / "kept.txt"
    kept.write_text("not ours", "utf-8")
    link = root / "derived" / SURFACES / "00" / "0000000000000000.png"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(kept)
    os.utime(link, (time.time() - 3600,) * 2, follow_symlinks=False)
    with opened_read_only(root) as connection:
        found = find_strays(connection, root)
    assert sweep_strays(root, found) == 1
    assert not link.is_symlink()
    assert kept.read_text("utf-8") == "not ours"
