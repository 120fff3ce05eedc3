"""A fresh archive for each test of the volumes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from noctis_lab.config import open_settings
from noctis_lab.volumes.cache import Handle, open_handle


@pytest.fixture
def handle(tmp_path: Path) -> Iterator[Handle]:
    with open_handle(open_settings({"root": tmp_path / "archive"})) as opened:
        yield opened
