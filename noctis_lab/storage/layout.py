"""Where everything lies below the archive's root; UIDs and names never become paths, hashes do."""

from __future__ import annotations

from pathlib import Path

from noctis_lab.dicom.uids import uid_hash

__all__ = [
    "CATALOG",
    "DERIVED",
    "INCOMING",
    "INSTANCES",
    "JOURNAL",
    "QUARANTINE",
    "SECRET_KEY",
    "derived_path",
    "instance_name",
    "instance_path",
    "series_folder",
]

INSTANCES = "instances"
INCOMING = "incoming"
QUARANTINE = "quarantine"
DERIVED = "derived"
JOURNAL = "journal"
CATALOG = "catalog"
SECRET_KEY = "secret_key"  # noqa: S105  a file's name


def series_folder(root: Path, StudyInstanceUID: str, SeriesInstanceUID: str) -> Path:
    """Return the folder that holds a series' instances.

    Parameters
    ----------
    root
        The archive's folder.
    StudyInstanceUID, SeriesInstanceUID
        Any strings, hostile ones included: only their hashes reach the path.
    """
    study = uid_hash(StudyInstanceUID)
    return root.joinpath(INSTANCES, study[:2], study, uid_hash(SeriesInstanceUID))


def instance_path(root: Path, StudyInstanceUID: str, SeriesInstanceUID: str, sha256: bytes) -> Path:
    """Return the file of an instance.

    Parameters
    ----------
    sha256
        32 bytes: the hash of the data set's bytes, file meta excluded.
    """
    # One joinpath: a loaded series asks this once a plane, and every "/" makes a Path.
    study = uid_hash(StudyInstanceUID)
    name = instance_name(sha256)
    return root.joinpath(INSTANCES, study[:2], study, uid_hash(SeriesInstanceUID), name)


def instance_name(sha256: bytes) -> str:
    """Return the name of an instance's file within its series' folder."""
    return f"{sha256.hex()}.dcm"


def derived_path(root: Path, kind: str, UID: str, suffix: str) -> Path:
    """Return the file of something that can be computed again, such as a thumbnail.

    Parameters
    ----------
    kind
        One of our own words (``thumbnails``), never input.
    UID
        The study, series or instance that it is derived from.
    suffix
        The file's ending with its dot.
    """
    name = uid_hash(UID)
    return root / DERIVED / kind / name[:2] / f"{name}{suffix}"
