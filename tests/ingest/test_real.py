"""Real files through the whole way in."""

from __future__ import annotations

import csv
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from noctis_lab.config import Settings
from noctis_lab.ingest.archive import open_archive
from noctis_lab.ingest.findings import Passed, PassedKind
from noctis_lab.ingest.folder import index_paths
from noctis_lab.ingest.pipeline import Admission
from tests.ingest.receiving import Receiver, data_set_of

FindProgram = Callable[[str], str]
pytestmark = pytest.mark.real_data

#: Where the table is wrong by the standard; `tests/dicom` shows why, file by file.
#: Pixel data shorter than Rows × Columns × … say (PS3.5 8.1.1), or an element beyond the file's end
#: (PS3.5 7.1): a copy of it would answer for bytes that are not there.
CUT = {
    "real/dcm4che_testdata/3gb-bulk-data-truncated",
    "real/pydicom_data/emri_small_jpeg_2k_lossless_too_short.dcm",
    "real/pydicom_test_files/MR_truncated.dcm",
    "real/pydicom_test_files/rtplan_truncated.dcm",
}
#: Big and little endian are two encodings of the same values (PS3.5 7.3).
ONLY_BYTE_ORDER_DIFFERS = {
    "real/ct_ctimage_16_syntaxes/CTImage.dcm_BigEndianExplicitTransferSyntax_1.2.840.10008.1.2.2.dcm",
    "real/pydicom_data/OBXXXX1A_expb.dcm",
    "real/pydicom_data/gdcm-US-ALOKA-16_big.dcm",
}

WORDS = {"stored": "first", "same": "same", "conflict": "conflict", "rejected": "reject"}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_real_folder_is_told_apart_as_expected(real_data: Path, tmp_path: Path) -> None:
    with (real_data / "expected_index.tsv").open() as table:
        rows = list(csv.DictReader(table, delimiter="\t"))
    expected = {row["path"]: row["outcome"] for row in rows}
    directories = {row["path"] for row in rows if row["why"] == "media directory"}
    expected |= dict.fromkeys(CUT, "reject") | dict.fromkeys(ONLY_BYTE_ORDER_DIFFERS, "same")
    found: dict[str, str] = {}

    def tell(name: str, end: Admission | Passed) -> None:
        path = name.removeprefix(f"{real_data}/")
        if not (isinstance(end, Passed) and end.kind is PassedKind.MISSING):
            assert path not in found
            found[path] = "reject" if isinstance(end, Passed) else WORDS[end.outcome.value]

    with open_archive(Settings(root=tmp_path / "root", min_free_bytes=0)) as archive:
        report = index_paths(archive.pipeline, [real_data / "real"], facility="real", each=tell)
    different = {path: (found.get(path), expected[path]) for path in expected}
    assert {path: pair for path, pair in different.items() if pair[0] != pair[1]} == {}
    # What is not in the table is no DICOM: licence texts and the like.
    beyond = {path for path in found if path not in expected}
    assert {found[path] for path in beyond} <= {"reject"}
    reasons = {each.name.removeprefix(f"{real_data}/"): each.reason for each in report.rejected}
    assert all("media directory" in reasons[path] for path in directories)
    assert report.done == len(found)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_hostile_files_are_each_taken_or_rejected_with_a_reason(
    real_data: Path, tmp_path: Path
) -> None:
    program = (
        "import json, re, sys\n"
        "from pathlib import Path\n"
        "from noctis_lab.config import Settings\n"
        "from noctis_lab.ingest.archive import open_archive\n"
        "from noctis_lab.ingest.folder import index_paths\n"
        "root, folder = map(Path, sys.argv[1:])\n"
        "with open_archive(Settings(root=root, min_free_bytes=0)) as archive:\n"
        "    report = index_paths(archive.pipeline, [folder], facility='synth')\n"
        # Not getrusage's: that counts from before the exec, and so this test's own process.
        "status = Path('/proc/self/status').read_text()\n"
        "peak_kb = int(re.search(r'VmHWM:\\s*(\\d+)', status)[1])\n"
        "print(json.dumps([peak_kb, json.loads(report.to_json())]))\n"
    )
    folder = real_data / "synth"
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "root"), str(folder)],
        check=True,
        capture_output=True,
        timeout=280,
    )
    peak_kb, report = json.loads(done.stdout)
    assert report["files"] == sum(path.is_file() for path in folder.rglob("*"))
    left_out = report["rejected"] + report["conflicts"]
    assert all(each["reason"] for each in left_out)
    assert report["indexed"] + report["same"] + len(left_out) == report["files"]
    assert peak_kb < 300 * 1024


@pytest.mark.parametrize("name", ["ct_philips_headphantom_tilt", "ct_catphan504_varian_obi"])
@pytest.mark.parametrize(("first", "second"), [("storescu", "dcmsend"), ("dcmsend", "storescu")])
def test_stock_senders_push_real_series(
    receiver: Receiver,
    real_data: Path,
    name: str,
    first: str,
    second: str,
    require_program: FindProgram,
) -> None:
    folder = real_data / "real" / name
    count = sum(path.is_file() for path in folder.rglob("*"))
    push(require_program(first), receiver.port, folder)
    assert len(receiver.instances) == count
    files = {path: hashlib.sha256(path.read_bytes()).digest() for path in receiver.instances}
    push(require_program(second), receiver.port, folder)
    again = {path: hashlib.sha256(path.read_bytes()).digest() for path in receiver.instances}
    assert again == files
    assert receiver.rows("SELECT count(*) FROM instance") == [(count,)]
    assert receiver.rows("SELECT count(*) FROM receipt") == [(count,)]
    assert receiver.quarantine == receiver.incoming == []


def test_a_real_series_lies_here_as_storescp_writes_it(
    receiver: Receiver,
    real_data: Path,
    tmp_path: Path,
    unused_tcp_port: int,
    require_program: FindProgram,
) -> None:
    storescp, storescu = require_program("storescp"), require_program("storescu")
    folder = real_data / "real" / "ct_philips_headphantom_tilt"
    theirs = tmp_path / "storescp"
    theirs.mkdir()
    push(storescu, receiver.port, folder)
    with subprocess.Popen(
        [storescp, "-pdu", "131072", "+B", "-od", str(theirs), str(unused_tcp_port)]
    ) as peer:
        try:
            wait_for_echo(require_program("echoscu"), unused_tcp_port)
            push(storescu, unused_tcp_port, folder)
        finally:
            peer.terminate()
    hashes = {hashlib.sha256(data_set_of(path)).hexdigest() for path in theirs.iterdir()}
    assert hashes == {path.stem for path in receiver.instances}


def push(program: str, port: int, folder: Path) -> None:
    options = ["-aec", "NOCTIS_SCP", "+sd", "+r"]
    options += ["-R"] if program.endswith("storescu") else []
    command = [program, *options, "127.0.0.1", str(port), str(folder)]
    subprocess.run(command, check=True, timeout=100, capture_output=True)


def wait_for_echo(echoscu: str, port: int) -> None:
    deadline = time.monotonic() + 60
    while subprocess.run(
        [echoscu, "127.0.0.1", str(port)], check=False, capture_output=True, timeout=20
    ).returncode:
        assert time.monotonic() < deadline
        time.sleep(0.05)
