"""A web process for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from noctis_lab.access import Role
from noctis_lab.catalog import people
from noctis_lab.config import open_settings
from noctis_lab.ingest.archive import open_archive
from tests.served import PASSWORD, Site, running


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Serve an archive whose root is empty, with a viewer of the facility 'east'."""
    root, folder = tmp_path / "root", tmp_path / "sent"
    folder.mkdir()
    settings = open_settings({"root": root, "port": 0, "dicom_port": 1, "min_free_bytes": 0})
    with open_archive(settings, may_migrate=True) as archive:
        people.add_principal(archive.catalog, "eve", Role.VIEWER, ["east"])
        people.set_password_hash(archive.catalog, "eve", people.hash_password(PASSWORD))
        with running(settings) as base:
            yield Site(settings, archive, base, folder)
