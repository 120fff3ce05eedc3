"""What an export folder holds already: outputs that are whole, known by content and parameters."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from noctis_lab.errors import CannotExport
from noctis_lab.storage.durable import storage_errors, write_file
from noctis_lab.volumes.export.appearing import sweep

__all__ = ["MANIFEST", "Manifest", "held_folder"]

MANIFEST = "noctis-export.json"
_LARGEST_MANIFEST = 1 << 30
_PIECE = 1 << 20


@contextmanager
def held_folder(folder: Path) -> Iterator[Manifest]:
    """Hold an export folder alone, swept of what a killed export left, with its manifest.

    Parameters
    ----------
    folder
        Made, with its parents, where it is missing.

    Raises
    ------
    CannotExport
        Another export is writing there, or its manifest is not readable as ours.
    StorageError
        The folder cannot be made.
    """
    with storage_errors(f"making the folder {folder}"):
        folder.mkdir(parents=True, exist_ok=True)
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotExport(
                f"another export is writing to {folder}; wait for it, or choose another folder"
            ) from None
        sweep(folder)
        yield Manifest.read(folder)
    finally:
        os.close(fd)


class Manifest:
    """The outputs of a folder; no UID and no name stands in it.

    Parameters
    ----------
    folder
        That of the outputs.
    outputs
        By the output's name: its `fingerprint`, and of each of its `files` bytes and sha256.
    """

    def __init__(self, folder: Path, outputs: dict[str, dict[str, Any]]) -> None:
        self._folder = folder
        self._outputs = outputs

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read a folder's manifest; one that has none yet is empty.

        Raises
        ------
        CannotExport
            It is not readable as ours.
        """
        path = folder / MANIFEST
        try:
            with path.open("rb") as opened:
                content = json.loads(opened.read(_LARGEST_MANIFEST))
            outputs = {str(name): dict(output) for name, output in content["outputs"].items()}
        except FileNotFoundError:
            return cls(folder, {})
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise CannotExport(
                f"{path} is no list of an export's outputs; remove it, or choose another folder"
            ) from error
        return cls(folder, outputs)

    def holds(self, name: str, fingerprint: str) -> bool:
        """Return whether an output is there as it was written: of this content, byte for byte."""
        output = self._outputs.get(name, {})
        files = output.get("files")
        return (
            output.get("fingerprint") == fingerprint
            and isinstance(files, dict)
            and bool(files)
            and files == self._describe(files)
        )

    def record(self, name: str, fingerprint: str, paths: list[Path]) -> None:
        """Write down an output that is whole.

        Parameters
        ----------
        paths
            Its files and folders, within this folder.

        Raises
        ------
        NoSpace, StorageError
            The manifest cannot be written.
        """
        files = [
            each
            for path in paths
            for each in (sorted(path.rglob("*")) if path.is_dir() else [path])
            if each.is_file()
        ]
        names = [file.relative_to(self._folder).as_posix() for file in files]
        self._outputs[name] = {"fingerprint": fingerprint, "files": self._describe(names)}
        document = json.dumps({"version": 1, "outputs": self._outputs}, indent=1, sort_keys=True)
        with storage_errors(f"writing {self._folder / MANIFEST}"):
            write_file(self._folder / MANIFEST, document.encode() + b"\n", mode=0o666)

    def _describe(self, names: Any) -> dict[str, dict[str, object]] | None:
        """Return size and hash of files; None where any is not there within this folder."""
        described: dict[str, dict[str, object]] = {}
        for name in names:
            path = self._folder / str(name)
            if ".." in path.parts or not path.is_file():
                return None
            digest = hashlib.sha256()
            with path.open("rb") as opened:
                while piece := opened.read(_PIECE):
                    digest.update(piece)
            size = path.stat().st_size
            described[str(name)] = {"bytes": size, "sha256": digest.hexdigest()}
        return described
