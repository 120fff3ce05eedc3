"""Versions, decoders, settings: what the program is made of, and what it was told."""

from __future__ import annotations

import platform
import sqlite3
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from noctis_lab.config import Settings
from noctis_lab.dicom.codecs import list_codecs
from noctis_lab.dicom.decoders import CODECS
from noctis_lab.dicom.transfer_syntaxes import NATIVE
from noctis_lab.jobs.doctor.findings import Finding, State

__all__ = ["check_decoders", "check_log", "check_settings", "check_versions"]

_PACKAGES: Final = ("noctis-lab", "pydicom", "pynetdicom", "duckdb", "pyarrow", "numpy",
                    "imagecodecs", "panel", "xarray")  # fmt: skip
#: PS3.5 10: what modalities compress with.
_SYNTAXES: Final = {
    "JPEG baseline": "1.2.840.10008.1.2.4.50",
    "JPEG lossless": "1.2.840.10008.1.2.4.70",
    "JPEG-LS": "1.2.840.10008.1.2.4.80",
    "JPEG 2000": "1.2.840.10008.1.2.4.90",
    "HTJ2K": "1.2.840.10008.1.2.4.201",
    "RLE": "1.2.840.10008.1.2.5",
}
_STORED_ONLY: Final = "video, JPIP, hierarchical and arithmetic JPEG, multi-component JPEG 2000"


def check_versions() -> Finding:
    """Tell which versions of what the program runs on."""
    found = [f"Python {platform.python_version()}"]
    missing = []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    found.append(f"SQLite {sqlite3.sqlite_version}")
    if missing:
        return Finding(
            name="versions",
            state=State.FAIL,
            text=f"not installed: {', '.join(missing)}",
            remedy="python3 -m pip install --force-reinstall noctis-lab",
        )
    return Finding(name="versions", state=State.PASS, text=", ".join(found))


def check_decoders() -> Finding:
    """Tell which transfer syntaxes can be decoded; what is usual must be."""
    # Of the others none is decoded on any machine: no library does it, or they hold no images.
    decodable = NATIVE | CODECS.keys()
    rows = [row for row in list_codecs() if row.transfer_syntax_uid in decodable]
    refused = {row.transfer_syntax_uid for row in rows if row.refusal is not None}
    missing = [name for name, uid in _SYNTAXES.items() if uid in refused]
    if missing:
        return Finding(
            name="decoders",
            state=State.FAIL,
            text=f"cannot decode {', '.join(missing)}",
            remedy="python3 -m pip install --force-reinstall imagecodecs pylibjpeg-openjpeg "
            "pylibjpeg-rle",
        )
    libraries = sorted({row.library.partition(".")[0] for row in rows if row.library is not None})
    return Finding(
        name="decoders",
        state=State.PASS,
        text=f"{len(rows) - len(refused)} of {len(rows)} transfer syntaxes of still images, among "
        f"them {', '.join(_SYNTAXES)}; by {', '.join(libraries)}. Stored only: {_STORED_ONLY}",
    )


def check_settings(settings: Settings, sources: Mapping[str, str]) -> Finding:
    """Tell which settings are not the default, and who said so."""
    said = [
        f"{name}={getattr(settings, name)} ({source})"
        for name, source in sources.items()
        if source != "default"
    ]
    return Finding(
        name="settings", state=State.PASS, text="; ".join(said) if said else "all are the default"
    )


def check_log(settings: Settings) -> Finding:
    """Tell where the log goes."""
    return Finding(
        name="log",
        state=State.PASS,
        text=f"level {settings.log_level}, to standard error of each process; under systemd: "
        "journalctl -u noctis",
    )
