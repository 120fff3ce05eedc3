"""Kill -9 of `noctis index` at random, again and again: in the end all is as after one run."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from noctis_lab.config import Settings
from noctis_lab.ingest.archive import open_archive
from noctis_lab.ingest.fsck import fsck
from tests.ingest.test_folder import index, tables, trial

__all__ = ["trial"]

KILLS = 20

# Imports once, then a fresh process per line that it reads, which says when it begins.
FORKER = """
import os, signal, sys
from pathlib import Path
from noctis_lab.config import Settings
from noctis_lab.ingest.archive import open_archive
from noctis_lab.ingest.folder import index_paths
root, folder, in_place = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] == "in-place"
for _ in sys.stdin:
    child = os.fork()
    if child == 0:
        with open_archive(Settings(root=root, min_free_bytes=0)) as archive:
            print(os.getpid(), flush=True)
            index_paths(archive.pipeline, [folder], facility="trial", in_place=in_place)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
"""


@pytest.mark.slow
@pytest.mark.timeout(280)
@pytest.mark.parametrize("how", ["copied", "in-place"])
def test_twenty_kills_and_a_run_are_as_one_run(how: str, trial: Path, tmp_path: Path) -> None:
    in_place = how == "in-place"
    with open_archive(Settings(root=tmp_path / "once", min_free_bytes=0)) as archive:
        once = index(archive, trial, in_place=in_place)
        expected = tables(archive.storage.root)
    longest_s = once.seconds / 4
    root = tmp_path / "root"
    chance = random.Random(3)
    killed = 0
    command = [sys.executable, "-c", FORKER, str(root), str(trial), how]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as forker:
        assert forker.stdin is not None
        assert forker.stdout is not None
        for _ in range(KILLS):
            forker.stdin.write("\n")
            forker.stdin.flush()
            pid = int(forker.stdout.readline())
            time.sleep(chance.uniform(0, longest_s))
            with contextlib.suppress(ProcessLookupError):  # done before its time
                os.kill(pid, signal.SIGKILL)
            killed += int(forker.stdout.readline()) == -signal.SIGKILL
        forker.stdin.close()
    assert killed > KILLS // 2
    with open_archive(Settings(root=root, min_free_bytes=0)) as archive:
        index(archive, trial, in_place=in_place)
        assert tables(root) == expected
        report = fsck(archive, full=True)
        assert report.is_clean
        assert report.adopted == []
    assert list((root / "incoming").iterdir()) == []
    assert len(list((root / "quarantine").glob("*.dcm"))) == (0 if in_place else 2)
