"""What every floor's tests share: real data, real programs, and nothing of our own mocked."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import hypothesis
import pytest

hypothesis.settings.register_profile("project", derandomize=True, deadline=None)
hypothesis.settings.load_profile("project")

_SLOW_MARKS = ("slow", "browser")


def pytest_configure() -> None:
    """Take our own environment's programs off the path: pynetdicom's bear DCMTK's names."""
    own = Path(sys.prefix, "bin")
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    os.environ["PATH"] = os.pathsep.join(folder for folder in folders if Path(folder) != own)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where workers share the tests, give out the files of slow ones first: else they end alone."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        slow = {item.path for item in items if any(map(item.get_closest_marker, _SLOW_MARKS))}
        items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """Take back what a command run in this process set up: its stream ends with the test."""
    root, ours = logging.getLogger(), logging.getLogger("noctis_lab")
    kept = root.handlers[:], root.level, ours.level
    yield
    root.handlers[:] = kept[0]
    root.setLevel(kept[1])
    ours.setLevel(kept[2])


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real and hostile DICOM files, or skip where there is none."""
    named = os.environ.get("NOCTIS_TEST_DATA")
    if not named:
        pytest.skip("NOCTIS_TEST_DATA names no folder of real DICOM files")
    folder = Path(named).resolve()
    assert (folder / "MANIFEST.tsv").is_file(), f"NOCTIS_TEST_DATA={named} holds no MANIFEST.tsv"
    return folder


@pytest.fixture(scope="session")
def require_program() -> Callable[[str], str]:
    """Return a function that finds a program, or skips (in CI: fails) where it is missing."""

    def find(name: str) -> str:
        path = shutil.which(name)
        if path is None and os.environ.get("NOCTIS_CI") == "1":
            pytest.fail(f"{name} is not installed, and CI allows no skip for it")
        if path is None:
            pytest.skip(f"{name} is not installed")
        return path

    return find


@pytest.fixture(scope="session")
def chromium_path(require_program: Callable[[str], str]) -> str:
    """Return where the browser is: Debian's without windows, which takes a third less of a machine.

    Chromium with its windows is the same engine.
    """
    return shutil.which("chromium-headless-shell") or require_program("chromium")


@pytest.fixture
def unused_tcp_port() -> int:
    """Return a TCP port of the loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI, make a skip a failure, but for those that miss the real data."""
    report = yield
    if report.skipped and os.environ.get("NOCTIS_CI") == "1" and not hasattr(report, "wasxfail"):
        reason = str(call.excinfo.value) if call.excinfo else ""
        if "NOCTIS_TEST_DATA" not in reason:
            report.outcome = "failed"
            report.longrepr = f"CI allows no skip but for missing real data: {reason}"
    return report
