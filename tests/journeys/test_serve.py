"""`noctis serve` keeps its three processes running and ends them as one."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest

from noctis_lab.catalog.store import open_catalog
from noctis_lab.events import ChildRestarted
from tests.journeys.conftest import Served, noctis, start, stop

pytestmark = pytest.mark.slow

SERVICES = ("receive", "web", "worker")


def _children(served: Served) -> dict[str, psutil.Process]:
    found = {}
    for process in psutil.Process(served.process.pid).children():
        # One that was just killed is a zombie until the supervisor has seen it.
        with contextlib.suppress(psutil.NoSuchProcess):
            # One that was just forked still has its parent's command line.
            found.update({w: process for w in process.cmdline() if w in SERVICES})
    return found


def test_one_interrupt_ends_all_processes_and_leaves_no_debris(served: Served) -> None:
    children = _children(served)
    assert sorted(children) == ["receive", "web", "worker"]

    assert stop(served) == 0

    assert not [name for name, process in children.items() if process.is_running()]
    assert list((served.root / "incoming").iterdir()) == []


@pytest.mark.parametrize("name", ["receive", "web", "worker"])
def test_a_dead_child_is_restarted_and_reported(
    served_for_all: Served, dcmtk: dict[str, str], name: str
) -> None:
    served = served_for_all
    before = _children(served)[name]
    os.kill(before.pid, signal.SIGKILL)

    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        again = _children(served).get(name)
        if again is not None and again.pid != before.pid and _answers(served, dcmtk):
            break
        time.sleep(0.1)
    else:
        pytest.fail(f"{name} did not come back")
    with open_catalog(served.root) as catalog:
        told = [
            event for _, event in catalog.poll_events(after=0) if isinstance(event, ChildRestarted)
        ]
    assert [event for event in told if event.process == name] == [
        ChildRestarted(process=name, exit_code=-signal.SIGKILL)
    ]


def test_the_supervisors_death_ends_its_children(tmp_path: Path) -> None:
    served = start("serve", "--port", "0", "--dicom-port", "0", root=tmp_path / "archive")
    children = _children(served)
    served.process.kill()
    served.process.wait()
    assert served.process.stdout is not None
    served.process.stdout.close()

    _, alive = psutil.wait_procs(children.values(), timeout=20)

    assert alive == []


def test_a_taken_port_ends_serve_with_a_remedy(served_for_all: Served, tmp_path: Path) -> None:
    taken = served_for_all.dicom_port
    second = noctis("serve", "--port", "0", "--dicom-port", str(taken), root=tmp_path / "second")

    assert second.returncode == 1
    assert f"port {taken} of 127.0.0.1 is in use" in second.stderr
    assert "--dicom-port 11113" in second.stderr
    assert "Traceback" not in second.stderr


def test_the_pages_know_where_the_receiver_is_and_keep_the_token_out_of_a_log(
    tmp_path: Path,
) -> None:
    served = start(
        "serve", "--port", "0", "--dicom-port", "0", "--dicom-host", "0.0.0.0",
        root=tmp_path / "archive", NOCTIS_PRINT_TOKEN="false",
    )  # fmt: skip
    try:
        assert served.printed[0].startswith(f"noctis_lab starts {served.root}: ")
        assert "token=" not in "".join(served.printed)
        assert f"noctis token --root {served.root} prints" in "".join(served.printed)
        with httpx.Client(base_url=served.origin) as client:
            client.get(_token(served.root))
            receiver = client.get("/api/v1/dicom/status").json()["receiver"]
    finally:
        stop(served)
    assert (receiver["host"], receiver["port"]) == ("0.0.0.0", served.dicom_port)
    assert receiver["listening"] is True
    assert receiver["reached_at"]
    entered = " or ".join(receiver["reached_at"])
    assert f":{served.dicom_port}; at the modality enter {entered}" in "".join(served.printed)


def test_another_address_that_signs_in_can_be_had_while_it_runs(served_for_all: Served) -> None:
    served = served_for_all
    again = _token(served.root)
    assert again.startswith(f"{served.origin}/login?token=")
    assert httpx.get(again).status_code == 303
    assert httpx.get(served.url).status_code == 401, "the one printed before is void"


def test_pages_that_run_alone_let_people_in(tmp_path: Path) -> None:
    assert noctis("facility", "add", "east", root=tmp_path).returncode == 0  # begins the archive
    process = subprocess.Popen(
        [sys.executable, "-m", "noctis_lab", "web", "--root", str(tmp_path), "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout:
        address = next(line for line in process.stdout if line.startswith("page")).split()[-1]
        try:
            assert httpx.get(address).status_code == 303
        finally:
            process.terminate()
            assert process.wait(20) == 0


def _token(root: Path) -> str:
    printed = noctis("token", root=root)
    assert printed.returncode == 0, printed.stderr
    return printed.stdout.strip()


def _answers(served: Served, dcmtk: dict[str, str]) -> bool:
    echo = subprocess.run(
        [dcmtk["echoscu"], "-aec", "NOCTIS_SCP", "127.0.0.1", str(served.dicom_port)],
        capture_output=True,
        check=False,
        timeout=20,
    )
    try:
        page = httpx.get(f"{served.origin}/health").status_code
    except httpx.TransportError:
        return False
    return echo.returncode == 0 and page == 200
