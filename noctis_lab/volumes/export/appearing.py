"""Files and folders that appear whole under their name, or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from noctis_lab.storage.durable import storage_errors, sync_folder

__all__ = ["TEMPORARY_PREFIX", "new_file", "new_folder", "sweep"]

#: What is not whole yet bears a name that begins so.
TEMPORARY_PREFIX = ".noctis-export-"


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Hold a temporary file's path beside `path`, which becomes `path` at the end.

    Parameters
    ----------
    path
        In an existing folder; an existing file is replaced. What is written must keep the suffix
        that the format's writer goes by: the temporary name has it too.

    Raises
    ------
    NoSpace, StorageError
        It cannot be written.
    """
    temporary = _beside(path)
    with storage_errors(f"writing {path}"):
        try:
            yield temporary
            _sync(temporary)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(path.parent)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Hold a temporary folder beside `path`, which becomes `path` at the end; as `new_file`."""
    temporary = _beside(path)
    with storage_errors(f"writing {path}"):
        temporary.mkdir()
        try:
            yield temporary
            for each in temporary.rglob("*"):
                if each.is_file():
                    _sync(each)
            _replace_folder(temporary, path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        sync_folder(path.parent)


def sweep(folder: Path) -> None:
    """Remove what a writer that was killed left in a folder; the caller holds the folder alone."""
    for left in folder.glob(f"{TEMPORARY_PREFIX}*"):
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    return path.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}-{os.urandom(4).hex()}-{path.name}")


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _replace_folder(temporary: Path, path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        # A folder that holds something cannot be replaced by a rename: the old one steps aside.
        old = _beside(path)
        path.rename(old)
        temporary.rename(path)
        shutil.rmtree(old, ignore_errors=True)
    else:
        temporary.rename(path)
