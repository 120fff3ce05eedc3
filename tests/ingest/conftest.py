"""Fixtures of the way in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset

from noctis_lab.synthetic import ct_series
from tests.ingest.receiving import Receiver, StartReceiver, run_receiver


@pytest.fixture
def start_receiver(tmp_path: Path) -> Iterator[StartReceiver]:
    """Return a function that starts the fast receiver with settings."""
    with ExitStack() as stack:

        def start(**options: Any) -> Receiver:
            return stack.enter_context(run_receiver(tmp_path / "root", **options))

        yield start


@pytest.fixture(params=[False, True], ids=["fast", "base"])
def start_either(request: pytest.FixtureRequest, start_receiver: StartReceiver) -> StartReceiver:
    """Return a function that starts a receiver: ours, and the one on pynetdicom's classes."""

    def start(**options: Any) -> Receiver:
        return start_receiver(base_receiver=request.param, **options)

    return start


@pytest.fixture
def receiver(start_receiver: StartReceiver) -> Receiver:
    return start_receiver()


@pytest.fixture
def either(start_either: StartReceiver) -> Receiver:
    return start_either()


@pytest.fixture
def plane() -> Dataset:
    """Return one small CT image."""
    return ct_series(planes=1, rows=16, columns=16)[0]
