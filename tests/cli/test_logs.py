"""One record is one line, whatever its message holds."""

from __future__ import annotations

import logging

import pytest

from noctis_lab.cli.logs import configure_logging


def test_a_message_cannot_begin_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO")
    logging.getLogger("noctis_lab").info("GET %s", "/x\n2026-01-01 INFO forged")
    written = capsys.readouterr().err.splitlines()
    assert len(written) == 1
    assert "\\n2026" in written[0]
