"""One record is one line, whatever its message holds."""

from __future__ import annotations

import logging

import pytest

from noctis_lab.cli.logs import configure_logging


def test_a_message_cannot_begin_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    root, ours = logging.getLogger(), logging.getLogger("noctis_lab")
    kept = root.handlers[:], root.level, ours.level
    try:
        configure_logging("INFO")
        ours.info("GET %s", "/x\n2026-01-01 INFO forged")
    finally:
        root.handlers[:] = kept[0]
        root.setLevel(kept[1])
        ours.setLevel(kept[2])
    written = capsys.readouterr().err.splitlines()
    assert len(written) == 1
    assert "\\n2026" in written[0]
