"""Settings are understood wholly or refused by name."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from noctis_lab.config import find_sources, is_loopback, open_settings
from noctis_lab.errors import SettingsError


@pytest.mark.parametrize("content", [b"quiet_s = ", b"# \xff\n"])
def test_a_file_that_is_not_toml_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "noctis.toml").write_bytes(content)

    with pytest.raises(SettingsError, match=r"noctis\.toml is not TOML"):
        open_settings({"root": tmp_path})


def test_a_pipe_in_place_of_the_file_is_refused_by_name(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "noctis.toml")

    with pytest.raises(SettingsError, match=r"noctis\.toml has to be a regular file.* a pipe"):
        open_settings({"root": tmp_path})


def test_a_folder_in_place_of_the_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "noctis.toml").mkdir()

    with pytest.raises(SettingsError, match=r"noctis\.toml has to be a regular file.* a folder"):
        open_settings({"root": tmp_path})


def test_where_settings_come_from_is_told_without_waiting_for_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "noctis.toml")
    holding = os.open(tmp_path / "noctis.toml", os.O_RDWR)  # else a failing test would hang
    os.write(holding, b"quiet_s = 3\n")
    threading.Timer(1, os.close, [holding]).start()

    assert find_sources({}, tmp_path)["quiet_s"] == "default"


def test_a_mistyped_name_in_the_environment_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOCTIS_QIET_S", "3")

    with pytest.raises(SettingsError, match=r"NOCTIS_QIET_S \(did you mean NOCTIS_QUIET_S\?\)"):
        open_settings({"root": tmp_path})


def test_names_of_settings_and_of_the_tests_are_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("QUIET_S", "3"), ("DICOM_AET", "ONE"), ("CI", "1"), ("TEST_DATA", ".")):
        monkeypatch.setenv(f"NOCTIS_{name}", value)

    settings = open_settings({"root": tmp_path})

    assert (settings.quiet_s, settings.dicom_aet) == (3, "ONE")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("fe80::1%eth0", False),
        ("localhost", True),
        ("archive.lab.org", False),
    ],
)
def test_the_loopback_is_known_in_all_its_forms(address: str, expected: bool) -> None:
    assert is_loopback(address) is expected


def test_a_setting_that_is_not_understood_is_told_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "noctis.toml").write_text('thredas = 3\nlog_level = "LOUD"')
    monkeypatch.setenv("DICOM_PORT", "x")

    with pytest.raises(SettingsError) as told:
        open_settings({"root": tmp_path, "port": -1})

    assert "thredas (noctis.toml): no such setting; did you mean threads?" in str(told.value)
    assert "log_level (noctis.toml): " in str(told.value)
    assert "(DICOM_PORT): " in str(told.value)
    assert "port (argument): " in str(told.value)
