"""`noctis demo` fills its archive once, opens its page, and ends whenever it is told to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from noctis_lab.catalog.store import open_catalog
from noctis_lab.synthetic.demo import DEMO_SERIES
from tests.journeys.conftest import Served, start, stop

pytestmark = pytest.mark.slow

DEMO = ("demo", "--port", "0", "--dicom-port", "0")
WHOLE = sum(series.instance_count for series in DEMO_SERIES)


def _held(root: Path) -> int:
    with open_catalog(root) as catalog:
        return catalog.counts().instances


def _wait_for_last_line(served: Served, begins: str, deadline: float) -> None:
    """Wait until it says that it ended, where the page is and how to sign in again."""
    wanted = f"{begins} The page is at {served.origin}; noctis token --root {served.root} prints"
    while not served.printed[-1].startswith(wanted):
        assert time.monotonic() < deadline, served.printed[-1]
        time.sleep(0.1)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Let the demo fill its archive; returns its folder, and what was told meanwhile."""
    root, told = tmp_path_factory.mktemp("home") / "demo", tmp_path_factory.mktemp("told") / "err"
    with told.open("w") as file:
        served = start(*DEMO, "--no-browser", root=root, stderr=file)
        try:
            deadline = time.monotonic() + 300
            while _held(root) < WHOLE:
                assert time.monotonic() < deadline
                time.sleep(0.2)
            _wait_for_last_line(served, f"Filled: {WHOLE} images.", deadline)
        finally:
            assert stop(served) == 0
    return root, told.read_text()


def test_the_demo_is_filled_once(
    filled: tuple[Path, str], capfd: pytest.CaptureFixture[str]
) -> None:
    root, first = filled
    assert "filling the demo" in first
    assert "Traceback" not in first
    with open_catalog(root) as catalog:
        assert catalog.list_quarantine() == (0, [])
    none = {"PATH": str(root), "BROWSER": "", "DISPLAY": "", "WAYLAND_DISPLAY": ""}
    served = start(*DEMO, root=root, **none)
    try:
        _wait_for_last_line(served, "Nothing of the demo was missing.", time.monotonic() + 60)
    finally:
        assert stop(served) == 0
    assert "filling the demo" not in capfd.readouterr().err
    assert any("No browser could be opened" in line for line in served.printed)
    assert _held(root) == WHOLE


@pytest.mark.parametrize("after_s", [1.0, 4.0])
def test_a_demo_that_is_interrupted_while_it_starts_ends_without_debris(
    tmp_path: Path, after_s: float
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "noctis_lab", *DEMO, "--no-browser", "--root", str(tmp_path / "a")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(temporary)},
        start_new_session=True,
    )
    try:
        while not list(temporary.iterdir()):
            assert process.poll() is None
            time.sleep(0.05)
        time.sleep(after_s)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            process.terminate()
            process.communicate(timeout=60)
    assert process.returncode in (0, 130), said
    assert "Traceback" not in said
    assert list(temporary.iterdir()) == []


def test_the_demo_opens_the_page_without_showing_its_token(
    filled: tuple[Path, str], tmp_path: Path
) -> None:
    browser, opened = tmp_path / "browser", tmp_path / "opened"
    written = f"{opened}.part"
    browser.write_text(
        f'#!/bin/sh\n(echo "$@"; cat "${{1#file://}}") > {written}\nmv {written} {opened}\n'
    )
    browser.chmod(0o700)
    served = start(*DEMO, root=filled[0], BROWSER=str(browser))
    try:
        deadline = time.monotonic() + 120
        while not opened.exists():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        arguments, page = opened.read_text().split("\n", 1)
    finally:
        code = stop(served)
    assert "token" not in arguments
    assert served.url in page
    assert code == 0
    assert not Path(arguments.removeprefix("file://")).exists()


def test_a_demo_that_is_interrupted_while_it_pushes_ends(tmp_path: Path) -> None:
    served = start(*DEMO, "--no-browser", root=tmp_path / "demo")
    assert stop(served) == 0
