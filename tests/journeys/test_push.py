"""A modality pushes: what is stored, counted and written; what a second push changes."""

from __future__ import annotations

import csv
import hashlib
import io
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pydicom
import pytest

import noctis_lab as nl
from noctis_lab.synthetic import ct_series, write_series
from tests.journeys.conftest import Served, noctis, send, serving

pytestmark = pytest.mark.slow

PHANTOMS = ("ct_philips_headphantom_tilt", "ct_catphan504_varian_obi")


def _sql(served: Served, statement: str) -> list[dict[str, str]]:
    told = noctis("sql", statement, "--format", "csv", root=served.root)
    assert told.returncode == 0, told.stderr
    return list(csv.DictReader(io.StringIO(told.stdout)))


def _data_set(path: Path) -> bytes:
    """Return the bytes after the file meta information group."""
    with path.open("rb") as file:
        pydicom.filereader.read_preamble(file, force=False)
        pydicom.filereader._read_file_meta_info(file)
        return file.read()


def _stored(served: Served) -> dict[str, str]:
    """SOPInstanceUID → SHA-256 of the data set, read from the files themselves."""
    return {
        str(pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID): hashlib.sha256(
            _data_set(path)
        ).hexdigest()
        for path in (served.root / "instances").rglob("*.dcm")
    }


@contextmanager
def _storescp(program: str, folder: Path, port: int) -> Iterator[None]:
    """Run DCMTK's receiver, writing data sets as they come (+B)."""
    process = subprocess.Popen([program, "+B", "-od", str(folder), str(port)])
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=10)


def _wait_for_parquet(served: Served) -> None:
    """Wait until the worker has written every series and dropped its wide rows."""
    deadline = time.monotonic() + 60
    with nl.open_lab(served.root) as lab:
        while time.monotonic() < deadline:
            rows = [lab.catalog.find_series(s.SeriesInstanceUID) for s in lab.series()]
            written = list((served.root / "catalog" / "columnar").glob("*.parquet"))
            if rows and written and not any(row is None or row.is_dirty for row in rows):
                return
            time.sleep(0.2)
    pytest.fail("the worker did not write every series to Parquet")


@pytest.fixture(scope="module")
def pushed(
    tmp_path_factory: pytest.TempPathFactory, dcmtk: dict[str, str], real_data: Path
) -> Iterator[Served]:
    """Serve an archive that both phantoms were pushed to."""
    with serving(tmp_path_factory.mktemp("pushed")) as served:
        for program, name in zip(("storescu", "dcmsend"), PHANTOMS, strict=True):
            send(dcmtk[program], served, real_data / "real" / name)
        yield served


@pytest.mark.real_data
def test_stock_senders_push_both_phantoms(
    pushed: Served, dcmtk: dict[str, str], real_data: Path
) -> None:
    served = pushed
    counted = _sql(
        served, "select Modality, count(*) n from instances group by all order by n desc"
    )
    assert counted == [{"Modality": "CT", "n": "122"}, {"Modality": "RTSTRUCT", "n": "1"}]

    before = _stored(served)
    _wait_for_parquet(served)
    for program, name in zip(("dcmsend", "storescu"), PHANTOMS, strict=True):
        send(dcmtk[program], served, real_data / "real" / name)

    assert _stored(served) == before
    assert _sql(served, "select count(*) n from instances") == [{"n": "123"}]
    assert _sql(served, "select count(*) n from quarantine") == [{"n": "0"}]


@pytest.mark.real_data
def test_the_catphans_values_are_numpys(pushed: Served, real_data: Path) -> None:
    with (real_data / "expected.tsv").open() as file:
        expected = next(
            row["numpy_sha256_f32"]
            for row in csv.DictReader(file, delimiter="\t")
            if row["collection"] == "real/ct_catphan504_varian_obi" and row["modality"] == "CT"
        )

    with nl.open_lab(pushed.root) as lab:
        values = (
            lab.series(Modality="CT", Manufacturer="Varian Medical Systems")
            .one()
            .load(dtype=np.float32)
        )

    assert hashlib.sha256(values.values.tobytes()).hexdigest() == expected


@pytest.mark.real_data
def test_the_tilted_phantoms_affine_is_exact(pushed: Served) -> None:
    with nl.open_lab(pushed.root) as lab:
        affine = lab.series(Manufacturer="Philips").one().load().dicom.affine

    expected = np.array(
        [
            [0.0, 0.0, 0.40625, -104.0],
            [0.0, 0.40625 * 0.9588197, 0.0, 6.6254558],
            [2.5, 0.40625 * 0.2840153, 0.0, 657.98969],
        ]
    )
    np.testing.assert_allclose(affine[:3], expected, atol=1e-3)


@pytest.mark.parametrize("program", ["storescu", "dcmsend"])
def test_the_stored_data_set_is_what_storescp_writes(
    served_for_all: Served,
    dcmtk: dict[str, str],
    tmp_path: Path,
    unused_tcp_port: int,
    program: str,
) -> None:
    served = served_for_all
    folder, theirs = tmp_path / "sent", tmp_path / "theirs"
    folder.mkdir()
    theirs.mkdir()
    write_series(ct_series(planes=5, rows=32, columns=32, seed=program), folder)

    send(dcmtk[program], served, folder)
    with _storescp(dcmtk["storescp"], theirs, unused_tcp_port):
        _wait_for_port(unused_tcp_port)
        send(
            dcmtk[program],
            Served(served.root, served.process, unused_tcp_port, served.url, []),
            folder,
        )

    expected = {
        str(pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID): hashlib.sha256(
            _data_set(path)
        ).hexdigest()
        for path in theirs.iterdir()
    }
    assert len(expected) == 5
    assert {uid: told for uid, told in _stored(served).items() if uid in expected} == expected


def _wait_for_port(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=0.2).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("storescp did not listen")
